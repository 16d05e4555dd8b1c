"""A small business through silver and gold: each day's money, late changes, every data test made to fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from click.testing import Result
from filelock import FileLock
from typer.testing import CliRunner

from lakehouse import context, metrics, settings
from lakehouse.cli.app import app
from lakehouse.errors import DataError, DriftError, SafetyError, UsageError
from lakehouse.query import iceberg
from lakehouse.transform import build, changes

FACTS = (
    "fct_payments",
    "fct_refunds",
    "fct_disputes",
    "fct_payouts",
    "fct_ledger_entries",
    "fct_events",
    *metrics.current().cubes,
)
VERSIONED = ("dim_customers", "dim_merchants", "dim_products")
DIMENSIONS = (
    *VERSIONED,
    "dim_payment_methods",
    "dim_channels",
    "dim_geographies",
    "dim_currencies",
    "dim_fx_rates",
    "dim_dates",
)


def at(day: int, hour: int = 12, month: int = 2) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def payment(name: str, amount: int, currency: str = "EUR", fee: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "payment_id": name,
        "customer_id": "cus_1",
        "merchant_id": "mer_1",
        "product_id": "prd_1",
        "payment_method_id": "pm_1",
        "amount_minor": amount,
        "currency_code": currency,
        "fee_minor": fee,
        "status": "captured",
        "channel": "web",
        "requested_at": at(1),
        "captured_at": at(1, 13),
        **more,
    }


def refund(name: str, of: str, amount: int, day: int, **more: Any) -> dict[str, Any]:
    return {
        "refund_id": name,
        "payment_id": of,
        "amount_minor": amount,
        "currency_code": "EUR",
        "reason": "duplicate",
        "status": "succeeded",
        "updated_at": at(day),
        **more,
    }


def dispute(name: str, of: str, amount: int, **more: Any) -> dict[str, Any]:
    return {
        "dispute_id": name,
        "payment_id": of,
        "amount_minor": amount,
        "currency_code": "EUR",
        "reason": "fraudulent",
        "status": "opened",
        "opened_at": at(20),
        **more,
    }


def entry(number: int, amount: int, account: str) -> dict[str, Any]:
    return {
        "entry_id": number,
        "transaction_id": "capture:pay_1",
        "account": account,
        "merchant_id": "mer_1",
        "payment_id": "pay_1",
        "amount_minor": amount,
        "currency_code": "EUR",
    }


MERCHANT = {
    "merchant_id": "mer_1",
    "merchant_category_code": "5411",
    "country_code": "DE",
    "status": "active",
}
FIRST: dict[str, list[dict[str, Any]]] = {
    "customers": [{"customer_id": "cus_1", "full_name": "Ada", "country_code": "FR"}],
    "merchants": [MERCHANT],
    "products": [{"product_id": "prd_1", "merchant_id": "mer_1", "price_minor": 100, "status": "active"}],
    "payment_methods": [
        {"payment_method_id": "pm_1", "customer_id": "cus_1", "kind": "card", "issuer_country_code": "ES"}
    ],
    "payments": [
        payment("pay_1", 1000),
        payment("pay_2", 2000),
        payment("pay_3", 3000),
        payment("pay_yen", 500, "JPY", 15),
        payment(
            "pay_failed",
            900,
            status="failed",
            fee=0,
            captured_at=None,
            failed_at=at(1),
            failure_code="declined",
        ),
    ],
    "refunds": [refund("ref_1", "pay_1", 100, 3)],
    # No dispute yet: a fact that begins empty is built upon like any other.
    "ledger_entries": [
        entry(1, 1000, "clearing"),
        entry(2, -990, "merchant_payable"),
        entry(3, -10, "fee_income"),
    ],
    "fx_rates": [{"base_currency_code": "EUR", "quote_currency_code": "JPY", "rate_on": date(2026, 2, 1)}],
}
LATER: dict[str, list[dict[str, Any]]] = {
    "merchants": [{**MERCHANT, "_op": "u", "merchant_category_code": "7995"}],
    "payments": [
        payment("pay_1", 1000, _op="u", captured_at=at(2)),  # its day was corrected
        {"payment_id": "pay_3", "_op": "d"},  # and this one never was
    ],
    "refunds": [refund("ref_late", "pay_2", 250, 27), refund("ref_failed", "pay_1", 77, 27, status="failed")],
    "disputes": [
        dispute("dsp_1", "pay_2", 2000, status="lost", closed_at=at(10, month=3)),
        dispute("dsp_won", "pay_1", 1000, status="won", closed_at=at(10, month=3), reason="not_received"),
    ],
}


def days(lake: Any) -> set[tuple[Any, ...]]:
    rows = lake.rows("select * from gold.agg_daily_merchant_revenue")
    return {
        (
            r["currency_code"],
            r["day_on"],
            r["captured_count"],
            r["revenue_minor"],
            r["fee_minor"],
            r["refunded_minor"],
            r["dispute_lost_minor"],
            r["net_minor"],
        )
        for r in rows
    }


@pytest.fixture(scope="module")
def business(lake: Any) -> Any:
    """The first batch, built and tested."""
    lake.land(FIRST)
    lake.report = build.build(lake.config)
    return lake


def test_a_first_build_makes_and_tests_everything(business: Any) -> None:
    models = {n.name for n in business.report.nodes if n.kind == "model"}
    assert {*FACTS, *DIMENSIONS} < models
    assert {n.status for n in business.report.nodes} == {"success", "pass"}
    assert days(business) == {
        ("EUR", date(2026, 2, 1), 3, 6000, 30, 0, 0, 5970),
        ("EUR", date(2026, 2, 3), 0, 0, 0, 100, 0, -100),
        ("JPY", date(2026, 2, 1), 1, 500, 15, 0, 0, 485),
    }
    assert "full_name" not in business.spark.table("gold.dim_customers").columns


def test_tables_are_where_every_engine_looks_and_without_deletion_vectors(business: Any) -> None:
    for schema, name in [("silver", "stg_ledger__payments"), *(("gold", n) for n in (*FACTS, *DIMENSIONS))]:
        (detail,) = business.rows(f"describe detail {schema}.{name}")
        assert detail["location"].removeprefix("file:") == str(business.config.warehouse / schema / name)
        assert detail["properties"]["delta.enableDeletionVectors"] == "false"


def test_nothing_new_changes_nothing(business: Any) -> None:
    before = changes.versions(business.config)
    assert build.build(business.config).nodes == ()
    # Looked at in full, too: as after a build of some models only.
    (business.config.state / "run" / "dbt" / "built.json").unlink()
    report = build.build(business.config)
    assert {n.rows for n in report.nodes if n.kind == "model"} == {0}
    assert changes.versions(business.config) == before


def test_late_changes_reach_the_days_they_belong_to(business: Any) -> None:
    known = business.land(LATER)
    report = build.build(business.config)
    assert "dim_customers" not in {n.name for n in report.nodes}, "nothing about customers is new"
    assert days(business) == {
        ("EUR", date(2026, 2, 1), 1, 2000, 10, 0, 0, 1990),
        ("EUR", date(2026, 2, 2), 1, 1000, 10, 0, 0, 990),
        ("EUR", date(2026, 2, 3), 0, 0, 0, 100, 0, -100),
        ("EUR", date(2026, 2, 27), 0, 0, 0, 250, 0, -250),
        ("EUR", date(2026, 3, 10), 0, 0, 0, 0, 2000, -2000),
        ("JPY", date(2026, 2, 1), 1, 500, 15, 0, 0, 485),
    }
    facts = {r["payment_id"]: r for r in business.rows("select * from gold.fct_payments")}
    assert facts.keys() == {"pay_1", "pay_2", "pay_yen", "pay_failed"}, "a deleted payment is no fact"
    assert facts["pay_2"]["net_minor"] == 2000 - 10 - 250 - 2000
    assert facts["pay_2"]["is_fraud_disputed"] is True
    assert facts["pay_yen"]["merchant_category_code"] == "5411", "the merchant as it was then"
    learnt = {key for key, fact in facts.items() if fact["known_at"].replace(tzinfo=UTC) == known}
    assert learnt == {"pay_1", "pay_2"}, "a merchant's new version says nothing about payments before it"


def test_a_batch_that_is_committed_after_a_later_one_of_another_table_counts(business: Any) -> None:
    """Tables are landed one after another, or by queries of their own: a build may fall between any two commits."""
    business.batches += 1
    business.land({"payments": [payment("pay_half", 700)]})
    build.build(business.config, tests=False)
    business.batches -= 2  # begun a minute before that batch
    business.land({"refunds": [refund("ref_half", "pay_half", 70, 28)]})
    build.build(business.config, tests=False)
    (fact,) = business.rows("select refunded_minor from gold.fct_payments where payment_id = 'pay_half'")
    assert fact == {"refunded_minor": 70}
    business.batches += 1


def test_built_anew_gold_is_the_same(business: Any) -> None:
    tables = [f"gold.{name}" for name in (*FACTS, *DIMENSIONS)]
    incremental = {t: business.table(t) for t in tables}
    build.build(business.config, full_refresh=True, tests=False)
    assert {t: business.table(t) for t in tables} == incremental


def test_ansi_mode_stays_on(business: Any) -> None:
    assert business.spark.conf.get("spark.sql.ansi.enabled") == "true"


def test_two_builds_at_once_are_refused(business: Any) -> None:
    with (
        FileLock(business.config.state / "run" / "transform.lock"),
        pytest.raises(SafetyError, match="another transform"),
    ):
        build.build(business.config)


def test_an_unknown_model_is_named(business: Any) -> None:
    with pytest.raises(UsageError, match="fct_paiments"):
        build.build(business.config, select="fct_paiments")
    assert changes.read_before(business.config, changes.versions(business.config)), "a slip costs nothing"


@pytest.fixture
def command(business: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Runs a command in this process, on the business."""
    monkeypatch.setenv("LAKEHOUSE_PATHS__STATE", str(business.config.paths.state))
    settings.current.cache_clear()
    yield lambda *arguments: CliRunner().invoke(app, [*arguments, "--output", "json"])
    monkeypatch.undo()
    settings.current.cache_clear()


