"""Bronze read a second time from Kafka: compared, message by message, with what is there, and made good where asked.

Only what Kafka still has can be compared, and of that only what bronze has passed: what waits is no difference. What
Kafka has no longer is never touched. Where the table stands in Kafka does not change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from lakehouse import context, names
from lakehouse.contracts import Table
from lakehouse.errors import UsageError
from lakehouse.ingest import broker, bronze, decode, lock, positions
from lakehouse.ingest.positions import Place
from lakehouse.render import spark
from lakehouse.render.common import backticked, spark_literal
from lakehouse.render.differences import CHANGED, ONLY_LEFT, ONLY_RIGHT, differences
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_PLACE = ("_topic", "_partition", "_offset")
_OF_THE_LANDING = ("_ingested_at", "_contract_version")
"""Columns that tell when and by which declaration a message was read, and so may differ."""
_NOTE = "spark.databricks.delta.commitInfo.userMetadata"
"""Delta's setting for what the commits of a session say."""


@dataclass(frozen=True)
class Span:
    """Offsets ``first`` to ``last``, both included, of one partition."""

    partition: int
    first: int
    last: int


@dataclass(frozen=True)
class Rebuilt:
    """What a second reading of one table's messages found; counts are messages.

    ``missing``: in Kafka, readable, and in neither bronze nor quarantine. ``changed``: other values in bronze, counted
    by column in ``columns``. ``only_there``: in bronze at places where Kafka has none, or a second time. ``unreadable``
    are refused by the present declaration, and were not compared. ``is_applied``: missing and changed ones are made good.
    """

    table: str
    spans: tuple[Span, ...]
    messages: int
    missing: int
    changed: int
    only_there: int
    unreadable: int
    columns: Mapping[str, int]
    is_applied: bool = False

    @property
    def differs(self) -> bool:
        """Whether bronze is not what Kafka has."""
        return bool(self.missing or self.changed or self.only_there)


def rebuild(config: Settings, table: Table, wanted: Span | None = None, *, apply: bool = False) -> Rebuilt:
    """Read a table's topic again, all that Kafka has of it or one span, and compare it with bronze.

    With ``apply``, what is missing is added and what differs replaced, in one commit and with a new known time, so that
    silver reads it and puts it where its offset says. What is only in bronze stays.

    Raises UsageError for a table of files, UnavailableError when Kafka does not answer, and with ``apply``
    SafetyError while an ingest of the source runs.
    """
    if table.files:
        raise UsageError(
            f"{_name(table)} comes from files, which no topic has",
            hint="drop a file again: what bronze has of it is left out",
        )
    with (
        lock.of_source(config, table.source.name) if apply else nullcontext(),
        _read(config, table, wanted) as found,
    ):
        result = found.result()
        if apply and (result.missing or result.changed):
            found.make_good()
            result = replace(result, is_applied=True)
        return result


@dataclass(frozen=True)
class _Found:
    table: Table
    pair: bronze.Pair
    at: datetime
    spans: tuple[Span, ...]
    decoded: DataFrame
    different: DataFrame

    def result(self) -> Rebuilt:
        from pyspark.sql import functions as f

        columns = [c.name for c in spark.bronze(self.table)]
        kinds = (f.count_if(f.col("_found") == kind) for kind in (ONLY_RIGHT, CHANGED, ONLY_LEFT))
        by_column = (f.count_if(f.array_contains("_columns", c)) for c in columns)
        counted = self.different.select(*kinds, *by_column).head()
        read = self.decoded.select(f.count(f.lit(1)), f.count_if(f.col(decode.REASON).isNotNull())).head()
        assert counted is not None and read is not None  # an aggregate has one row
        return Rebuilt(
            _name(self.table),
            self.spans,
            messages=read[0],
            missing=counted[0],
            changed=counted[1],
            only_there=counted[2],
            unreadable=read[1],
            columns={c: n for c, n in zip(columns, counted[3:], strict=True) if n},
        )

    def make_good(self) -> None:
        """In one commit: of two with one known time, a build between them would take the second for read."""
        stands = replace(self.pair.bronze.position, unsettled=self.pair.unsettled, ingested_at=self.at)
        rows = self.decoded.select(*(c.name for c in spark.bronze(self.table)))
        places = self.different.where(f"_found in ('{CHANGED}', '{ONLY_RIGHT}')").select(*_PLACE)
        rows.join(places, [*_PLACE], "left_semi").createOrReplaceTempView("rebuilt_anew")
        same = " and ".join(f"b.{c} = r.{c}" for c in _PLACE)
        session = rows.sparkSession
        session.conf.set(_NOTE, positions.to_metadata((), stands))
        try:
            session.sql(
                f"merge into {self.pair.bronze.name} as b using rebuilt_anew as r on {same} "
                "when matched then update set * when not matched then insert *"
            )
        finally:
            session.conf.unset(_NOTE)


