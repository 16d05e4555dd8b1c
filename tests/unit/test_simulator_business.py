"""What must hold of the simulated business, row by row as written: PostgreSQL's rules, without it."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse import money, tables
from lakehouse.contracts import Column, Integer, Json, String, Timestamp
from lakehouse.contracts import Date as DateType
from lakehouse.contracts import Decimal as DecimalType
from lakehouse.testing.simulator import Plan
from lakehouse.testing.simulator.changes import Change, Event, Truth
from lakehouse.testing.simulator.clock import START, instant
from lakehouse.testing.simulator.generator import moments
from lakehouse.testing.simulator.world import World

DECLARED = {t.name: t for t in tables.of_source("ledger")}
EVENTS = {t.name: t for t in tables.of_source("events")}
PYTHON = {String: str, Integer: int, Timestamp: datetime, DateType: date, DecimalType: Decimal, Json: str}
LIFE = {
    ("requested", "authorized"),
    ("requested", "failed"),
    ("authorized", "captured"),
    ("authorized", "failed"),
    ("pending", "succeeded"),
    ("pending", "failed"),
    ("opened", "won"),
    ("opened", "lost"),
    ("in_transit", "paid"),
    ("active", "suspended"),
    ("suspended", "active"),
    ("active", "retired"),
}

Row = dict[str, Any]


class Ledger:
    """The rows after each change, with the constraints that PostgreSQL would check."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[Any, ...], Row]] = {name: {} for name in DECLARED}
        self.deleted: dict[str, int] = defaultdict(int)
        self.changes = 0

    def apply(self, change: Change) -> None:
        self.changes += 1
        table = DECLARED[change.table]
        rows = self.rows[change.table]
        if change.op == "insert":
            assert list(change.values) == [c.name for c in table.columns]
            key = tuple(change.values[k] for k in table.key)
            assert key not in rows, f"{change.table} {key} twice"
            rows[key] = dict(change.values)
        else:
            assert tuple(change.key) == table.key
            key = tuple(change.key.values())
            if change.op == "delete":
                self._require_unreferenced(change.table, rows.pop(key))
                self.deleted[change.table] += 1
                return
            old = rows[key]
            if change.values.get("status", old.get("status")) != old.get("status"):
                assert (old["status"], change.values["status"]) in LIFE
            assert change.values["updated_at"] >= old["updated_at"]
            assert "metadata" not in change.values, "large values stay as they are"
            rows[key] = old | change.values
        for name in change.values:
            self._check(table.column(name), rows[key][name])

    def _check(self, column: Column, value: object) -> None:
        if value is None:
            assert column.nullable, column.name
            return
        assert type(value) is PYTHON[type(column.type)], (column.name, value)
        if isinstance(value, datetime):
            assert value.tzinfo is UTC
        if isinstance(column.type, Json):
            json.loads(str(value))
        if column.values:
            assert value in column.values
        if column.name.endswith("currency_code"):
            money.minor_digits(str(value))
        if column.references:
            target, _ = column.references.split(".")
            assert (value,) in self.rows[target], f"{column.name} {value} is not there yet"

    def _require_unreferenced(self, name: str, row: Row) -> None:
        for table in DECLARED.values():
            for column in table.columns:
                if column.references and column.references.split(".")[0] == name:
                    wanted = row[column.references.split(".")[1]]
                    assert all(r[column.name] != wanted for r in self.rows[table.name].values())

    def all(self, table: str) -> list[Row]:
        return list(self.rows[table].values())


class Business:
    """Everything that stretches of the given plans yield, applied in order."""

    def __init__(self, *plans: Plan) -> None:
        self.ledger, self.events, self.truths = Ledger(), list[Event](), list[Truth]()
        self.world = World(plans[0].seed)
        begin, last = START, None
        for plan in plans:
            for moment in moments(self.world, plan, begin):
                assert last is None or moment.at >= last
                last = moment.at
                for change in moment.changes:
                    self.ledger.apply(change)
                self.events += moment.events
                self.truths += moment.truths
            begin += plan.days * 86_400 * 10**6
        self.until = instant(begin)


SMALL = Plan(seed=7, customers=120, merchants=20, days=100, payments=1_800)


