"""Prices, fees and exchange rates of the simulated market."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from random import Random

from lakehouse import money
from lakehouse.testing.simulator.clock import DAY, midnight
from lakehouse.testing.simulator.dice import stream, whole
from lakehouse.testing.simulator.market import PEGGED, PER_USD, TIDY

_PER_USD_MILLIONTHS = {currency: round(rate * 1_000_000) for currency, rate in PER_USD.items()}
_RATE = Decimal("0.00000001")
_WAVES = ((211, 0.022), (67, 0.012), (17, 0.005))
"""Slow, middle and fast swings of a currency: length in days, height as a share. Invented."""


def tidy(amount_minor: int, currency: str) -> int:
    """Rounded down to what a shop would ask for in that currency, at least one such step."""
    step = TIDY[currency]
    return max(step, amount_minor // step * step)


def local(usd_cents: int, currency: str) -> int:
    """About the worth of so many US cents, in minor units of ``currency``, tidy. Integer arithmetic."""
    scale: int = 10 ** money.minor_digits(currency)
    return tidy(usd_cents * _PER_USD_MILLIONTHS[currency] * scale // 100_000_000, currency)


def list_price(rng: Random, usd: tuple[int, int], currency: str) -> int:
    """A list price within a range of US cents; cheap ones are likelier. Two-digit currencies end in 99."""
    low, high = usd
    cents = low + int((high - low) * rng.random() * rng.random())
    price = local(cents, currency)
    return price // 100 * 100 + 99 if money.minor_digits(currency) == 2 and TIDY[currency] == 1 else price


def scaled(amount_minor: int, thousandths: int, currency: str) -> int:
    return tidy(amount_minor * thousandths // 1000, currency)


def fee_terms(rng: Random, currency: str) -> tuple[int, int]:
    """(basis points, fixed fee in minor units) of a merchant: 1.20 to 3.40 %, worth 5 to 30 US cents."""
    return whole(rng, 24, 68) * 5, local(whole(rng, 5, 30), currency)


def fee(amount_minor: int, bps: int, fixed: int) -> int:
    """Fee of a captured payment: the share, rounded half up to the minor unit, plus the fixed fee; never
    more than it.
    """
    return min(amount_minor, money.share_bps(amount_minor, bps) + fixed)


def rate(seed: int, base: str, quote: str, on: date) -> Decimal:
    """Major units of ``quote`` that one major unit of ``base`` costs on that day, 8 decimals.

    A function of its arguments alone; pairs agree with each other but for rounding.
    """
    value = _per_usd(seed, quote, on) / _per_usd(seed, base, on)
    return Decimal(repr(value)).quantize(_RATE)


@cache
def _per_usd(seed: int, currency: str, on: date) -> float:
    if currency in PEGGED:
        return PER_USD[currency]
    day = midnight(on) // DAY
    move = (stream(seed, "fx", currency, day).random() - 0.5) * 0.004
    for length, height in _WAVES:
        phase = (day / length + stream(seed, "fx", currency, length).random()) % 1.0
        move += height * (4 * abs(phase - 0.5) - 1)
    return PER_USD[currency] * (1 + move)
