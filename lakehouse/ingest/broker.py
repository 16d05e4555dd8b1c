"""What Kafka has of a source's topics, asked before Spark starts, so that what is wrong is said at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from lakehouse import context
from lakehouse.errors import DataError, UnavailableError, first_line
from lakehouse.ingest.positions import Place
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaConsumer

_PATIENCE_MS = 10_000
_PEEK_SECONDS = 3.0


@dataclass(frozen=True)
class Held:
    """The offsets that Kafka has of a partition, ``begin`` to ``end - 1``; committed messages only."""

    begin: int
    end: int


def held(config: Settings, topics: list[str]) -> dict[Place, Held]:
    """What every partition of the topics holds now; UnavailableError if Kafka or a topic is not there."""
    from kafka import TopicPartition

    with _consumer(config) as consumer:
        found = {t: consumer.partitions_for_topic(t) for t in topics}
        if missing := [t for t, partitions in found.items() if not partitions]:
            raise UnavailableError(
                f"Kafka has no topic {', '.join(missing)}",
                hint="lakehouse up makes the topics of all declared tables",
                topics=missing,
            )
        places = [TopicPartition(t, p) for t, partitions in found.items() for p in sorted(partitions)]
        begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        return {(p.topic, p.partition): Held(int(begins[p]), int(ends[p])) for p in places}


def check(source: str, found: Mapping[Place, Held], next_: Mapping[Place, int]) -> None:
    """DataError unless Kafka can go on where the tables stand: nothing deleted in between, no topic made anew."""
    for (topic, partition), offset in sorted(next_.items()):
        has = found.get((topic, partition), Held(0, 0))
        where = f"partition {partition} of {topic}"
        if offset > has.end:
            raise DataError(
                f"bronze has {where} up to offset {offset - 1}, but Kafka's ends at {has.end - 1}: the topic was made "
                "anew, or Kafka lost messages that are safe in bronze",
                hint=f"if it was made anew, rename the tables of {source} or start from an empty warehouse; nothing was written",
                topic=topic, partition=partition, bronze_next=offset, kafka_end=has.end,
            )  # fmt: skip
        if offset < has.begin:
            raise DataError(
                f"Kafka deleted offsets {offset} to {has.begin - 1} of {where} before they were landed",
                hint="raise topic_days in the declaration; a new snapshot brings the rows' present state; nothing was written",
                topic=topic, partition=partition, bronze_next=offset, kafka_begin=has.begin,
            )  # fmt: skip


def has_messages(config: Settings, found: Mapping[Place, Held], start: Mapping[Place, int]) -> bool:
    """Whether a committed message lies at or after ``start``. Offsets alone do not tell: transactions leave markers."""
    from kafka import TopicPartition

    ahead = {TopicPartition(*place): offset for place, offset in start.items() if offset < found[place].end}
    if not ahead:
        return False
    with _consumer(config) as consumer:
        consumer.assign(list(ahead))
        for place, offset in ahead.items():
            consumer.seek(place, offset)
        give_up = monotonic() + _PEEK_SECONDS
        while monotonic() < give_up:
            if consumer.poll(timeout_ms=200, max_records=1):
                return True
            if all(consumer.position(p) >= found[p.topic, p.partition].end for p in ahead):
                return False
    return True


@contextmanager
def _consumer(config: Settings) -> Iterator[KafkaConsumer]:
    from kafka import KafkaConsumer
    from kafka.errors import KafkaError

    try:
        consumer = KafkaConsumer(
            bootstrap_servers=context.kafka_servers(config),
            bootstrap_timeout_ms=_PATIENCE_MS,
            request_timeout_ms=_PATIENCE_MS,
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
    except (KafkaError, OSError) as error:
        raise unavailable(config, error) from None
    try:
        yield consumer
    except (KafkaError, OSError) as error:
        raise unavailable(config, error) from None
    finally:
        consumer.close()


def unavailable(config: Settings, cause: object) -> UnavailableError:
    """Kafka does not answer."""
    return UnavailableError(
        f"Kafka on {context.kafka_servers(config)} did not answer: {first_line(cause)}",
        hint="lakehouse up, then lakehouse status; nothing is lost, run again",
    )
