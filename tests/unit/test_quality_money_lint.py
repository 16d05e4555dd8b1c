"""The linter over SQL: what it finds, what it lets pass, and that every named query passes."""

from __future__ import annotations

import pytest

from lakehouse.errors import DataError
from lakehouse.quality.money_lint import check
from lakehouse.query import named


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("select sum(net_minor) as net_minor from f", "a sum over currencies"),
        ("select merchant_id, sum(net_minor) as net_minor from f group by merchant_id", "a sum over currencies"),
        ("select sum(case when ok then a_minor end) as a_minor from f group by day", "a sum over currencies"),
        ("select sum(a_minor) over (partition by day) as a_minor from f group by currency_code", "a sum over currencies"),
        ("select sum(a_minor) as a_minor from f where currency_code = 'EUR' or day = 1", "a sum over currencies"),
        ("select sum(a_minor) as a_minor from f where not currency_code = 'EUR'", "a sum over currencies"),
        ("with m as (select sum(a_minor) as a_minor from f) select a_minor from m", "a sum over currencies"),
        ("select day, sum(a_minor) as a_minor from f group by 1", "a sum over currencies"),
        ("select sum(a_minor) as a_minor from f group by grouping sets ((currency_code), (day))", "a sum over currencies"),
        ("select avg(a_minor) as a from f group by currency_code", "an average"),
        ("select cast(a_minor as double) as a from f", "money as a float"),
        ("select a_minor - a_reporting_minor as d_minor from f", "own and reporting currency"),
        ("select a_minor from f where a_minor > b_reporting_minor", "own and reporting currency"),
        ("select a_minor + b_minor as total from f", "money that is not called"),
        ("select sum(a_minor) as revenue from f group by currency_code", "money that is not called"),
        ("select a_reporting_minor as a_minor from f", "money that is not called"),
        ("select coalesce(a_minor, 0) as amount from f", "money that is not called"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(sql: str, rule: str) -> None:
    assert any(f.rule.startswith(rule) for f in check(sql)), check(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select currency_code, sum(a_minor) as a_minor from f group by currency_code",
        "select f.currency_code, day, sum(f.a_minor) as a_minor from f group by f.currency_code, day",
        "select day, currency_code, sum(a_minor) as a_minor from f group by 1, 2",
        "select sum(a_minor) as a_minor from f group by grouping sets ((currency_code, day), (currency_code))",
        "select payment_id, sum(a_minor) as a_minor from f group by payment_id",
        "select sum(a_minor) over (partition by currency_code) as a_minor from f",
        "select sum(a_minor) as a_minor from f where currency_code = 'EUR' and day = 1",
        "select sum(a_reporting_minor) as a_reporting_minor from f",
        "select sum(a_minor) - sum(b_minor) as net_minor from f group by currency_code",
        "select count(a_minor) as payments, max(a_minor > 5) as is_large from f",
        "select case when a_minor > 100 then 'large' else 'small' end as size from f",
    ],
)
def test_what_is_right_passes(sql: str) -> None:
    assert check(sql) == ()


def test_a_ratio_may_be_a_float_where_it_is_asked_for() -> None:
    sql = "select cast(a_minor as double) / cast(b_minor as double) as share from f"
    assert check(sql, ratios=True) == ()
    assert {f.rule for f in check(sql)} == {"money as a float"}


def test_text_that_is_no_sql_is_said() -> None:
    with pytest.raises(DataError, match="cannot be read"):
        check("select from where (")


@pytest.mark.parametrize("query", named.all(), ids=lambda q: q.name)
def test_named_queries_keep_currencies_apart(query: named.Query) -> None:
    assert check(query.sql, "duckdb", ratios=True) == ()
