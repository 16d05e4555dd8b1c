"""What happens to a message: it becomes one row of its table's bronze log, or one row of its quarantine. Once.

A batch holds messages of all topics of a source. For each table, side by side:

1. what the table has already is left out: its own commits say what that is (``positions``);
2. the rest is read as the table declares it (``decode``, ``values``);
3. what can be read is committed to bronze, and with it the position that the table has now reached;
4. if those were fewer rows than messages, the others are committed to the quarantine: bytes, place and reason.

Stopped anywhere in between, by whatever, the next run takes up each table where it stands. A bronze commit with fewer
rows than messages, whose quarantine did not get its part (stopped between 3 and 4), is read again for that part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import compatibility, context, names
from lakehouse.contracts import Table
from lakehouse.errors import DataError, SafetyError
from lakehouse.ingest import decode, drift, positions, upgrade
from lakehouse.ingest.positions import Mark, Place, Position, Range
from lakehouse.render import delta, spark
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_AT_A_TIME = 4
"""Tables landed side by side: a commit mostly waits, and more than this gained nothing on two cores."""
_ROWS_A_FILE = 50_000
"""Rows that are worth a file, and a core, of their own; a commit has at most ``_FILES`` files."""
_FILES = 2
_RECENT = 5
_PLACE = ("_topic", "_partition", "_offset")
_READABLE_BY_NOW = "refused by the declaration of its time; the present one reads it"


@dataclass
class Target:
    """A Delta table of ours: its name with its schema, its folder, and where it stands as far as we know."""

    name: str
    folder: Path
    position: Position
    version: int | None = None
    """Of the newest commit made here."""

    def append(
        self,
        rows: DataFrame,
        ranges: tuple[Range, ...],
        at: datetime,
        transaction: tuple[str, int] | None = None,
    ) -> int:
        """Commit rows, and the position reached, in one; the number of rows. ``transaction`` is an application's
        identifier and version, which the table remembers for ever.

        SafetyError, and nothing written, if another writer came by.
        """
        is_ours = self.version is not None and context.version(self.folder) == self.version
        there = self.position if is_ours else positions.read(self.folder)
        if there.next != self.position.next:
            raise SafetyError(
                f"{self.name} is at {_told(there)}: another ingest moved it while this one stood at "
                f"{_told(self.position)}",
                hint="one ingest application a source: stop the other, then run again; nothing is doubled: "
                "docs/runbooks/two-ingests.md",
                table=self.name,
            )
        reached = self.position.after(ranges, at)
        metadata = positions.to_metadata(ranges, reached)
        files = rows.coalesce(min(_FILES, 1 + sum(r.messages for r in ranges) // _ROWS_A_FILE))
        writer = files.write.format("delta").mode("append").option("userMetadata", metadata)
        if transaction:
            writer = writer.option("txnAppId", transaction[0]).option("txnVersion", transaction[1])
        writer.saveAsTable(self.name)
        for commit in positions.history(self.folder, _RECENT):
            if commit.get("userMetadata") == metadata:
                self.position, self.version = reached, commit["version"]
                return positions.rows_of(commit)
        return 0  # Delta makes no commit of no rows: the table stands where it stood


@dataclass
class Pair:
    """A table's bronze log and its quarantine; ``settled`` is up to where the two together have every message."""

    table: Table
    bronze: Target
    quarantine: Target
    settled: dict[Place, int]

    @property
    def unsettled(self) -> dict[Place, int]:
        """The places where the quarantine is behind bronze, with the offset from which on."""
        return {
            p: offset for p, offset in self.settled.items() if offset < self.bronze.position.next.get(p, 0)
        }

    def settle(self, ranges: tuple[Range, ...]) -> None:
        """All messages of ``ranges`` are in one of the two tables."""
        for r in ranges:
            place = (r.topic, r.partition)
            self.settled[place] = max(self.settled.get(place, 0), r.last + 1)


