"""Silver built a second time, from the whole of bronze, and compared with what is there: row by row, every column.

The two must be the same (docs/adr/0006). Where they are not, silver or bronze was changed by another hand, a release
computed something wrong, or the log lost its beginning to retention.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any

from lakehouse import context, names
from lakehouse.contracts import Sensitivity, Table
from lakehouse.errors import SafetyError
from lakehouse.render.differences import CHANGED, ONLY_LEFT, ONLY_RIGHT, differences
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet
from lakehouse.transform import build, dbt
from lakehouse.transform.report import Report, checked

_SHOWN = 5
"""Rows that differ and are named, of each table."""
_HIDDEN = "(personal)"


@dataclass(frozen=True)
class Difference:
    """One row that is not the same. ``found`` is ``only there`` (in silver), ``only rebuilt``, or ``changed``, and then in
    ``columns``. Values of a personal key are not told."""

    key: Mapping[str, str]
    found: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rebuilt:
    """One silver table: its rows and those of its rebuild, how many of them differ and how, and the first of these.

    ``columns`` counts the changed rows by column. ``cut_before`` is the known time before which retention deleted rows
    of bronze: a rebuild cannot tell what only those told. ``is_replaced``: silver now has the rebuild's rows.
    """

    table: str
    rows: int
    rows_rebuilt: int
    only_there: int
    only_rebuilt: int
    changed: int
    columns: Mapping[str, int]
    first: tuple[Difference, ...]
    cut_before: datetime | None = None
    is_replaced: bool = False

    @property
    def differs(self) -> bool:
        """Whether any row is not the same."""
        return bool(self.only_there or self.only_rebuilt or self.changed)


def rebuild(
    config: Settings,
    tables: tuple[Table, ...],
    cut: build.Cut,
    *,
    apply: bool = False,
    progress: Progress = quiet,
) -> tuple[Rebuilt, ...]:
    """Bring the silver tables of ``tables`` to what bronze has, build them anew beside that, and compare the two.

    Readers see nothing of the rebuild, which is deleted again. With ``apply``, tables that differ are replaced, each
    in one commit, and all that is made from them with them; then a second call finds no difference. SafetyError, and
    nothing replaced, if retention deleted a part of a log that would have to tell it. Raises else as ``build`` does.
    """
    build.refuse_unrendered()
    models = {name: (table, key) for table in tables for name, key in _models(table)}
    with build.alone(config):
        build.make_missing(config)
        variables = {"ingested_until": build.ingested_until(config)}
        _run(config, models, variables | build.cut_before(config, cut), progress)
        with _aside(config) as folder:
            _run(config, models, variables | {dbt.ASIDE: folder}, progress)
            found = []
            for number, (name, (table, key)) in enumerate(models.items()):
                progress("compare (tables)", number, len(models))
                found.append(_compared(config, name, table, key, cut(config, table)))
            progress("compare (tables)", len(models), len(models))
    wrong = [r for r in found if r.differs]
    if not apply or not wrong:
        return tuple(found)
    if short := [r.table for r in wrong if r.cut_before]:
        raise SafetyError(
            f"retention deleted the beginning of the log of {', '.join(short)}: the rebuild lacks what only that told",
            hint="nothing was replaced; without --apply the differences are shown",
            tables=short,
        )
    # With all that is made from them, and what that is made from: all as of one moment.
    select = " ".join(f"@{r.table.split('.')[1]}" for r in wrong)
    build.build(config, select=select, full_refresh=True, progress=progress)
    return tuple(replace(r, is_replaced=r.differs) for r in found)


def _models(table: Table) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The silver models of a table and their keys."""
    yield names.staging_model(table), table.key
    if table.history:
        yield names.history_model(table), (*table.key, "_valid_from")


def _run(config: Settings, models: Mapping[str, Any], variables: dict[str, Any], progress: Progress) -> None:
    began = monotonic()
    nodes = dbt.invoke(config, ["run", "--select", *models], variables, progress)
    checked(config, Report(nodes, round(monotonic() - began, 3)), " ".join(models))


@contextmanager
def _aside(config: Settings) -> Iterator[str]:
    """An empty folder whose tables no reader knows, as a variable of dbt; gone afterwards, or by the next call."""
    session, folder = context.spark(config), config.state / "run" / dbt.ASIDE

    def clear() -> None:
        session.sql(f"drop schema if exists {dbt.ASIDE} cascade")
        shutil.rmtree(folder, ignore_errors=True)

    clear()
    try:
        yield dbt.in_literal(folder)
    finally:
        clear()


def _compared(
    config: Settings, name: str, table: Table, key: tuple[str, ...], cut_before: datetime | None
) -> Rebuilt:
    from pyspark.sql import functions as f

    session = context.spark(config)
    silver = f"{names.SILVER}.{name}"
    columns = [c for c in session.table(f"{dbt.ASIDE}.{name}").columns if c not in key]
    different = session.sql(differences(silver, f"{dbt.ASIDE}.{name}", key, columns)).persist()
    try:
        by_column = (f.count_if(f.array_contains("_columns", c)).alias(c) for c in columns)
        kinds = (f.count_if(f.col("_found") == kind) for kind in (ONLY_LEFT, ONLY_RIGHT, CHANGED))
        counted = different.select(*kinds, *by_column).head()
        assert counted is not None  # an aggregate has one row
        first = different.orderBy(*key).limit(_SHOWN).collect()
        return Rebuilt(
            silver,
            session.table(silver).count(),
            session.table(f"{dbt.ASIDE}.{name}").count(),
            counted[0],
            counted[1],
            counted[2],
            {c: n for c, n in zip(columns, counted[3:], strict=True) if n},
            tuple(Difference(_told(table, row, key), row["_found"], tuple(row["_columns"])) for row in first),
            cut_before,
        )
    finally:
        different.unpersist()


def _told(table: Table, row: Any, key: tuple[str, ...]) -> dict[str, str]:
    hidden = {c.name for c in table.columns if c.sensitivity in (Sensitivity.PERSONAL, Sensitivity.SECRET)}
    return {column: _HIDDEN if column in hidden else str(row[column]) for column in key}
