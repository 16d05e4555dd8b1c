"""A small lake on a Kafka of its own, for drills that break what others use."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import psutil
import pytest

from lakehouse import context, names, tables
from lakehouse.ingest import stream
from lakehouse.settings import Settings
from lakehouse.stack import services

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Drill:
    """The event source on Kafka and warehouse of the module; ``made`` counts the checkout events that were made for it."""

    table = tables.get("events.checkout")
    topic, bronze, quarantine = names.topic(table), names.bronze(table), names.quarantine(table)

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.made = 0

    def events(self, count: int) -> list[bytes]:
        """So many checkout events, none made before."""
        self.made += count
        return [self._event(number) for number in range(self.made - count, self.made)]

    def _event(self, number: int) -> bytes:
        event = {
            "event_id": f"evt_drill_{number}",
            "session_id": f"ses_{number}",
            "event_name": "session_started",
        }
        more = {"merchant_id": "mer_1", "channel": "web", "occurred_at": "2026-02-01T10:00:00Z"}
        return json.dumps(event | more).encode()

    def send(self, values: Iterable[bytes]) -> tuple[int, int]:
        """Write messages, few ones as one batch; offset and timestamp, in ms, of the last."""
        from kafka import KafkaProducer

        servers = context.kafka_servers(self.config)
        producer = KafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=300)
        sent = [producer.send(self.topic, value=value, key=b"k", partition=0) for value in values]
        last = sent[-1].get(30)
        producer.close()
        return int(last.offset), int(last.timestamp)

    def land(self) -> stream.Report:
        """Land all that waits."""
        return stream.run(self.config, "events", once=True)

    def kill_kafka(self) -> None:
        """As a power cut does, but for the disk's cache: the supervisor first, which would start it again."""
        kafka = psutil.Process(next(s.pid for s in services.status(self.config) if s.name == "kafka"))
        for process in (kafka.parent(), kafka):
            process.kill()
            process.wait(30)

    def forget(self) -> None:
        """The session's catalog knows none of its tables any more."""
        for name in (self.bronze, self.quarantine):
            context.spark().sql(f"drop table if exists {name}")

    def offsets(self, table: str | None = None) -> Counter[int]:
        """How often bronze, or another table, has each offset."""
        return Counter(offset for (offset,) in self.rows("_offset", table))

    def ids(self) -> Counter[str]:
        """How often bronze has each event."""
        return Counter(id_ for (id_,) in self.rows("event_id"))

    def rows(self, columns: str, table: str | None = None) -> list[tuple[object, ...]]:
        """Columns of bronze, or of another table, in no order; none while there is no table."""
        folder = context.folder(self.config, table or self.bronze)
        if context.version(folder) < 0:
            return []
        with context.duckdb() as connection:
            return connection.execute(f"select {columns} from delta_scan('{folder}')").fetchall()


@pytest.fixture(scope="module")
def drill(own_catalog: SparkSession, kafka_aside: Settings) -> Drill:
    """Its tables take the place of those of the run while the module lasts."""
    return Drill(kafka_aside)
