"""How fresh each table is: how long ago the moment lies up to which bronze has everything that its source committed.

That moment is known in one of four ways, the first that applies; docs/reference/freshness.md says why:

``waiting``     a message of the table is in Kafka and not landed: its Kafka timestamp
``caught_up``   none is, and capture handed on all that was committed before the check: the check itself
``captured``    none is, and capture is behind or unknown: the newest ``_source_at`` of all tables of the source,
                because capture hands changes on in the order of their commits
``newest_row``  what waits is unknown: the newest row of the table itself

So a table that nobody writes to is fresh, and one whose newest row is old is not, if services are down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from lakehouse import context, names
from lakehouse.contracts import SourceKind, Table
from lakehouse.errors import DataError, first_line
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import duckdb as _duckdb


class State(StrEnum):
    """``EMPTY`` is a table without a row, for which nothing waits so long that it were to be warned of."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    EMPTY = "empty"


@dataclass(frozen=True)
class Evidence:
    """What is known of a table's way when it is judged.

    ``waiting_seconds``: age of its oldest message in Kafka that is not landed, 0 if none is, None if unknown.
    ``is_captured``: all that the source committed before the check is known to be in Kafka.
    """

    waiting_seconds: float | None = None
    is_captured: bool = False


@dataclass(frozen=True)
class Verdict:
    """One table, judged by its declaration. ``newest_at`` is its newest row by its declared clock: ``_source_at``, or
    the event's time column. ``age_seconds`` is None where nothing tells it; ``basis`` is what told it."""

    table: str
    state: State
    age_seconds: float | None
    basis: str | None
    newest_at: datetime | None
    warn_seconds: int
    fail_seconds: int
    problem: str | None = None


def check(
    config: Settings, tables: tuple[Table, ...], evidence: Mapping[str, Evidence], at: datetime
) -> tuple[Verdict, ...]:
    """Judge the tables as of ``at``, this machine's clock; ``evidence`` is by ``source.table``. Changes nothing.

    ``tables`` are all tables of each source that is asked for: they tell of each other. A table that cannot be read
    fails, with its ``problem``.
    """
    newest: dict[str, datetime] = {}
    problems: dict[str, str] = {}
    with context.duckdb() as connection:
        for table in tables:
            try:
                if found := newest_row(connection, config, table):
                    newest[_name(table)] = found
            except DataError as error:
                problems[_name(table)] = error.message
    captured = {
        source: max(
            (row_at for name, row_at in newest.items() if name.startswith(f"{source}.")), default=None
        )
        for source in {t.source.name for t in tables if t.source.kind is SourceKind.POSTGRES}
    }
    return tuple(
        _unreadable(t, problem)
        if (problem := problems.get(_name(t)))
        else judge(
            t, newest.get(_name(t)), captured.get(t.source.name), evidence.get(_name(t), Evidence()), at
        )
        for t in tables
    )


def judge(
    table: Table, newest_at: datetime | None, captured_at: datetime | None, known: Evidence, at: datetime
) -> Verdict:
    """One table; ``captured_at`` is the newest row of all tables of its source, None where order says nothing."""
    age, basis = _age(newest_at, captured_at, known, at)
    limits = table.freshness
    lacks = basis == "waiting" and age is not None and age >= limits.warn_seconds
    if age is None or (newest_at is None and not lacks):
        state = State.EMPTY
    elif age >= limits.fail_seconds:
        state = State.FAIL
    else:
        state = State.WARN if age >= limits.warn_seconds else State.OK
    if state is State.EMPTY:
        return Verdict(_name(table), state, None, None, newest_at, limits.warn_seconds, limits.fail_seconds)
    return Verdict(_name(table), state, age, basis, newest_at, limits.warn_seconds, limits.fail_seconds)


def newest_row(connection: _duckdb.DuckDBPyConnection, config: Settings, table: Table) -> datetime | None:
    """The newest row of bronze by the table's clock, or by Kafka's where it has none; None without a row or a table.

    DataError if the table cannot be read.
    """
    import duckdb

    folder = context.folder(config, names.bronze(table))
    if context.version(folder) < 0:
        return None
    clock = table.event.time_column if table.event else "_source_at"
    try:
        row = connection.execute(
            f'select max(coalesce("{clock}", _kafka_at)) from delta_scan(?)', [str(folder)]
        ).fetchone()
    except duckdb.Error as error:
        raise DataError(
            f"{names.bronze(table)} cannot be read: {first_line(error)}",
            hint=f"lakehouse query run 'select count(*) from {names.bronze(table)}'",
            table=names.bronze(table),
        ) from error
    return row[0].astimezone(UTC) if row and row[0] else None


def _age(
    newest_at: datetime | None, captured_at: datetime | None, known: Evidence, at: datetime
) -> tuple[float | None, str]:
    if known.waiting_seconds:
        return known.waiting_seconds, "waiting"
    if known.waiting_seconds is not None and known.is_captured:
        return 0.0, "caught_up"
    if known.waiting_seconds is not None and captured_at is not None:
        return _seconds(at, captured_at), "captured"
    return (_seconds(at, newest_at) if newest_at else None), "newest_row"


def _seconds(at: datetime, then: datetime) -> float:
    """Not below 0: a source's clock may be ahead of ours."""
    return round(max(0.0, (at - then).total_seconds()), 3)


def _unreadable(table: Table, problem: str) -> Verdict:
    limits = table.freshness
    return Verdict(
        _name(table), State.FAIL, None, None, None, limits.warn_seconds, limits.fail_seconds, problem
    )


def _name(table: Table) -> str:
    return f"{table.source.name}.{table.name}"
