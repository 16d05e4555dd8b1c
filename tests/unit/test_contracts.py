"""The grammar: what a declaration must keep to, and what is told to the author who breaks it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse import tables
from lakehouse.contracts import (
    Binary,
    Boolean,
    Column,
    Date,
    Decimal,
    Double,
    Event,
    Freshness,
    Integer,
    Json,
    Retention,
    Source,
    SourceKind,
    String,
    Table,
    Timestamp,
)
from lakehouse.errors import ContractError, UsageError

SHOP = Source(name="shop", kind=SourceKind.POSTGRES, owner="shop-team", description="A shop.")
CLICKS = Source(name="clicks", kind=SourceKind.EVENTS, owner="web-team", description="Clicks.")


def order(**changes: Any) -> Table:
    """A good declaration, changed."""
    good: dict[str, Any] = {
        "source": SHOP,
        "name": "orders",
        "description": "Orders.",
        "grain": "order",
        "key": ("order_id",),
        "columns": (
            Column("order_id", String(), "Identifier."),
            Column("amount_minor", Integer(), "Amount."),
            Column("currency_code", String(), "Currency."),
        ),
    }
    return Table(**(good | changes))


def with_column(column: Column) -> Table:
    return order(columns=(*order().columns, column))


def click(**changes: Any) -> Table:
    good: dict[str, Any] = {
        "source": CLICKS,
        "name": "seen",
        "description": "Pages seen.",
        "grain": "page view",
        "key": ("event_id",),
        "columns": (Column("event_id", String(), "Identifier."), Column("seen_at", Timestamp(), "When.")),
        "event": Event(id_column="event_id", time_column="seen_at"),
    }
    return Table(**(good | changes))


def test_a_good_declaration_is_taken() -> None:
    assert order().key_columns == (Column("order_id", String(), "Identifier."),)
    assert order().column("currency_code").description == "Currency."
    assert click().event == Event("event_id", "seen_at")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "Orders"}, "'Orders' is not lower snake case"),
        ({"name": "shop__orders"}, "'shop__orders' is not lower snake case"),
        ({"name": "o" * 64}, "is longer than 63 characters"),
        ({"source": dataclasses.replace(SHOP, name="Shop")}, "'Shop' is not lower snake case"),
        ({"key": ()}, "a table has a key"),
        ({"key": ("id",)}, "key column 'id' is not declared"),
        ({"key": ("order_id", "order_id")}, "its key names a column twice"),
        ({"description": "Two\nlines"}, "its description is not one line"),
        ({"grain": " "}, "its grain is not one line"),
        ({"version": 0}, "version 0 is less than 1"),
        ({"topic_partitions": 0}, "topic_partitions 0 is less than 1"),
        ({"retention": Retention(bronze_days=0)}, "see its retention"),
        ({"retention": Retention(topic_days=0)}, "see its retention"),
        ({"retention": Retention(log_days=6)}, "log_days 6 is less than 7"),
        ({"cluster_by": ("elsewhere",)}, "cannot be clustered by 'elsewhere'"),
        ({"freshness": Freshness(warn_seconds=10, fail_seconds=5)}, "freshness"),
        ({"event": Event("order_id", "order_id")}, "and only they, declare event"),
    ],
)
def test_a_broken_law_of_the_table_is_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=r"^table \S+: ") as error:
        order(**changes)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (Column("paidAt", Timestamp(), "When."), "'paidAt' is not lower snake case"),
        (
            Column("paid_at", String(), "When."),
            "column 'paid_at' is a String, by its name a Timestamp or LocalTimestamp",
        ),
        (
            Column("paid_on", Timestamp(), "When."),
            "column 'paid_on' is a Timestamp, by its name a Date",
        ),
        (
            Column("is_paid", Integer(), "Whether."),
            "column 'is_paid' is a Integer, by its name a Boolean",
        ),
        (Column("has_paid", String(), "Whether."), "column 'has_paid' is a String"),
        (
            Column("fee_minor", Double(), "Fee."),
            "column 'fee_minor' is a Double, by its name a Integer",
        ),
        (Column("fee_minor", Integer(32), "Fee."), "column 'fee_minor' is a Integer"),
        (Column("order_id", String(), "Again."), "column 'order_id' is declared twice"),
        (
            Column("state", Integer(), "State.", values=("1",)),
            "column 'state' lists values, but is not a String",
        ),
        (Column("state", String(), "State.", values=("a", "a")), "column 'state' lists a value twice"),
        (Column("shop_id", String(), "Shop.", references="shops"), "which is not <table>.<column>"),
        (Column("note", String(), ""), "the description of column 'note' is not one line"),
    ],
)
def test_a_broken_law_of_a_column_is_named(column: Column, told: str) -> None:
    with pytest.raises(ValueError, match=r"^table shop\.orders: ") as error:
        with_column(column)
    assert told in str(error.value)


@pytest.mark.parametrize("kind", [Json(), Double(), Binary()])
def test_a_key_is_of_a_type_whose_equal_values_are_equal_bytes(kind: Any) -> None:
    with pytest.raises(ValueError, match=f"key column 'order_id' cannot be a {type(kind).__name__}"):
        order(columns=(Column("order_id", kind, "Identifier."),))


def test_a_key_is_not_nullable() -> None:
    with pytest.raises(ValueError, match="key column 'order_id' is nullable"):
        order(columns=(Column("order_id", String(), "Identifier.", nullable=True),))


def test_money_has_a_currency() -> None:
    with pytest.raises(ValueError, match="column 'amount_minor' is money, but no column is a currency_code"):
        order(columns=order().columns[:2])


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="lower snake case") as error:
        order(name="Orders", version=0)
    assert "version 0" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"event": None}, "and only they, declare event"),
        ({"history": True}, "an event has no history"),
        ({"key": ("event_id", "seen_at")}, "the key of an event table is its id column, 'event_id'"),
        ({"event": Event("event_id", "seen_at", horizon_hours=0)}, "horizon_hours 0 is less than 1"),
        ({"retention": Retention(bronze_days=6)}, "bronze_days is less than horizon_hours"),
        ({"event": Event("event_id", "at")}, "event column 'at' is not declared"),
        ({"event": Event("event_id", "event_id")}, "event column 'event_id' is not a Timestamp"),
    ],
)
def test_a_broken_law_of_events_is_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=r"^table clicks\.seen: ") as error:
        click(**changes)
    assert told in str(error.value)


@pytest.mark.parametrize(("precision", "scale"), [(0, 0), (39, 0), (5, 6), (5, -1)])
def test_a_decimal_that_no_engine_holds_is_refused(precision: int, scale: int) -> None:
    with pytest.raises(ValueError, match=f"decimal\\({precision},{scale}\\)"):
        Decimal(precision, scale)


@pytest.mark.parametrize("bits", [0, 8, 31, 128])
def test_an_integer_that_no_engine_holds_is_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=f"not {bits}"):
        Integer(bits)


@pytest.mark.parametrize(
    ("references", "told"),
    [
        ("shops.shop_id", "but source shop has no table 'shops'"),
        ("orders.currency_code", "but the key of orders is order_id"),
        ("orders.order_id", "which is String(), not Integer(bits=64)"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(references: str, told: str) -> None:
    column = Column("parent_id", Integer(), "Parent.", references=references)
    child = order(name="lines", columns=(*order().columns, column))
    with pytest.raises(ContractError) as error:
        tables.check((order(), child))
    assert error.value.message == f"shop.lines.parent_id references {references}, {told}"


def test_the_fingerprint_is_of_the_shape_alone() -> None:
    same = [order(), order(description="Otherwise said."), order(version=2), order(retention=Retention(30))]
    assert len({t.fingerprint for t in same}) == 1
    other = [
        order(),
        order(key=("order_id", "currency_code")),
        with_column(Column("note", String(), "Note.")),
        with_column(Column("note", String(), "Note.", nullable=True)),
        with_column(Column("note", Date(), "Note.")),
        with_column(Column("note", Boolean(), "Note.")),
    ]
    assert len({t.fingerprint for t in other}) == len(other)


@given(st.text(max_size=12))
def test_a_name_is_taken_only_if_every_engine_takes_it_unquoted_and_segments_can_be_told_apart(
    name: str,
) -> None:
    def declare() -> Table:
        return order(name=name)

    parts = name.split("_")
    good = all(p and p.isascii() and p.isalnum() and p == p.lower() for p in parts) and name[:1].isalpha()
    if good:
        assert declare().name == name
    else:
        with pytest.raises(ValueError, match="lower snake case"):
            declare()


def test_the_house_declares_these_tables() -> None:
    assert [f"{t.source.name}.{t.name}" for t in tables.all()] == [
        "events.checkout",
        "events.webhook",
        "ledger.merchants",
        "ledger.customers",
        "ledger.products",
        "ledger.payment_methods",
        "ledger.payments",
        "ledger.refunds",
        "ledger.disputes",
        "ledger.payouts",
        "ledger.ledger_entries",
        "ledger.fx_rates",
    ]


@pytest.mark.parametrize("name", ["payments", "ledger.payments", "ledger__payments"])
def test_a_table_is_found_by_each_of_its_names(name: str) -> None:
    assert tables.get(name).name == "payments"


def test_an_unknown_table_or_source_is_a_usage_error_that_lists_the_known() -> None:
    with pytest.raises(UsageError, match="did you mean 'payments'") as error:
        tables.get("paymets")
    assert "ledger.refunds" in str(error.value.hint)
    with pytest.raises(UsageError, match="did you mean 'ledger'"):
        tables.of_source("leger")


def test_no_card_number_and_no_fraud_label_is_declared() -> None:
    names = {c.name for t in tables.all() for c in t.columns}
    assert not {n for n in names if "fraud" in n or n in ("card_number", "pan", "cvv")}


def test_who_a_person_is_is_marked_personal() -> None:
    personal = {
        (t.name, c.name) for t in tables.all() for c in t.columns if c.sensitivity.value == "personal"
    }
    assert personal == {
        ("customers", "full_name"),
        ("customers", "email"),
        ("customers", "phone"),
        ("customers", "birth_on"),
        ("payment_methods", "card_last4"),
        ("payment_methods", "fingerprint"),
    }