@pytest.fixture(scope="module")
def business() -> Business:
    return Business(SMALL, Plan(seed=7, customers=120, merchants=20, days=60, payments=400))


def test_as_many_payments_as_asked_for(business: Business) -> None:
    assert len(business.ledger.all("payments")) == 2_200


def test_seven_or_eight_changes_a_payment() -> None:
    whole = Business(Plan(payments=1_500, days=7, customers=75, merchants=5))
    assert 6.5 <= whole.ledger.changes / 1_500 <= 8.5


def test_every_table_is_written_and_some_rows_change_and_go(business: Business) -> None:
    assert all(business.ledger.rows.values())
    assert business.ledger.deleted["payment_methods"] > 0
    assert business.ledger.deleted["products"] > 0
    changed = [
        t
        for t in DECLARED
        if any(
            r.get("updated_at", 0) != r.get("created_at", 0)
            for r in business.ledger.all(t)
            if "updated_at" in r
        )
    ]
    assert set(changed) == set(DECLARED) - {"ledger_entries", "fx_rates", "payment_methods"}


def test_entries_sum_to_zero_per_transaction_and_currency(business: Business) -> None:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for entry in business.ledger.all("ledger_entries"):
        sums[entry["transaction_id"], entry["currency_code"]] += entry["amount_minor"]
        assert (entry["payment_id"] is None) == (entry["payout_id"] is not None)
    assert sums
    assert set(sums.values()) == {0}


def test_what_is_owed_follows_from_the_facts(business: Business) -> None:
    ledger, owed = business.ledger, defaultdict[str, int](int)
    merchant_of = {p["payment_id"]: p["merchant_id"] for p in ledger.all("payments")}
    for payment in ledger.all("payments"):
        if payment["status"] == "captured":
            owed[payment["merchant_id"]] += payment["amount_minor"] - payment["fee_minor"]
        else:
            assert payment["fee_minor"] == 0
    for refund in ledger.all("refunds"):
        owed[merchant_of[refund["payment_id"]]] -= refund["amount_minor"] * (refund["status"] == "succeeded")
    for dispute in ledger.all("disputes"):
        owed[merchant_of[dispute["payment_id"]]] -= dispute["amount_minor"] * (dispute["status"] == "lost")
    for payout in ledger.all("payouts"):
        owed[payout["merchant_id"]] -= payout["amount_minor"]
    booked = defaultdict[str, int](int)
    for entry in ledger.all("ledger_entries"):
        booked[entry["merchant_id"]] -= entry["amount_minor"] * (entry["account"] == "merchant_payable")
    assert {m: a for m, a in owed.items() if a} == {m: a for m, a in booked.items() if a}
    assert {m.id: m.balance for m in business.world.merchants} == {
        m.id: owed[m.id] for m in business.world.merchants
    }


def test_a_payout_is_what_was_owed_when_its_period_ended(business: Business) -> None:
    entries = defaultdict(list)
    for entry in business.ledger.all("ledger_entries"):
        if entry["account"] == "merchant_payable":
            entries[entry["merchant_id"]].append(entry)
    periods = defaultdict(list)
    for payout in business.ledger.all("payouts"):
        closed = datetime.combine(payout["period_end_on"] + timedelta(days=1), datetime.min.time(), UTC)
        owed = -sum(e["amount_minor"] for e in entries[payout["merchant_id"]] if e["posted_at"] < closed)
        assert payout["amount_minor"] == owed > 0
        assert payout["period_end_on"].weekday() == 6
        assert payout["created_at"] >= closed
        periods[payout["merchant_id"]].append((payout["period_start_on"], payout["period_end_on"]))
    assert periods
    for spans in periods.values():
        for (_, earlier_end), (start, end) in pairwise(spans):
            assert start == earlier_end + timedelta(days=1) <= end


def test_money_given_back_never_exceeds_the_payment(business: Business) -> None:
    back = defaultdict[str, int](int)
    for row in [*business.ledger.all("refunds"), *business.ledger.all("disputes")]:
        assert row["amount_minor"] > 0
        back[row["payment_id"]] += row["amount_minor"]
    for payment_id, amount in back.items():
        payment = business.ledger.rows["payments"][(payment_id,)]
        assert payment["status"] == "captured"
        assert amount <= payment["amount_minor"]
    partial = [r for r in business.ledger.all("refunds") if back[r["payment_id"]] < _amount(business, r)]
    assert partial


