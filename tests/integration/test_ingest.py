"""Ingest on real Kafka: killed at any moment, poisoned, without its services; nothing is lost, nothing doubled."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pytest

from lakehouse import context, names, settings, tables
from lakehouse.ingest import positions, stream
from lakehouse.ingest.rebuild import Span, rebuild
from lakehouse.query import engines
from lakehouse.settings import Settings

CHECKOUT = tables.get("events.checkout")
TOPIC = names.topic(CHECKOUT)
ROUNDS, PER_ROUND, SEED = 3, 4_000, 20260301


def event(number: int) -> bytes:
    return json.dumps(
        {
            "event_id": f"evt_ingest_{number}",
            "event_name": "session_started",
            "session_id": f"ses_{number}",
            "merchant_id": "mer_1",
            "channel": "web",
            "occurred_at": "2026-02-01T10:00:00Z",
        }
    ).encode()


def send(config: Settings, values: list[bytes]) -> None:
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=context.kafka_servers(config), acks="all")
    for value in values:
        producer.send(TOPIC, value=value, key=b'{"event_id": "x"}')
    producer.flush()
    producer.close()


def driver(batch: int) -> subprocess.Popen[bytes]:
    """The ingest in a process group of its own, in small batches, so that there are many moments to be killed at."""
    code = "from lakehouse.cli.app import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "ingest", "run", "--source", "events", "--once"],
        cwd=settings.ROOT,
        env={**os.environ, "LAKEHOUSE_INGEST__MAX_OFFSETS_PER_BATCH": str(batch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def offsets(config: Settings, table: str) -> Counter[int]:
    return Counter(row[0] for row in engines.run(config, "duckdb", f"select _offset from {table}").rows)


def ends(config: Settings) -> int:
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=context.kafka_servers(config))
    place = TopicPartition(TOPIC, 0)
    try:
        return int(consumer.end_offsets([place])[place])
    finally:
        consumer.close()


def landed(config: Settings) -> int:
    """Rows in bronze now; 0 while there is no table."""
    log = config.warehouse / names.bronze(CHECKOUT).replace(".", "/") / "_delta_log"
    return sum(offsets(config, names.bronze(CHECKOUT)).values()) if any(log.glob("*.json")) else 0


@pytest.fixture(scope="module")
def killed(stack: Settings) -> Iterator[Settings]:
    """Three times: events and one poison message are sent, and the driver is killed once it began to commit them."""
    rng = random.Random(SEED)
    for round_ in range(ROUNDS):
        numbers = range(round_ * PER_ROUND, (round_ + 1) * PER_ROUND)
        send(stack, [*(event(n) for n in numbers), b"poison"])
        before, process = landed(stack), driver(batch=500)
        deadline = time.monotonic() + 240
        while landed(stack) <= before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(rng.random() * 2)
        assert process.poll() is None, "it must die in the middle of its work"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    yield stack


def test_after_kills_every_offset_is_there_once(killed: Settings) -> None:
    found = landed(killed)
    assert 0 < found < ends(killed), "the kills left work"
    stream.run(killed, "events", once=True)
    good, bad = offsets(killed, names.bronze(CHECKOUT)), offsets(killed, names.quarantine(CHECKOUT))
    both = good + bad
    assert {o for o, n in both.items() if n > 1} == set(), "doubled"
    sent = engines.run(
        killed, "duckdb", f"select event_id from {names.bronze(CHECKOUT)} where event_id like 'evt_ingest_%'"
    ).rows
    assert sorted(row[0] for row in sent) == sorted(f"evt_ingest_{n}" for n in range(ROUNDS * PER_ROUND))
    assert len(bad) == ROUNDS, "each poison message is in quarantine, once"


def test_nothing_new_lands_nothing(killed: Settings) -> None:
    stream.run(killed, "events", once=True)
    report = stream.run(killed, "events", once=True)
    assert (dict(report.rows), dict(report.quarantined)) == ({}, {})


def test_quarantine_keeps_bytes_place_and_reason(killed: Settings) -> None:
    stream.run(killed, "events", once=True)
    result = engines.run(
        killed,
        "duckdb",
        f"select _topic, _partition, cast(value as varchar), reason from {names.quarantine(CHECKOUT)} limit 1",
    )
    topic, partition, value, reason = result.rows[0]
    assert (topic, partition, value) == (TOPIC, 0, "poison")
    assert "not one JSON object" in reason


def test_a_lost_checkpoint_changes_nothing(killed: Settings) -> None:
    import shutil

    stream.run(killed, "events", once=True)
    before = offsets(killed, names.bronze(CHECKOUT))
    shutil.rmtree(killed.state / "checkpoints", ignore_errors=True)
    stream.run(killed, "events", once=True)
    assert offsets(killed, names.bronze(CHECKOUT)) == before


def test_bronze_read_again_from_kafka_is_made_good(killed: Settings) -> None:
    stream.run(killed, "events", once=True)
    session, bronze = context.spark(killed), names.bronze(CHECKOUT)
    columns = ", ".join(c.name for c in CHECKOUT.columns)
    everything = f"select _offset, {columns} from {bronze} order by _offset"
    folder = context.folder(killed, bronze)
    before, stand = session.sql(everything).collect(), positions.read(folder)
    assert not rebuild(killed, CHECKOUT).differs
    session.sql(f"delete from {bronze} where event_id = 'evt_ingest_7'")
    session.sql(f"update {bronze} set session_id = 'ses_x' where event_id = 'evt_ingest_8'")

    found = rebuild(killed, CHECKOUT)
    assert (found.missing, found.changed, found.only_there, found.unreadable) == (1, 1, 0, ROUNDS)
    assert found.columns == {"session_id": 1}
    (where,) = (r._offset for r in before if r.event_id == "evt_ingest_8")
    assert rebuild(killed, CHECKOUT, Span(0, where, where)).messages == 1
    version = context.version(folder)
    assert rebuild(killed, CHECKOUT, apply=True).is_applied
    assert session.sql(everything).collect() == before
    # One commit: a build between two with the same known time would leave out the second.
    assert context.version(folder) == version + 1
    newest = session.sql(
        f"select distinct _ingested_at from {bronze} where _ingested_at > '{stand.ingested_at}'"
    )
    (at,) = (row[0].astimezone(UTC) for row in newest.collect())
    stands = positions.read(folder)
    assert (stands.next, stands.ingested_at) == (stand.next, at)
    assert not rebuild(killed, CHECKOUT, apply=True).differs
    assert not stream.run(killed, "events", once=True).rows


def test_a_second_ingest_is_refused(stack: Settings, cli: Any) -> None:
    from filelock import FileLock

    with FileLock(stack.state / "run" / "ingest-events.lock"):
        told = cli("ingest", "run", "--source", "events", "--once", "--output", "json")
    assert told.returncode == 1
    assert "already being ingested" in json.loads(told.stdout)["message"]


def test_without_kafka_it_says_so_and_what_to_do(aside: Settings, cli: Any) -> None:
    env = {**os.environ, "LAKEHOUSE_PORTS__KAFKA": str(aside.ports.kafka)}
    told = cli("ingest", "run", "--source", "events", "--once", "--output", "json", env=env)
    assert told.returncode == 4
    assert "lakehouse up" in json.loads(told.stdout)["hint"]


def test_an_unknown_source_is_a_usage_error(cli: Any) -> None:
    told = cli("ingest", "run", "--source", "ledgr", "--once", "--output", "json")
    assert told.returncode == 2
    assert "did you mean 'ledger'" in json.loads(told.stdout)["message"]
