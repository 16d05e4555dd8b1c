"""Money: integers in the minor unit of a currency. No float is ever money.

Source of the table: ISO 4217:2015, List One as published by the maintenance agency on 2026-01-01.
"""

from __future__ import annotations

from decimal import Decimal

from lakehouse.errors import DataError, suggest

_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
        CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ
        GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD
        MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON
        RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS
        UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_WITHOUT = frozenset("XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX".split())  # noqa: SIM905
_DIGITS = {code: digits for digits, codes in _BY_DIGITS.items() for code in codes.split()}


def currencies() -> tuple[str, ...]:
    """Every code that has a minor unit, sorted."""
    return tuple(sorted(_DIGITS))


def minor_digits(currency: str) -> int:
    """Digits of the minor unit: 0 for JPY, 2 for EUR, 3 for KWD, 4 for CLF.

    Raises DataError for a code that ISO 4217 does not list (case matters), or that has no minor unit, as gold
    has none.
    """
    try:
        return _DIGITS[currency]
    except (KeyError, TypeError):
        pass
    if currency in _WITHOUT:
        raise DataError(
            f"{currency} has no minor unit in ISO 4217: no amount can be kept in it", currency=currency
        )
    raise DataError(
        f"unknown currency {currency!r}{suggest(str(currency).upper(), list(_DIGITS))}",
        hint="currencies are ISO 4217 codes in capitals, such as EUR, JPY or KWD",
        currency=currency,
    )


def to_major(amount_minor: int, currency: str) -> Decimal:
    """The exact amount in major units, with all its digits: ``to_major(1234, "KWD") == Decimal("1.234")``."""
    return Decimal(amount_minor).scaleb(-minor_digits(currency))


def text(amount_minor: int, currency: str) -> str:
    """For people: ``"1,234.50 EUR"``, ``"1,235 JPY"``."""
    return f"{to_major(amount_minor, currency):,f} {currency}"


def share_bps(amount_minor: int, rate_bps: int) -> int:
    """``rate_bps`` basis points of an amount that is not negative, rounded half up, in integer arithmetic."""
    if amount_minor < 0 or rate_bps < 0:
        raise DataError(f"a share of {amount_minor} at {rate_bps} bps: neither may be negative")
    return (amount_minor * rate_bps + 5_000) // 10_000
