"""Hands messages to Kafka and waits, without holding up the event loop, until all copies have them (``acks=all``)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lakehouse import context
from lakehouse.errors import Refused, UnavailableError, first_line
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaProducer

Message = tuple[bytes, bytes]
"""Key and value."""

_PATIENCE_MS = 10_000
_BLOCK_MS = 200
"""The longest that a call may hold up the event loop, when the client has lost sight of a topic."""
_RENEWAL_MS = 2_000
_REST_SECONDS = 0.5
"""Between two attempts to reach Kafka again. Requests are refused meanwhile, instead of each finding out for itself."""
_SLICE = 100
"""Messages handed over before others get their turn on the event loop."""


class Publisher:
    """A producer of some topics; idempotent, so that its own retries double nothing. Of one event loop.

    What waits for Kafka is bounded by ``max_waiting_requests`` and ``max_waiting_bytes``; messages count until Kafka
    acknowledged them or they were given up, also when the request they came with was answered 503 before.
    """

    def __init__(self, config: Settings, topics: Sequence[str]) -> None:
        """Raises UnavailableError when Kafka does not answer or lacks a topic."""
        self._config, self._limits, self._topics = config, config.collect, topics
        self._waiting: set[_Acks] = set()
        self._waiting_bytes = 0
        self._renewal: asyncio.Task[None] | None = None
        self._producer, self._partition = _open(config, topics, _PATIENCE_MS)

    def check_room(self) -> None:
        """Refused with 503 after Kafka failed and until it answers again, with 429 when too much waits for it."""
        if self._renewal is not None:
            raise _away("a moment ago it did not answer")
        limits = self._limits
        if (
            len(self._waiting) >= limits.max_waiting_requests
            or self._waiting_bytes >= limits.max_waiting_bytes
        ):
            raise Refused(429, "too much waits for Kafka", hint="slow down", retry_after=1)

    async def send(self, topic: str, messages: Sequence[Message]) -> None:
        """Return once Kafka acknowledged every message; they are in order for each key.

        Refused as ``check_room`` says, then with nothing sent; or with 503 when Kafka did not acknowledge in time:
        some of the messages may then be in Kafka, or come to be, so sending them again may double them.
        """
        self.check_room()
        size = sum(len(key) + len(value) for key, value in messages)
        acks = _Acks(asyncio.get_running_loop(), len(messages))
        self._waiting.add(acks)
        self._waiting_bytes += size
        acks.done.add_done_callback(lambda _: self._release(acks, size))
        await self._hand_over(topic, messages, acks)
        await asyncio.wait((acks.done,), timeout=self._limits.delivery_seconds)
        if not acks.done.done():
            raise self._failed("it did not acknowledge in time")
        if problem := acks.done.result():
            raise self._failed(type(problem).__name__)

    def close(self) -> None:
        """Send what is still there, for as long as a request may take, and end. Idempotent."""
        _close(self._producer, self._limits.delivery_seconds)

    async def _hand_over(self, topic: str, messages: Sequence[Message], acks: _Acks) -> None:
        """What cannot be handed over counts as failed: an answer of 202 then never comes."""
        from kafka.errors import KafkaError

        partition = self._partition[topic]
        for number, (key, value) in enumerate(messages):
            if number and number % _SLICE == 0:
                await asyncio.sleep(0)
            try:
                future = self._producer.send(topic, value=value, key=key, partition=partition)
            except (KafkaError, ValueError, AssertionError) as error:
                for _ in messages[number:]:
                    acks.one(error)
                return
            future.add_callback(acks.one_is_there)
            future.add_errback(acks.one)

    def _failed(self, why: str) -> Refused:
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
        return _away(why)

    async def _renew(self) -> None:
        """Replace the producer once Kafka answers. One that gave up a message that was on its way can wait for its new
        producer id for ever (kafka-python 3.0.12), so it is not used again; what still waits in it is given up."""
        while True:
            try:
                fresh = await asyncio.to_thread(_open, self._config, self._topics, _RENEWAL_MS)
                break
            except UnavailableError:
                await asyncio.sleep(_REST_SECONDS)
        old, (self._producer, self._partition), self._renewal = self._producer, fresh, None
        left = tuple(self._waiting)
        await asyncio.to_thread(_close, old, 0)
        for acks in left:
            acks.give_up()

    def _release(self, acks: _Acks, size: int) -> None:
        self._waiting.discard(acks)
        self._waiting_bytes -= size


class _Acks:
    """Counts acknowledgements, which come on the producer's thread, and tells the event loop once, after the last.
    The future's result is the first failure, or None."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.done: asyncio.Future[BaseException | None] = loop.create_future()
        self._loop = loop
        self._left = count
        self._problem: BaseException | None = None
        self._lock = threading.Lock()

    def one_is_there(self, _: Any) -> None:
        self.one(None)

    def one(self, problem: BaseException | None) -> None:
        with self._lock:
            self._left -= 1
            self._problem = self._problem or problem
            if self._left:
                return
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish, self._problem)

    def give_up(self) -> None:
        """Count what is still missing as failed."""
        self._finish(UnavailableError("given up"))

    def _finish(self, problem: BaseException | None) -> None:
        if not self.done.done():
            self.done.set_result(problem)


def _open(
    config: Settings, topics: Sequence[str], patience_ms: int
) -> tuple[KafkaProducer, dict[str, int | None]]:
    """A producer that knows the topics, and the partition of each that has but one."""
    producer = _connect(config, patience_ms)
    partition = {topic: _only_partition(producer, topic) for topic in topics}
    producer.config["max_block_ms"] = _BLOCK_MS
    return producer, partition


def _close(producer: KafkaProducer, seconds: float) -> None:
    """End a producer, and its thread, which goes on for ever when ``close`` fails to flush."""
    from kafka.errors import KafkaError

    try:
        producer.close(timeout=seconds)
    except KafkaError:
        producer._sender.force_close()


def _connect(config: Settings, patience_ms: int) -> KafkaProducer:
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    delivery_ms = int(config.collect.delivery_seconds * 1000)
    servers = context.kafka_servers(config)
    try:
        return KafkaProducer(
            bootstrap_servers=servers,
            acks="all",
            enable_idempotence=True,
            linger_ms=config.collect.linger_ms,
            batch_size=256 * 1024,
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=patience_ms,
            max_block_ms=patience_ms,
            reconnect_backoff_max_ms=1000,
            delivery_timeout_ms=delivery_ms,
            request_timeout_ms=delivery_ms - config.collect.linger_ms,
            metrics_enabled=False,
        )
    except (KafkaError, OSError) as error:
        raise UnavailableError(
            f"Kafka on {servers} did not answer: {first_line(error)}", hint="lakehouse up --only kafka"
        ) from None


def _only_partition(producer: KafkaProducer, topic: str) -> int | None:
    """The partition of a topic that has one, which spares the client's hash of every key, slow in Python; else None."""
    from kafka.errors import KafkaError

    try:
        partitions = producer.partitions_for(topic)
    except KafkaError:
        partitions = None
    if not partitions:
        _close(producer, 0)
        raise UnavailableError(
            f"Kafka has no topic {topic}", hint="lakehouse up makes the topics of all declared tables"
        )
    return next(iter(partitions)) if len(partitions) == 1 else None


def _away(why: str) -> Refused:
    return Refused(
        503,
        f"Kafka did not take what was sent: {why}",
        hint="send the same again: an event that is there already is known by its identifier",
        retry_after=1,
    )
