"""What Kafka has of a source's topics, asked before Spark starts, so that what is wrong is said at once."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from lakehouse import context
from lakehouse.errors import DataError, UnavailableError, first_line
from lakehouse.ingest.positions import Mark, Place
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition
    from kafka.consumer.fetcher import ConsumerRecord

_PATIENCE_MS = 10_000
_PEEK_SECONDS = 3.0
_SEND_SECONDS = 60
RUNBOOK = "docs/runbooks/topic-made-anew.md"


@dataclass(frozen=True)
class Held:
    """The offsets that Kafka has of a partition, ``begin`` to ``end - 1``; committed messages only."""

    begin: int
    end: int


@dataclass(frozen=True)
class Backlog:
    """What lies at or after ``next`` in a partition.

    ``offsets`` counts what the committed messages and the markers between them take, 0 where markers alone lie there.
    ``oldest_at`` is the Kafka timestamp of the first message; None if there is none, or it was not seen in time.
    """

    held: Held
    next: int
    offsets: int
    oldest_at: datetime | None


def held(config: Settings, topics: list[str]) -> dict[Place, Held]:
    """What every partition of the topics holds now; UnavailableError if Kafka or a topic is not there."""
    with _consumer(config) as consumer:
        return _held(consumer, topics)


def _held(consumer: KafkaConsumer, topics: list[str]) -> dict[Place, Held]:
    from kafka import TopicPartition

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


def _next_step(source: str) -> str:
    return f"nothing of {source} was written; how to go on: {RUNBOOK}"


def check(source: str, found: Mapping[Place, Held], next_: Mapping[Place, int]) -> None:
    """DataError unless Kafka can go on where the tables stand: nothing deleted in between, no topic made anew."""
    for (topic, partition), offset in sorted(next_.items()):
        has = found.get((topic, partition), Held(0, 0))
        where = f"partition {partition} of {topic}"
        if offset > has.end:
            raise DataError(
                f"bronze has {where} up to offset {offset - 1}, but Kafka's ends at {has.end - 1}: the topic was made "
                "anew, or Kafka lost messages that are safe in bronze",
                hint=_next_step(source),
                topic=topic, partition=partition, bronze_next=offset, kafka_end=has.end,
            )  # fmt: skip
        if offset < has.begin:
            raise DataError(
                f"Kafka deleted offsets {offset} to {has.begin - 1} of {where} before they were landed",
                hint=_next_step(source),
                topic=topic, partition=partition, bronze_next=offset, kafka_begin=has.begin,
            )  # fmt: skip


def check_identity(
    config: Settings, source: str, found: Mapping[Place, Held], marks: Mapping[Place, Mark]
) -> None:
    """DataError if Kafka has ``another`` message somewhere; UnavailableError if it does not answer in time."""
    for (topic, partition), told in another(config, found, marks).items():
        raise DataError(
            told,
            hint=_next_step(source),
            topic=topic, partition=partition, bronze_last=marks[topic, partition][0],
        )  # fmt: skip


def another(config: Settings, found: Mapping[Place, Held], marks: Mapping[Place, Mark]) -> dict[Place, str]:
    """The places where Kafka has not the message of ``marks``, though it still keeps its offset, with that in words: the
    topic was made anew, or lost its end, and was filled again. UnavailableError if Kafka does not answer in time."""
    from kafka import TopicPartition

    ahead = {
        TopicPartition(*place): offset
        for place, (offset, _) in marks.items()
        if place in found and found[place].begin <= offset < found[place].end
    }
    if not ahead:
        return {}
    with _consumer(config) as consumer:
        ends = {p: found[p.topic, p.partition].end for p in ahead}
        seen = _peek(consumer, ahead, ends, _PATIENCE_MS / 1000)
    if missing := next((p for p in ahead if p not in seen), None):
        raise unavailable(config, f"no message of {missing.topic} came in time")
    return {
        (
            p.topic,
            p.partition,
        ): f"Kafka has another message than bronze at offset {offset} of partition {p.partition} "
        f"of {p.topic}: the topic was made anew, or lost its tail, and was filled again"
        for p, offset in ahead.items()
        if (m := seen[p]) is None or (m.offset, m.timestamp) != marks[p.topic, p.partition]
    }


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


def values(config: Settings, topic: str, offset: int) -> Iterator[bytes]:
    """The committed messages of a topic of one partition, from an offset on up to its end as of this call."""
    from kafka import TopicPartition

    place = TopicPartition(topic, 0)
    with _consumer(config) as consumer:
        has = _held(consumer, [topic])[topic, 0]
        consumer.assign([place])
        consumer.seek(place, max(offset, has.begin))
        give_up = monotonic() + _PATIENCE_MS / 1000
        while consumer.position(place) < has.end:
            if found := consumer.poll(timeout_ms=200).get(place, []):
                give_up = monotonic() + _PATIENCE_MS / 1000
            elif monotonic() > give_up:
                raise unavailable(config, f"no message of {topic} came in time")
            yield from (message.value for message in found)


def send(config: Settings, messages: Iterable[tuple[Place, bytes]]) -> None:
    """Write messages without a key, each to a topic and partition, and return when Kafka has them all."""
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    try:
        producer = KafkaProducer(bootstrap_servers=context.kafka_servers(config), acks="all")
        sent = [producer.send(topic, value, partition=partition) for (topic, partition), value in messages]
        for one in sent:
            one.get(_SEND_SECONDS)
        producer.close()
    except KafkaError as error:
        raise unavailable(config, error) from None


def backlog(config: Settings, topics: list[str], stand: Mapping[Place, int]) -> dict[Place, Backlog]:
    """What waits in every partition of the topics that Kafka has, from ``stand`` on or else from its beginning.

    UnavailableError at once if nobody listens on Kafka's port.
    """
    from kafka import TopicPartition

    _knock(config)
    with _consumer(config) as consumer:
        found = {t: consumer.partitions_for_topic(t) or () for t in topics}
        places = [TopicPartition(t, p) for t, partitions in found.items() for p in sorted(partitions)]
        begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        starts = {p: stand.get((p.topic, p.partition), int(begins[p])) for p in places}
        ahead = {p: max(starts[p], int(begins[p])) for p in places if starts[p] < int(ends[p])}
        seen = _peek(consumer, ahead, ends)
        at = {p: m and datetime.fromtimestamp(m.timestamp / 1000, UTC) for p, m in seen.items()}
        waiting = {p: int(ends[p]) - start for p, start in ahead.items() if p not in seen or seen[p]}
        return {
            (p.topic, p.partition): Backlog(
                Held(int(begins[p]), int(ends[p])), starts[p], waiting.get(p, 0), at.get(p)
            )
            for p in places
        }


def _peek(
    consumer: KafkaConsumer,
    ahead: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    seconds: float = _PEEK_SECONDS,
) -> dict[TopicPartition, ConsumerRecord | None]:
    """The first committed message of each partition, None where there is none; without those that
    did not answer in time."""
    seen: dict[TopicPartition, ConsumerRecord | None] = {}
    if not ahead:
        return seen
    consumer.assign(list(ahead))
    for place, offset in ahead.items():
        consumer.seek(place, offset)
    give_up = monotonic() + seconds
    while len(seen) < len(ahead) and monotonic() < give_up:
        for place, records in consumer.poll(timeout_ms=200).items():
            if place not in seen:
                seen[place] = records[0]
                consumer.pause(place)
        for place in ahead:
            if place not in seen and consumer.position(place) >= ends[place]:
                seen[place] = None
    return seen


def _knock(config: Settings) -> None:
    try:
        socket.create_connection((context.HOST, config.ports.kafka), timeout=2).close()
    except OSError as error:
        raise unavailable(config, error) from None


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
