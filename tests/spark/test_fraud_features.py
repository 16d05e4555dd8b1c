"""No feature knows what was not known when the payment was requested."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lakehouse.ml import fraud_features

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

PAYMENT = (
    "payment_id string, customer_id string, customer_key string, merchant_id string, payment_method_id string, "
    "payment_method_kind string, channel string, currency_code string, customer_country_code string, "
    "merchant_country_code string, issuer_country_code string, ip_country_code string, "
    "merchant_category_code string, amount_minor bigint, is_captured boolean, is_fraud_disputed boolean, "
    "requested_at timestamp, failed_at timestamp"
)
DISPUTE = "payment_id string, reason string, opened_at timestamp"
CUSTOMER = "customer_key string, created_at timestamp"


def payment(number: int, at: datetime, **changed: Any) -> dict[str, Any]:
    row = {
        "payment_id": f"pay_{number}", "customer_id": "cus_1", "merchant_id": "mer_1",
        "payment_method_id": "pm_1", "payment_method_kind": "card", "channel": "web", "currency_code": "EUR",
        "customer_country_code": "DE", "merchant_country_code": "FR", "issuer_country_code": "DE",
        "ip_country_code": "DE", "merchant_category_code": "5732", "amount_minor": 1_000, "is_captured": True,
        "is_fraud_disputed": False, "requested_at": at, "failed_at": None,
    } | changed  # fmt: skip
    return row | {"customer_key": f"{row['customer_id']}@then"}


def dispute(number: int, at: datetime, reason: str = "fraudulent") -> dict[str, Any]:
    return {"payment_id": f"pay_{number}", "reason": reason, "opened_at": at}


PAST = [
    payment(1, BEGIN),
    payment(2, BEGIN + 1 * DAY, amount_minor=4_000, merchant_id="mer_2", payment_method_id="pm_2"),
    payment(3, BEGIN + 2 * DAY, amount_minor=2_000, customer_id="cus_2", currency_code="JPY"),
    payment(4, BEGIN + 2 * DAY + HOUR, is_captured=False, failed_at=BEGIN + 2 * DAY + 2 * HOUR),
    payment(5, BEGIN + 2 * DAY + 90 * timedelta(minutes=1)),
    payment(6, BEGIN + 3 * DAY, ip_country_code="US", channel="mobile"),
]
OPENED = [dispute(1, BEGIN + 2 * DAY, "not_received"), dispute(3, BEGIN + 2 * DAY + 12 * HOUR)]


def features(spark: SparkSession, payments: list[Any], disputes: list[Any]) -> pd.DataFrame:
    customers = [{"customer_key": f"cus_{n}@then", "created_at": BEGIN - 10 * DAY} for n in (1, 2)]
    for name, rows, schema in (
        ("payments", payments, PAYMENT), ("disputes", disputes, DISPUTE), ("customers", customers, CUSTOMER)
    ):  # fmt: skip
        columns = [c.split()[0] for c in schema.split(", ")]
        values = [tuple(row[c] for c in columns) for row in rows]
        spark.createDataFrame(values, schema).createOrReplaceTempView(f"fraud_test_{name}")
    query = fraud_features.sql("fraud_test_payments", "fraud_test_disputes", "fraud_test_customers")
    return spark.sql(query).toPandas().set_index("payment_id").sort_index()


@pytest.fixture(scope="module")
def known(spark: SparkSession) -> pd.DataFrame:
    return features(spark, PAST, OPENED)


def test_one_row_per_payment_and_only_numbers(known: pd.DataFrame) -> None:
    assert list(known.index) == [f"pay_{n}" for n in range(1, 7)]
    assert (known[list(fraud_features.NAMES)].dtypes == "float64").all()


def test_values_are_what_a_person_would_count(known: pd.DataFrame) -> None:
    last = known.loc["pay_6"]
    assert last["customer_past_payments"] == 4
    assert last["customer_payments_1h"] == 0
    assert last["customer_payments_24h"] == 2
    assert last["customer_hours_since_previous"] == 22.5
    assert last["customer_merchant_past_payments"] == 3
    assert last["method_past_payments"] == 3
    assert last["merchant_past_payments"] == 4
    assert last["merchant_dispute_rate"] == 2 / 4
    assert last["merchant_fraud_rate"] == 1 / 4
    assert last["customer_past_frauds"] == 0
    assert last["customer_failures_24h"] == 1
    assert last["customer_age_days"] == 13
    assert (last["is_ip_abroad"], last["is_issuer_abroad"], last["is_merchant_abroad"]) == (1, 0, 1)
    assert (last["channel_is_mobile"], last["channel_is_web"], last["hour_of_day"]) == (1, 0, 0)
    # ln(1000) less the mean of ln(1000), ln(4000), ln(1000), ln(1000)
    assert last["amount_vs_currency"] == pytest.approx(-0.3466, abs=1e-4)


def test_nothing_is_known_of_a_first_payment(known: pd.DataFrame) -> None:
    first = known.loc["pay_1"]
    assert first[["amount_vs_currency", "amount_vs_customer", "merchant_fraud_rate"]].isna().all()
    assert first[["customer_past_payments", "customer_spend_30d", "merchant_past_payments"]].eq(0).all()


def test_a_failure_counts_from_when_it_was_known(known: pd.DataFrame) -> None:
    # pay_4 was requested before pay_5, and failed after it
    assert known.loc["pay_5", "customer_payments_1h"] == 1
    assert known.loc["pay_5", "customer_failures_24h"] == 0


def test_a_payment_of_the_same_instant_is_not_past(spark: SparkSession) -> None:
    twins = features(spark, [*PAST, payment(7, BEGIN + 3 * DAY)], OPENED)
    assert twins.loc["pay_6", "customer_past_payments"] == twins.loc["pay_7", "customer_past_payments"] == 4


def test_the_future_changes_no_feature_of_the_past(spark: SparkSession, known: pd.DataFrame) -> None:
    later = [
        payment(
            10 + n, BEGIN + 3 * DAY + n * timedelta(minutes=7), amount_minor=10_000_000, currency_code=code
        )
        for n, code in enumerate(("EUR", "JPY", "EUR"))
    ]
    other = [
        p | {"amount_minor": 7, "ip_country_code": None} if p["payment_id"] == "pay_6" else p for p in PAST
    ]
    opened_later = [dispute(2, BEGIN + 3 * DAY), dispute(5, BEGIN + 40 * DAY), dispute(6, BEGIN + 50 * DAY)]
    shuffled = [*reversed(later), *reversed(other)]
    again = features(spark, shuffled, [*opened_later, *OPENED])
    past = [f"pay_{n}" for n in range(1, 6)]
    names = list(fraud_features.NAMES)
    pd.testing.assert_frame_equal(again.loc[past, names], known.loc[past, names], check_exact=True)
    # what changed is seen afterwards: otherwise this test could not fail
    assert again.loc["pay_12", "amount_vs_customer_most"] != known.loc["pay_6", "amount_vs_customer_most"]
    assert again.loc["pay_2", "fraud_disputed_at"] == pd.Timestamp("2026-01-04")


def test_a_dispute_counts_only_from_when_it_was_opened(spark: SparkSession) -> None:
    instant = BEGIN + 3 * DAY
    before = features(spark, PAST, [*OPENED, dispute(2, instant - timedelta(microseconds=1))])
    at = features(spark, PAST, [*OPENED, dispute(2, instant)])
    assert before.loc["pay_6", "customer_past_frauds"] == 1
    assert at.loc["pay_6", "customer_past_frauds"] == 0
