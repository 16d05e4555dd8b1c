"""Capture by Debezium: it goes on after a restart, and what stops it is said."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from lakehouse import context, names, tables
from lakehouse.errors import UnavailableError
from lakehouse.ingest import capture, recapture, snapshot
from lakehouse.settings import Settings
from lakehouse.stack import provision, services


def connector(config: Settings) -> str:
    return f"{context.connect_url(config)}/connectors/capture_ledger"


def status(config: Settings) -> Any:
    return requests.get(f"{connector(config)}/status", timeout=10).json()


def write_log_that_is_nobodys(config: Settings) -> None:
    """What a server writes of itself: the slot's place moves on, and nothing is there to capture."""
    with context.postgres(config, user="postgres") as connection:
        connection.autocommit = True
        for _ in range(3):
            connection.execute("select pg_switch_wal()")
            connection.execute("checkpoint")


def test_an_idle_source_is_known_to_be_caught_up(stack: Settings, cli: Any) -> None:
    write_log_that_is_nobodys(stack)
    capture.wait(stack, "ledger", timeout_seconds=60)
    document = json.loads(cli("status", "--output", "json", check=True).stdout)
    assert document["captures"] == [{"source": "ledger", "state": "running", "error": None}]


def test_capture_goes_on_after_a_restart_with_nothing_captured_between(stack: Settings) -> None:
    capture.wait(stack, "ledger", timeout_seconds=60)
    write_log_that_is_nobodys(stack)
    requests.put(f"{connector(stack)}/stop", timeout=30).raise_for_status()
    write_log_that_is_nobodys(stack)
    requests.put(f"{connector(stack)}/resume", timeout=30).raise_for_status()
    provision.provision(stack, ["connect"])
    capture.wait(stack, "ledger", timeout_seconds=60)


@pytest.fixture
def failing(stack: Settings) -> Iterator[Settings]:
    """The connector cannot write to Kafka; put right afterwards."""
    right = requests.get(f"{connector(stack)}/config", timeout=10).json()
    wrong = right | {"producer.override.max.request.size": "10"}
    requests.put(f"{connector(stack)}/config", json=wrong, timeout=30).raise_for_status()
    while not any(t["state"] == "FAILED" for t in status(stack)["tasks"]):
        time.sleep(0.3)
    yield stack
    provision.provision(stack, ["connect"])
    capture.wait(stack, "ledger", timeout_seconds=60)


def test_a_failed_connector_is_named_at_once(failing: Settings, cli: Any) -> None:
    write_log_that_is_nobodys(failing)
    with pytest.raises(UnavailableError, match=r"connector capture_ledger failed: .*Exception"):
        capture.wait(failing, "ledger", timeout_seconds=120)
    assert (
        json.loads(cli("status", "--output", "json", check=True).stdout)["captures"][0]["state"] == "failed"
    )
    assert "capture of ledger: failed" in cli("status", check=True).stdout


