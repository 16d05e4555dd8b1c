"""Drill of docs/runbooks/topic-delivered-again.md: every message of a topic comes a second time, and silver stays what it is."""

from __future__ import annotations

from typing import Any

from lakehouse import context, names, tables
from lakehouse.ingest import capture, stream
from lakehouse.settings import Settings
from lakehouse.transform import build

RATES = tables.get("ledger.fx_rates")
CHANGES = (
    "insert into fx_rates select 'XTS', 'again' || n, date '2026-01-01', n, now() from generate_series(1, 40) n",
    "update fx_rates set rate = rate + 100 where quote_currency_code like 'again%' and rate <= 20",
    "delete from fx_rates where quote_currency_code in ('again1', 'again40')",
    "insert into fx_rates values ('XTS', 'again1', date '2026-01-01', 7, now())",
)


def silver(config: Settings) -> list[tuple[Any, ...]]:
    folder = context.folder(config, names.staging(RATES))
    columns = ", ".join(c.name for c in RATES.columns)
    with context.duckdb() as connection:
        sql = f"select {columns}, _is_deleted from delta_scan('{folder}') order by all"
        return connection.execute(sql).fetchall()


def test_a_topic_that_is_delivered_again_changes_no_row(stack: Settings) -> None:
    with context.postgres(stack) as connection:
        connection.autocommit = True
        for sql in CHANGES:
            connection.execute(sql.encode())
    capture.wait(stack, "ledger")
    stream.run(stack, "ledger", once=True)
    build.build(stack, select=names.staging_model(RATES), tests=False)
    before = silver(stack)
    sent = send_again(stack, names.topic(RATES))
    assert sent > 60
    report = stream.run(stack, "ledger", once=True)
    assert report.rows["fx_rates"] == sent, "the log has every message"
    build.build(stack, select=names.staging_model(RATES), tests=False)
    assert silver(stack) == before


def send_again(config: Settings, topic: str) -> int:
    """Write the messages of a topic to it once more, in their order; how many they are."""
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition

    place, server = TopicPartition(topic, 0), context.kafka_servers(config)
    consumer = KafkaConsumer(bootstrap_servers=server, isolation_level="read_committed")
    consumer.assign([place])
    consumer.seek_to_beginning()
    end, found = consumer.end_offsets([place])[place], []
    while consumer.position(place) < end:
        found += [m for messages in consumer.poll(timeout_ms=500).values() for m in messages]
    consumer.close()
    producer = KafkaProducer(bootstrap_servers=server, acks="all")
    for message in found:
        producer.send(topic, key=message.key, value=message.value)
    producer.close()
    return len(found)
