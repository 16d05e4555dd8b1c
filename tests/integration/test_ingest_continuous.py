"""A continuous ingest: waits out a broker that dies, and ends cleanly on Ctrl-C, exit 130."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import psutil
import pytest

from lakehouse import context, names, settings, tables
from lakehouse.query import engines
from lakehouse.settings import Settings
from lakehouse.stack import services

CHECKOUT = tables.get("events.checkout")
PATIENCE = 300
"""Seconds after which a test gives up; nothing is asserted about how long things take."""


def send(config: Settings, numbers: range) -> None:
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=context.kafka_servers(config), acks="all")
    for number in numbers:
        event = {
            "event_id": f"evt_continuous_{number}", "event_name": "session_started", "session_id": "ses_1",
            "merchant_id": "mer_1", "channel": "web", "occurred_at": "2026-02-01T10:00:00Z",
        }  # fmt: skip
        producer.send(names.topic(CHECKOUT), value=json.dumps(event).encode(), key=b"k")
    producer.flush()
    producer.close()


def landed(config: Settings) -> Counter[str]:
    """How often each event of these tests is in bronze; empty while there is no table."""
    if context.version(context.folder(config, names.bronze(CHECKOUT))) < 0:
        return Counter()
    sql = f"select event_id from {names.bronze(CHECKOUT)} where event_id like 'evt_continuous_%'"
    return Counter(row[0] for row in engines.run(config, "duckdb", sql).rows)


def until(reached: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert process.poll() is None, f"the ingest ended by itself, exit {process.returncode}"
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.5)


def test_an_ingest_under_the_supervisor_lands_hot_tables_by_themselves(stack: Settings) -> None:
    rates = context.folder(stack, names.bronze(tables.get("ledger.fx_rates")))
    try:
        found = {s.name: s for s in services.up(stack, ["ingest-ledger"])}
        assert (found["ingest-ledger"].state, found["ingest-ledger"].port) == ("running", None)
        pid = found["ingest-ledger"].pid
        assert pid is not None
        family = psutil.Process(pid).children(recursive=True)
        assert family, "the driver's JVM"
        assert {p.name for p in (stack.state / "checkpoints" / "ledger").iterdir()} == {"payments", "all"}
        last = context.version(rates)
        with context.postgres(stack) as connection:
            connection.execute(
                "insert into fx_rates values ('XTS', 'XXX', '2026-01-01', 1, now()) on conflict"
                " (base_currency_code, quote_currency_code, rate_on) do update set rate = excluded.rate + 1"
            )
        deadline = time.monotonic() + PATIENCE
        while context.version(rates) == last:
            assert time.monotonic() < deadline, "the change did not land"
            time.sleep(0.2)
    finally:
        left = services.down(stack, ["ingest-ledger"])
    assert "ingest-ledger" not in {s.name for s in left}
    assert {s.state for s in left} == {"running"}, "the others go on"
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive


@pytest.fixture
def running(stack: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """``lakehouse ingest run --source events``, as a person would leave it running."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from lakehouse.cli.app import main; main()",
            "ingest",
            "run",
            "--source",
            "events",
        ],
        cwd=settings.ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_broker_that_dies_is_waited_out_and_ctrl_c_ends_cleanly(
    stack: Settings, running: subprocess.Popen[bytes]
) -> None:
    send(stack, range(200))
    until(lambda: len(landed(stack)) == 200, running)

    broker = next(s.pid for s in services.status(stack) if s.name == "kafka")
    assert broker is not None
    psutil.Process(broker).kill()
    services.up(
        stack, ["kafka"], lambda *_: None
    )  # the supervisor brings it back; this waits until it answers
    send(stack, range(200, 400))
    until(lambda: len(landed(stack)) == 400, running)

    running.send_signal(signal.SIGINT)
    assert running.wait(PATIENCE) == 130
    assert set(landed(stack).values()) == {1}, "doubled"
