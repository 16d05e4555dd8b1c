"""Minor units of ISO 4217, and arithmetic that never touches a float."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse import money
from lakehouse.errors import DataError


@pytest.mark.parametrize(
    ("code", "digits"),
    [("JPY", 0), ("KRW", 0), ("ISK", 0), ("UGX", 0), ("USD", 2), ("EUR", 2), ("MGA", 2), ("HUF", 2),
     ("KWD", 3), ("BHD", 3), ("TND", 3), ("CLF", 4), ("UYW", 4)],
)  # fmt: skip
def test_minor_digits(code: str, digits: int) -> None:
    assert money.minor_digits(code) == digits


def test_the_table_is_complete() -> None:
    codes = money.currencies()
    assert len(codes) == 139 + 7 + 17 + 2 == len(set(codes))
    assert all(len(c) == 3 and c.isupper() for c in codes)


@pytest.mark.parametrize("code", ["", "eur", "EURO", "ABC", "DEM", None])
def test_an_unknown_code_is_an_error_and_never_two_digits(code: str) -> None:
    with pytest.raises(DataError, match="unknown currency"):
        money.minor_digits(code)


def test_gold_has_no_minor_unit() -> None:
    with pytest.raises(DataError, match="no minor unit"):
        money.minor_digits("XAU")


def test_text_has_the_digits_of_the_currency() -> None:
    assert money.text(123450, "EUR") == "1,234.50 EUR"
    assert money.text(1235, "JPY") == "1,235 JPY"
    assert money.text(-1234567, "KWD") == "-1,234.567 KWD"
    assert money.text(0, "KWD") == "0.000 KWD"


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(money.currencies()))
def test_major_has_every_digit(amount: int, currency: str) -> None:
    assert money.to_major(amount, currency) * 10 ** money.minor_digits(currency) == amount


@pytest.mark.parametrize(
    ("amount", "bps", "share"), [(10_000, 290, 290), (50, 100, 1), (49, 100, 0), (333, 150, 5), (0, 500, 0)]
)
def test_a_share_is_rounded_half_up(amount: int, bps: int, share: int) -> None:
    assert money.share_bps(amount, bps) == share


@given(st.integers(0, 10**15), st.integers(0, 10_000))
def test_a_share_is_within_half_a_minor_unit(amount: int, bps: int) -> None:
    share = money.share_bps(amount, bps)
    assert 0 <= share <= amount
    assert abs(Decimal(share) - Decimal(amount) * bps / 10_000) <= Decimal("0.5")


def test_a_negative_amount_has_no_share() -> None:
    with pytest.raises(DataError):
        money.share_bps(-1, 100)
