"""How fresh a table is: by what waits for it, by its source's order, by its newest row; never by silence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse import context, names, settings, tables
from lakehouse.contracts import Freshness, Table
from lakehouse.quality import freshness
from lakehouse.quality.freshness import Evidence, State
from lakehouse.settings import Settings

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
REFUNDS = replace(tables.get("ledger.refunds"), freshness=Freshness(60, 600))
PAYMENTS = replace(tables.get("ledger.payments"), freshness=Freshness(60, 600))
CHECKOUT = replace(tables.get("events.checkout"), freshness=Freshness(60, 600))
CAUGHT_UP = Evidence(0.0, is_captured=True)


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    closed = {
        f"ports.{name}": number for number, name in enumerate(("postgres", "kafka", "connect"), start=1)
    }
    return settings.load({"paths.state": str(tmp_path), **closed}, environ={}).settings


def write(config: Settings, table: Table, *ages: int | None) -> None:
    """Rows of the given ages in seconds by the table's clock; None has only Kafka's, an hour ago."""
    clock = table.event.time_column if table.event else "_source_at"
    instant = pa.timestamp("us", tz="UTC")
    rows = {
        clock: pa.array([None if age is None else AT - timedelta(seconds=age) for age in ages], instant),
        "_kafka_at": pa.array([AT - timedelta(hours=1) for _ in ages], instant),
    }
    write_deltalake(str(context.folder(config, names.bronze(table))), pa.table(rows))


def judged(
    config: Settings, known: Evidence, *chosen: Table
) -> dict[str, tuple[State, float | None, str | None]]:
    found = freshness.check(config, chosen, {f"{t.source.name}.{t.name}": known for t in chosen}, AT)
    return {v.table.split(".")[1]: (v.state, v.age_seconds, v.basis) for v in found}


def test_a_table_that_nobody_writes_to_is_fresh_while_all_is_caught_up(own: Settings) -> None:
    write(own, REFUNDS, 86_400)
    assert judged(own, CAUGHT_UP, REFUNDS)["refunds"] == (State.OK, 0.0, "caught_up")


@pytest.mark.parametrize(
    ("waiting", "state"), [(59, State.OK), (60, State.WARN), (599, State.WARN), (600, State.FAIL)]
)
def test_what_waits_counts_from_its_oldest_message_whatever_the_rows_say(
    own: Settings, waiting: float, state: State
) -> None:
    write(own, REFUNDS, 1)
    assert judged(own, Evidence(waiting, is_captured=True), REFUNDS)["refunds"] == (state, waiting, "waiting")


def test_capture_that_is_behind_is_dated_by_the_newest_change_of_the_source(own: Settings) -> None:
    write(own, REFUNDS, 86_400)
    write(own, PAYMENTS, 90, 70, 80)
    found = judged(own, Evidence(0.0, is_captured=False), REFUNDS, PAYMENTS)
    assert found == {"refunds": (State.WARN, 70.0, "captured"), "payments": (State.WARN, 70.0, "captured")}


def test_with_services_down_the_newest_row_of_the_table_itself_counts(own: Settings) -> None:
    write(own, REFUNDS, 700, 900)
    write(own, PAYMENTS, 10)
    found = judged(own, Evidence(None, is_captured=True), REFUNDS, PAYMENTS)
    assert found == {"refunds": (State.FAIL, 700.0, "newest_row"), "payments": (State.OK, 10.0, "newest_row")}


def test_sources_do_not_date_each_other_and_events_have_no_order(own: Settings) -> None:
    write(own, CHECKOUT, 700)
    write(own, PAYMENTS, 10)
    assert judged(own, Evidence(0.0), CHECKOUT, PAYMENTS)["checkout"] == (State.FAIL, 700.0, "newest_row")


def test_kafkas_clock_stands_in_for_a_row_without_one_and_the_future_is_now(own: Settings) -> None:
    write(own, REFUNDS, None)
    write(own, PAYMENTS, -30)
    found = judged(own, Evidence(), REFUNDS, PAYMENTS)
    assert (found["refunds"][1], found["payments"][1]) == (3600.0, 0.0)


@pytest.mark.parametrize("known", [CAUGHT_UP, Evidence(), Evidence(0.0), Evidence(59.0)])
def test_a_table_without_rows_is_empty(own: Settings, known: Evidence) -> None:
    write(own, PAYMENTS, 5)
    write(own, REFUNDS)
    assert judged(own, known, REFUNDS, PAYMENTS)["refunds"] == (State.EMPTY, None, None)
    assert judged(own, known, CHECKOUT)["checkout"] == (State.EMPTY, None, None)


def test_a_table_that_lacks_its_first_rows_for_too_long_is_not_excused_by_being_empty(own: Settings) -> None:
    assert judged(own, Evidence(600.0), REFUNDS)["refunds"] == (State.FAIL, 600.0, "waiting")


def test_a_table_that_cannot_be_read_fails_and_the_others_are_judged(own: Settings) -> None:
    write(own, REFUNDS, 5)
    write(own, PAYMENTS, 5)
    (context.folder(own, names.bronze(REFUNDS)) / "_delta_log" / f"{0:020}.json").write_text("{broken")
    found = freshness.check(own, (REFUNDS, PAYMENTS), {}, AT)
    assert [v.state for v in found] == [State.FAIL, State.OK]
    assert "bronze.ledger__refunds cannot be read" in str(found[0].problem)


def test_the_command_ends_with_3_and_names_what_failed(own: Settings, cli: Any) -> None:
    now = datetime.now(UTC)
    for name, age in [("ledger.refunds", 7200), ("ledger.payments", 1)]:
        instant = pa.array([now - timedelta(seconds=age)], pa.timestamp("us", tz="UTC"))
        folder = context.folder(own, names.bronze(tables.get(name)))
        write_deltalake(str(folder), pa.table({"_source_at": instant, "_kafka_at": instant}))
    env = settings.as_environment(own)
    told = cli("quality", "freshness", "--source", "ledger", "--output", "json", env=env)
    assert told.returncode == 3, told.stderr
    document = json.loads(told.stdout)
    assert document["failed"] == ["ledger.refunds"]
    states = {t["table"]: t["state"] for t in document["tables"]}
    assert (states["ledger.payments"], states["ledger.payouts"]) == ("ok", "empty")
