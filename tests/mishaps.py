"""What can befall payments, a row of bronze each: the mishaps of real business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from lakehouse import tables

NOON = datetime(2026, 2, 28, 12, tzinfo=UTC)


def at(day: int, hour: int = 12, month: int = 2, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def summer_time(hour: int) -> datetime:
    """Half past this hour of the night in which clocks in Berlin went from two to three."""
    return datetime(2026, 3, 29, hour, 30, tzinfo=ZoneInfo("Europe/Berlin"))


def of(table: str, key: Any, **values: Any) -> dict[str, Any]:
    """A row of ``table`` whose other columns that may not be null are filled with something."""
    return {tables.get(table).key[0]: key, **values}


def merchant(name: str, when: datetime, op: str = "u") -> dict[str, Any]:
    return of("merchants", "mer_1", display_name=name, country_code="DE", _op=op, _source_at=when)


def product(price: int, when: datetime, op: str = "u") -> dict[str, Any]:
    return of(
        "products",
        "prd_1",
        merchant_id="mer_1",
        price_minor=price,
        currency_code="EUR",
        _op=op,
        _source_at=when,
    )


def payment(key: str, amount: int, when: datetime = NOON, **more: Any) -> dict[str, Any]:
    usual = {
        "customer_id": "cus_1", "merchant_id": "mer_1", "product_id": "prd_1", "payment_method_id": "pm_1",
        "amount_minor": amount, "currency_code": "EUR", "fee_minor": 10, "status": "captured", "channel": "web",
        "requested_at": when, "captured_at": when,
    }  # fmt: skip
    return of("payments", key, **(usual | more))


def rate(currency: str, on: date, value: str, **more: Any) -> dict[str, Any]:
    pair = {"base_currency_code": currency, "quote_currency_code": "EUR", "rate_on": on}
    return {**pair, "rate": Decimal(value), **more}


CHANGES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "customers": [of("customers", "cus_1", country_code="FR", _source_at=at(1))],
    "merchants": [
        merchant("Tea", at(1), "c"),
        merchant("Tea & Co", at(28, 9)),
        merchant("Tea House", at(28, 15)),
    ],
    "products": [product(100, at(1), "c"), product(120, at(20))],
    "payment_methods": [of("payment_methods", "pm_1", customer_id="cus_1", kind="card")],
    "fx_rates": [
        rate("JPY", date(2026, 2, 20), "0.00625"),
        rate("JPY", date(2026, 2, 27), "0.00626"),
        rate("KWD", date(2026, 2, 28), "2.8"),
        rate("XXY", date(2026, 2, 28), "1"),
    ],
    "payments": [
        payment("early", 100, at(1, year=2025)),
        payment("morning", 100, at(28, 8)),
        payment("at the instant", 100, at(28, 9)),
        payment("noon", 100),
        payment("evening", 100, at(28, 20)),
        payment("leap day", 100, at(29, year=2024)),
        payment("no customer", 100, customer_id=None),
        payment("no time", 100, requested_at=None),
        payment("yen", 101, currency_code="JPY"),
        payment("yen, rate of a week ago", 101, at(26), currency_code="JPY"),
        payment("yen, no rate any more", 101, at(10, month=3), currency_code="JPY"),
        payment("dinar", 1001, currency_code="KWD"),
        payment("no such currency", 100, currency_code="XXY"),
        payment("winter time", 100, summer_time(0), currency_code="SEK"),
        payment("summer time", 100, summer_time(3), currency_code="SEK"),
        payment("negative", -5, fee_minor=0, status="requested", captured_at=None),
    ],
    "refunds": [
        of("refunds", "larger", payment_id="noon", amount_minor=150, currency_code="EUR",
           status="succeeded", updated_at=at(3, month=3)),
    ],
    "disputes": [
        of("disputes", d, payment_id="morning", amount_minor=100, currency_code="EUR", status=s,
           reason="fraudulent", opened_at=at(10, month=4), closed_at=at(12, month=4))
        for d, s in (("first", "lost"), ("second", "won"))
    ],
    "events.checkout": [
        of("events.checkout", "evt_1", event_name="checkout_started", session_id="s", merchant_id="mer_1",
           channel="web", occurred_at=at(28, 10)),
        of("events.checkout", "evt_2", event_name="product_viewed", session_id="s", merchant_id="mer_2",
           channel="web", occurred_at=at(28, 9)),
    ],
}  # fmt: skip
"""One merchant renamed twice in a day, a product that became dearer, and every mishap there is."""

_UNKNOWN = {"customer_id": "cus_?", "merchant_id": "mer_?", "product_id": "prd_?"}
_KNOWN = {"customer_id": "cus_1", "merchant_id": "mer_1", "product_id": "prd_1"}
_AT_BOUNDS = (at(20), at(28, 9), at(28, 15), at(28, 18))
"""Instants at which a version began, and one within the last."""
_MONEY = {"amount_minor": 10, "currency_code": "EUR"}

REFERENCES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "payments": [
        payment("nothing known", 100, **_UNKNOWN, payment_method_id="pm_?", channel=None),
        payment("deleted", 100), payment("deleted", 100, _op="d"),
        *(payment(f"at {when}", 100, when) for when in _AT_BOUNDS),
    ],
    "refunds": [
        *(of("refunds", f"of {p}", payment_id=p, **_MONEY, status="succeeded", updated_at=at(2, month=3))
          for p in ("nothing known", "deleted", "nobody", *(f"at {when}" for when in _AT_BOUNDS))),
        of("refunds", "deleted", payment_id="noon", **_MONEY, status="succeeded", updated_at=at(2, month=3)),
        of("refunds", "deleted", payment_id="noon", **_MONEY, status="succeeded", updated_at=at(2, month=3), _op="d"),
    ],
    "disputes": [
        *(of("disputes", f"of {p}", payment_id=p, **_MONEY, status="lost", reason="fraudulent", opened_at=at(1, month=3),
             closed_at=at(3, month=3))
          for p in ("nothing known", "deleted", "nobody", *(f"at {when}" for when in _AT_BOUNDS))),
        of("disputes", "after 30 days", payment_id="noon", **_MONEY, status="opened", opened_at=at(30, month=3)),
    ],
    "payouts": [
        *(of("payouts", f"{m} {when}", merchant_id=m, **_MONEY, status="paid", created_at=when, paid_at=when)
          for m in ("mer_1", "mer_?") for when in _AT_BOUNDS),
        of("payouts", "deleted", merchant_id="mer_1", **_MONEY, created_at=at(28), _op="d"),
    ],
    "ledger_entries": [
        *(of("ledger_entries", 10 * i + j, transaction_id=f"t{i}{j}", account="clearing", merchant_id=m, **_MONEY, posted_at=when)
          for i, m in enumerate(("mer_1", "mer_?")) for j, when in enumerate(_AT_BOUNDS)),
        of("ledger_entries", 99, transaction_id="t99", account="clearing", merchant_id="mer_1", **_MONEY, posted_at=at(28), _op="d"),
    ],
    "fx_rates": [
        rate("JPY", date(2026, 2, 24), "0"), rate("EUR", date(2026, 2, 24), "1"),
        rate("JPY", date(2026, 2, 24), "0.009", quote_currency_code="USD"),
        rate("SEK", date(2026, 2, 24), "0.09"), rate("SEK", date(2026, 2, 24), "0.09", _op="d"),
    ],
    "events.checkout": [
        of("events.checkout", f"{m} {when}", event_name="session_started", session_id=f"{m} {when}", occurred_at=when, **ids)
        for when in _AT_BOUNDS
        for m, ids in (("known", _KNOWN), ("unknown", _UNKNOWN))
    ],
}  # fmt: skip
"""Rows that refer to nobody, to what was deleted, and to a version at the instant in which it began."""
