"""Sends events to Kafka as JSON. The message key is the JSON object of the declared key, as Debezium
writes keys too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from lakehouse import names, tables
from lakehouse.errors import UnavailableError
from lakehouse.testing.simulator.changes import Event

Publish = Callable[[Sequence[Event]], Callable[[], None]]
"""Hands events over to be sent, and returns what waits until all of them are safe."""

_TABLES = ("checkout", "webhook")
"""Event tables that the generator writes."""
_PATIENCE_MS = 10_000
_FLUSH_SECONDS = 60


@contextmanager
def kafka(servers: str) -> Iterator[Publish]:
    """A publisher to the topics of the event tables; at least once, in order for each key.

    Raises UnavailableError when Kafka does not answer, or lacks a topic, before anything is sent.
    """
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    declared = {name: tables.get(f"events.{name}") for name in _TABLES}
    topics = {name: names.topic(table) for name, table in declared.items()}
    try:
        producer = KafkaProducer(
            bootstrap_servers=servers,
            acks="all",
            enable_idempotence=True,
            compression_type="gzip",
            linger_ms=20,
            batch_size=256 * 1024,
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=_PATIENCE_MS,
            max_block_ms=_PATIENCE_MS,
            delivery_timeout_ms=_FLUSH_SECONDS * 1000,
        )
    except KafkaError as error:
        raise _down(servers, error) from None
    try:
        only: dict[str, int] = {}
        for topic in topics.values():
            partitions = producer.partitions_for(topic)
            if not partitions:
                raise UnavailableError(
                    f"Kafka has no topic {topic}", hint="lakehouse up makes it", topic=topic
                )
            if len(partitions) == 1:  # spares the client's hash of every key, which is slow in Python
                only[topic] = next(iter(partitions))

        def publish(events: Sequence[Event]) -> Callable[[], None]:
            try:
                sent = [
                    producer.send(
                        topics[event.table],
                        value=_json(event.body),
                        key=_json({name: event.body[name] for name in declared[event.table].key}),
                        partition=only.get(topics[event.table]),
                    )
                    for event in events
                ]
            except KafkaError as error:
                raise _down(servers, error) from None

            def wait() -> None:
                try:
                    producer.flush(timeout=_FLUSH_SECONDS)
                    for future in sent:
                        future.get(timeout=1)
                except KafkaError as error:
                    raise _down(servers, error) from None

            return wait

        yield publish
    except KafkaError as error:
        raise _down(servers, error) from None
    finally:
        producer.close(timeout=5)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _down(servers: str, error: Exception) -> UnavailableError:
    return UnavailableError(
        f"Kafka at {servers} did not take events: {type(error).__name__} {error}",
        hint="lakehouse up, then the same command again: it goes on where it stopped",
    )