def test_what_the_command_builds_is_published(business: Any, command: Any) -> None:
    told = command("transform", "run", "--select", "dim_channels", "--full-refresh", "--no-tests")
    assert told.exit_code == 0, told.output
    assert "gold.dim_channels" not in iceberg.stale(business.config)


@pytest.mark.parametrize(
    ("cube", "spoilt"),
    [
        ("agg_product_performance", "margin_rate = margin_rate + 0.00000001 where captured_count > 0"),
        (
            "agg_product_performance",
            "average_basket_minor = average_basket_minor + 1 where captured_count > 0",
        ),
        ("agg_daily_merchant_revenue", "net_reporting_minor = net_reporting_minor + 1"),
        ("agg_daily_funnel", None),
    ],
)
def test_cubes_are_held_against_facts_and_their_rates_against_their_parts(
    business: Any, cube: str, spoilt: str | None
) -> None:
    version = context.version(context.folder(business.config, f"gold.{cube}"))
    if spoilt:
        business.spark.sql(f"update gold.{cube} set {spoilt}")
    else:  # there were no sessions
        plant(business, cube, level="total", day_on=date(2026, 2, 1), session_count=1)
    try:
        with pytest.raises(DriftError) as caught:
            build.test(business.config, select="cubes_equal_their_facts")
        (found,) = caught.value.fields["findings"]
        assert {r["cube"] for r in found["first"]} == {cube}
    finally:
        business.spark.sql(f"restore table gold.{cube} to version as of {version}")