def _amount(business: Business, row: Row) -> int:
    amount: int = business.ledger.rows["payments"][(row["payment_id"],)]["amount_minor"]
    return amount


def test_the_life_of_a_payment(business: Business) -> None:
    seen = set()
    for p in business.ledger.all("payments"):
        seen.add(p["status"])
        assert p["requested_at"] == p["created_at"]
        steps = [p["requested_at"], *(p[s] for s in ("authorized_at", "captured_at", "failed_at") if p[s])]
        assert steps == sorted(steps)
        assert (p["failure_code"] is not None) == (p["failed_at"] is not None) == (p["status"] == "failed")
        assert (p["captured_at"] is not None) == (p["status"] == "captured")
        assert (p["channel"] == "point_of_sale") == (p["ip_country_code"] is None)
        assert p["amount_minor"] > 0
        assert 0 <= p["fee_minor"] <= p["amount_minor"]
    assert seen >= {"captured", "failed"}


def test_disputes_come_weeks_later_and_are_decided_weeks_after(business: Business) -> None:
    disputes = business.ledger.all("disputes")
    for dispute in disputes:
        captured = business.ledger.rows["payments"][(dispute["payment_id"],)]["captured_at"]
        assert timedelta(days=7) <= dispute["opened_at"] - captured <= timedelta(days=61)
        assert (dispute["closed_at"] is None) == (dispute["status"] == "opened")
        if dispute["closed_at"]:
            assert timedelta(days=14) <= dispute["closed_at"] - dispute["opened_at"] <= timedelta(days=50)
    assert {d["status"] for d in disputes} >= {"won", "lost"}
    # Follow-ups of the first stretch arrive in the second.
    second = instant(START) + timedelta(days=SMALL.days)
    assert any(d["opened_at"] >= second > _requested(business, d) for d in disputes)


def _requested(business: Business, row: Row) -> datetime:
    at: datetime = business.ledger.rows["payments"][(row["payment_id"],)]["requested_at"]
    return at


