"""`lakehouse demo` as other tools call it: one JSON document; with --long twice in the same place, the second time without a
model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lakehouse import context
from lakehouse.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def lakehouse(*arguments: str) -> Any:
    """Run a command in a process of its own, in the settings of the test stack, and read its document."""
    told = subprocess.run(
        [sys.executable, "-c", "from lakehouse.cli.app import main; main()", *arguments, "--output", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        timeout=900,
    )
    assert told.returncode == 0, told.stderr[-4000:] + told.stdout[-2000:]
    assert len(told.stdout.splitlines()) == 1, told.stdout
    return json.loads(told.stdout)


@pytest.fixture(scope="module")
def demos(stack: Settings, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    context.stop_spark()
    usual = ("demo", "--payments", "600", "--days", "365", "--seed", "11")
    again = [(*usual, "--no-train")] if request.config.getoption("long") else []
    return [lakehouse(*arguments) for arguments in (usual, *again)]


def test_source_trino_and_duckdb_agree_to_the_minor_unit(demos: list[dict[str, Any]]) -> None:
    for demo in demos:
        revenue = demo["revenue_by_currency"]
        assert revenue["source"] == revenue["trino"] == revenue["duckdb"]
        assert demo["engines_agree"] is True
        assert demo["payments_in_source"] == demo["payments_in_gold"]
        assert len(revenue["source"]) >= 3


def test_gold_equals_postgresql_and_the_ledger_by_merchant_currency_and_day(
    demos: list[dict[str, Any]],
) -> None:
    found = {m["measure"]: m for m in lakehouse("quality", "reconcile")["measures"]}
    assert {name: m["first"] for name, m in found.items() if m["differing"]} == {}
    assert min(found[name]["keys"] for name in ("revenue", "fees", "balances", "net less payouts")) > 20


def test_each_table_has_a_page(demos: list[dict[str, Any]]) -> None:
    told = lakehouse("docs", "--wait", "0")
    index = Path(told["index"]).read_text()
    assert index.count('<span class="level') == told["pages"] > 30
    assert "not built" not in index
    assert Path(told["dbt"]).exists()


def rows(sql: str, *more: str) -> list[list[Any]]:
    found: list[list[Any]] = lakehouse("query", "run", sql, *more)["rows"]
    return found


def test_a_number_leads_to_the_rows_behind_it(demos: list[dict[str, Any]]) -> None:
    """The steps of docs/how-to/trace-a-number.md."""
    largest = "select merchant_id, currency_code, day_on, revenue_minor from gold.agg_daily_merchant_revenue"
    ((merchant, currency, day, revenue),) = rows(
        f"{largest} order by revenue_minor desc, merchant_id, day_on", "--limit", "1"
    )
    where = f"merchant_id = '{merchant}' and currency_code = '{currency}' and captured_on = date '{day}'"
    payments = rows(f"select payment_id, captured_minor from gold.fct_payments where {where} order by 1")
    assert sum(minor for _, minor in payments) == revenue > 0
    payment, minor = payments[0]
    log = "select _topic, _partition, _offset, amount_minor from bronze.ledger__payments"
    *_, newest = rows(f"{log} where payment_id = '{payment}' order by _partition, _offset")
    assert (newest[0], newest[3]) == ("ledger.public.payments", minor)
    source = f"select merchant_id, currency_code, amount_minor from payments where payment_id = '{payment}'"
    assert rows(source, "--engine", "postgres") == [[merchant, currency, minor]]
    (way,) = lakehouse("quality", "lineage", "gold.agg_daily_merchant_revenue.revenue_minor")
    assert [step["column"] for step in way][:2] == [
        "gold.agg_daily_merchant_revenue.revenue_minor",
        "gold.fct_payments.captured_minor",
    ]
    assert "ledger.public.payments.amount_minor" in {step["column"] for step in way}


def test_facts_are_of_the_highest_assurance(demos: list[dict[str, Any]]) -> None:
    levels = {found["table"]: found for found in lakehouse("quality", "levels")}
    facts = {name: found["level"] for name, found in levels.items() if name.startswith("gold.fct_")}
    assert facts == dict.fromkeys(facts, "gold")
    assert len(facts) == 7
    assert {found["level"] for name, found in levels.items() if name.startswith("gold.")} == {
        "silver",
        "gold",
    }


@pytest.mark.long
def test_a_second_run_adds_a_further_stretch_and_processes_only_it(demos: list[dict[str, Any]]) -> None:
    first, second = demos
    assert second["stretch"] == first["stretch"] + 1
    assert second["payments_in_source"] == first["payments_in_source"] + 600
    landed = [{s["name"]: s["rows"] for s in demo["steps"]}["ingest ledger"] for demo in demos]
    assert second["model"] == {"reason": "it was not asked for"}
    assert landed[1] < 1.5 * landed[0]


def test_the_journey_names_every_place(demos: list[dict[str, Any]]) -> None:
    journey = demos[-1]["journey"]
    assert journey["postgres"]["payment_id"] == journey["payment_id"]
    assert [set(place) for place in journey["kafka"]] == [{"_topic", "_partition", "_offset"}] * len(
        journey["bronze"]
    )
    assert journey["silver"][0]["status"] == journey["gold"][0]["status"] == journey["postgres"]["status"]
    assert journey["answers"]["trino"] == journey["answers"]["duckdb"] != []


def test_steps_tell_seconds_and_rows(demos: list[dict[str, Any]]) -> None:
    for step in demos[0]["steps"]:
        assert set(step) == {"name", "seconds", "rows"}
    assert {"simulate", "ingest ledger", "ingest events", "transform", "ask", "train in notebook"} <= {
        s["name"] for s in demos[0]["steps"]
    }


def test_the_model_is_in_the_registry_and_on_the_pages(demos: list[dict[str, Any]], stack: Settings) -> None:
    import requests

    model = demos[0]["model"]
    assert {"run_id", "name", "version", "average_precision"} <= set(model)
    answer = requests.get(
        f"{context.mlflow_url(stack)}/api/2.0/mlflow/registered-models/alias",
        params={"name": model["name"], "alias": "candidate"},
        timeout=30,
    )
    assert answer.json()["model_version"]["version"] == str(model["version"])


def test_status_lists_the_services(demos: list[dict[str, Any]]) -> None:
    services = lakehouse("status")["services"]
    assert {s["name"] for s in services} == {"postgres", "kafka", "connect", "trino", "mlflow"}
    assert all(s["state"] == "running" and s["pid"] and s["rss_bytes"] > 0 for s in services)