BAD = {
    "one_currency_per_payment": "update gold.fct_refunds set currency_code = 'USD' where refund_id = 'ref_1'",
    "payments_carry_their_refunds_and_disputes": "update gold.fct_payments "
    "set net_minor = net_minor + 1 where payment_id = 'pay_1'",
    "daily_revenue_equals_the_facts": "update gold.agg_daily_merchant_revenue "
    "set revenue_minor = revenue_minor + 1 where currency_code = 'JPY'",
    "known_members_have_a_version": "update gold.fct_payments set merchant_key = '(unknown)' where payment_id = 'pay_1'",
    "calendar_is_the_calendar": "update gold.dim_dates set iso_day_of_week = 2 where date_on = date '2024-02-29'",
    "rates_convert_major_units": "update gold.dim_fx_rates set minor_rate = minor_rate * 10 where date_on = date '2026-02-01'",
    "rates_are_those_of_the_source": "insert into silver.stg_ledger__fx_rates "
    "(base_currency_code, quote_currency_code, rate_on, rate, _is_deleted) values ('JPY', 'EUR', date '2026-02-01', 1, false)",
    "cubes_equal_their_facts": "delete from gold.agg_hourly_payments where currency_code = 'JPY'",
    **{
        f"{name}_covers_all_time": f"update gold.{name} set effective_to = timestamp '2100-01-01' where is_current"
        for name in VERSIONED
    },
}
"""What makes a test of sums find a row."""


