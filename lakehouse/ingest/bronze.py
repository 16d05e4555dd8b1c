"""What happens to a message: it becomes one row of its table's bronze log, or one row of its quarantine. Once.

A batch holds messages of all topics of a source. For each table: what the table already has is left out (its own
commits say what that is), the rest is decoded; what cannot be read is committed to the quarantine first, then what
can be read to bronze, whose commit moves the position. So a crash between the two repeats the quarantine's part only
in memory: its own position leaves out what it has.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.contracts import Table
from lakehouse.ingest import decode, positions
from lakehouse.ingest.positions import Position, Range
from lakehouse.render import delta, spark
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_AT_A_TIME = 4
"""Tables landed side by side: a commit mostly waits, and more than this gained nothing on two cores."""


@dataclass
class _Target:
    """A Delta table of ours and where it stands."""

    name: str
    position: Position

    def fresh(self, messages: DataFrame) -> DataFrame:
        """The messages that this table does not have yet."""
        from pyspark.sql import functions as f

        for (topic, partition), offset in self.position.next.items():
            has = (f.col("topic") == topic) & (f.col("partition") == partition) & (f.col("offset") < offset)
            messages = messages.filter(~has)
        return messages

    def append(self, rows: DataFrame, ranges: tuple[Range, ...], at: datetime) -> None:
        reached = self.position.after(ranges, at)
        metadata = positions.to_metadata(ranges, reached)
        rows.coalesce(1).write.format("delta").mode("append").option("userMetadata", metadata).saveAsTable(
            self.name
        )
        self.position = reached


@dataclass
class Landing:
    """Lands batches of one source. ``rows`` and ``quarantined`` count what was committed, by table name."""

    config: Settings
    session: SparkSession
    tables: tuple[Table, ...]
    bronze: dict[str, _Target]
    quarantine: dict[str, _Target]
    rows: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)

    @property
    def position(self) -> dict[tuple[str, int], int]:
        """The next offset to read of each topic-partition that was read before."""
        return {
            place: offset for target in self.bronze.values() for place, offset in target.position.next.items()
        }

    def land(self, batch: DataFrame) -> int:
        """Commit a batch of Kafka messages, each table on its own; the number of messages that were new.

        Safe to repeat with the same messages, whole or in part, after any crash: what a table has is left out.
        """
        at = self._known_time()
        batch.persist()
        try:
            ranges = _ranges(batch)
            with ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
                jobs = [
                    pool.submit(self._land, table, batch, found, at)
                    for table in self.tables
                    if (found := ranges.get(names.topic(table)))
                ]
            return sum(job.result() for job in jobs)
        finally:
            batch.unpersist()

    def _land(self, table: Table, batch: DataFrame, ranges: tuple[Range, ...], at: datetime) -> int:
        from pyspark.sql import functions as f

        bronze, quarantine = self.bronze[table.name], self.quarantine[table.name]
        new = tuple(r for r in (_cut(r, bronze.position) for r in ranges) if r)
        if not new:
            return 0
        messages = bronze.fresh(batch.filter(f.col("topic") == names.topic(table)))
        decoded = decode.decode(messages, table, int(at.timestamp() * 1_000_000)).persist()
        try:
            seen, bad = decoded.agg(f.count(f.lit(1)), f.count(decode.REASON)).collect()[0]
            if bad:
                self._quarantine(decoded, quarantine, new, at, table)
            columns = self.session.table(bronze.name).columns
            bronze.append(decoded.filter(f.col(decode.REASON).isNull()).select(*columns), new, at)
        finally:
            decoded.unpersist()
        self.rows[table.name] = self.rows.get(table.name, 0) + seen - bad
        return int(seen)

    def _quarantine(
        self, decoded: DataFrame, target: _Target, ranges: tuple[Range, ...], at: datetime, table: Table
    ) -> None:
        from pyspark.sql import functions as f

        known = (
            c.name for c in spark.QUARANTINE if c.name != "reason"
        )  # a table may have a column of that name
        bad = decoded.filter(f.col(decode.REASON).isNotNull())
        bad = bad.select(*known, f.col(decode.REASON).alias("reason"))
        for (topic, partition), offset in target.position.next.items():
            has = (
                (f.col("_topic") == topic) & (f.col("_partition") == partition) & (f.col("_offset") < offset)
            )
            bad = bad.filter(~has)
        count = bad.count()
        if count:
            self.session.sql(delta.create_quarantine(table, _location(self.config, target.name)))
            target.append(bad, ranges, at)
            self.quarantined[table.name] = self.quarantined.get(table.name, 0) + count

    def _known_time(self) -> datetime:
        """Now, but after every batch landed before: silver's watermark relies on it when the clock steps back."""
        now = datetime.now(UTC)
        stands = [t.position.ingested_at for t in (*self.bronze.values(), *self.quarantine.values())]
        return max([now, *(at + timedelta(microseconds=1) for at in stands if at)])


def open_landing(config: Settings, session: SparkSession, tables: tuple[Table, ...]) -> Landing:
    """Create the tables that are missing, and read where each stands. Idempotent."""

    def prepare(table: Table) -> tuple[_Target, _Target]:
        bronze, quarantine = names.bronze(table), names.quarantine(table)
        if not session.catalog.tableExists(bronze):
            session.sql(delta.create_bronze(table, _location(config, bronze)))
        existing = {f.name: f.dataType.simpleString() for f in session.table(bronze).schema}
        for statement in delta.upgrade_bronze(table, existing):
            session.sql(statement)
        return (
            _Target(bronze, positions.read(session, bronze)),
            _Target(
                quarantine,
                positions.read(session, quarantine)
                if session.catalog.tableExists(quarantine)
                else Position(),
            ),
        )

    for key, value in decode.SESSION.items():
        session.conf.set(key, value)
    with ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
        targets = dict(zip([t.name for t in tables], pool.map(prepare, tables), strict=True))
    return Landing(
        config,
        session,
        tables,
        {n: b for n, (b, _) in targets.items()},
        {n: q for n, (_, q) in targets.items()},
    )


def _location(config: Settings, name: str) -> str:
    return str(config.warehouse / name.replace(".", "/"))


def _ranges(batch: DataFrame) -> dict[str, tuple[Range, ...]]:
    from pyspark.sql import functions as f

    bounds = batch.groupBy("topic", "partition").agg(
        f.min("offset").alias("first"), f.max("offset").alias("last")
    )
    found: dict[str, tuple[Range, ...]] = {}
    for row in bounds.orderBy("topic", "partition").collect():
        one = Range(row["topic"], row["partition"], row["first"], row["last"])
        found[one.topic] = (*found.get(one.topic, ()), one)
    return found


def _cut(range_: Range, position: Position) -> Range | None:
    """The part of a range that a table does not have yet."""
    begin = max(range_.first, position.next.get((range_.topic, range_.partition), 0))
    return Range(range_.topic, range_.partition, begin, range_.last) if begin <= range_.last else None
