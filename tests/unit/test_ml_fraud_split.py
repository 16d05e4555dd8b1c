"""Train and test are cut in time, and labels are only those that were known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.errors import InsufficientDataError, UsageError
from lakehouse.ml.fraud_split import Split, split

BEGIN = pd.Timestamp("2026-01-01", tz="UTC")
AS_OF = BEGIN + pd.Timedelta(days=90)


def frame(payments: int = 3_000, frauds: int = 120, seed: int = 0, days: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = BEGIN + pd.to_timedelta(np.sort(rng.integers(0, days * 86_400, payments)), unit="s")
    rows = pd.DataFrame({"payment_id": [f"pay_{i:05}" for i in range(payments)], "requested_at": at})
    rows["is_captured"] = True
    fraud = rows.index.isin(rng.choice(payments, min(frauds, payments), replace=False))
    opened = rows["requested_at"] + pd.to_timedelta(rng.integers(7, 56, payments), unit="D")
    rows["fraud_disputed_at"] = opened.where(fraud & (opened <= AS_OF))
    return rows


def check(parts: Split, rows: pd.DataFrame) -> None:
    delay = pd.Timedelta(days=parts.label_delay_days)
    assert parts.train["requested_at"].max() < parts.test_from - delay
    assert parts.test["requested_at"].min() >= parts.test_from
    assert parts.test["requested_at"].max() <= parts.as_of - delay
    opened = rows.set_index("payment_id")["fraud_disputed_at"]
    in_train, in_test = (opened.loc[side["payment_id"]].to_numpy() for side in (parts.train, parts.test))
    known_then = pd.Series(in_train) < parts.test_from
    assert parts.train["label"].tolist() == known_then.astype(int).tolist()
    assert parts.test["label"].tolist() == pd.Series(in_test).notna().astype(int).tolist()


def test_a_label_that_came_after_the_cut_is_not_learnt_from() -> None:
    rows = frame(frauds=300)
    parts = split(rows, AS_OF.to_pydatetime())
    check(parts, rows)
    late = parts.train["fraud_disputed_at"] >= parts.test_from
    assert late.any()
    assert parts.train.loc[late, "label"].eq(0).all()
    assert parts.notes == ()


def test_failed_payments_are_in_neither_side() -> None:
    rows = frame()
    rows.loc[::2, "is_captured"] = False
    parts = split(rows, AS_OF.to_pydatetime())
    odd = set(rows["payment_id"][1::2])
    assert set(parts.train["payment_id"]) | set(parts.test["payment_id"]) <= odd


def test_pretending_an_earlier_instant_hides_what_came_later() -> None:
    rows = frame()
    early = (BEGIN + pd.Timedelta(days=60)).to_pydatetime()
    parts = split(rows, early, label_delay_days=14, min_train_frauds=1, min_test_frauds=1)
    assert parts.test["requested_at"].max() <= early - pd.Timedelta(days=14)
    assert (parts.test.loc[parts.test["label"] == 1, "fraud_disputed_at"] <= early).all()
    assert (parts.test.loc[parts.test["fraud_disputed_at"] > early, "label"] == 0).all()


def test_few_frauds_are_said_and_not_hidden() -> None:
    parts = split(frame(payments=400, frauds=12), AS_OF.to_pydatetime())
    check(parts, frame(payments=400, frauds=12))
    assert "mean little" in " ".join(parts.notes)


def test_a_short_history_lowers_the_label_delay_and_says_so() -> None:
    rows = frame(payments=3_000, frauds=300, days=24)
    rows["fraud_disputed_at"] = (rows["requested_at"] + pd.Timedelta(days=3)).where(
        rows["fraud_disputed_at"].notna()
    )
    parts = split(rows, (BEGIN + pd.Timedelta(days=24)).to_pydatetime())
    assert parts.label_delay_days < 21
    assert "label delay lowered from 21" in parts.notes[0]


@pytest.mark.parametrize("rows", [frame(frauds=0), frame(payments=1, frauds=1), frame().head(0)])
def test_too_few_frauds_say_how_many_are_needed(rows: pd.DataFrame) -> None:
    with pytest.raises(InsufficientDataError, match=r"too few labelled frauds .* needed at least 1") as told:
        split(rows, AS_OF.to_pydatetime())
    assert told.value.hint and "--payments" in told.value.hint


@pytest.mark.parametrize(
    ("name", "value"), [("test_fraction", 0), ("test_fraction", 1.5), ("label_delay_days", -1)]
)
def test_a_parameter_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=name):
        split(frame(), AS_OF.to_pydatetime(), **{name: value})


@settings(max_examples=30)
@given(
    payments=st.integers(2, 600),
    share=st.floats(0.0, 0.5),
    seed=st.integers(0, 1_000),
    delay=st.floats(0, 60),
    fraction=st.floats(0.05, 0.95),
)
def test_whatever_the_business_no_side_sees_beyond_its_clock(
    payments: int, share: float, seed: int, delay: float, fraction: float
) -> None:
    rows = frame(payments, int(payments * share), seed)
    try:
        parts = split(rows, AS_OF.to_pydatetime(), label_delay_days=delay, test_fraction=fraction)
    except InsufficientDataError:
        return
    check(parts, rows)
    assert parts.train["label"].sum() >= 1
    assert parts.test["label"].sum() >= 1
