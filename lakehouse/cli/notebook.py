"""``lakehouse notebook``: run a notebook from start to end, and list those there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun

app = noun("Notebooks: run one with parameters, list them.")


@command(app, "run")
def run(
    path: Annotated[Path, typer.Argument(help="The notebook, from the checkout or from notebooks/.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="key=value, as often as wanted; value as YAML."),
    ] = None,
) -> None:
    """Run a notebook in a fresh kernel and keep the executed copy. Needs no running service."""
    from time import monotonic

    from lakehouse import settings
    from lakehouse.ml import notebooks

    parameters = dict(_parameter(text) for text in parameter or ())
    begun = monotonic()
    with output.progress() as progress:
        executed = notebooks.run(settings.current(), path, parameters, progress)
    output.emit(
        {"executed": executed, "parameters": parameters, "seconds": round(monotonic() - begun, 1)},
        lambda found: output.out.print(f"ran in {found['seconds']} s, see {found['executed']}", markup=False),
    )


@command(app, "list")
def show_all() -> None:
    """List the notebooks with their parameters and defaults."""
    from lakehouse.ml import notebooks
    from lakehouse.settings import ROOT

    found = [
        {"path": str(n.path.relative_to(ROOT)), "title": n.title, "parameters": n.parameters}
        for n in notebooks.available()
    ]

    def text(rows: list[dict[str, Any]]) -> None:
        cells = [
            [r["path"], r["title"], ", ".join(f"{k}={v}" for k, v in r["parameters"].items())] for r in rows
        ]
        output.show_rows(["notebook", "what it does", "parameters"], cells)

    output.emit(found, text)


def _parameter(text: str) -> tuple[str, Any]:
    import yaml

    from lakehouse.errors import UsageError

    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise UsageError(f"parameter {text!r} is not key=value", hint="such as -p seed=8")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        return name, value
