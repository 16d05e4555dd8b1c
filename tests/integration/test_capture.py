"""Capture by Debezium: it goes on after a restart, and what stops it is said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from lakehouse import context
from lakehouse.errors import UnavailableError
from lakehouse.ingest import capture
from lakehouse.settings import Settings
from lakehouse.stack import provision


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
