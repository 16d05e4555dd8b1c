"""How far ingest is behind: what PostgreSQL has and Kafka has not, what Kafka has and bronze has not.

A table's way is read from its source on: first how far capture is, then where bronze stands, then what Kafka holds. So
whatever was committed before the reading began, and was captured by then, is seen either in bronze or waiting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lakehouse import context, names, tables
from lakehouse.contracts import SourceKind, Table
from lakehouse.errors import DataError, LakehouseError, UnavailableError, first_line
from lakehouse.ingest import broker, bronze, files, positions, readings
from lakehouse.ingest.broker import Backlog
from lakehouse.ingest.positions import Place
from lakehouse.settings import Settings

_SLOT = (
    "select pg_current_wal_lsn() - confirmed_flush_lsn, pg_current_wal_lsn() - restart_lsn"
    " from pg_replication_slots where slot_name = %s"
)


@dataclass(frozen=True)
class PartitionStatus:
    """One partition of a table's topic: ``next`` is the first offset that the table has not taken, ``end`` the one
    that the next message gets, ``waiting_offsets`` what lies between, or 0 if those are markers of transactions."""

    partition: int
    next: int
    end: int
    waiting_offsets: int


@dataclass(frozen=True)
class TableStatus:
    """One declared table. ``None`` is what could not be told; ``problem`` says why.

    ``waiting_seconds`` is the age of the oldest message that is in neither bronze nor quarantine, by its Kafka
    timestamp; 0 when none waits. A table of files has no partitions: ``waiting_files`` are in its landing folder, and
    the oldest was written ``waiting_seconds`` ago. ``ingested_at`` is the known time of the newest bronze batch, driver's clock.
    """

    table: str
    topic: str | None
    bronze: str
    partitions: tuple[PartitionStatus, ...]
    waiting_offsets: int | None
    waiting_seconds: float | None
    bronze_version: int | None
    ingested_at: datetime | None
    quarantined: int | None
    waiting_files: int | None = None
    warning: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class CaptureStatus:
    """One captured source. ``state`` and ``error`` are Kafka Connect's words for its connector.

    ``unconfirmed_bytes`` is the write-ahead log that the replication slot has not confirmed, ``held_bytes`` what
    PostgreSQL keeps on disk for it. A connector that is well confirms about once a second; of one that does not run a
    small number says nothing, for somebody may have made the slot anew. ``step`` is what to do, None if all is well.
    """

    source: str
    state: str
    error: str | None
    unconfirmed_bytes: int | None
    held_bytes: int | None
    problem: str | None = None
    step: str | None = None


@dataclass(frozen=True)
class Status:
    """All that was read; ``at`` is when the reading began, this machine's clock."""

    at: datetime
    tables: tuple[TableStatus, ...]
    captures: tuple[CaptureStatus, ...]


def read(config: Settings, source: str | None = None) -> Status:
    """How far every table of ``source``, or of all sources, is. Changes nothing, needs no Spark.

    A service that is down leaves gaps and a ``problem`` in the rows that needed it. Raises UsageError for an unknown
    source, UnavailableError only when no service answered and there is no table either.
    """
    at = datetime.now(UTC)
    chosen = tables.of_source(source) if source is not None else tables.all()
    sources = {t.source.name: t.source for t in chosen}.values()
    captures = tuple(_capture(config, s.name) for s in sources if s.kind is SourceKind.POSTGRES)
    stands = {t: _stand(config, t) for t in chosen}
    known = {place: offset for stand, _ in stands.values() for place, offset in stand.items()}
    try:
        topics = [names.topic(t) for t in chosen if not t.files]
        backlog, problem = broker.backlog(config, topics, known) if topics else {}, None
        anew = _anew(config, chosen, backlog)
    except UnavailableError as error:
        backlog, problem, anew = {}, error, {}
    found = tuple(
        _file_table(config, t, at)
        if t.files
        else _table(config, t, at, *stands[t], backlog, problem or anew.get(names.topic(t)))
        for t in chosen
    )
    is_blind = all(c.problem for c in captures) and all(t.bronze_version is None for t in found)
    if problem is not None and is_blind:
        raise problem
    return Status(at, found, captures)


def _anew(config: Settings, chosen: Sequence[Table], backlog: Mapping[Place, Backlog]) -> dict[str, str]:
    """What is wrong with topics that are others than those that bronze knows."""
    of_kafka = tuple(t for t in chosen if not t.files)
    try:
        marks = bronze.marks(config, of_kafka)
    except DataError:  # said of the table itself
        return {}
    found = broker.another(config, {place: b.held for place, b in backlog.items()}, marks)
    return {topic: told for (topic, _), told in found.items()}


def _stand(config: Settings, table: Table) -> tuple[dict[Place, int], str | None]:
    try:
        return bronze.stand(config, (table,)), None
    except DataError as error:
        return {}, error.message