@contextmanager
def _read(config: Settings, table: Table, wanted: Span | None) -> Iterator[_Found]:
    held = broker.held(config, [names.topic(table)])
    session = context.spark(config)
    context.register_tables(config)
    landing = bronze.open_landing(config, session, (table,))
    (pair,) = landing.pairs
    spans = _spans(table, held, pair, wanted)
    messages = session.read.format("kafka").options(**_range(config, table, spans)).load() if spans else None
    if messages is None:
        messages = session.createDataFrame([], _NO_MESSAGES)
    at = landing.known_time()
    decoded = decode.decode(messages.select(*decode.MESSAGE), table, bronze.micros(at)).persist()
    try:
        decoded.where(f"{decode.REASON} is null").createOrReplaceTempView("rebuilt_rows")
        different = session.sql(
            _differences(session.catalog.tableExists(names.quarantine(table)), table, spans)
        ).persist()
        yield _Found(table, pair, at, spans, decoded, different)
        different.unpersist()
    finally:
        decoded.unpersist()


_NO_MESSAGES = "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp"


def _spans(
    table: Table, held: Mapping[Place, broker.Held], pair: bronze.Pair, wanted: Span | None
) -> tuple[Span, ...]:
    """What Kafka has and bronze has passed, of what is wanted."""
    found = []
    for place, has in sorted(held.items()):
        first, end = has.begin, min(has.end, pair.settled.get(place, 0))
        if wanted is not None:
            if place[1] != wanted.partition:
                continue
            first, end = max(first, wanted.first), min(end, wanted.last + 1)
        if first < end:
            found.append(Span(place[1], first, end - 1))
    if wanted is not None and not found:
        raise UsageError(
            f"Kafka has none of the offsets {wanted.first} to {wanted.last} of partition {wanted.partition} of {names.topic(table)} "
            "that bronze has passed",
            hint=f"lakehouse ingest status --source {table.source.name}",
        )
    return tuple(found)


def _range(config: Settings, table: Table, spans: tuple[Span, ...]) -> dict[str, str]:
    def told(offsets: dict[str, int]) -> str:
        return json.dumps({names.topic(table): offsets})

    assign = {names.topic(table): [s.partition for s in spans]}
    return {
        "kafka.bootstrap.servers": context.kafka_servers(config),
        "kafka.isolation.level": "read_committed",
        "assign": json.dumps(assign),
        "startingOffsets": told({str(s.partition): s.first for s in spans}),
        "endingOffsets": told({str(s.partition): s.last + 1 for s in spans}),
    }


def _differences(has_quarantine: bool, table: Table, spans: tuple[Span, ...]) -> str:
    columns = [c.name for c in spark.bronze(table) if c.name not in (*_PLACE, *_OF_THE_LANDING)]
    # Maps do not compare.
    shown = ", ".join("to_json(_extra) as _extra" if c == "_extra" else backticked(c) for c in columns)
    here = " or ".join(
        f"_partition = {s.partition} and _offset between {s.first} and {s.last}" for s in spans
    )
    of_topic = f"_topic = {spark_literal(names.topic(table))} and ({here or 'false'})"
    there = f"(select {', '.join(_PLACE)}, {shown} from {names.bronze(table)} where {of_topic})"
    of_quarantine = (
        f" left anti join {names.quarantine(table)} using ({', '.join(_PLACE)})" if has_quarantine else ""
    )
    rebuilt = f"(select {', '.join(_PLACE)}, {shown} from rebuilt_rows{of_quarantine})"
    return differences(there, rebuilt, _PLACE, columns)


def _name(table: Table) -> str:
    return f"{table.source.name}.{table.name}"
