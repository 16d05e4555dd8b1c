"""One streaming application per source: from its Kafka topics to its bronze tables."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from lakehouse import context, names, tables
from lakehouse.contracts import Table
from lakehouse.errors import DataError, SafetyError, UnavailableError
from lakehouse.ingest import bronze
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.streaming import StreamingQuery

_EARLIEST = -2
"""Spark's word for the first offset that Kafka still has."""


@dataclass(frozen=True)
class Report:
    """What one run landed: rows and quarantined messages by table name, of this run alone."""

    source: str
    batches: int
    rows: Mapping[str, int]
    quarantined: Mapping[str, int]
    seconds: float


def run(config: Settings, source: str, *, once: bool, progress: Progress = quiet) -> Report:
    """Land what Kafka has for ``source``: all of it and end (``once``), or go on until interrupted.

    It starts where each bronze table says that it stands, so nothing is lost or doubled by a crash at any step or
    by a lost checkpoint; Spark's checkpoint is thrown away between runs. SafetyError when another ingest of the
    source runs on this state folder, UnavailableError when Kafka does not answer or its topics are missing,
    DataError when Kafka no longer has what a table still needs.
    """
    begun = monotonic()
    chosen = tables.of_source(source)
    with _alone(config, source):
        ends = _end_offsets(config, [names.topic(t) for t in chosen])
        landing = bronze.open_landing(config, context.spark(config), chosen)
        start = {place: landing.position.get(place, _EARLIEST) for place in ends}
        waiting = sum(max(0, end - max(0, start[place])) for place, end in ends.items())
        batches = _consume(config, source, landing, start, once=once, waiting=waiting, progress=progress)
    return Report(source, batches, landing.rows, landing.quarantined, round(monotonic() - begun, 1))


def _consume(
    config: Settings,
    source: str,
    landing: bronze.Landing,
    start: dict[tuple[str, int], int],
    *,
    once: bool,
    waiting: int,
    progress: Progress,
) -> int:
    landed = batches = 0

    def land(batch: DataFrame, _: int) -> None:
        nonlocal landed, batches
        landed += landing.land(batch)
        batches += 1
        progress(f"ingest {source} (messages)", landed, waiting if once else None)

    checkpoint = config.state / "checkpoints" / source
    shutil.rmtree(checkpoint, ignore_errors=True)
    reader = (
        context.spark(config).readStream.format("kafka").options(**_reader(config, landing.tables, start))
    )
    writer = reader.load().writeStream.foreachBatch(land).option("checkpointLocation", str(checkpoint))
    pace: dict[str, Any] = (
        {"availableNow": True} if once else {"processingTime": f"{config.ingest.trigger_seconds} seconds"}
    )
    query = writer.queryName(f"ingest_{source}").trigger(**pace).start()
    try:
        _await(query, source)
    finally:
        query.stop()
    return batches


def _reader(config: Settings, chosen: tuple[Table, ...], start: dict[tuple[str, int], int]) -> dict[str, str]:
    offsets: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in start.items():
        offsets.setdefault(topic, {})[str(partition)] = offset
    return {
        "kafka.bootstrap.servers": context.kafka_servers(config),
        "kafka.isolation.level": "read_committed",
        "subscribe": ",".join(names.topic(t) for t in chosen),
        "startingOffsets": json.dumps(offsets),
        "maxOffsetsPerTrigger": str(config.ingest.max_offsets_per_batch),
        "failOnDataLoss": "true",
    }


def _await(query: StreamingQuery, source: str) -> None:
    from pyspark.errors import StreamingQueryException

    try:
        query.awaitTermination()
    except StreamingQueryException as error:
        told = str(error)
        if "OffsetOutOfRange" in told or "data may have been lost" in told or "are lost" in told:
            raise DataError(
                f"Kafka no longer has messages of {source} that bronze still needs",
                hint="they are older than the topic keeps; the tables stay as they are",
                cause=told[:2000],
            ) from None
        if "No space left" in told:
            raise UnavailableError(
                f"the disk is full; the batch of {source} that was being landed is not in the tables",
                hint="free space, then run again: it goes on where the tables stand",
            ) from None
        if "TimeoutException" in told or "Failed to create new KafkaAdminClient" in told:
            raise _unavailable(source, told[:500]) from None
        raise


def _end_offsets(config: Settings, topics: list[str]) -> dict[tuple[str, int], int]:
    """The end of every partition of the topics now; UnavailableError if Kafka or a topic is not there."""
    from kafka import KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError

    try:
        consumer = KafkaConsumer(bootstrap_servers=context.kafka_servers(config))
    except (KafkaError, OSError) as error:
        raise _unavailable(", ".join(topics), repr(error)) from None
    try:
        found = {t: consumer.partitions_for_topic(t) for t in topics}
        if missing := [t for t, partitions in found.items() if not partitions]:
            raise UnavailableError(
                f"Kafka has no topic {', '.join(missing)}", hint="lakehouse up makes the declared topics"
            )
        places = [TopicPartition(t, p) for t, partitions in found.items() for p in sorted(partitions or ())]
        return {(p.topic, p.partition): int(end) for p, end in consumer.end_offsets(places).items()}
    except (KafkaError, OSError) as error:
        raise _unavailable(", ".join(topics), repr(error)) from None
    finally:
        consumer.close()


def _unavailable(what: str, cause: str) -> UnavailableError:
    return UnavailableError(
        f"Kafka did not answer for {what}: {cause}", hint="lakehouse up, then run again; nothing is lost"
    )


@contextmanager
def _alone(config: Settings, source: str) -> Iterator[None]:
    """Hold the source's lock; the kernel releases it however this process ends."""
    path = config.state / "run" / f"ingest-{source}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(path), Path(f"{path}.pid")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = holder.read_text() if holder.exists() else "unknown"
        raise SafetyError(
            f"an ingest of {source} runs already on {config.state}, process {pid}",
            hint="wait for it, or stop it with Ctrl-C",
        ) from None
    try:
        holder.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()
