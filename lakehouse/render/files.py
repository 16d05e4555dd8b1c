"""The rendered files of the checkout: what they must hold, and what differs from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse import metrics, names
from lakehouse.contracts import Table
from lakehouse.metrics import Catalog
from lakehouse.render import cube_tests, cubes, dbt, docs, measures
from lakehouse.render.common import RENDERED

STAGING = "dbt_project/models/silver/staging"
CUBES = "dbt_project/models/gold/cubes"
REFERENCE = "docs/reference/tables"
METRICS = "docs/reference/metrics.md"
CUBES_TEST = "dbt_project/tests/cubes_equal_their_facts.sql"
FOLDERS = (STAGING, CUBES, REFERENCE, METRICS, CUBES_TEST)
"""Where rendered files lie. A hand-written file in them is left alone."""


@dataclass(frozen=True)
class Changes:
    """What a render would do: paths relative to the checkout, sorted."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int

    @property
    def stale(self) -> tuple[str, ...]:
        """Every path that is not as rendered."""
        return tuple(sorted(self.added + self.changed + self.removed))


def dbt_sources(tables: Sequence[Table]) -> dict[str, str]:
    """``_<source>__sources.yml`` for each source."""
    return {f"{_folder(s)}/_{s}__sources.yml": dbt.sources(of[0].source, of) for s, of in _by_source(tables)}


def dbt_models(tables: Sequence[Table]) -> dict[str, str]:
    """``_<source>__models.yml`` for each source."""
    return {f"{_folder(s)}/_{s}__models.yml": dbt.models(of) for s, of in _by_source(tables)}


def dbt_staging(tables: Sequence[Table]) -> dict[str, str]:
    """``stg_<source>__<table>.sql`` for each table, ``hist_<source>__<table>.sql`` for those with a history."""
    staging = {f"{_folder(t.source.name)}/{names.staging_model(t)}.sql": dbt.staging(t) for t in tables}
    return staging | {
        f"{_folder(t.source.name)}/{names.history_model(t)}.sql": dbt.history(t) for t in tables if t.history
    }


def reference_pages(tables: Sequence[Table]) -> dict[str, str]:
    """A page for each table."""
    return {f"{REFERENCE}/{t.source.name}__{t.name}.md": docs.page(t) for t in tables}


def reference_index(tables: Sequence[Table]) -> dict[str, str]:
    """The page that lists the tables."""
    return {f"{REFERENCE}/index.md": docs.index(tables)}


RENDERERS: tuple[Callable[[Sequence[Table]], dict[str, str]], ...] = (
    dbt_sources,
    dbt_models,
    dbt_staging,
    reference_pages,
    reference_index,
)
"""Everything that is committed and made from the tables."""


def of_metrics(catalog: Catalog) -> dict[str, str]:
    """A model for each cube, their ``_cubes__models.yml``, the data test of all, and the page of the metrics."""
    found = {f"{CUBES}/{cube.name}.sql": cubes.model(catalog, cube) for cube in catalog.cubes.values()}
    return found | {
        f"{CUBES}/_cubes__models.yml": measures.models(catalog),
        CUBES_TEST: cube_tests.test(catalog),
        METRICS: measures.page(catalog),
    }


def rendered(tables: Sequence[Table], catalog: Catalog | None = None) -> dict[str, str]:
    """Path, relative to the checkout, to text, for every committed file. ``catalog``: the checkout's, when absent."""
    of_tables = {path: text for renderer in RENDERERS for path, text in renderer(tables).items()}
    return of_tables | of_metrics(catalog or metrics.current())


def compare(root: Path, wanted: Mapping[str, str]) -> Changes:
    """What of ``wanted`` differs under ``root``, and which rendered files nobody wants any more."""
    have = {path: text for path in wanted if (text := _read(root / path)) is not None}
    return Changes(
        added=tuple(sorted(wanted.keys() - have.keys())),
        changed=tuple(sorted(path for path, text in have.items() if text != wanted[path])),
        removed=tuple(sorted(path for path in _marked(root) if path not in wanted)),
        unchanged=sum(text == wanted[path] for path, text in have.items()),
    )


def write(root: Path, wanted: Mapping[str, str]) -> Changes:
    """Bring the files under ``root`` to ``wanted``: only what differs is touched. Returns what was done."""
    changes = compare(root, wanted)
    for path in changes.added + changes.changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(wanted[path], encoding="utf-8")
    for path in changes.removed:
        (root / path).unlink()
    return changes


def _marked(root: Path) -> list[str]:
    """Files that say in their first line that they are rendered."""
    return [
        file.relative_to(root).as_posix()
        for folder in FOLDERS
        for file in (sorted((root / folder).rglob("*")) or [root / folder])
        if file.is_file() and RENDERED in (_read(file) or "").partition("\n")[0]
    ]


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""


def _folder(source: str) -> str:
    return f"{STAGING}/{source}"


def _by_source(tables: Sequence[Table]) -> list[tuple[str, list[Table]]]:
    found: dict[str, list[Table]] = {}
    for table in tables:
        found.setdefault(table.source.name, []).append(table)
    return list(found.items())
