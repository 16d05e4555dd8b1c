"""The library of named queries, and the comments each file opens with."""

from __future__ import annotations

import re

import pytest

from lakehouse import metrics
from lakehouse.errors import ContractError, UsageError
from lakehouse.query import named

GOOD = "-- title: T\n-- question: Q?\n-- grain: a, b\n-- owner: o\nselect 1 as a, 2 as b order by a, b\n"


def test_the_library_has_these_queries() -> None:
    assert [q.name for q in named.all()] == [
        "authorization_by_method",
        "average_basket_by_channel",
        "busiest_hours",
        "captures_without_rate",
        "channel_mix_by_month",
        "cross_border_share",
        "customers_by_first_month",
        "customers_with_several_disputes",
        "daily_funnel",
        "daily_merchant_revenue",
        "dispute_delay_by_reason",
        "dispute_rate_by_month",
        "disputes_by_outcome",
        "failure_codes",
        "fraud_rate_by_category",
        "fraud_rate_by_channel",
        "fraud_rate_by_country",
        "funnel_by_country",
        "late_disputes_by_month",
        "late_events",
        "ledger_by_account",
        "merchant_balances",
        "merchant_changes",
        "merchant_margin",
        "monthly_active_customers",
        "monthly_revenue_converted",
        "more_given_back_than_taken",
        "payment_funnel_by_channel",
        "payments_by_weekday",
        "payouts_by_status",
        "price_versions",
        "quarterly_revenue",
        "rates_by_month",
        "refund_rate_by_merchant_category",
        "refunds_by_reason",
        "revenue_by_currency",
        "revenue_by_region",
        "top_customers",
        "top_merchants",
        "top_products",
    ]


def test_a_file_is_read_with_its_comments() -> None:
    query = named.parse("q", GOOD, metrics.current())
    assert (query.title, query.question, query.grain, query.owner, query.sql) == (
        "T",
        "Q?",
        ("a", "b"),
        "o",
        GOOD,
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("-- owner: o\n", ""), "no owner"),
        (GOOD.replace("owner", "oner"), "'oner'"),
        ("-- title: again\n" + GOOD, "'title'"),
        ("select 1", "no grain and no owner and no question and no title"),
    ],
)
def test_comments_that_are_wrong_are_named(text: str, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        named.parse("q", text, metrics.current())


def test_an_unknown_query_is_told_with_the_closest() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'top_merchants'\?"):
        named.get("top_merchant")


@pytest.mark.parametrize("query", named.all(), ids=lambda q: q.name)
def test_a_named_query_keeps_to_what_all_engines_take(query: named.Query) -> None:
    """docs/how-to/query-the-tables.md lists these: constructs that an engine lacks or answers differently."""
    code = re.sub(r"--[^\n]*", "", query.sql).lower()
    for word in (
        r"\bavg\(",
        r"\bdate_trunc\(",
        r"\bconcat\(",
        r"\bqualify\b",
        r"\bnow\(",
        r"\bgreatest\(",
        r'"',
        r"`",
        r"\blimit\b",
    ):
        assert not re.search(word, code), word
    assert all("cast(" in line for line in code.splitlines() if "/" in line), "cast before dividing"
    assert query.question.endswith("?")