@dataclass
class Landing:
    """Lands batches of one source. ``rows`` and ``quarantined`` count what was committed, by table name.

    ``drift`` names what was sent and is not declared, ``filled`` says what the upgrade of a table filled in. A
    ``transaction`` goes into the commits of the batches after it.
    """

    session: SparkSession
    pairs: tuple[Pair, ...]
    rows: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    drift: dict[str, set[str]] = field(default_factory=dict)
    filled: dict[str, dict[str, upgrade.Filled]] = field(default_factory=dict)
    transaction: tuple[str, int] | None = None

    @property
    def next(self) -> dict[Place, int]:
        """The first offset that is still wanted of each topic-partition that was read before."""
        return {place: offset for pair in self.pairs for place, offset in pair.settled.items()}

    def land(self, batch: DataFrame) -> int:
        """Commit a batch of Kafka messages, each table on its own; the number of messages that were new.

        Safe to repeat with the same messages, whole or in part, after any crash: what a table has is left out.
        """
        at = self.known_time()
        messages = batch.select(*decode.MESSAGE).persist()
        try:
            ranges = _ranges(messages)
            with ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
                jobs = [
                    pool.submit(self._land, pair, messages, mine, at)
                    for pair in self.pairs
                    if (mine := tuple(r for r in ranges if r.topic == names.topic(pair.table)))
                ]
            return sum(job.result() for job in jobs)
        finally:
            messages.unpersist()

    def _land(self, pair: Pair, messages: DataFrame, ranges: tuple[Range, ...], at: datetime) -> int:
        """Steps 1 to 4 for one table; before them, what an earlier run left undone of step 4."""
        name, topic, bronze = pair.table.name, names.topic(pair.table), pair.bronze
        mine = messages.where(f"topic = '{topic}'")
        if pair.unsettled:
            old = _before(bronze.position.next, mine)
            self._set_aside(pair, old, _until(bronze.position.next, ranges), at, has=bronze)
        new, new_ranges = _from(bronze.position.next, mine, ranges)
        if not new_ranges:
            return 0
        seen = sum(r.messages for r in new_ranges)
        decoded = decode.decode(new, pair.table, micros(at))
        good = decoded.where(f"{decode.REASON} is null").select(*(c.name for c in spark.bronze(pair.table)))
        bronze.position = replace(bronze.position, unsettled=pair.unsettled)
        landed = bronze.append(good, new_ranges, at, self.transaction)
        self.rows[name] += landed
        if landed:
            self._note_drift(pair)
        if landed < seen:
            has = (
                pair.quarantine.position.next
            )  # of these messages only where bronze is behind, after a restore
            is_ahead = any(has.get((r.topic, r.partition), 0) > r.first for r in new_ranges)
            refused = self._set_aside(pair, new, new_ranges, at)
            if landed + refused != seen and not is_ahead:
                raise DataError(
                    f"{seen} messages of {topic} became {landed} rows and {refused} in quarantine",
                    hint=f"report this, with the log of {bronze.name}; Kafka still has the messages",
                )
        pair.settle(new_ranges)
        return seen

    def _set_aside(
        self,
        pair: Pair,
        messages: DataFrame,
        ranges: tuple[Range, ...],
        at: datetime,
        has: Target | None = None,
    ) -> int:
        """Commit to the quarantine what of the messages cannot be read, unless it has it; how many it committed.

        ``has`` is bronze, when the messages are of an earlier run: then what bronze has not got of them is set aside,
        for the declaration may read more or less by now.
        """
        target = pair.quarantine
        rest, rest_ranges = _from(_later(pair.settled, target.position.next), messages, ranges)
        decoded = decode.decode(rest, pair.table, micros(at))
        place = (c.name for c in spark.QUARANTINE if c.name.startswith("_"))
        if has is None:
            bad = decoded.where(f"{decode.REASON} is not null")
        else:
            bad = decoded.join(self.session.table(has.name).select(*_PLACE), [*_PLACE], "left_anti")
            bad = bad.fillna(_READABLE_BY_NOW, [decode.REASON])
        bad = bad.selectExpr(*place, "_key as key", "_value as value", f"{decode.REASON} as reason").persist()
        try:
            count = int(bad.count())
            if count:
                self.session.sql(delta.create_quarantine(pair.table, str(target.folder)))
                target.append(bad, rest_ranges, at, self.transaction)
                self.quarantined[pair.table.name] += count
        finally:
            bad.unpersist()
        pair.settle(ranges)
        return count

    def _note_drift(self, pair: Pair) -> None:
        noted = self.drift.get(pair.table.name, set())
        if pair.bronze.version is not None and len(noted) < drift.MOST_NAMES:
            noted |= drift.new_names(pair.bronze.folder, pair.bronze.version)
            if noted:
                self.drift[pair.table.name] = noted

    def known_time(self) -> datetime:
        """Now, but after every batch landed before: silver's watermark relies on it when the clock steps back."""
        stands = [t.position.ingested_at for pair in self.pairs for t in (pair.bronze, pair.quarantine)]
        return max([datetime.now(UTC), *(at + timedelta(microseconds=1) for at in stands if at)])


