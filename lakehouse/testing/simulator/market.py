# ruff: noqa: E501  (tables are read by their columns)
"""The market: countries, currencies, merchant categories, means of payment.

Constants are orders of magnitude of the mid 2020s, chosen to be plausible side by side, not measured; see
docs/adr/0005-simulated-business.md. Merchant category codes are those of ISO 18245, countries of ISO 3166-1.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """``utc_hours`` is one offset for the whole country; ``dialling`` the E.164 prefix."""

    code: str
    currency: str
    utc_hours: int
    dialling: str
    weight: float


COUNTRIES = {
    c.code: c
    for c in (
        Country("US", "USD", -5, "+1", 22),
        Country("DE", "EUR", 1, "+49", 13),
        Country("GB", "GBP", 0, "+44", 12),
        Country("JP", "JPY", 9, "+81", 10),
        Country("FR", "EUR", 1, "+33", 9),
        Country("KW", "KWD", 3, "+965", 4),
        Country("KR", "KRW", 9, "+82", 6),
        Country("NL", "EUR", 1, "+31", 5),
        Country("KE", "KES", 3, "+254", 4),
        Country("ES", "EUR", 1, "+34", 6),
        Country("BH", "BHD", 3, "+973", 3),
        Country("NG", "NGN", 1, "+234", 4),
        Country("BR", "BRL", -3, "+55", 5),
        Country("IN", "INR", 5, "+91", 7),
    )
}

MERCHANT_COUNTRIES = (
    "US",
    "DE",
    "JP",
    "GB",
    "KW",
    "FR",
    "KR",
    "US",
    "KE",
    "NL",
    "BH",
    "US",
    "DE",
    "ES",
    "IN",
    "GB",
    "NG",
    "BR",
)
"""Where merchants are established, taken in turn, so that a handful already has currencies of 0, 2 and 3
digits.
"""

PER_USD = {
    "USD": 1.0,
    "EUR": 0.87,
    "GBP": 0.75,
    "JPY": 149.0,
    "KRW": 1390.0,
    "KWD": 0.306,
    "BHD": 0.376,
    "KES": 129.0,
    "NGN": 1520.0,
    "BRL": 5.45,
    "INR": 87.0,
}
"""Major units that one US dollar buys: the level around which the simulated rates of a day move."""

PEGGED = frozenset({"USD", "KWD", "BHD"})
"""Currencies that hardly move against the dollar."""

REPORTING = ("USD", "EUR")
"""Every currency in use is quoted against these each day; other pairs follow from them."""

TIDY = {
    "USD": 1,
    "EUR": 1,
    "GBP": 1,
    "JPY": 10,
    "KRW": 100,
    "KWD": 10,
    "BHD": 10,
    "KES": 100,
    "NGN": 1000,
    "BRL": 1,
    "INR": 100,
}
"""Amounts are multiples of this many minor units: nobody prices in single won or kobo."""

_SHOP = (0, 0, 0, 0, 0, 0, 1, 2, 4, 7, 9, 10, 10, 9, 8, 8, 9, 10, 9, 6, 3, 1, 0, 0)
_MEALS = (1, 0, 0, 0, 0, 0, 1, 3, 5, 4, 3, 6, 11, 10, 5, 3, 3, 5, 9, 12, 10, 6, 3, 2)
_SCREEN = (4, 2, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 7, 6, 6, 6, 6, 7, 8, 9, 11, 12, 10, 7)
_RIDES = (6, 4, 3, 1, 1, 2, 4, 7, 9, 6, 4, 4, 5, 4, 4, 5, 6, 9, 9, 7, 6, 6, 7, 8)
_OFFICE = (1, 1, 1, 1, 1, 1, 2, 4, 8, 12, 12, 10, 7, 9, 10, 9, 8, 5, 3, 2, 2, 2, 1, 1)


@dataclass(frozen=True)
class Category:
    """What a kind of merchant sells and how.

    ``usd`` is the range of list prices in US cents. ``spread`` is the standard deviation of the logarithm of
    what is paid over the list price (0: the list price exactly). ``channels`` weighs (web, mobile,
    point_of_sale, api). ``refunds`` is the share of captured payments that are refunded, ``disputes`` the
    share that honest payers dispute, fraud apart. ``capture_hours`` is the longest wait from authorization to
    capture; 0 is at once.
    """

    code: str
    name: str
    items: tuple[str, ...]
    usd: tuple[int, int]
    spread: float
    hours: tuple[int, ...]
    channels: tuple[int, int, int, int]
    refunds: float
    disputes: float
    capture_hours: int
    weight: float


CATEGORIES = (
    Category("5411", "Grocery", ("Basket", "Pantry box", "Fruit crate", "Weekly shop"), (900, 6500), 0.5, _SHOP, (20, 20, 60, 0), 0.015, 0.001, 0, 10),
    Category("5812", "Kitchen", ("Lunch", "Dinner", "Tasting menu", "Set menu"), (1200, 7000), 0.4, _MEALS, (10, 30, 60, 0), 0.01, 0.001, 0, 9),
    Category("5732", "Electronics", ("Headphones", "Tablet", "Camera", "Monitor", "Charger"), (1900, 89000), 0.0, _SCREEN, (62, 22, 16, 0), 0.09, 0.007, 48, 7),
    Category("5651", "Clothing", ("Jacket", "Shirt", "Jeans", "Dress", "Scarf"), (1500, 16000), 0.15, _SCREEN, (50, 36, 14, 0), 0.14, 0.004, 30, 8),
    Category("5942", "Books", ("Novel", "Atlas", "Cookbook", "Comic"), (700, 4500), 0.1, _SCREEN, (62, 28, 10, 0), 0.04, 0.002, 24, 4),
    Category("5816", "Games", ("Season pass", "Coins", "Expansion", "Skin pack"), (199, 6999), 0.0, _SCREEN, (30, 60, 0, 10), 0.05, 0.006, 0, 7),
    Category("4121", "Rides", ("Ride", "Airport ride", "Shared ride"), (500, 4500), 0.35, _RIDES, (0, 92, 8, 0), 0.02, 0.002, 1, 8),
    Category("7011", "Hotel", ("Single room", "Double room", "Suite"), (7000, 42000), 0.25, _SCREEN, (58, 20, 18, 4), 0.08, 0.005, 72, 4),
    Category("4511", "Airways", ("City hop", "Return flight", "Long haul"), (6000, 95000), 0.2, _SCREEN, (66, 22, 0, 12), 0.07, 0.006, 2, 3),
    Category("5977", "Cosmetics", ("Serum", "Perfume", "Gift set", "Cream"), (1200, 13000), 0.05, _SCREEN, (46, 44, 10, 0), 0.07, 0.003, 30, 5),
    Category("7372", "Software", ("Starter plan", "Team plan", "Business plan"), (900, 29900), 0.0, _OFFICE, (42, 3, 0, 55), 0.03, 0.003, 0, 5),
    Category("7997", "Club", ("Membership", "Day pass", "Class card"), (1500, 9900), 0.0, _OFFICE, (30, 25, 20, 25), 0.03, 0.003, 0, 4),
    Category("5712", "Furniture", ("Chair", "Desk", "Lamp", "Shelf"), (4500, 98000), 0.1, _SCREEN, (66, 16, 18, 0), 0.08, 0.006, 72, 3),
    Category("5912", "Pharmacy", ("Vitamins", "First aid kit", "Sun care"), (600, 5500), 0.3, _SHOP, (25, 25, 50, 0), 0.02, 0.001, 0, 5),
)  # fmt: skip

CHANNELS = ("web", "mobile", "point_of_sale", "api")

BRANDS = {
    "card": (("visa", 50.0), ("mastercard", 36.0), ("amex", 8.0), ("jcb", 6.0)),
    "wallet": (("apple_pay", 45.0), ("google_pay", 35.0), ("paypal", 20.0)),
}

FAILURES = {
    "card": (
        ("insufficient_funds", 40.0),
        ("card_declined", 26.0),
        ("authentication_failed", 14.0),
        ("expired_card", 8.0),
        ("incorrect_cvc", 8.0),
        ("issuer_unavailable", 4.0),
    ),
    "wallet": (("authentication_failed", 50.0), ("insufficient_funds", 40.0), ("issuer_unavailable", 10.0)),
    "bank_debit": (("insufficient_funds", 70.0), ("account_closed", 18.0), ("debit_not_authorized", 12.0)),
}
FAILURE_RATE = {"card": 0.055, "wallet": 0.025, "bank_debit": 0.04}

WEEKDAYS = (0.93, 0.94, 0.96, 1.0, 1.14, 1.16, 0.97)
"""How busy each day of the week is, Monday first."""
