"""What is said of each difference between a source, its declaration and its bronze table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse.contracts import (
    Array,
    Binary,
    Boolean,
    Column,
    Date,
    Decimal,
    Double,
    Integer,
    Interval,
    Json,
    LocalTimestamp,
    Numeric,
    Source,
    SourceKind,
    String,
    Table,
    Time,
    Timestamp,
    Type,
    Uuid,
)
from lakehouse.quality.drift import Finding
from lakehouse.quality.drift_judge import judge
from lakehouse.quality.drift_seen import Seen, Sighting, _refused
from lakehouse.quality.drift_source import SourceColumn
from lakehouse.render import delta, postgres, postgres_fit, spark

AT = datetime(2026, 3, 1, tzinfo=UTC)
TYPES: list[Type] = [
    Boolean(), Integer(16), Integer(32), Integer(), Decimal(18, 8), Numeric(), Double(), String(), Uuid(), Json(),
    Binary(), Timestamp(), LocalTimestamp(), LocalTimestamp(3), Date(), Time(), Interval(), Array(Integer(32)),
]  # fmt: skip


def test_this_file_speaks_of_every_type() -> None:
    declared = {t for t in Type.__subclasses__() if t.__module__ == Type.__module__}
    assert {type(t) for t in TYPES} == declared


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_a_column_made_from_its_declaration_fits_it(type_: Type) -> None:
    assert postgres_fit.misfit(type_, postgres.sql_type(type_)) is None
    assert eval(postgres_fit.declared_as(postgres.sql_type(type_)), dict(globals())) == type_


@pytest.mark.parametrize(
    ("type_", "told", "is_breaking"),
    [
        (Integer(), "integer", False),
        (Integer(32), "bigint", True),
        (Integer(), "numeric(10,0)", True),
        (Integer(), "text", True),
        (Decimal(10, 2), "numeric(8,2)", False),
        (Decimal(10, 2), "numeric(10,3)", True),
        (Decimal(10, 2), "numeric(11,2)", True),
        (Decimal(10, 2), "numeric(10,1)", True),
        (Decimal(10, 2), "numeric", True),
        (Decimal(12, 2), "integer", False),
        (Decimal(11, 2), "integer", True),
        (Decimal(10, 2), "double precision", True),
        (Numeric(), "numeric(5,2)", None),
        (Double(), "real", False),
        (Double(), "bigint", True),
        (String(), "character varying(20)", None),
        (String(), "mood", None),
        (String(), "date", False),
        (Uuid(), "text", True),
        (Timestamp(), "timestamp(3) with time zone", None),
        (Timestamp(), "timestamp without time zone", True),
        (LocalTimestamp(), "timestamp(4) without time zone", None),
        (LocalTimestamp(), "timestamp(3) without time zone", True),
        (Date(), "timestamp with time zone", True),
        (Interval(), "interval day to second(3)", None),
        (Array(Integer()), "integer[]", False),
        (Array(Integer()), "bigint", True),
        (Integer(), "bigint[]", True),
        (Json(), "integer[]", None),
    ],
    ids=str,
)
def test_what_fits(type_: Type, told: str, is_breaking: bool | None) -> None:
    found = postgres_fit.misfit(type_, told)
    assert (found and found.is_breaking) == is_breaking


SOURCE = Source("shop", SourceKind.POSTGRES, "tests", "A source of these tests.")
ORDERS = Table(
    source=SOURCE,
    name="orders",
    description="Orders.",
    grain="order",
    key=("order_id",),
    columns=(
        Column("order_id", Integer(), "Key."),
        Column("note", String(), "Note.", nullable=True),
        Column("price", Decimal(10, 2), "Price."),
    ),
)
THERE = {
    "order_id": SourceColumn("bigint", False, True),
    "note": SourceColumn("character varying(40)", True, False),
    "price": SourceColumn("numeric(10,2)", False, False),
}
SEEN = Seen({f.name: f.type for f in spark.bronze(ORDERS)}, delta.properties(ORDERS))
OFTEN = Sighting(7, AT, AT - timedelta(days=1), "0/41")


def said(found: list[Finding]) -> list[tuple[Any, ...]]:
    return [(f.column, str(f.kind), str(f.impact), f.needs_attention) for f in found]


def test_nothing_is_said_of_what_is_as_declared() -> None:
    assert judge(ORDERS, SEEN, THERE) == []
    assert judge(ORDERS, SEEN, None) == []
    assert judge(ORDERS, Seen(), None) == []


def without(name: str, **more: SourceColumn) -> dict[str, SourceColumn]:
    return {k: v for k, v in THERE.items() if k != name} | more


@pytest.mark.parametrize(
    ("seen", "there", "finding", "words"),
    [
        ({"extra": {"size": OFTEN}}, None, ("size", "new column", "additive", True), "7 rows of bronze"),
        ({}, THERE | {"size": SourceColumn("integer", True, False)}, ("size", "new column", "additive", True),
         "Integer(32), ..., nullable=True, source_name='size'), set version=2"),
        ({"absent": {"note": AT}}, None, ("note", "gone column", "breaking", True), "2026-03-01 00:00:00Z"),
        ({}, without("price"), ("price", "gone column", "breaking", True), "it may not be null"),
        ({}, without("note", remark=SourceColumn("text", True, False)), ("note", "likely rename", "breaking", True),
         "source_name='remark'"),
        ({"absent": {"note": AT}, "extra": {"remark": OFTEN}}, None, ("note", "likely rename", "breaking", True),
         "0/41"),
        ({}, THERE | {"price": SourceColumn("numeric(12,2)", False, False)}, ("price", "type changed", "breaking", True),
         "Decimal(12, 2) and source_name='price'"),
        ({}, THERE | {"price": SourceColumn("numeric(8,2)", False, False)}, ("price", "type changed", "additive", False),
         "nothing has to be done"),
        ({"unread": {"price": OFTEN}}, THERE, ("price", "type changed", "breaking", True), "no DECIMAL(10,2)"),
        ({}, THERE | {"price": SourceColumn("numeric(10,2)", True, False)},
         ("price", "nullability changed", "breaking", True), "declare it as nullable"),
        ({}, THERE | {"note": SourceColumn("text", False, False)}, ("note", "nullability changed", "additive", False),
         "never has it null"),
        ({"missing": {"price": OFTEN}}, THERE, ("price", "nullability changed", "breaking", True), "no value in it"),
        ({"extra": {"note": OFTEN}}, THERE, ("note", "unread values", "breaking", True), "that is no STRING"),
        ({}, {}, (None, "gone table", "breaking", True), "PostgreSQL has no table public.orders"),
        ({}, THERE | {"note": SourceColumn("text", True, True)}, (None, "key changed", "breaking", True), "note, order_id"),
    ],
)  # fmt: skip
def test_each_difference_has_its_finding(
    seen: dict[str, Any], there: dict[str, SourceColumn] | None, finding: tuple[Any, ...], words: str
) -> None:
    (found,) = judge(ORDERS, replace(SEEN, **seen), there)
    assert said([found]) == [finding]
    assert words in f"{found.why} {found.next_step}"


def test_one_gone_and_one_new_of_another_type_are_two_findings() -> None:
    found = judge(ORDERS, SEEN, without("note", size=SourceColumn("integer", True, False)))
    assert [f[:2] for f in said(found)] == [("note", "gone column"), ("size", "new column")]


def test_a_column_that_was_declared_once_needs_no_attention() -> None:
    types = dict(SEEN.types or {}) | {"size": "INT"}
    found = judge(ORDERS, replace(SEEN, types=types, extra={"size": OFTEN}), None)
    assert said(found) == [("size", "new column", "additive", False)]


def test_a_declaration_that_bronze_does_not_follow_is_told() -> None:
    more = (*ORDERS.columns, Column("size", Integer(), "Size.", nullable=True))
    waits = judge(replace(ORDERS, version=2, columns=more), replace(SEEN, extra={"size": OFTEN}), None)
    assert said(waits) == [("size", "not upgraded", "additive", True)]
    assert said(judge(replace(ORDERS, columns=more), SEEN, None))[0][:2] == (None, "version not raised")
    other = replace(ORDERS, version=2, key=("order_id", "price"))
    assert said(judge(other, SEEN, None))[0][:2] == (None, "key changed")
    text = (*ORDERS.columns[:2], replace(ORDERS.columns[2], type=String()))
    assert said(judge(replace(ORDERS, version=2, columns=text), SEEN, None))[0][:2] == (
        "price",
        "type changed",
    )


def test_reasons_of_the_quarantine_are_understood() -> None:
    later = AT + timedelta(hours=1)
    unread, missing = _refused(
        [
            ("a is no BIGINT, b_2 is no DECIMAL(10,2)", 2, AT),
            ("a is no BIGINT", 1, later),
            ("missing: a, c", 4, AT),
            ("the value is not UTF-8", 9, AT),
        ]
    )
    assert unread == {"a": Sighting(3, later), "b_2": Sighting(2, AT)}
    assert missing == {"a": Sighting(4, AT), "c": Sighting(4, AT)}
