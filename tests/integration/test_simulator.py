"""The simulator on a real PostgreSQL, in databases of its own, and on the real Kafka."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from threading import Event as Flag
from typing import Any

import psycopg
import pytest
from psycopg import sql

from lakehouse import context, settings, tables
from lakehouse.errors import SafetyError, UnavailableError, UsageError
from lakehouse.render import postgres
from lakehouse.settings import Settings
from lakehouse.testing import simulator
from lakehouse.testing.simulator import Plan, publish, runner
from lakehouse.testing.simulator.changes import Event

PLAN = Plan(seed=5, customers=40, merchants=8, days=40, payments=300)
LEDGER = tables.of_source("ledger")
_numbers = count(1)

Connect = Callable[[], psycopg.Connection[Any]]


@pytest.fixture
def database(stack: Settings) -> Iterator[Callable[[], str]]:
    """Makes empty source databases, as ``lakehouse up`` makes ``payments``; dropped after the test."""
    made: list[str] = []

    def make() -> str:
        name = f"simulated_{next(_numbers)}"
        with context.postgres(stack, user="postgres", database="postgres") as admin:
            admin.autocommit = True
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER ledger").format(sql.Identifier(name)))
        made.append(name)
        with context.postgres(stack, user="postgres", database=name) as admin:
            for statement in postgres.create_all(LEDGER):
                admin.execute(statement.encode())
        return name

    yield make
    with context.postgres(stack, user="postgres", database="postgres") as admin:
        admin.autocommit = True
        for name in made:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class Sent:
    """A publisher that keeps what it is given, and may end badly at the n-th slice."""

    def __init__(self, *, fail_at: int | None = None, while_sending: bool = True) -> None:
        self.events: list[Event] = []
        self.slices = 0
        self._fail_at, self._while_sending = fail_at, while_sending

    def __call__(self, events: Sequence[Event]) -> Callable[[], None]:
        self.slices += 1
        fails = self.slices == self._fail_at
        if fails and self._while_sending:
            raise UnavailableError("no Kafka")

        def wait() -> None:
            if fails:
                raise UnavailableError("no Kafka")

        self.events += events
        return wait


def write(
    config: Settings, name: str, plan: Plan, publisher: publish.Publish | None = None
) -> simulator.Report:
    with context.postgres(config, database=name) as connection:
        return runner.write(connection, publisher or Sent(), plan)


def contents(config: Settings, name: str) -> dict[str, str]:
    """A digest of every row of every table, the simulator's own too."""
    found = {}
    with context.postgres(config, database=name) as connection:
        for schema, table in [
            *(("public", t.name) for t in LEDGER),
            *(("simulator", t) for t in ("stretches", "follow_ups", "ground_truth")),
        ]:
            row = connection.execute(
                sql.SQL(
                    "SELECT count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {}.{} t"
                ).format(sql.Identifier(schema), sql.Identifier(table))
            ).fetchone()
            found[table] = repr(row)
    return found


def one(config: Settings, name: str, question: str) -> Any:
    with context.postgres(config, database=name) as connection:
        row = connection.execute(question.encode()).fetchone()
        return row[0] if row else None


def test_the_report_counts_what_is_there(stack: Settings, database: Callable[[], str]) -> None:
    name, sent = database(), Sent()
    report = write(stack, name, PLAN, sent)
    assert (report.stretch, report.payments, report.resumed) == (1, 300, ())
    assert (report.until_at - report.from_at).days == 40
    assert report.events == len(sent.events) > 600
    assert report.change_events == sum(report.by_table.values())
    assert one(stack, name, "SELECT count(*) FROM payments") == 300
    assert one(stack, name, "SELECT count(*) FROM ledger_entries") == report.by_table["ledger_entries"]
    assert one(stack, name, "SELECT count(*) FROM simulator.ground_truth WHERE is_fraud") == report.frauds
    unbalanced = """
        SELECT count(*) FROM (
            SELECT FROM ledger_entries GROUP BY transaction_id, currency_code HAVING sum(amount_minor) <> 0
        ) t"""
    assert one(stack, name, unbalanced) == 0