def open_landing(config: Settings, session: SparkSession, tables: tuple[Table, ...]) -> Landing:
    """Create the bronze tables that are missing, bring the others to the declaration, and read where each stands.

    Idempotent. A quarantine is created with its first row. Columns that a declaration gained are filled with what
    ``_extra`` has of them (``upgrade``); ContractError for a declaration that its table cannot follow, SafetyError for a
    table that not every reader would read.
    """

    def prepare(table: Table) -> tuple[Pair, dict[str, upgrade.Filled]]:
        pair = _pair(config, table)
        if not session.catalog.tableExists(pair.bronze.name):
            session.sql(delta.create_bronze(table, str(pair.bronze.folder)))
        compatibility.require(config, [pair.bronze.name])
        return pair, upgrade.upgrade(session, table, pair.bronze.folder)

    with ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
        prepared = list(pool.map(prepare, tables))
    filled = {pair.table.name: found for pair, found in prepared if found}
    return Landing(session, tuple(pair for pair, _ in prepared), filled=filled)


def pairs(config: Settings, tables: tuple[Table, ...]) -> tuple[Pair, ...]:
    """Bronze and quarantine of each table, where they stand now. Needs no Spark."""
    return tuple(_pair(config, table) for table in tables)


def stand(config: Settings, tables: tuple[Table, ...]) -> dict[Place, int]:
    """The first offset that is still wanted of each topic-partition that was read before. Needs no Spark."""
    return {place: offset for pair in pairs(config, tables) for place, offset in pair.settled.items()}


def marks(config: Settings, tables: tuple[Table, ...]) -> dict[Place, Mark]:
    """The newest message that bronze or quarantine has of each topic-partition, where a commit says it. No Spark."""
    found: dict[Place, Mark] = {}
    for pair in pairs(config, tables):
        for target in (pair.bronze, pair.quarantine):
            for place, mark in target.position.last.items():
                found[place] = max(mark, found.get(place, mark))
    return found


def is_ready(config: Settings, tables: tuple[Table, ...]) -> bool:
    """Whether every bronze table is there and as declared. Needs no Spark."""

    def is_noted(table: Table) -> bool:
        has = upgrade.noted(context.folder(config, names.bronze(table)))
        return not delta.mark_bronze(table, has)

    return all(map(is_noted, tables))


def _pair(config: Settings, table: Table) -> Pair:
    bronze, quarantine = (
        Target(name, context.folder(config, name), positions.read(context.folder(config, name)))
        for name in (names.bronze(table), names.quarantine(table))
    )
    return Pair(table, bronze, quarantine, positions.settled(bronze.position, quarantine.position))


def micros(at: datetime) -> int:
    """An instant in microseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _ranges(messages: DataFrame) -> tuple[Range, ...]:
    from pyspark.sql import functions as f

    bounds = messages.groupBy("topic", "partition").agg(
        f.min("offset").alias("first"),
        f.max("offset").alias("last"),
        f.count(f.lit(1)).alias("messages"),
        f.expr("max_by(unix_millis(timestamp), offset)").alias("last_ms"),
    )
    return tuple(
        sorted((Range(**row.asDict()) for row in bounds.collect()), key=lambda r: (r.topic, r.partition))
    )


def _from(
    next_: Mapping[Place, int], messages: DataFrame, ranges: tuple[Range, ...]
) -> tuple[DataFrame, tuple[Range, ...]]:
    """The messages at or after a position, and their ranges. ``ranges`` are those of all the messages."""
    from pyspark.sql import functions as f

    if all(r.first >= next_.get((r.topic, r.partition), 0) for r in ranges):
        return messages, ranges
    for (topic, partition), offset in next_.items():
        has = (f.col("topic") == topic) & (f.col("partition") == partition) & (f.col("offset") < offset)
        messages = messages.where(~has)
    return messages, _ranges(messages)


def _before(next_: Mapping[Place, int], messages: DataFrame) -> DataFrame:
    from pyspark.sql import functions as f

    for (topic, partition), offset in next_.items():
        beyond = (f.col("topic") == topic) & (f.col("partition") == partition) & (f.col("offset") >= offset)
        messages = messages.where(~beyond)
    return messages


def _until(next_: Mapping[Place, int], ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    ends = [min(r.last, next_.get((r.topic, r.partition), 0) - 1) for r in ranges]
    return tuple(
        replace(r, last=end, last_ms=r.last_ms if end == r.last else None)
        for r, end in zip(ranges, ends, strict=True)
        if r.first <= end
    )


def _later(one: Mapping[Place, int], other: Mapping[Place, int]) -> dict[Place, int]:
    return {place: max(one.get(place, 0), other.get(place, 0)) for place in {*one, *other}}


def _told(position: Position) -> str:
    return ", ".join(f"{t}/{p} at {n}" for (t, p), n in sorted(position.next.items())) or "the beginning"
