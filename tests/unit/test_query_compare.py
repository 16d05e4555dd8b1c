"""Comparing answers: each kind of difference is found where it is, and equal answers have none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import UsageError
from lakehouse.query.compare import Difference, differences
from lakehouse.query.engines import Result

COLUMNS = [{"name": "currency_code", "type": "string"}, {"name": "net_minor", "type": "integer"}]
ROWS: list[list[Any]] = [["EUR", 1], ["JPY", 2], [None, 3]]


def answer(engine: str, rows: list[list[Any]], columns: list[dict[str, str]] = COLUMNS) -> Result:
    return Result(engine, columns, rows, 0.0, {})


def found(rows: list[list[Any]], grain: tuple[str, ...] = ("currency_code",)) -> list[Difference]:
    return differences([answer("duckdb", ROWS), answer("trino", rows)], grain)


def test_equal_answers_have_no_difference() -> None:
    assert found([list(row) for row in ROWS]) == []


def test_empty_answers_are_equal() -> None:
    assert (
        differences([answer("duckdb", []), answer("trino", []), answer("spark", [])], ("currency_code",))
        == []
    )


def test_a_changed_cell_is_named_by_row_and_column() -> None:
    changed = [["EUR", 1], ["JPY", 20], [None, 3]]
    assert found(changed) == [
        Difference("cell", {"duckdb": 2, "trino": 20}, {"currency_code": "JPY"}, "net_minor")
    ]


def test_a_null_is_not_an_empty_text_nor_a_zero() -> None:
    assert found([["EUR", 1], ["JPY", None], [None, 3]])[0].values == {"duckdb": 2, "trino": None}
    kinds = [d.kind for d in found([["EUR", 1], ["JPY", 2], ["", 3]])]
    assert kinds == ["row", "row"]


def test_a_missing_row_is_shown_whole() -> None:
    row = {"currency_code": None, "net_minor": 3}
    assert found(ROWS[:2]) == [Difference("row", {"duckdb": row, "trino": None}, {"currency_code": None})]


def test_a_row_that_is_there_twice_breaks_the_grain() -> None:
    assert found([*ROWS, ["EUR", 1]]) == [
        Difference("grain", {"duckdb": 1, "trino": 2}, {"currency_code": "EUR"})
    ]


def test_a_grain_that_does_not_identify_rows_is_a_finding_even_if_engines_agree() -> None:
    twice = [["EUR", 1], ["EUR", 2]]
    assert [
        d.kind for d in differences([answer("duckdb", twice), answer("trino", twice)], ("currency_code",))
    ] == ["grain"]


def test_another_order_is_a_difference_when_nothing_else_is() -> None:
    nulls_first = [ROWS[2], ROWS[0], ROWS[1]]
    assert found(nulls_first) == [
        Difference("order", {"duckdb": {"currency_code": "EUR"}, "trino": {"currency_code": None}})
    ]


def test_an_integer_is_not_a_decimal() -> None:
    decimals = [COLUMNS[0], {"name": "net_minor", "type": "decimal"}]
    pair = [answer("duckdb", ROWS), answer("trino", [[c, f"{n}.00"] for c, n in ROWS], decimals)]
    assert differences(pair, ("currency_code",)) == [
        Difference("type", {"duckdb": "integer", "trino": "decimal"}, column="net_minor")
    ]


def test_a_column_of_nulls_fits_any_type() -> None:
    nulls = [COLUMNS[0], {"name": "net_minor", "type": "null"}]
    pair = [answer("duckdb", [["EUR", None]]), answer("spark", [["EUR", None]], nulls)]
    assert differences(pair, ("currency_code",)) == []


def test_other_columns_are_told_before_anything_else() -> None:
    other = [COLUMNS[0], {"name": "gross_minor", "type": "integer"}]
    (only,) = differences([answer("duckdb", ROWS), answer("trino", ROWS, other)], ("currency_code",))
    assert only.kind == "columns"
    assert only.values["trino"] == ["currency_code", "gross_minor"]


def test_names_of_columns_agree_without_regard_to_case() -> None:
    upper = [{**c, "name": c["name"].upper()} for c in COLUMNS]
    assert differences([answer("duckdb", ROWS, upper), answer("trino", ROWS)], ("currency_code",)) == []


def test_a_grain_that_is_no_column_is_an_error() -> None:
    with pytest.raises(UsageError, match="merchant_id"):
        found(ROWS, ("merchant_id",))


@given(st.dictionaries(st.text(max_size=3), st.integers(), min_size=1, max_size=6), st.data())
def test_any_one_changed_cell_among_three_engines_is_found(rows: dict[str, int], data: st.DataObject) -> None:
    good = [[k, v] for k, v in rows.items()]
    at = data.draw(st.integers(0, len(good) - 1))
    spoilt = [[k, v + 1 if i == at else v] for i, (k, v) in enumerate(good)]
    answers = [answer("duckdb", good), answer("trino", good), answer("spark", good)]
    answers[data.draw(st.integers(0, 2))] = answer("odd", spoilt)
    (only,) = differences(answers, ("currency_code",))
    assert (only.kind, only.key, only.column) == ("cell", {"currency_code": good[at][0]}, "net_minor")
    assert only.values["odd"] == good[at][1] + 1
