"""What is known of each table, gathered from where it is kept, and written as HTML pages that need no server."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakehouse import context
from lakehouse.contracts import Sensitivity
from lakehouse.quality.freshness import Verdict
from lakehouse.quality.levels import Assured
from lakehouse.query import named, normalise, statement
from lakehouse.settings import Settings
from lakehouse.site import picture
from lakehouse.transform import dbt, project
from lakehouse.transform.project import Model

_SHOWN = frozenset({Sensitivity.PUBLIC.value, Sensitivity.INTERNAL.value})
_ROWS = 5
HIDDEN = "not shown"


@dataclass(frozen=True)
class Site:
    """Where the pages are, and how many tables have one. ``dbt`` is dbt's own site of the same models."""

    index: Path
    dbt: Path
    pages: int


@dataclass(frozen=True)
class _Page:
    model: Model
    assured: Assured | None
    age_seconds: float | None
    freshness: str | None
    rows: int | None
    version: int | None
    sample: tuple[tuple[Any, ...], ...]
    queries: tuple[str, ...]
    picture: str


def write(config: Settings, assured: Sequence[Assured], verdicts: Sequence[Verdict]) -> Site:
    """Write a page for each model of silver and gold, an index, and dbt's own site, below ``<state>/docs``; the pages
    that were there are replaced once the new ones are whole. Reads tables by DuckDB, and starts no Spark.

    A sample is a few rows of the table as it is. Columns that are personal or secret, or of which nobody says what they
    are, are not read for it.
    """
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("lakehouse.site"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    models = project.models(config)
    found = _gather(config, models, {a.table: a for a in assured}, {v.table: v for v in verdicts})
    target, partial = config.state / "docs", config.state / "docs.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    told = {"at": datetime.now(UTC), "pages": found}
    (partial / "index.html").write_text(environment.get_template("index.html").render(told))
    for page in found:
        text = environment.get_template("table.html").render(told, page=page)
        (partial / f"{page.model.schema}.{page.model.name}.html").write_text(text)
    shutil.copy(dbt.site(config), partial / "dbt.html")
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)
    return Site(target / "index.html", target / "dbt.html", len(found))


def _gather(
    config: Settings,
    models: Sequence[Model],
    assured: Mapping[str, Assured],
    verdicts: Mapping[str, Verdict],
) -> list[_Page]:
    inputs = {f"{m.schema}.{m.name}": m.inputs for m in models}
    asked: dict[str, list[str]] = {}
    for query in named.all():
        for table in {name for name, _ in statement.tables(query.sql)}:
            asked.setdefault(table, []).append(query.name)
    found = []
    with context.duckdb() as connection:
        for model in models:
            name = f"{model.schema}.{model.name}"
            folder = context.folder(config, name)
            version = context.version(folder)
            of = [verdicts[s] for s in sorted(model.sources) if s in verdicts]
            oldest = max(of, key=lambda v: v.age_seconds or 0, default=None)
            rows, sample = _read(connection, folder, model) if version >= 0 else (None, ())
            found.append(
                _Page(
                    model=model,
                    assured=assured.get(name),
                    age_seconds=oldest.age_seconds if oldest else None,
                    freshness=max((v.state.value for v in of), key=_WORST.index, default=None),
                    rows=rows,
                    version=version if version >= 0 else None,
                    sample=sample,
                    queries=tuple(asked.get(name, ())),
                    picture=picture.svg(name, inputs),
                )
            )
    return found


_WORST = ("empty", "ok", "warn", "fail")


def _read(connection: Any, folder: Path, model: Model) -> tuple[int, tuple[tuple[Any, ...], ...]]:
    """How many rows the table has, and some of them."""
    columns = ", ".join(
        f'"{c}"' if model.sensitivity.get(c) in _SHOWN else f"'{HIDDEN}'" for c in model.columns
    )
    place = str(folder)
    (count,) = connection.execute("select count(*) from delta_scan(?)", [place]).fetchone()
    rows = connection.execute(f"select {columns} from delta_scan(?) limit {_ROWS}", [place]).fetchall()
    return int(count), tuple(tuple(normalise.value(cell) for cell in row) for row in rows)
