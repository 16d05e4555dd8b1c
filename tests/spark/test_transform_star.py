"""The star schema under the mishaps of real business: each stays in gold, in its place, or is told."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from lakehouse import context, names, tables
from lakehouse.contracts import Sensitivity
from lakehouse.errors import ConfigError
from lakehouse.quality import money_lint
from lakehouse.settings import Transform
from lakehouse.transform import build, lineage, project
from tests.mishaps import CHANGES, at, merchant, of, payment, product, rate


@pytest.fixture(scope="module")
def shop(lake: Any) -> Any:
    """One merchant renamed twice in a day, a product that became dearer, and every mishap there is."""
    lake.land(CHANGES)
    build.build(lake.config, tests=False)
    return lake


def facts(lake: Any, columns: str) -> dict[str, Any]:
    sql = f"select payment_id, {columns} as value from gold.fct_payments as p"
    return {r["payment_id"]: r["value"] for r in lake.rows(sql)}


def name_then(lake: Any) -> dict[str, Any]:
    return facts(
        lake, "(select max(display_name) from gold.dim_merchants as m where m.merchant_key = p.merchant_key)"
    )


def test_no_payment_is_lost_whatever_it_refers_to(shop: Any) -> None:
    assert len(facts(shop, "1")) == 16
    for dimension in ("customer", "merchant", "product"):
        joined = f"select 1 from gold.fct_payments inner join gold.dim_{dimension}s using ({dimension}_key)"
        assert len(shop.rows(joined)) == 16, f"an inner join with dim_{dimension}s keeps every row"


def test_a_payment_points_to_the_version_that_held_then(shop: Any) -> None:
    called = name_then(shop)
    assert (called["early"], called["leap day"], called["no time"]) == ("Tea",) * 3, (
        "before the first: the first"
    )
    assert (called["morning"], called["at the instant"]) == ("Tea", "Tea & Co")
    assert (called["noon"], called["evening"]) == ("Tea & Co", "Tea House")
    current = "select display_name from gold.dim_merchants where is_current and merchant_id = 'mer_1'"
    assert shop.rows(current) == [{"display_name": "Tea House"}]
    events = {r["event_id"]: r["merchant_key"] for r in shop.rows("select * from gold.fct_events")}
    assert events == {"evt_1": "mer_1@2026-02-28T09:00:00.000000Z", "evt_2": "(unknown)"}


def test_who_is_not_known_is_called_so(shop: Any) -> None:
    keys = facts(shop, "customer_key")
    assert {p for p, key in keys.items() if key == "(unknown)"} == {"no customer"}


def test_money_is_reported_at_the_rate_of_its_day_or_not_at_all(shop: Any) -> None:
    told = facts(
        shop, "struct(captured_reporting_minor as minor, fee_reporting_minor as fee, fx_rate_on as day)"
    )
    assert tuple(told["noon"].values()) == (100, 10, date(2026, 2, 28))
    assert tuple(told["yen"].values()) == (63, 6, date(2026, 2, 27)), (
        "101 * 0.626 = 63.226; 10 * 0.626 = 6.26"
    )
    assert tuple(told["yen, rate of a week ago"].values()) == (63, 6, date(2026, 2, 20)), "63.125; 6.25"
    assert tuple(told["dinar"].values()) == (280, 3, date(2026, 2, 28)), "1.001 * 2.8 = 2.8028; 0.01 * 2.8"
    assert told["yen, no rate any more"]["minor"] is None
    assert told["no such currency"]["minor"] is None
    assert told["negative"]["minor"] == 0
    days = shop.rows(
        "select currency_code, sum(revenue_minor) as own, count(*) - count(revenue_reporting_minor) as unknown, "
        "sum(revenue_reporting_minor) as reported from gold.agg_daily_merchant_revenue group by 1 order by 1"
    )
    assert [tuple(d.values()) for d in days] == [
        ("EUR", 800, 0, 800),
        ("JPY", 303, 1, 126),
        ("KWD", 1001, 0, 280),
        ("SEK", 200, 2, None),
        ("XXY", 100, 1, None),
    ]


def test_a_day_is_one_of_utc_also_in_the_night_when_clocks_change(shop: Any) -> None:
    days, hours = facts(shop, "captured_on"), facts(shop, "cast(captured_at as string)")
    assert (hours["winter time"], days["winter time"]) == ("2026-03-28 23:30:00", date(2026, 3, 28))
    assert (hours["summer time"], days["summer time"]) == ("2026-03-29 01:30:00", date(2026, 3, 29))


def test_two_disputes_and_a_refund_larger_than_its_payment_are_as_they_are(shop: Any) -> None:
    told = facts(shop, "struct(refunded_minor, disputed_minor, dispute_lost_minor, dispute_count, net_minor)")
    assert tuple(told["noon"].values()) == (150, 0, 0, 0, 100 - 10 - 150)
    assert tuple(told["morning"].values()) == (0, 200, 100, 2, 100 - 10 - 100)


def test_what_becomes_known_late_moves_payments_to_their_version_and_rate(shop: Any) -> None:
    """A product re-priced in the past, a rename that was not known, a rate that was corrected."""
    before = facts(shop, "merchant_key")
    shop.land(
        {
            "products": [product(110, at(10), "u") | {"_offset": 1}, product(120, at(20)) | {"_offset": 2}],
            "merchants": [merchant("Tea Garden", at(28, 18))],
            "fx_rates": [
                rate("JPY", date(2026, 2, 27), "0.00700", _op="u"),
                rate("JPY", date(2026, 3, 10), "0.008"),
            ],
        }
    )
    build.build(shop.config, tests=False)
    called = name_then(shop)
    assert (called["noon"], called["evening"]) == ("Tea & Co", "Tea Garden")
    after = facts(shop, "merchant_key")
    after_the_28th = {"evening", "yen, no rate any more", "winter time", "summer time"}
    assert {p for p in before if before[p] != after[p]} == after_the_28th
    prices = facts(
        shop, "(select max(price_minor) from gold.dim_products as d where d.product_key = p.product_key)"
    )
    assert (prices["early"], prices["noon"]) == (100, 120)
    told = facts(shop, "captured_reporting_minor")
    assert (told["yen"], told["yen, no rate any more"], told["yen, rate of a week ago"]) == (71, 81, 63)


def test_another_reporting_currency_needs_a_full_refresh(shop: Any) -> None:
    other = shop.config.model_copy(update={"transform": Transform(reporting_currency="JPY")})
    with pytest.raises(ConfigError, match=r"reported in EUR, and .* says JPY") as caught:
        build.build(other, select="dim_fx_rates", tests=False)
    assert "--full-refresh" in str(caught.value.hint)


def test_the_models_of_gold_keep_currencies_apart(shop: Any) -> None:
    models = build.compiled(shop.config, "path:models/gold")
    assert "fct_payments" in models
    assert {name: found for name, sql in models.items() if (found := money_lint.check(sql))} == {}


def test_every_column_of_gold_is_followed_to_the_source(shop: Any) -> None:
    known, models = lineage.parents(shop.config), project.models(shop.config)
    for model in (m for m in models if m.schema == "gold"):
        roots = {
            c for column in model.columns for _, c in lineage.upstream(f"gold.{model.name}.{column}", known)
        }
        asked = {f"{t.source.name}.{t.name}": lineage.declared((t,)).values() for t in tables.all()}
        told = {s for s, of in asked.items() if roots & {c for parents in of for c in parents}}
        assert told <= model.sources, f"{model.name}: dbt knows of no other source"
        assert all(f"gold.{model.name}.{column}" in known for column in model.columns), model.name
    personal = {
        f"{names.bronze(t)}.{c.name}"
        for t in tables.all()
        for c in t.columns
        if c.sensitivity in (Sensitivity.PERSONAL, Sensitivity.SECRET)
    }
    gold = [c for c in known if c.startswith("gold.")]
    assert not personal & {c for column in gold for _, c in lineage.upstream(column, known)}, (
        "nothing personal gets to gold"
    )
    net = {c for _, c in lineage.upstream("gold.agg_daily_merchant_revenue.net_minor", known)}
    for table in ("payments", "refunds", "disputes"):
        assert f"ledger.public.{table}.amount_minor" in net
    assert "ledger.public.payments.fee_minor" in net
    assert known["gold.fct_payments.captured_on"] == ("silver.stg_ledger__payments.captured_at",)
    assert lineage.parents(shop.config) == known, "from the file that the first call left"


def cube(lake: Any, table: str, where: str, *columns: str) -> list[tuple[Any, ...]]:
    rows = lake.rows(f"select {', '.join(columns)} from gold.{table} where {where} order by 1, 2")
    return [tuple(row.values()) for row in rows]


def test_a_dispute_that_comes_weeks_late_changes_the_month_of_its_payment(shop: Any) -> None:
    """...visibly: it counts as late; and what was answered before can still be read."""
    february = "month_on = date '2026-02-01' and level = 'total' and currency_code = 'EUR'"
    measures = (
        "captured_count",
        "disputed_count",
        "late_disputed_count",
        "fraud_disputed_count",
        "fraud_rate",
    )
    table = "agg_monthly_fraud_statistics"
    (before,) = cube(shop, table, february, *measures)
    assert before == (5, 1, 1, 1, Decimal("0.20000000")), (
        "the two disputes of one payment are one disputed payment"
    )
    version = context.version(context.folder(shop.config, f"gold.{table}"))
    late = of("disputes", "late", payment_id="noon", amount_minor=100, currency_code="EUR", status="opened",
              reason="fraudulent", opened_at=at(11, month=4))  # fmt: skip
    shop.land({"disputes": [late]})
    build.build(shop.config, tests=False)
    (after,) = cube(shop, table, february, *measures)
    assert after == (5, 2, 2, 2, Decimal("0.40000000"))
    (then,) = cube(shop, f"{table} version as of {version}", february, *measures)
    assert then == before


def test_levels_of_a_cube_are_the_same_payments_cut_otherwise(shop: Any) -> None:
    for table in ("agg_monthly_fraud_statistics", "agg_periodic_payments"):
        period = "month_on" if "month" in table else "period, starts_on"
        sums = shop.rows(
            f"select currency_code, {period}, level, sum(captured_count) as n, sum(revenue_minor) as amount "
            f"from gold.{table} group by currency_code, {period}, level"
        )
        assert len({r["level"] for r in sums}) == 5
        of_group: dict[tuple[Any, ...], set[tuple[int, int]]] = {}
        for row in sums:
            key = tuple(v for k, v in row.items() if k not in ("level", "n", "amount"))
            of_group.setdefault(key, set()).add((row["n"], row["amount"]))
        assert all(len(found) == 1 for found in of_group.values()), of_group


def test_periods_begin_where_the_calendar_says(shop: Any) -> None:
    eur = "currency_code = 'EUR' and level = 'total' and starts_on >= date '2026-01-01'"
    found = cube(shop, "agg_periodic_payments", eur, "period", "starts_on", "captured_count")
    assert found == [
        ("day", date(2026, 2, 28), 5),
        ("month", date(2026, 2, 1), 5),
        ("quarter", date(2026, 1, 1), 5),
        ("week", date(2026, 2, 23), 5),
        ("year", date(2026, 1, 1), 5),
    ], "28 February 2026 is a Saturday: its week began on Monday the 23rd"


def test_cubes_say_who_is_not_known_and_drop_nobody(shop: Any) -> None:
    (lifetime,) = shop.rows("select sum(requested_count) as n from gold.agg_customer_lifetime")
    assert lifetime["n"] == 16
    assert cube(
        shop, "agg_customer_lifetime", "customer_id = '(unknown)'", "currency_code", "captured_count"
    ) == [("EUR", 1)]
    funnel = cube(shop, "agg_daily_funnel", "level = 'total'", "day_on", "session_count", "checkout_count")
    assert funnel == [(date(2026, 2, 28), 1, 1)], "one session, which came as far as the checkout"


def test_what_was_built_piece_by_piece_is_what_is_built_anew(shop: Any) -> None:
    """After whatever can befall a payment afterwards: also a rate, a refund and a payment that the source deleted, and a
    dispute that moves to another payment."""
    dispute = {"payment_id": "evening", "amount_minor": 100, "currency_code": "EUR", "status": "opened",
               "reason": "fraudulent", "opened_at": at(11, month=4)}  # fmt: skip
    shop.land({"disputes": [of("disputes", "late", **dispute | {"payment_id": "noon"})]})
    build.build(shop.config, tests=False)
    shop.land(
        {
            "fx_rates": [rate("JPY", date(2026, 3, 10), "0.008", _op="d")],
            "refunds": [of("refunds", "larger", payment_id="noon", amount_minor=150, currency_code="EUR", _op="d")],
            "disputes": [of("disputes", "late", **dispute, _op="u")],
            "payments": [
                payment("morning", 100, at(28, 8), _op="d"), payment("new", 7, at(28, 19)),
                payment("no time", 90, requested_at=None, _op="u"),
            ],
            "events.checkout": [
                of("events.checkout", "evt_3", event_name="session_started", session_id="s", merchant_id="mer_1",
                   channel="app", occurred_at=at(27, 23)),
                of("events.checkout", "evt_4", event_name="payment_completed", session_id="t", channel="web",
                   occurred_at=at(28, 23)),
            ],
            "customers": [of("customers", "cus_1", country_code="ES", _op="u", _source_at=at(28, 11))],
        }
    )  # fmt: skip
    build.build(shop.config, tests=False)
    tables = [f"gold.{folder.name}" for schema, _, folder in context.tables(shop.config) if schema == "gold"]
    found = {t: shop.table(t) for t in tables}
    told = facts(shop, "captured_reporting_minor")
    assert "morning" not in told
    assert told["yen, no rate any more"] is None
    funnel = cube(shop, "agg_daily_funnel", "level = 'channel'", "day_on", "channel", "checkout_count")
    assert funnel == [(date(2026, 2, 27), "app", 1), (date(2026, 2, 28), "web", 1)], (
        "s began earlier, elsewhere"
    )
    assert (facts(shop, "customer_country_code")["evening"], facts(shop, "refund_count")["noon"]) == ("ES", 0)
    disputed = facts(shop, "disputed_minor")
    assert (disputed["noon"], disputed["evening"]) == (0, 100)
    build.build(shop.config, full_refresh=True, tests=False)
    for table, rows in found.items():
        again = shop.table(table)
        assert (rows - again, again - rows) == (set(), set()), table
