"""Runs a notebook from start to end in a kernel of this very Python, and keeps the executed copy.

Nothing is read from or written to the user's Jupyter folders, so an empty HOME and a foreign kernel do no
harm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakehouse import errors
from lakehouse.errors import DataError, LakehouseError, UsageError, suggest
from lakehouse.settings import ROOT, Settings
from lakehouse.telemetry import Progress, quiet

FOLDER = ROOT / "notebooks"
_TRACE_LINES = 12


@dataclass(frozen=True)
class Notebook:
    """A notebook: its first heading, and its parameters with their defaults as Python text."""

    path: Path
    title: str
    parameters: dict[str, str]


def available() -> list[Notebook]:
    """Every notebook under ``notebooks/``, by path."""
    return [
        describe(path) for path in sorted(FOLDER.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts
    ]


def describe(path: Path) -> Notebook:
    """What a notebook is about and what it takes; UsageError when it is not there or no notebook."""
    import nbformat
    import papermill

    file = find(path)
    try:
        found = nbformat.read(file, as_version=4)
        parameters = {name: p["default"] for name, p in papermill.inspect_notebook(str(file)).items()}
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        raise UsageError(f"{file} is no notebook: {error}", hint="lakehouse notebook list") from None
    headings = [
        line.lstrip("# ").strip()
        for cell in found.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("# ")
    ]
    return Notebook(file, headings[0] if headings else file.stem, parameters)


def find(path: Path) -> Path:
    """The notebook at ``path``, taken as it is, then from the checkout; UsageError naming those that are
    there.
    """
    for place in (path, ROOT / path, FOLDER / path):
        if place.is_file():
            return place.resolve()
    known = [str(p.relative_to(ROOT)) for p in sorted(FOLDER.rglob("*.ipynb"))]
    raise UsageError(f"no notebook {path}{suggest(str(path), known)}", hint="known: " + ", ".join(known))


def run(config: Settings, notebook: Path, parameters: Mapping[str, Any], progress: Progress = quiet) -> Path:
    """Execute ``notebook`` with ``parameters`` set; the executed copy, under ``<state>/notebooks``.

    The kernel sees the settings of ``config`` and starts at the checkout; ``progress`` counts cells. Each
    call makes a new copy, which also holds what ran when a cell fails; what the kernel said outside of
    cells is in a ``.log`` beside it. Raises UsageError for an unknown notebook or parameter, the error of
    ours that a cell raised, and DataError naming the failed cell with the end of its trace. Interrupted or
    not, no kernel is left behind.
    """
    known = describe(notebook)
    for name in parameters:
        if name not in known.parameters:
            raise UsageError(
                f"{known.path.name} has no parameter {name!r}{suggest(name, list(known.parameters))}",
                hint="it has: " + (", ".join(known.parameters) or "none"),
            )
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from lakehouse.ml import kernel

    inside = known.path.relative_to(FOLDER) if known.path.is_relative_to(FOLDER) else Path(known.path.name)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    executed = config.state / "notebooks" / inside.with_suffix("") / f"{stamp}.ipynb"
    executed.parent.mkdir(parents=True, exist_ok=True)
    log = executed.with_suffix(".log")
    try:
        papermill.execute_notebook(
            str(known.path), str(executed), dict(parameters),
            engine_name=kernel.ENGINE, kernel_name="python3", language="python", progress_bar=False,
            environment=kernel.environment(config), log=log, progress=progress, title=known.path.stem,
        )  # fmt: skip
    except PapermillExecutionError as error:
        if error.ename == "KeyboardInterrupt":
            raise KeyboardInterrupt from None
        raise _failure(error, known.path, executed) from None
    except DeadKernelError:
        raise DataError(
            f"the kernel of {known.path.name} died, most often for lack of memory; what ran is in {executed}",
            hint="free some memory (lakehouse down stops the services) and run it again",
            executed=executed,
        ) from None
    return executed


def _failure(error: Any, notebook: Path, executed: Path) -> LakehouseError:
    """What a failed cell said; an error of ours keeps its family and words."""
    where = f"{notebook.name}, cell {error.cell_index + 1} of the executed copy {executed}"
    family = getattr(errors, error.ename, None)
    if isinstance(family, type) and issubclass(family, LakehouseError):
        return family(f"{error.evalue} ({where})", hint=f"open {executed}", executed=executed)
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).splitlines()
    last = "\n".join(trace[-_TRACE_LINES:])
    return DataError(
        f"{where} failed with {error.ename}; its trace ends:\n{last}",
        hint=f"open {executed}",
        executed=executed,
    )