def test_large_metadata_is_kept_out_of_line(stack: Settings, database: Callable[[], str]) -> None:
    name = database()
    write(stack, name, Plan(seed=5, customers=40, merchants=8, days=10, payments=1_500))
    stored = "SELECT count(*) FROM payments WHERE pg_column_toast_chunk_id(metadata) IS NOT NULL"
    assert one(stack, name, stored) > 0


_CHILD = """
import os, signal, sys
from lakehouse import context, settings
from lakehouse.testing.simulator import Plan, runner
name, at, moment, *plan = sys.argv[1:]
slices = 0
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def publish(events):
    global slices
    slices += 1
    if slices == int(at) and moment == "sending":
        die()
    return die if slices == int(at) and moment == "committing" else lambda: None
with context.postgres(settings.current(), database=name) as connection:
    runner.write(connection, publish, Plan(*map(int, plan)))
"""


@pytest.mark.parametrize("moment", ["sending", "committing"])
def test_killed_in_the_middle_and_run_again_is_as_never_killed(
    stack: Settings, database: Callable[[], str], moment: str
) -> None:
    whole, broken = database(), database()
    write(stack, whole, PLAN)
    numbers = [str(n) for n in (PLAN.seed, PLAN.customers, PLAN.merchants, PLAN.days, PLAN.payments)]
    for at in (1, 3):
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, broken, str(at), moment, *numbers], cwd=settings.ROOT
        )
        assert child.returncode == -signal.SIGKILL
    left = one(stack, broken, "SELECT moments_written FROM simulator.stretches")
    assert left > 0
    assert one(stack, broken, "SELECT is_finished FROM simulator.stretches") is False
    report = write(stack, broken, PLAN)
    assert (report.stretch, report.resumed) == (1, (1,))
    assert contents(stack, broken) == contents(stack, whole)


@pytest.mark.parametrize("while_sending", [True, False])
def test_without_kafka_nothing_of_the_slice_stays(
    stack: Settings, database: Callable[[], str], while_sending: bool
) -> None:
    whole, broken = database(), database()
    sent, resent = Sent(), Sent(fail_at=3, while_sending=while_sending)
    write(stack, whole, PLAN, sent)
    with pytest.raises(UnavailableError):
        write(stack, broken, PLAN, resent)
    write(stack, broken, PLAN, resent)
    assert contents(stack, broken) == contents(stack, whole)
    assert {e.body["event_id"] for e in resent.events} == {e.body["event_id"] for e in sent.events}


def test_a_second_run_adds_a_stretch_and_what_fell_due(stack: Settings, database: Callable[[], str]) -> None:
    name = database()
    first = write(stack, name, PLAN)
    waiting = one(stack, name, "SELECT count(*) FROM simulator.follow_ups WHERE kind = 'dispute_opened'")
    second = write(stack, name, Plan(seed=5, customers=40, merchants=8, days=90, payments=0))
    assert waiting > 0
    assert (second.stretch, second.payments, second.from_at) == (2, 0, first.until_at)
    assert second.by_table["disputes"] >= waiting
    late = f"""
        SELECT count(*) FROM disputes d JOIN payments p USING (payment_id)
        WHERE opened_at >= '{first.until_at}' AND requested_at < '{first.until_at}'"""
    assert one(stack, name, late) == waiting
    assert one(stack, name, "SELECT count(*) FROM payments") == 300
    assert one(stack, name, "SELECT count(*) FROM simulator.stretches WHERE state IS NOT NULL") == 1


def test_an_unfinished_stretch_is_finished_as_it_was_planned(
    stack: Settings, database: Callable[[], str]
) -> None:
    name = database()
    with pytest.raises(UnavailableError):
        write(stack, name, PLAN, Sent(fail_at=2))
    report = write(stack, name, Plan(seed=5, customers=40, merchants=8, days=5, payments=50))
    assert (report.stretch, report.resumed) == (2, (1,))
    assert one(stack, name, "SELECT count(*) FROM payments") == 350


def test_another_seed_is_refused_and_touches_nothing(stack: Settings, database: Callable[[], str]) -> None:
    name = database()
    write(stack, name, PLAN)
    before = contents(stack, name)
    with pytest.raises(SafetyError, match="seed 5") as refused:
        write(stack, name, Plan(seed=6))
    assert refused.value.hint is not None
    assert contents(stack, name) == before