def _table(
    config: Settings,
    table: Table,
    at: datetime,
    stand: Mapping[Place, int],
    unreadable: str | None,
    backlog: Mapping[Place, Backlog],
    of_kafka: UnavailableError | str | None,
) -> TableStatus:
    folder = context.folder(config, names.bronze(table))
    version = context.version(folder)
    mine = {p: found for p, found in sorted(backlog.items()) if p[0] == names.topic(table)}
    problem = unreadable or _problem(table, stand, mine, of_kafka)
    is_told = bool(mine) and unreadable is None
    return TableStatus(
        table=f"{table.source.name}.{table.name}",
        topic=names.topic(table),
        bronze=names.bronze(table),
        partitions=tuple(PartitionStatus(p, b.next, b.held.end, b.offsets) for (_, p), b in mine.items()),
        waiting_offsets=sum(b.offsets for b in mine.values()) if is_told else None,
        waiting_seconds=_age(at, list(mine.values())) if is_told else None,
        bronze_version=version if version >= 0 else None,
        ingested_at=None if unreadable else positions.read(folder).ingested_at,
        quarantined=_rows(config, names.quarantine(table)),
        warning=_kept_too_short(config, table),
        problem=problem,
    )


def _file_table(config: Settings, table: Table, at: datetime) -> TableStatus:
    folder = context.folder(config, names.bronze(table))
    version = context.version(folder)
    waits, ingested_at, problem = None, None, None
    try:
        seen = files.Seen.load(config, table.source.name)
        waits = [drop.written_at / 1e9 for _, drop in files.waiting(config, table, seen)[0]]
        seen.save()
        ingested_at = positions.read(folder).ingested_at
    except LakehouseError as error:
        problem = error.message
    return TableStatus(
        table=f"{table.source.name}.{table.name}",
        topic=None,
        bronze=names.bronze(table),
        partitions=(),
        waiting_offsets=None,
        waiting_seconds=None
        if waits is None
        else round(at.timestamp() - min(waits, default=at.timestamp()), 3),
        bronze_version=version if version >= 0 else None,
        ingested_at=ingested_at,
        quarantined=_rows(config, names.quarantine(table)),
        waiting_files=None if waits is None else len(waits),
        problem=problem,
    )


def _age(at: datetime, found: list[Backlog]) -> float | None:
    """0 when nothing waits, None when something does and no message was seen of a partition."""
    waiting = [b for b in found if b.offsets]
    oldest = [b.oldest_at for b in waiting if b.oldest_at]
    if len(oldest) < len(waiting):
        return None
    return round(max([0.0, *((at - first).total_seconds() for first in oldest)]), 3)


def _problem(
    table: Table,
    stand: Mapping[Place, int],
    found: Mapping[Place, Backlog],
    of_kafka: UnavailableError | str | None,
) -> str | None:
    if isinstance(of_kafka, UnavailableError):
        return of_kafka.message
    if not found:
        return f"Kafka has no topic {names.topic(table)}; lakehouse up makes it"
    try:
        broker.check(table.source.name, {place: b.held for place, b in found.items()}, stand)
    except DataError as error:
        return error.message
    return of_kafka


def _rows(config: Settings, name: str) -> int | None:
    """Rows of a table as its log tells them; 0 where there is no table."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    folder = context.folder(config, name)
    if context.version(folder) < 0:
        return 0
    try:
        return int(DeltaTable(str(folder)).count())
    except DeltaError:
        return None


def _kept_too_short(config: Settings, table: Table) -> str | None:
    """That Kafka deletes messages sooner than an outage of ingest may last, if it does."""
    kept, needed = table.retention.topic_days * 24, config.ingest.longest_outage_hours
    if kept >= needed:
        return None
    return (
        f"Kafka keeps {kept} h and ingest may be down for {needed:g} h (ingest.longest_outage_hours): "
        "raise topic_days in the declaration"
    )


def _capture(config: Settings, source: str) -> CaptureStatus:
    state, error = context.capture_state(config, source)
    step = context.capture_step(config, source, state)
    unconfirmed, held, problem = None, None, None
    try:
        unconfirmed, held = _slot(config, names.replication_slot(source))
        if state == "running":
            readings.require_whole(config, source)
    except LakehouseError as why:
        problem, step = why.message, step or why.hint
    return CaptureStatus(source, state, error, unconfirmed, held, problem, step)


def _slot(config: Settings, slot: str) -> tuple[int, int]:
    """Bytes of log after what the slot confirmed, and after where PostgreSQL must keep it."""
    import psycopg

    try:
        with context.postgres(config, user="debezium") as connection:
            row: Any = connection.execute(_SLOT.encode(), (slot,)).fetchone()
    except psycopg.Error as error:
        raise UnavailableError(f"PostgreSQL went away: {first_line(error)}") from None
    if row is None:
        raise DataError(f"PostgreSQL has no replication slot {slot}; lakehouse up makes it")
    unconfirmed, held = (max(0, int(value or 0)) for value in row)
    return unconfirmed, held
