"""One form for what three engines return."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from lakehouse.query import normalise

INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("engine_types", "name"),
    [
        (["BOOLEAN", "boolean"], "boolean"),
        (["HUGEINT", "bigint", "tinyint", "INTEGER", "int"], "integer"),
        (["DECIMAL(38,2)", "decimal(10, 2)", "decimal(20,2)"], "decimal"),
        (["DOUBLE", "real", "FLOAT"], "double"),
        (["VARCHAR", "varchar(5)", "char(5)", "string", "UUID", "json", "ENUM('a', 'b')"], "string"),
        (["BLOB", "varbinary", "binary"], "binary"),
        (["TIMESTAMP WITH TIME ZONE", "timestamp(3) with time zone"], "timestamp"),
        (["TIMESTAMP", "timestamp(6)", "TIMESTAMP_NS"], "timestamp_ntz"),
        (["DATE", "date"], "date"),
        (["TIME", "time(6)"], "time"),
        (["INTERVAL", "interval day to second", "interval day"], "interval"),
        (["INTEGER[]", "DECIMAL(10,2)[3]", "STRUCT(a INTEGER)[]", "array(integer)", "array<int>"], "array"),
        (["MAP(VARCHAR, INTEGER)", "map(varchar(1), integer)", "map<string,int>"], "map"),
        (["STRUCT(a INTEGER)", "row(x integer)", "struct<x:int>"], "struct"),
        (["NULL", "unknown", "void"], "null"),
    ],
)
def test_type_names_are_one_for_all_engines(engine_types: list[str], name: str) -> None:
    assert name in normalise.TYPES
    assert {normalise.type_name(t) for t in engine_types} == {name}


def test_a_type_without_a_name_here_keeps_its_own() -> None:
    assert normalise.type_name("HyperLogLog") == "hyperloglog"


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        (None, None),
        (True, True),
        (9_007_199_254_740_993, 9_007_199_254_740_993),
        (2**100, 2**100),
        (Decimal("1.50"), "1.50"),
        (Decimal("0E-8"), "0.00000000"),
        (Decimal("1E+3"), "1000"),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (datetime(2026, 2, 28, 23, 0, tzinfo=UTC), "2026-02-28T23:00:00Z"),
        (datetime(2026, 3, 1, 4, 30, 0, 5, tzinfo=INDIA), "2026-02-28T23:00:00.000005Z"),
        (datetime(2026, 2, 28, 23, 0, tzinfo=UTC).replace(tzinfo=None), "2026-02-28T23:00:00"),
        (date(2026, 2, 28), "2026-02-28"),
        (b"\x00\xff", "AP8="),
        ({"a": Decimal("1.0"), 2: None}, {"a": "1.0", "2": None}),
        ([b"", [date(2026, 1, 1)]], ["", ["2026-01-01"]]),
        ("Ölß\n", "Ölß\n"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_cells_are_ready_for_json(cell: Any, plain: Any) -> None:
    found = normalise.value(cell)
    assert found == plain
    assert type(found) is type(plain)
    assert json.loads(json.dumps(found, allow_nan=False)) == plain


@pytest.mark.parametrize(
    ("one", "other", "type_", "same"),
    [
        ("2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123000Z", "timestamp", True),
        ("2026-01-01T00:00:00.123500Z", "2026-01-01T00:00:00.124000Z", "timestamp", True),
        ("2026-01-01T00:00:00.999999Z", "2026-01-01T00:00:01Z", "timestamp", True),
        ("1969-12-31T23:59:59.998500Z", "1969-12-31T23:59:59.999000Z", "timestamp", True),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999000Z", "timestamp", True),
        ("2026-01-01T00:00:00.123499Z", "2026-01-01T00:00:00.124000Z", "timestamp", False),
        ("2026-01-01T00:00:00.1231", "2026-01-01T00:00:00.123", "timestamp_ntz", True),
        ("1.50", "1.5", "decimal", True),
        ("0.00", "0", "decimal", True),
        ("1.50", "1.51", "decimal", False),
        ("1.50", "1.5", "string", False),
        ("2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123000Z", "string", False),
        (None, "", "string", False),
        ([1, 2], [2, 1], "array", False),
    ],
)
def test_what_engines_mean_alike_is_comparable(one: Any, other: Any, type_: str, same: bool) -> None:
    assert (normalise.comparable(one, type_) == normalise.comparable(other, type_)) is same
    assert isinstance(hash(normalise.comparable(one, type_)), int)