def test_a_business_without_payments(stack: Settings, database: Callable[[], str]) -> None:
    name = database()
    report = write(stack, name, Plan(seed=1, customers=5, merchants=3, days=10, payments=0))
    assert (report.payments, report.events, report.frauds) == (0, 0, 0)
    assert report.by_table["customers"] >= 5
    assert one(stack, name, "SELECT count(*) FROM payments") == 0


def test_two_simulators_cannot_write_at_once(stack: Settings, database: Callable[[], str]) -> None:
    name = database()

    def meddle(events: Sequence[Event]) -> Callable[[], None]:
        with pytest.raises(SafetyError, match="another"):
            write(stack, name, PLAN)
        return lambda: None

    write(stack, name, Plan(seed=5, customers=2, merchants=1, days=1, payments=2), meddle)


def test_continuous_goes_on_until_stopped_and_is_finished_later(
    stack: Settings, database: Callable[[], str]
) -> None:
    name, stop, sent = database(), Flag(), Sent()
    daily = Plan(seed=5, customers=20, merchants=5, days=1, payments=30)

    def stopping(events: Sequence[Event]) -> Callable[[], None]:
        if sent.slices == 8:
            stop.set()
        return sent(events)

    with context.postgres(stack, database=name) as connection:
        report = runner.write_continuously(connection, stopping, daily, runner.Pace(200.0, stop))
    assert report.payments == one(stack, name, "SELECT count(*) FROM payments") > 30
    assert report.stretch > 1
    assert report.change_events == sum(report.by_table.values())
    write(stack, name, daily)
    stretches = "SELECT bool_and(is_finished) FROM simulator.stretches"
    assert one(stack, name, stretches) is True
    assert one(stack, name, "SELECT count(*) % 30 FROM payments") == 0


def test_a_rate_must_be_positive(config: Settings) -> None:
    for rate in (0, -1, float("nan")):
        with pytest.raises(UsageError, match="--rate"):
            simulator.run_continuously(config, PLAN, rate, Flag())
    with pytest.raises(UsageError, match="one a day"):
        simulator.run_continuously(config, Plan(payments=0), 5, Flag())


def test_services_that_are_down_are_named(stack: Settings) -> None:
    nobody = 1
    for service in ("postgres", "kafka"):
        ports = stack.ports.model_copy(update={service: nobody})
        with pytest.raises(UnavailableError, match="(?i)" + service) as down:
            simulator.run(stack.model_copy(update={"ports": ports}), Plan(seed=11, payments=0))
        assert "lakehouse up" in str(down.value.hint)


def test_events_reach_kafka_keyed_as_declared(stack: Settings, database: Callable[[], str]) -> None:
    from kafka import KafkaConsumer

    plan = Plan(seed=5, customers=5, merchants=3, days=2, payments=12)
    sent = Sent()
    write(stack, database(), plan, sent)
    servers = context.kafka_servers(stack)
    with publish.kafka(servers) as send:
        write(stack, database(), plan, send)
    expected = {e.body["event_id"] for e in sent.events}
    found = {}
    consumer = KafkaConsumer(
        "events.checkout",
        "events.webhook",
        bootstrap_servers=servers,
        auto_offset_reset="earliest",
        consumer_timeout_ms=8_000,
    )
    for message in consumer:
        if not message.value.startswith(b"{"):
            continue  # other tests poison the topic
        value = json.loads(message.value)
        if value.get("event_id") in expected:
            assert json.loads(message.key) == {"event_id": value["event_id"]}
            found[value["event_id"]] = (message.topic, value)
        if found.keys() == expected:
            break
    consumer.close()
    assert sent.events
    for event in sent.events:
        assert found[event.body["event_id"]] == (f"events.{event.table}", event.body)


def test_the_truth_is_never_captured(stack: Settings) -> None:
    published = "SELECT count(*) FROM pg_publication_tables WHERE schemaname = 'simulator'"
    assert one(stack, "payments", published) == 0
    captured = "SELECT count(*) FROM pg_publication_tables WHERE schemaname = 'public'"
    assert one(stack, "payments", captured) == len(LEDGER)
    with (
        context.postgres(stack, user="debezium") as capture,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        capture.execute("SELECT * FROM simulator.ground_truth")
