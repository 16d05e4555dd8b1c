"""How far ingest and capture are, on real services: markers are no messages, silence is not age."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from lakehouse import context, names, tables
from lakehouse.ingest import capture, status, stream
from lakehouse.settings import Settings

WEBHOOK = tables.get("events.webhook")


def send(config: Settings, count: int, *, transaction: str | None = None) -> None:
    """Messages that are no events: they land in quarantine, and that is landed."""
    from kafka import KafkaProducer

    producer = KafkaProducer(
        bootstrap_servers=context.kafka_servers(config), acks="all", transactional_id=transaction
    )
    if transaction:
        producer.init_transactions()
        producer.begin_transaction()
    for _ in range(count):
        producer.send(names.topic(WEBHOOK), value=b"poison", key=b"{}")
    producer.flush()
    if transaction:
        producer.commit_transaction()
    producer.close()


def webhook(config: Settings) -> status.TableStatus:
    return {t.table: t for t in status.read(config, "events").tables}["events.webhook"]


@contextmanager
def stopped(config: Settings) -> Iterator[None]:
    """Capture does not run, and PostgreSQL has committed a megabyte of log since; caught up afterwards."""
    connector = f"{context.connect_url(config)}/connectors/{names.connector('ledger')}"
    requests.put(f"{connector}/stop", timeout=30).raise_for_status()
    try:
        deadline = time.monotonic() + 60
        while context.capture_state(config, "ledger")[0] != "stopped" and time.monotonic() < deadline:
            time.sleep(0.2)
        with context.postgres(config, user="postgres") as connection:
            connection.execute("select pg_logical_emit_message(true, 'test', repeat('x', 1000000))")
        yield
    finally:
        requests.put(f"{connector}/resume", timeout=30).raise_for_status()
        capture.wait(config, "ledger", timeout_seconds=60)


def judged(cli: Any, *options: str) -> dict[str, tuple[str, str | None]]:
    told = cli("quality", "freshness", "--output", "json", *options)
    assert told.returncode == 0, told.stdout + told.stderr
    return {t["table"]: (t["state"], t["basis"]) for t in json.loads(told.stdout)["tables"]}


def test_what_waits_is_seen_and_markers_alone_are_nothing(stack: Settings, cli: Any) -> None:
    send(stack, 3)
    waiting = webhook(stack)
    assert waiting.waiting_offsets is not None
    assert waiting.waiting_offsets >= 3
    assert waiting.waiting_seconds is not None
    assert 0 < waiting.waiting_seconds < 3600
    time.sleep(1)
    assert (webhook(stack).waiting_seconds or 0) > waiting.waiting_seconds, "the oldest message counts"
    send(stack, 2, transaction="test-ingest-status")
    stream.run(stack, "events", once=True)
    landed = webhook(stack)
    (partition,) = landed.partitions
    assert partition.end > partition.next, "the marker of the transaction is behind the last message"
    assert (landed.waiting_offsets, landed.waiting_seconds, landed.problem) == (0, 0.0, None)
    assert landed.quarantined is not None
    assert landed.quarantined >= 5
    document = json.loads(
        cli("ingest", "status", "--source", "events", "--output", "json", check=True).stdout
    )
    assert {t["table"]: t["waiting_offsets"] for t in document["tables"]}["events.webhook"] == 0


def test_a_topic_that_is_gone_is_a_problem_of_its_table(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = names.topic
    monkeypatch.setattr(names, "topic", lambda t: "gone" if t == WEBHOOK else topic(t))
    found = {t.table: t for t in status.read(stack, "events").tables}
    assert "no topic gone" in str(found["events.webhook"].problem)
    assert (found["events.checkout"].problem, found["events.webhook"].waiting_seconds) == (None, None)


def test_capture_tells_what_postgresql_keeps_for_it(stack: Settings) -> None:
    capture.wait(stack, "ledger", timeout_seconds=60)
    (before,) = status.read(stack, "ledger").captures
    assert (before.state, before.problem) == ("running", None)
    assert before.held_bytes is not None
    with stopped(stack):
        (behind,) = status.read(stack, "ledger").captures
    assert behind.state == "stopped"
    assert (behind.unconfirmed_bytes or 0) >= 1_000_000
    assert (behind.held_bytes or 0) >= (behind.unconfirmed_bytes or 0)


def test_a_source_that_is_silent_is_fresh_and_a_message_that_waits_is_not(stack: Settings, cli: Any) -> None:
    stream.run(stack, "events", once=True)
    send(stack, 1)
    assert judged(cli)["events.webhook"] in {("empty", None), ("ok", "waiting")}, "nothing waits for long"
    with context.postgres(stack) as connection:
        connection.execute(
            "insert into fx_rates values ('XXX', 'XTS', '2026-03-01', 1.1, now() - interval '1 day')"
        )
    capture.wait(stack, "ledger", timeout_seconds=60)
    stream.run(stack, "ledger", once=True)
    assert judged(cli, "--source", "ledger")["ledger.fx_rates"] == ("ok", "caught_up")
    with stopped(stack):
        found = judged(cli, "--source", "ledger", "--wait", "1")
    assert found["ledger.fx_rates"] == ("ok", "captured"), "the newest change that was landed dates it"