def test_amounts_are_in_the_minor_unit_of_their_currency(business: Business) -> None:
    """A median payment is worth some tens of dollars in every currency: no exponent is off."""
    from lakehouse.testing.simulator.market import PER_USD

    by_currency = defaultdict(list)
    for p in business.ledger.all("payments"):
        by_currency[p["currency_code"]].append(float(money.to_major(p["amount_minor"], p["currency_code"])))
    assert {money.minor_digits(c) for c in by_currency} == {0, 2, 3}
    for currency, amounts in by_currency.items():
        median = sorted(amounts)[len(amounts) // 2] / PER_USD[currency]
        assert 3 < median < 400, currency


def test_a_payment_is_in_the_currency_of_its_merchant(business: Business) -> None:
    for p in business.ledger.all("payments"):
        merchant = business.ledger.rows["merchants"][(p["merchant_id"],)]
        product = business.ledger.rows["products"][(p["product_id"],)]
        method = business.ledger.rows["payment_methods"][(p["payment_method_id"],)]
        assert p["currency_code"] == merchant["settlement_currency_code"] == product["currency_code"]
        assert product["merchant_id"] == p["merchant_id"]
        assert method["customer_id"] == p["customer_id"]


def test_every_used_currency_has_a_rate_each_day(business: Business) -> None:
    used = {p["currency_code"] for p in business.ledger.all("payments")}
    days = {r["rate_on"] for r in business.ledger.all("fx_rates")}
    assert len(days) == 160
    have = {
        (r["base_currency_code"], r["quote_currency_code"], r["rate_on"])
        for r in business.ledger.all("fx_rates")
    }
    assert have >= {(c, q, d) for c in used for q in ("USD", "EUR") if c != q for d in days}
    assert all(r["rate"] > 0 and r["rate"].as_tuple().exponent == -8 for r in business.ledger.all("fx_rates"))


def test_some_metadata_is_large_and_does_not_compress(business: Business) -> None:
    import zlib

    large = [
        p["metadata"] for p in business.ledger.all("payments") if p["metadata"] and len(p["metadata"]) > 8_192
    ]
    assert 3 <= len(large) <= 60
    assert all(len(zlib.compress(m.encode())) > 6_000 for m in large)


def test_fraud_is_rare_and_of_each_kind_and_mostly_disputed() -> None:
    whole = Business(Plan(seed=3, customers=150, merchants=40, days=90, payments=4_000))
    frauds = {t.payment_id: t.scenario for t in whole.truths if t.scenario}
    assert len(whole.truths) == 4_000
    assert 0.01 <= len(frauds) / 4_000 <= 0.02
    assert set(frauds.values()) == {"amount_outlier", "stolen_card", "compromised_merchant"}
    halfway = instant(START) + timedelta(days=30)
    old = [
        p["payment_id"] for p in whole.ledger.all("payments")
        if p["payment_id"] in frauds and p["status"] == "captured" and p["captured_at"] < halfway
    ]  # fmt: skip
    disputed = {d["payment_id"]: d["reason"] for d in whole.ledger.all("disputes")}
    assert 0.7 <= sum(p in disputed for p in old) / len(old) <= 0.98
    assert all(disputed[p] == "fraudulent" for p in old if p in disputed)
    friendly = [p for p, reason in disputed.items() if reason == "fraudulent" and p not in frauds]
    assert friendly


def test_the_truth_is_in_no_captured_row_and_no_event(business: Business) -> None:
    names = {"amount_outlier", "stolen_card", "compromised_merchant", "is_fraud", "scenario"}
    assert any(t.scenario for t in business.truths)
    written = json.dumps([r for rows in business.ledger.rows.values() for r in rows.values()], default=str)
    written += json.dumps([e.body for e in business.events])
    assert not [n for n in names if n in written]


def test_events_are_as_declared(business: Business) -> None:
    ids = [e.body["event_id"] for e in business.events]
    assert len(ids) == len(set(ids))
    payments = business.ledger.rows["payments"]
    for event in business.events:
        assert list(event.body) == [c.name for c in EVENTS[event.table].columns]
        for column in EVENTS[event.table].columns:
            value = event.body[column.name]
            assert value is not None or column.nullable
            assert not column.values or value in column.values
        datetime.strptime(event.body["occurred_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        assert event.body["payment_id"] is None or (event.body["payment_id"],) in payments
    assert {e.table for e in business.events} == {"checkout", "webhook"}
    assert 2.5 <= len(business.events) / 2_200 <= 4.5


def test_some_sessions_are_abandoned_and_steps_are_in_order(business: Business) -> None:
    order = EVENTS["checkout"].column("event_name").values
    sessions = defaultdict(list)
    for event in business.events:
        if event.table == "checkout":
            sessions[event.body["session_id"]].append(event.body)
    paid = 0
    for steps in sessions.values():
        positions = [order.index(s["event_name"]) for s in steps]
        assert positions == sorted(set(positions))
        assert positions[0] == 0
        assert [s["occurred_at"] for s in steps] == sorted(s["occurred_at"] for s in steps)
        paid += any(s["event_name"] == "payment_submitted" for s in steps)
    assert 0.4 < paid / len(sessions) < 0.8


plans = st.builds(
    Plan,
    seed=st.integers(0, 2**32),
    customers=st.integers(1, 12),
    merchants=st.integers(1, 6),
    days=st.integers(1, 40),
    payments=st.one_of(st.sampled_from([0, 1]), st.integers(2, 60)),
)


@settings(max_examples=15)
@given(plans, st.integers(0, 40))
def test_any_small_plan_makes_a_sound_business(plan: Plan, later: int) -> None:
    second = Plan(plan.seed, plan.customers, plan.merchants, plan.days, later)
    whole = Business(plan, second)
    assert len(whole.ledger.all("payments")) == len(whole.truths) == plan.payments + later
    assert sum(e["amount_minor"] for e in whole.ledger.all("ledger_entries")) == 0
    test_what_is_owed_follows_from_the_facts(whole)


@pytest.mark.parametrize(("customers", "merchants"), [(0, 0), (0, 3), (3, 0)])
def test_a_business_with_nobody_can_be_joined_later(customers: int, merchants: int) -> None:
    empty = Plan(seed=1, customers=customers, merchants=merchants, days=3, payments=0)
    whole = Business(empty, Plan(seed=1, customers=4, merchants=3, days=5, payments=10))
    assert len(whole.ledger.all("payments")) == 10
