"""Catch-up of one hot table, Debezium envelopes on Kafka to rows in Delta, beside a direct consumer: rows a second.

The direct consumer is what one would write in an afternoon: confluent-kafka, a typed decode, an append by delta-rs. It
has none of the landing's promises: it quarantines nothing, and a crash loses or doubles a batch.

Needs Kafka: ``lakehouse up --only kafka``, then ``.venv/bin/python tests/bench/bench_ingest.py --messages 200000``.
The topic and the tables are the bench's own, made for the run and deleted after it. Printed, never asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import uuid
from datetime import UTC, datetime
from time import perf_counter

import pyarrow as pa

from lakehouse import context, names, settings, tables
from lakehouse.contracts import Column, Integer, Source, SourceKind, Table, Timestamp
from lakehouse.ingest import bronze
from lakehouse.settings import Settings

MICROS = pa.timestamp("us", "UTC")
PAYMENTS = tables.get("ledger.payments")


def fill(config: Settings, topic: str, count: int) -> int:
    """Send ``count`` envelopes of payments; their mean size in bytes."""
    from kafka import KafkaAdminClient, KafkaProducer
    from kafka.admin import NewTopic

    admin = KafkaAdminClient(bootstrap_servers=context.kafka_servers(config))
    admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()
    producer = KafkaProducer(
        bootstrap_servers=context.kafka_servers(config), linger_ms=20, batch_size=1 << 18
    )
    size = 0
    for number in range(count):
        value = _envelope(number)
        size += len(value)
        producer.send(topic, value=value, key=b'{"payment_id":"pay_%d"}' % number)
    producer.flush()
    producer.close()
    return size // max(1, count)


def _envelope(number: int) -> bytes:
    at = "2026-02-01T10:00:00.123456Z"
    told = {
        "payment_id": f"pay_{number}", "customer_id": f"cus_{number % 997}", "merchant_id": "mer_1",
        "product_id": "prd_1", "payment_method_id": "pm_1", "amount_minor": number, "currency_code": "EUR",
        "fee_minor": 0, "status": "captured", "channel": "web", "requested_at": at, "created_at": at, "updated_at": at,
    }  # fmt: skip
    row = {
        c.sent_as: told.get(c.sent_as) for c in PAYMENTS.columns
    }  # Debezium sends every column, null or not
    source = {"ts_ms": 1, "ts_us": 1000, "snapshot": "false", "txId": number, "lsn": number}
    change = {"before": None, "after": row, "source": source, "op": "c", "ts_ms": 2}
    return json.dumps(change, separators=(",", ":")).encode()


def catch_up(config: Settings, table: Table, count: int) -> float:
    """Seconds to land the whole topic in a warehouse of its own, in batches as a run would take them."""
    with tempfile.TemporaryDirectory() as folder:
        own = settings.load({"paths.state": folder}).settings
        session = context.spark(config)
        landing = bronze.open_landing(own, session, (table,))
        topic, size = names.topic(table), config.ingest.max_offsets_per_batch
        begun = perf_counter()
        for first in range(0, count, size):
            bounds = [json.dumps({topic: {"0": at}}) for at in (first, min(first + size, count))]
            options = {
                "startingOffsets": bounds[0],
                "endingOffsets": bounds[1],
                "maxRecordsPerPartition": "50000",
            }
            reader = session.read.format("kafka").option("subscribe", topic).options(**options)
            landing.land(reader.option("kafka.bootstrap.servers", context.kafka_servers(config)).load())
        seconds = perf_counter() - begun
        session.sql(f"DROP TABLE IF EXISTS {names.bronze(table)}")
    return seconds


def consume_directly(config: Settings, topic: str, count: int) -> float:
    """Seconds of a direct consumer for the whole topic, in batches of the same size."""
    import orjson
    from confluent_kafka import Consumer
    from deltalake import write_deltalake

    servers = context.kafka_servers(config)
    reader = Consumer(
        {"bootstrap.servers": servers, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"}
    )
    schema = pa.schema(
        [("op", pa.string()), ("lsn", pa.int64()), ("offset", pa.int64()), ("source_at", MICROS)]
    )
    schema = pa.unify_schemas([schema, pa.schema([(c.name, _arrow(c)) for c in PAYMENTS.columns])])
    instants = {c.name for c in PAYMENTS.columns if c.type == Timestamp()}
    with tempfile.TemporaryDirectory() as folder:
        begun, seen = perf_counter(), 0
        reader.subscribe([topic])
        while seen < count:
            rows: list[dict[str, object]] = []
            while len(rows) < min(config.ingest.max_offsets_per_batch, count - seen):
                for message in reader.consume(10_000, timeout=1):
                    change = orjson.loads(message.value())
                    row, source = change["after"], change["source"]
                    row |= {k: datetime.fromisoformat(row[k]) for k in instants & row.keys() if row[k]}
                    at = datetime.fromtimestamp(source["ts_us"] / 1e6, UTC)
                    row |= {
                        "op": change["op"],
                        "lsn": source["lsn"],
                        "offset": message.offset(),
                        "source_at": at,
                    }
                    rows.append(row)
            write_deltalake(folder, pa.Table.from_pylist(rows, schema), mode="append")
            seen += len(rows)
        seconds = perf_counter() - begun
    reader.close()
    return seconds


def _arrow(column: Column) -> pa.DataType:
    match column.type:
        case Integer(bits=bits):
            return pa.int64() if bits == 64 else pa.int32()
        case Timestamp():
            return MICROS
    return pa.string()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    config = settings.current()
    source = Source(
        f"bench_{uuid.uuid4().hex[:8]}".replace("_", "x"), SourceKind.POSTGRES, "bench", "A bench."
    )
    table = Table(source, "hot", "A hot table.", "payment", PAYMENTS.key, PAYMENTS.columns)
    size = fill(config, names.topic(table), given.messages)
    try:
        first = given.messages / catch_up(config, table, given.messages)
        direct, warm = [], []
        for _ in range(given.repeat):
            direct.append(given.messages / consume_directly(config, names.topic(table), given.messages))
            warm.append(given.messages / catch_up(config, table, given.messages))
    finally:
        from kafka import KafkaAdminClient

        admin = KafkaAdminClient(bootstrap_servers=context.kafka_servers(config))
        admin.delete_topics([names.topic(table)])
        admin.close()
    print(
        f"catch-up, one hot table, {given.messages:,} envelopes of {size} B, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, "
        f"{platform.system()} {platform.machine()}, load {os.getloadavg()[0]:.1f}; first {first:,.0f} rows/s"
    )
    for what, rates in (("landing, warm", warm), ("direct consumer", direct)):
        print(
            f"{what}: median of {len(rates)} {statistics.median(rates):,.0f} rows/s ({min(rates):,.0f} to {max(rates):,.0f})"
        )
    print(f"ratio of the medians: {statistics.median(warm) / statistics.median(direct):.2f}")


if __name__ == "__main__":
    main()
