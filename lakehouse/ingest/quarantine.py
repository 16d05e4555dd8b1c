"""What ingest could not read: looked at, and landed after all once it can be read.

A quarantined message keeps its bytes and its place. ``replay`` reads it by the present declaration and appends what can be
read now to bronze, at the place that it always had and with a new known time; silver puts it where its offset says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakehouse import context, names
from lakehouse.contracts import Table
from lakehouse.errors import DataError, UsageError, first_line
from lakehouse.ingest import bronze, decode, lock
from lakehouse.render import spark
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_PLACE = ("_topic", "_partition", "_offset")
_AS_SENT = ("key", "value", *(f"{c} as {c.strip('_')}" for c in _PLACE), "_kafka_at as timestamp")


@dataclass(frozen=True)
class Summary:
    """The quarantine of one table: messages by reason, their Kafka timestamps, the contract versions that refused them."""

    table: str
    messages: int
    reasons: Mapping[str, int]
    oldest_at: datetime
    newest_at: datetime
    contract_versions: tuple[int, ...]


@dataclass(frozen=True)
class Message:
    """One quarantined message. ``key`` and ``value`` are its bytes as received, None where it had none."""

    topic: str
    partition: int
    offset: int
    kafka_at: datetime
    ingested_at: datetime
    contract_version: int
    reason: str
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Replay:
    """What a replay of one table does, in messages: ``readable`` are landed, ``refused`` stay, by their present reason.

    ``landed_before`` are in bronze already, by a replay that was stopped; they only leave the quarantine.
    """

    table: str
    readable: int
    refused: Mapping[str, int]
    landed_before: int = 0
    is_applied: bool = False


def summaries(config: Settings, tables: tuple[Table, ...]) -> tuple[Summary, ...]:
    """The quarantines that hold something. Needs no Spark; DataError if one cannot be read."""
    return tuple(found for table in tables if (found := _summary(config, table)))


def _summary(config: Settings, table: Table) -> Summary | None:
    rows = _rows(
        config,
        table,
        "select reason, count(*), min(_kafka_at), max(_kafka_at), list(distinct _contract_version order by _contract_version)"
        " from quarantine group by reason order by 2 desc, reason",
    )
    if not rows:
        return None
    return Summary(
        _name(table),
        sum(r[1] for r in rows),
        {r[0]: r[1] for r in rows},
        min(r[2] for r in rows).astimezone(UTC),
        max(r[3] for r in rows).astimezone(UTC),
        tuple(sorted({v for r in rows for v in r[4]})),
    )


def messages(
    config: Settings,
    table: Table,
    *,
    reason: str | None = None,
    place: tuple[int, int] | None = None,
    limit: int = 20,
) -> tuple[Message, ...]:
    """The oldest messages of a table's quarantine, in the order of their places.

    ``reason`` is a part of the reason, ``place`` a partition and an offset. Their bytes may be personal data.
    """
    where, values = ["true"], list[Any]()
    if reason is not None:
        where.append("contains(reason, ?)")
        values.append(reason)
    if place is not None:
        where.append("_partition = ? and _offset = ?")
        values += place
    columns = "_topic, _partition, _offset, _kafka_at, _ingested_at, _contract_version, reason, key, value"
    sql = f"select {columns} from quarantine where {' and '.join(where)} order by all limit {int(limit)}"
    return tuple(
        Message(topic, partition, offset, kafka_at.astimezone(UTC), ingested_at.astimezone(UTC), *rest)
        for topic, partition, offset, kafka_at, ingested_at, *rest in _rows(config, table, sql, values)
    )


def plan(config: Settings, table: Table, reason: str | None = None) -> Replay:
    """What ``apply`` would do now. Changes nothing but a bronze table that is behind its declaration."""
    with _waiting(config, table, reason) as found:
        return Replay(_name(table), found.readable.count(), found.refused(), found.landed_before)


def apply(config: Settings, table: Table, reason: str | None = None) -> Replay:
    """Land what can be read now, once, and take it out of the quarantine; two commits.

    Stopped between them, the next call finds in bronze what it has and only takes it out. Where ingest stands in Kafka
    does not change. Raises SafetyError while an ingest of the source runs.
    """
    with lock.of_source(config, table.source.name), _waiting(config, table, reason) as found:
        refused, readable = found.refused(), 0
        if found.readable.head(1):
            readable = found.pair.bronze.append(found.readable, (), found.at)
        if readable or found.landed_before:
            found.take_out()
        return Replay(_name(table), readable, refused, found.landed_before, is_applied=True)


@dataclass(frozen=True)
class _Waiting:
    pair: bronze.Pair
    at: datetime
    readable: DataFrame
    decoded: DataFrame
    landed_before: int

    def refused(self) -> dict[str, int]:
        counted = self.decoded.where(f"{decode.REASON} is not null").groupBy(decode.REASON).count()
        return {reason: int(count) for reason, count in sorted(counted.collect())}

    def take_out(self) -> None:
        """Delete from the quarantine what bronze has."""
        same = " and ".join(f"q.{c} = b.{c}" for c in _PLACE)
        self.decoded.sparkSession.sql(
            f"merge into {self.pair.quarantine.name} as q "
            f"using (select {', '.join(_PLACE)} from {self.pair.bronze.name}) as b on {same} when matched then delete"
        )


@contextmanager
def _waiting(config: Settings, table: Table, reason: str | None) -> Iterator[_Waiting]:
    """The quarantine as the present declaration reads it, without what bronze has already."""
    from pyspark.sql import functions as f

    name = names.quarantine(table)
    if context.version(context.folder(config, name)) < 0:
        raise UsageError(
            f"{_name(table)} has no quarantine", hint="lakehouse ingest quarantine list shows those there are"
        )
    session = context.spark(config)
    context.register_tables(config)
    landing = bronze.open_landing(config, session, (table,))
    (pair,) = landing.pairs
    pair.bronze.position = replace(pair.bronze.position, unsettled=pair.unsettled)
    at = landing.known_time()
    held = session.table(name).where(f.lit(True) if reason is None else f.contains("reason", f.lit(reason)))
    new = held.join(session.table(pair.bronze.name).select(*_PLACE), [*_PLACE], "left_anti").persist()
    try:
        decoded = decode.decode(new.selectExpr(*_AS_SENT), table, bronze.micros(at))
        good = decoded.where(f"{decode.REASON} is null").select(*(c.name for c in spark.bronze(table)))
        yield _Waiting(pair, at, good, decoded, held.count() - new.count())
    finally:
        new.unpersist()


def _rows(config: Settings, table: Table, sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """The answer of DuckDB, where ``quarantine`` is the table; nothing if there is none."""
    import duckdb

    folder = context.folder(config, names.quarantine(table))
    if context.version(folder) < 0:
        return []
    try:
        with context.duckdb() as connection:
            place = str(folder).replace("'", "''")
            connection.execute(f"create view quarantine as select * from delta_scan('{place}')")
            return connection.execute(sql, values or []).fetchall()
    except duckdb.Error as error:
        raise DataError(f"{names.quarantine(table)} cannot be read: {first_line(error)}") from error


def _name(table: Table) -> str:
    return f"{table.source.name}.{table.name}"
