"""A small believable gold layer, written by Spark into a state folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from lakehouse import settings
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COUNTRIES = np.array(["DE", "FR", "US", "JP", "KW"])
CURRENCIES = {
    "DE": ("EUR", 4_000),
    "FR": ("EUR", 4_000),
    "US": ("USD", 4_500),
    "JP": ("JPY", 5_000),
    "KW": ("KWD", 13_000),
}


def business(payments: int, seed: int, days: int = 90, fraud_share: float = 0.03) -> dict[str, pd.DataFrame]:
    """Gold tables of a business in which frauds are larger, abroad, at night and come in bursts."""
    rng = np.random.default_rng(seed)
    customers = pd.DataFrame({"customer_id": [f"cus_{i}" for i in range(max(10, payments // 20))]})
    customers["customer_key"] = customers["customer_id"] + "@then"
    customers["country_code"] = rng.choice(COUNTRIES, len(customers))
    begin = pd.Timestamp("2026-01-01")
    customers["created_at"] = begin - pd.to_timedelta(rng.integers(1, 900, len(customers)), unit="D")
    merchants = pd.DataFrame(
        {"merchant_id": [f"mer_{i}" for i in range(40)], "country": rng.choice(COUNTRIES, 40)}
    )
    merchants["mcc"] = rng.choice(["5411", "5732", "5812", "5999", "7995"], 40)

    who, whom = rng.integers(0, len(customers), payments), rng.integers(0, 40, payments)
    fraud = rng.random(payments) < fraud_share
    at = begin + pd.to_timedelta(np.sort(rng.integers(0, days * 86_400_000_000, payments)), unit="us")
    home = customers["country_code"].to_numpy()[who]
    shop = merchants["country"].to_numpy()[whom]
    scale = np.array([CURRENCIES[c][1] for c in shop])
    amount = np.exp(
        np.log(scale) + rng.normal(0, 0.7, payments) + np.where(fraud, rng.normal(1.2, 0.8, payments), 0)
    )
    abroad = rng.random(payments) < np.where(fraud, 0.7, 0.06)
    frame = pd.DataFrame(
        {
            "payment_id": [f"pay_{i}" for i in range(payments)],
            "customer_id": customers["customer_id"].to_numpy()[who],
            "customer_key": customers["customer_key"].to_numpy()[who],
            "merchant_id": merchants["merchant_id"].to_numpy()[whom],
            "product_id": "prd_1",
            "payment_method_id": [
                f"pm_{w}" if not f else f"pm_{w}_{i}" for i, (w, f) in enumerate(zip(who, fraud, strict=True))
            ],
            "payment_method_kind": rng.choice(["card", "wallet", "bank_debit"], payments),
            "channel": np.where(fraud, "web", rng.choice(["web", "mobile", "point_of_sale"], payments)),
            "currency_code": [CURRENCIES[c][0] for c in shop],
            "customer_country_code": home,
            "merchant_country_code": shop,
            "issuer_country_code": home,
            "ip_country_code": np.where(abroad, rng.choice(COUNTRIES, payments), home),
            "merchant_category_code": merchants["mcc"].to_numpy()[whom],
            "amount_minor": amount.astype("int64"),
            "requested_at": at,
        }
    )
    failed = (rng.random(payments) < 0.05) & ~fraud
    frame["status"] = np.where(failed, "failed", "captured")
    frame["is_captured"] = ~failed
    frame["failed_at"] = pd.Series(at + pd.Timedelta(seconds=2)).where(failed)
    frame["captured_at"] = pd.Series(at + pd.Timedelta(seconds=5)).where(~failed)
    disputed = (fraud & (rng.random(payments) < 0.85)) | (~failed & (rng.random(payments) < 0.004))
    disputes = frame.loc[
        disputed, ["payment_id", "customer_id", "merchant_id", "currency_code", "amount_minor"]
    ].copy()
    disputes["reason"] = np.where(fraud[disputed], "fraudulent", "not_received")
    disputes["opened_at"] = at[disputed] + pd.to_timedelta(
        rng.integers(3 * 24, 35 * 24, len(disputes)), unit="h"
    )
    disputes["dispute_id"] = "dsp_" + disputes["payment_id"]
    disputes = disputes[disputes["opened_at"] <= begin + pd.Timedelta(days=days)].reset_index(drop=True)
    frame["is_fraud_disputed"] = frame["payment_id"].isin(
        disputes.loc[disputes["reason"] == "fraudulent", "payment_id"]
    )
    return {"fct_payments": frame, "fct_disputes": disputes, "dim_customers": customers}


def write(spark: SparkSession, config: Settings, tables: dict[str, pd.DataFrame]) -> None:
    """Replace the gold tables of ``config``; a second call makes their next version."""
    for name, frame in tables.items():
        folder = config.warehouse / "gold" / name
        spark.createDataFrame(frame).write.format("delta").mode("overwrite").save(str(folder))


@pytest.fixture(scope="session")
def gold(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a state folder of its own, whose gold layer holds 6,000 payments of 90 days."""
    config = settings.load({"paths.state": str(tmp_path_factory.mktemp("state"))}).settings
    write(spark, config, business(6_000, seed=1))
    return config
