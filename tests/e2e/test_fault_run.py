"""Each process is killed once while rows are changed, and then a whole topic is delivered again: nothing is lost or doubled.

The long run of the same script, with 50 kills, is docs/reference/fault-run.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from lakehouse import context, names, settings, tables
from lakehouse.ingest import stream
from lakehouse.settings import Settings
from lakehouse.transform import build

RATES = tables.get("ledger.fx_rates")


@pytest.fixture(scope="module")
def result(stack: Settings) -> dict[str, Any]:
    script = settings.ROOT / "tests" / "bench" / "fault_run.py"
    told = subprocess.run(
        [sys.executable, str(script), "--kills", "4"],
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    document = json.loads(told.stdout.splitlines()[-1])
    assert isinstance(document, dict)
    return document


def test_after_kills_nothing_is_lost_doubled_or_wrong(result: dict[str, Any]) -> None:
    assert {k["target"] for k in result["kills"]} == {"driver", "kafka", "connect", "postgres"}
    assert result["committed"] > 100
    wrong = {k: result[k] for k in ("lost", "invented", "doubled", "missing", "wrong")}
    assert wrong == dict.fromkeys(wrong, 0)


def silver(config: Settings) -> list[tuple[Any, ...]]:
    folder = context.folder(config, names.staging(RATES))
    columns = ", ".join(c.name for c in RATES.columns)
    with context.duckdb() as connection:
        sql = f"select {columns}, _is_deleted from delta_scan('{folder}') order by all"
        return connection.execute(sql).fetchall()


def test_a_topic_that_is_delivered_again_changes_no_row(result: dict[str, Any], stack: Settings) -> None:
    before = silver(stack)
    sent = send_again(stack, names.topic(RATES))
    assert sent > result["committed"]
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
