"""Asks capture to read tables of PostgreSQL again while changes go on (Debezium's incremental snapshot).

Each row comes as a read (``_op = 'r'``) in its right place among the changes: a row that changes while its chunk is
read comes as that change alone. Rows that PostgreSQL no longer has come not at all, so they stay as they are in silver.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from lakehouse import context, names, tables
from lakehouse.contracts import Source, Table
from lakehouse.errors import DataError, UnavailableError, UsageError, first_line
from lakehouse.ingest import capture, readings
from lakehouse.render.common import identifier
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet


@dataclass(frozen=True)
class Snapshot:
    """What was asked for: tables of one source, and which of their rows. ``is_done`` says that capture has ended its
    reading, and left out no table; ``rows`` counts them as PostgreSQL had them when asked."""

    source: str
    tables: tuple[str, ...]
    rows: int
    where: str | None
    is_done: bool


def take(
    config: Settings,
    chosen: Sequence[Table],
    where: str | None = None,
    *,
    wait: bool = True,
    timeout_seconds: float = 3600,
    progress: Progress = quiet,
) -> Snapshot:
    """Have the rows of ``chosen``, tables of one captured source, handed to Kafka again: all, or those for which the
    SQL condition ``where`` of PostgreSQL holds, for one table. With ``wait`` return when that is done.

    A second call reads them a second time, which silver does not show. Stopped between, capture goes on by itself.
    Raises UsageError for tables of two sources, of none that is captured, or a condition that is empty or that PostgreSQL
    refuses; DataError when Debezium left out a table, for it goes on with the next when it cannot read one;
    UnavailableError when PostgreSQL, Kafka or capture does not answer, or it is not done in time.
    """
    chosen = tuple(dict.fromkeys(chosen))
    source = _source(chosen, where)
    places = [".".join(t.place) for t in chosen]
    try:
        with context.postgres(config, user="debezium", database=source.database) as connection:
            connection.autocommit = True
            before = readings.end(config, source.name)
            rows = {table: _count(connection, table, where) for table in chosen}
            asked = _signal(connection, source, places, where)
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"PostgreSQL went away: {first_line(error)}", hint="lakehouse status, then run again"
        ) from None
    if wait:
        capture.wait(
            config,
            source.name,
            reading=capture.SNAPSHOT_ON_DEMAND,
            timeout_seconds=timeout_seconds,
            progress=progress,
        )
        _require_read(config, source, asked, before)
    read = tuple(f"{source.name}.{t.name}" for t in chosen)
    return Snapshot(source.name, read, sum(rows.values()), where, is_done=wait)


def _source(chosen: Sequence[Table], where: str | None) -> Source:
    sources = {t.source.name: t.source for t in chosen}
    if len(sources) != 1:
        raise UsageError(
            "a snapshot is of tables of one source", hint=f"asked for: {', '.join(sources) or 'no table'}"
        )
    (source,) = sources.values()
    if source not in tables.captured():
        captured = ", ".join(s.name for s in tables.captured())
        raise UsageError(
            f"source {source.name} is not captured by us", hint=f"captured: {captured or 'none'}"
        )
    if where is not None and len(chosen) != 1:
        raise UsageError("a condition is of one table", hint="ask for one table at a time")
    if where is not None and not where.strip():
        raise UsageError("the condition is empty", hint="leave it out to read all rows")
    return source


def _count(connection: psycopg.Connection[Any], table: Table, where: str | None) -> int:
    """How many rows will be read. Debezium would only log a condition that PostgreSQL does not take, or that fails on a
    row; this looks at every row."""
    place = ".".join(identifier(part) for part in table.place)
    condition = "" if where is None else f" where ({where})"
    try:
        row = connection.execute(f"select count(*) from {place}{condition}".encode(), prepare=True).fetchone()
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.errors.ProtocolViolation) as error:
        if where is None:
            raise DataError(
                f"PostgreSQL does not give {'.'.join(table.place)} to capture: {first_line(error)}",
                hint="lakehouse tables diff compares it with its declaration; the role debezium needs SELECT on it",
            ) from None
        raise UsageError(
            f"PostgreSQL does not take the condition: {first_line(error)}",
            hint="a condition is SQL, as in --where \"status = 'disputed'\"",
        ) from None
    assert row is not None
    return int(row[0])


def _require_read(config: Settings, source: Source, asked: str, before: int) -> None:
    """DataError if Debezium left out a table: it only logs why, and goes on with the next."""
    for place, why in _unread(config, source, asked, before).items():
        raise DataError(
            f"{place} was not read: {why}",
            hint="lakehouse logs connect says why; a condition with ? in it is taken for one with a parameter",
            table=place,
            status=why,
        )


@retry(
    retry=retry_if_exception_type(UnavailableError),
    stop=stop_after_delay(30),
    wait=wait_fixed(0.5),
    reraise=True,
)
def _unread(config: Settings, source: Source, asked: str, before: int) -> dict[str, str]:
    """What capture says that it left out, once it says that it has ended: that comes a moment after the last row."""
    found = readings.unread(readings.since(config, source.name, before), asked)
    if found is None:
        raise UnavailableError(
            f"capture of {source.name} does not say how its reading ended",
            hint="lakehouse up brings its settings up to date; lakehouse logs connect says more",
        )
    return found


def _signal(connection: psycopg.Connection[Any], source: Source, places: list[str], where: str | None) -> str:
    """Ask for the snapshot; its identifier, which capture's notices of it have."""
    id_ = f"lakehouse-{uuid.uuid4()}"
    asked: dict[str, Any] = {"type": "incremental", "data-collections": [re.escape(p) for p in places]}
    if where is not None:
        asked["additional-conditions"] = [{"data-collection": re.escape(places[0]), "filter": f"({where})"}]
    there = ".".join(identifier(part) for part in names.signals(source))
    connection.execute(
        f"insert into {there} (id, type, data) values (%s, 'execute-snapshot', %s)".encode(),
        [id_, json.dumps(asked)],
    )
    return id_
