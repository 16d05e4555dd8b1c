"""Drill of docs/runbooks/slot-lost.md: a replication slot that was dropped, or made again, stops capture until it begins anew."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import requests

from lakehouse import context, names, tables
from lakehouse.errors import DataError
from lakehouse.ingest import capture, readings, recapture, stream
from lakehouse.ingest.readings import Notice
from lakehouse.settings import Settings
from lakehouse.transform import build
from tests.waiting import eventually

RATES = tables.get("ledger.fx_rates")
SLOT = names.replication_slot("ledger")
OURS = "base_currency_code = 'XTS' and quote_currency_code like 'slot%'"


def execute(config: Settings, *statements: str, user: str = "ledger") -> Any:
    with context.postgres(config, user=user) as connection:
        connection.autocommit = True
        for sql in statements:
            found = connection.execute(sql.encode())
        return found.fetchall() if found.description else None


def tell_connector(config: Settings, what: str) -> None:
    url = f"{context.connect_url(config)}/connectors/{names.connector('ledger')}"
    requests.request("POST" if "restart" in what else "PUT", f"{url}/{what}", timeout=60).raise_for_status()


def until_lost(config: Settings) -> None:
    eventually(lambda: context.capture_state(config, "ledger")[0] == "lost")


def land(config: Settings) -> None:
    stream.run(config, "ledger", once=True)
    build.build(config, select=names.staging_model(RATES), tests=False)


def silver(config: Settings) -> list[tuple[Any, ...]]:
    folder = context.folder(config, names.staging(RATES))
    with context.duckdb() as connection:
        sql = f"select quote_currency_code, rate from delta_scan('{folder}') where {OURS} and not _is_deleted"
        return sorted(connection.execute(sql).fetchall())


@pytest.fixture
def lost(stack: Settings) -> Settings:
    """The slot is dropped while capture rests, and rows change that nobody will hear of."""
    insert = (
        "insert into fx_rates select 'XTS', 'slot' || n, date '2026-01-01', n, now() from generate_series"
    )
    execute(stack, f"{insert}(1, 5) n")
    capture.wait(stack, "ledger")
    land(stack)
    tell_connector(stack, "stop")
    while execute(
        stack, f"select 1 from pg_replication_slots where slot_name = '{SLOT}' and active", user="postgres"
    ):
        time.sleep(0.2)
    execute(stack, f"select pg_drop_replication_slot('{SLOT}')", user="postgres")
    execute(
        stack,
        f"delete from fx_rates where {OURS} and rate = 1",
        f"update fx_rates set rate = 20 where {OURS} and rate = 2",
        f"{insert}(6, 6) n",
    )
    tell_connector(stack, "resume")
    return stack


def test_capture_stops_and_begins_anew_when_told_to(lost: Settings, cli: Any) -> None:
    # Connect says so for a while
    assert not recapture._is_well(lost, "ledger", RATES.source.database, "running")
    until_lost(lost)
    with pytest.raises(DataError, match="slot was dropped or lost") as told:
        capture.wait(lost, "ledger")
    assert "docs/runbooks/slot-lost.md" in str(told.value.hint)
    assert "slot-lost.md" in cli("status", check=True).stdout
    execute(lost, f"select pg_create_logical_replication_slot('{SLOT}', 'pgoutput')", user="postgres")
    tell_connector(lost, "restart?includeTasks=true")
    time.sleep(3)
    until_lost(lost)
    with pytest.raises(DataError, match="slot was dropped or lost"):
        capture.wait(lost, "ledger")

    for seconds in (2, 4):
        with suppress(subprocess.TimeoutExpired):  # killed by SIGKILL in the middle
            cli("ingest", "recapture", "--source", "ledger", timeout=seconds)
    again = cli("ingest", "recapture", "--source", "ledger")
    assert again.returncode == 0 or "capture of ledger runs and has its slot" in again.stderr, again.stderr
    land(lost)
    assert silver(lost) == sorted(
        execute(lost, f"select quote_currency_code, rate from fx_rates where {OURS}")
    )
    execute(lost, f"update fx_rates set rate = 30 where {OURS} and rate = 3")
    capture.wait(lost, "ledger")
    land(lost)
    assert silver(lost) == sorted(
        execute(lost, f"select quote_currency_code, rate from fx_rates where {OURS}")
    )


def test_while_capture_is_well_it_is_not_begun_anew(stack: Settings, cli: Any) -> None:
    told = cli("ingest", "recapture", "--source", "ledger")
    assert (told.returncode, "runs and has its slot" in told.stderr) == (1, True)


@pytest.mark.parametrize(("what", "state"), [("pause", "paused"), ("stop", "stopped")])
def test_a_capture_that_can_go_on_is_not_begun_anew(stack: Settings, cli: Any, what: str, state: str) -> None:
    """What changed meanwhile is in the log; read anew it would be states without the changes."""
    tell_connector(stack, what)
    try:
        eventually(lambda: context.capture_state(stack, "ledger")[0] == state)
        told = cli("ingest", "recapture", "--source", "ledger")
        assert (told.returncode, "and has its slot" in told.stderr, "/resume" in told.stderr) == (
            1,
            True,
            True,
        )
    finally:
        tell_connector(stack, "resume")
        capture.wait(stack, "ledger")


@contextmanager
def rates_read_slowly(config: Settings) -> Iterator[None]:
    """While inside, capture waits for some seconds at one row of the rates: a lock would hold up the slot itself."""
    slow = "quote_currency_code <> 'slotslow' or pg_sleep(5) is not null"
    execute(
        config,
        f"create policy slow on fx_rates for select to debezium using ({slow})",
        "alter table fx_rates enable row level security",
        user="postgres",
    )
    try:
        yield
    finally:
        execute(
            config,
            "alter table fx_rates disable row level security",
            "drop policy slow on fx_rates",
            user="postgres",
        )


def test_a_row_that_was_read_and_then_deleted_does_not_stay_when_the_reading_is_interrupted(
    stack: Settings, cli: Any
) -> None:
    """Merchants are read first, rates last and slowly. The connector begins its reading anew, and streams from there on."""
    land(stack)
    execute(
        stack,
        "insert into merchants (merchant_id, legal_name, display_name, merchant_category_code, country_code,"
        " settlement_currency_code, fee_rate_bps, fee_fixed_minor, status, onboarded_at, created_at, updated_at)"
        " values ('mer_slot', 'L', 'D', '5411', 'DE', 'EUR', 1, 1, 'active', now(), now(), now())",
        "insert into fx_rates values ('XTS', 'slotslow', date '2026-01-01', 1, now())",
    )
    before = readings.end(stack, "ledger")

    def begun(table: str) -> int:
        notices = readings.since(stack, "ledger", before)
        return sum(n.told.get("current_collection_in_progress") == table for n in notices)

    with ThreadPoolExecutor() as aside, rates_read_slowly(stack):
        told = aside.submit(cli, "ingest", "recapture", "--source", "ledger", "--force")
        eventually(lambda: begun("public.fx_rates") == 1)
        execute(stack, "delete from merchants where merchant_id = 'mer_slot'")
        tell_connector(stack, "restart?includeTasks=true")
        assert told.result().returncode == 0, told.result().stderr
    kinds = [n.kind for n in readings.since(stack, "ledger", before)]
    assert kinds.count(readings.EMPTIED) == 2, "emptied and read once more"
    assert begun("public.merchants") == 3
    stream.run(stack, "ledger", once=True)
    build.build(stack, select="stg_ledger__merchants stg_ledger__fx_rates", tests=False)
    with context.duckdb() as connection:
        folder = context.folder(stack, names.staging(tables.get("ledger.merchants")))
        sql = f"select merchant_id from delta_scan('{folder}') where not _is_deleted"
        alive = {row[0] for row in connection.execute(sql).fetchall()}
    assert alive == {row[0] for row in execute(stack, "select merchant_id from merchants")}
    assert "mer_slot" not in alive


def test_tables_that_were_read_in_parts_are_not_landed(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a first snapshot that was interrupted, which nobody waited for."""
    told = [
        Notice("", readings.INITIAL, "STARTED", {}),
        Notice("", readings.INITIAL, "IN_PROGRESS", {"current_collection_in_progress": "public.payments"}),
    ]
    monkeypatch.setattr(readings, "since", lambda *_: told * 2)
    with pytest.raises(DataError, match="was interrupted while it read the tables") as error:
        capture.wait(stack, "ledger")
    assert "lakehouse ingest recapture --source ledger" in str(error.value.hint)
    assert not recapture._is_well(stack, "ledger", RATES.source.database, "running")