def reads(config: Settings, like: str) -> Counter[str]:
    """How often the topic of rates has a read of each currency, told by its quote."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        bootstrap_servers=context.kafka_servers(config), isolation_level="read_committed"
    )
    place = TopicPartition(names.topic(tables.get("ledger.fx_rates")), 0)
    consumer.assign([place])
    consumer.seek_to_beginning()
    end, found = consumer.end_offsets([place])[place], Counter[str]()
    while consumer.position(place) < end:
        for message in consumer.poll(timeout_ms=500).get(place, []):
            change = json.loads(message.value) if message.value else {}
            if change.get("op") == "r" and change["after"]["quote_currency_code"].startswith(like):
                found[change["after"]["quote_currency_code"]] += 1
    consumer.close()
    return found


def test_rows_are_read_again_when_asked_for(stack: Settings, cli: Any) -> None:
    with context.postgres(stack) as connection:
        connection.autocommit = True
        connection.execute(
            "insert into fx_rates select 'XTS', 'snap' || n, date '2026-01-01', n, now() from generate_series(1, 3000) n"
        )
    capture.wait(stack, "ledger")
    assert not reads(stack, "snap")
    told = cli(
        *("ingest", "snapshot", "fx_rates", "--where", "quote_currency_code like 'snap%' and rate <= 2500"),
        *("--output", "json"),
        check=True,
    )
    said = json.loads(told.stdout)
    assert (said["is_done"], said["rows"], said["tables"]) == (True, 2500, ["ledger.fx_rates"])
    assert reads(stack, "snap") == {f"snap{n}": 1 for n in range(1, 2501)}


def test_a_condition_that_fails_on_a_row_is_said(stack: Settings, cli: Any) -> None:
    with context.postgres(stack) as connection:
        connection.execute(
            "insert into fx_rates values ('XTS', 'zero', '2026-01-01', 1, now()) on conflict do nothing"
        )
    told = cli("ingest", "snapshot", "fx_rates", "--where", "rate / (rate - rate) > 1", "--output", "json")
    assert (told.returncode, "division by zero" in json.loads(told.stdout)["message"]) == (2, True)


def test_a_table_that_debezium_leaves_out_is_said(stack: Settings, cli: Any) -> None:
    """PostgreSQL knows an operator ?, and JDBC takes it for a parameter."""
    with context.postgres(stack) as connection:
        connection.execute(
            "insert into fx_rates values ('XTS', 'left', '2026-01-01', 1, now()) on conflict do nothing"
        )
    where = """quote_currency_code = 'left' and '{"a": 1}'::jsonb ? 'a'"""
    told = cli("ingest", "snapshot", "fx_rates", "--where", where, "--output", "json")
    said = json.loads(told.stdout)
    assert (told.returncode, said["message"]) == (1, "public.fx_rates was not read: SQL_EXCEPTION")
    assert "lakehouse logs connect" in said["hint"]
    assert reads(stack, "left") == {}


def test_a_table_that_capture_may_not_read_is_said_without_a_condition(stack: Settings, cli: Any) -> None:
    with context.postgres(stack, user="postgres") as connection:
        connection.autocommit = True
        connection.execute("revoke select on fx_rates from debezium")
        try:
            told = cli("ingest", "snapshot", "fx_rates", "--output", "json")
        finally:
            connection.execute("grant select on fx_rates to debezium")
    message = json.loads(told.stdout)["message"]
    assert (told.returncode, "permission denied" in message, "condition" in message) == (1, True, False)


@pytest.fixture
def without_connect(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """All that was committed is in Kafka, and Kafka Connect is down; up again afterwards."""
    capture.wait(stack, "ledger")
    with monkeypatch.context() as patch:
        patch.setattr(capture, "PATIENCE_SECONDS", 2)
        patch.setattr(capture, "_TARGET", "select 0")  # PostgreSQL writes of itself
        services.down(stack, ["connect"])
        yield stack
    services.up(stack, ["connect"])
    capture.wait(stack, "ledger")


def test_what_connect_does_not_tell_is_not_taken_for_done(without_connect: Settings) -> None:
    """It may have died in the middle of reading tables, whatever the slot has confirmed."""
    for reading in (capture.FIRST_SNAPSHOT, capture.SNAPSHOT_ON_DEMAND):
        with pytest.raises(UnavailableError, match="Kafka Connect does not answer") as told:
            capture.wait(without_connect, "ledger", reading=reading)
        assert "lakehouse up" in str(told.value.hint)
    with pytest.raises(UnavailableError, match="Kafka Connect does not answer"):
        recapture.recapture(without_connect, "ledger")


@pytest.mark.parametrize("confirmed", [capture._CONFIRMED, capture._TARGET + " where %s <> ''"])
def test_a_stopped_connector_is_named_and_not_waited_for(
    stack: Settings, monkeypatch: pytest.MonkeyPatch, confirmed: str
) -> None:
    """Whatever its slot has confirmed: one that was made again, meanwhile, begins with all that was committed before."""
    requests.put(f"{connector(stack)}/stop", timeout=30).raise_for_status()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(capture, "PATIENCE_SECONDS", 2)
            patch.setattr(capture, "_CONFIRMED", confirmed)
            with pytest.raises(UnavailableError, match="its connector is stopped"):
                snapshot.take(stack, [tables.get("ledger.fx_rates")], "quote_currency_code = 'none'")
    finally:
        requests.put(f"{connector(stack)}/resume", timeout=30).raise_for_status()
        capture.wait(stack, "ledger")


def test_a_slot_that_is_further_than_the_connector_is_another_one(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made again while the connector was stopped; resumed, it says that it runs for a second before it notices."""
    capture.wait(stack, "ledger")
    monkeypatch.setattr(
        capture, "_CONFIRMED", "select pg_current_wal_lsn() - '0/0'::pg_lsn + 1000000 where %s <> ''"
    )
    with pytest.raises(UnavailableError, match="has not caught up"):
        capture.wait(stack, "ledger", timeout_seconds=3)


def test_a_connector_that_is_not_there_yet_is_waited_for(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Connect starts it answers, and knows no connector."""
    asked, told = iter(["unknown", "missing", "missing"]), context.capture_state

    def state(config: Settings, source: str) -> tuple[str, str | None]:
        return (found, None) if (found := next(asked, None)) else told(config, source)

    monkeypatch.setattr(context, "capture_state", state)
    handed_on = iter([False, False, False])
    monkeypatch.setattr(capture, "_has_handed_on", lambda *_: next(handed_on, True))
    capture.wait(stack, "ledger")
    assert next(asked, None) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fx_rates", "--where", "rate <"), "PostgreSQL does not take the condition"),
        (
            ("fx_rates", "--where", "true); drop table fx_rates; select (1"),
            "PostgreSQL does not take the condition",
        ),
        (("fx_rates", "--where", " "), "the condition is empty"),
        (("fx_rates", "--where", "quote_currency_code = $1"), "PostgreSQL does not take the condition"),
        (("fx_rates", "payments", "--where", "true"), "a condition is of one table"),
        (("fx_rates", "events.checkout"), "tables of one source"),
        (("events.checkout",), "is not captured by us"),
    ],
)
def test_what_cannot_be_read_again_is_said(
    stack: Settings, cli: Any, arguments: tuple[str, ...], words: str
) -> None:
    told = cli("ingest", "snapshot", *arguments, "--output", "json")
    assert (told.returncode, words in json.loads(told.stdout)["message"]) == (2, True)