def test_every_data_test_can_fail(business: Any) -> None:
    """One bad row or more for each; also that a finding names the test, counts its rows and shows them."""
    for statement in BAD.values():
        business.spark.sql(statement)
    tests = {n.name for n in business.report.nodes if n.kind == "test"}
    for test in tests:
        if test.endswith("_is_as_declared"):
            plant(business, test.removesuffix("_is_as_declared"))
    entry = {"entry_id": 99, "transaction_id": "capture:bad", "currency_code": "EUR", "amount_minor": 1}
    plant(business, "stg_ledger__ledger_entries", **entry, _is_deleted=False)
    plant(business, "stg_ledger__refunds", refund_id="ref_odd", status="lost")
    plant(business, "fct_payments", payment_id="pay_invented")
    plant(business, "fct_payouts", payout_id="pyo_invented")
    plant(business, "fct_ledger_entries", entry_id=99)
    plant(business, "fct_events", event_id="evt_invented")
    plant(business, "fct_disputes", dispute_id="dsp_invented")
    plant(business, "fct_refunds", refund_id="ref_1", amount_minor=1)
    plant(business, "fct_refunds", refund_id="ref_nothing", amount_minor=0)
    plant(business, "fct_refunds", refund_id="ref_orphan", amount_minor=1, payment_id="pay_nobody")

    with pytest.raises(DriftError) as caught:
        build.test(business.config, select="test_type:data")
    found = {f["test"]: f for f in caught.value.fields["findings"]}
    assert found.keys() == tests
    assert caught.value.exit_code == 3
    assert "ledger_balances" in caught.value.message
    assert found["ledger_balances"]["rows"] == 1
    assert found["ledger_balances"]["first"] == [
        {"transaction_id": "capture:bad", "currency_code": "EUR", "out_of_balance_minor": 1}
    ]
    assert {(r["refund_id"], r["problem"]) for r in found["fct_refunds_is_as_declared"]["first"]} == {
        (None, "refund_id is null"),
        ("ref_1", "key comes 2 times"),
        ("ref_nothing", "amount_minor is not above zero"),
        ("ref_orphan", "payment_id is not in fct_payments: pay_nobody"),
    }
    assert ("evt_invented", "customer_key is null") in {
        (r["event_id"], r["problem"]) for r in found["fct_events_is_as_declared"]["first"]
    }
    assert ("ref_odd", "status is unknown: lost") in {
        (r["refund_id"], r["problem"]) for r in found["stg_ledger__refunds_is_as_declared"]["first"]
    }


def plant(business: Any, model: str, **values: Any) -> None:
    """Append a row that has these values, and nulls."""
    place = f"{'silver' if model.startswith(('stg_', 'hist_')) else 'gold'}.{model}"
    schema = business.spark.table(place).schema
    frame = business.spark.createDataFrame([tuple(values.get(name) for name in schema.names)], schema)
    frame.write.format("delta").mode("append").saveAsTable(place)


def test_the_command_ends_with_3_on_findings(command: Any) -> None:
    told = command("transform", "test", "--select", "ledger_balances")
    assert told.exit_code == 3
    document = json.loads(told.stdout)
    assert document["error"] == "DriftError"
    assert [f["test"] for f in document["fields"]["findings"]] == ["ledger_balances"]


def test_a_sum_that_overflows_is_an_error_and_not_a_number(business: Any) -> None:
    """An error names the model, the database's words and the file of the SQL, and says what was skipped."""
    largest = 2**63 - 1
    business.spark.sql("delete from gold.fct_refunds where refund_id = 'ref_1'")  # may be there twice by now
    business.land(
        {"refunds": [refund("ref_big", "pay_2", largest, 5), refund("ref_huge", "pay_2", largest, 5)]}
    )
    with pytest.raises(DataError, match=r"fct_payments.*ARITHMETIC_OVERFLOW") as caught:
        build.build(business.config, tests=False)
    assert caught.value.exit_code == 1
    assert "fct_payments.sql" in str(caught.value.hint)
    of_payments = {c.name for c in metrics.current().cubes.values() if c.fact != "sessions"}
    assert set(caught.value.fields["skipped"]) == of_payments
    assert changes.read_before(business.config, changes.versions(business.config)) == {}, "all is looked at"


def test_examples_of_the_models_hold(business: Any) -> None:
    report = build.test(business.config, select="test_type:unit")
    assert {n.name: n.status for n in report.nodes} == {"money_of_a_payment": "pass"}
