"""Who commits fraud, where and for how long. Only the generator knows; payments carry no trace but their
looks.

The three scenarios and their lengths follow the published simulator of Le Borgne, Siblini, Lebichot and
Bontempi, "Reproducible Machine Learning for Credit Card Fraud Detection - Practical Handbook" (Universite
Libre de Bruxelles, 2022), chapter 3: outlying amounts, terminals compromised for 28 days, cards stolen for 14
days and used for about five times the usual amount. Different here, and why:
docs/adr/0005-simulated-business.md.
"""

from __future__ import annotations

from random import Random

from lakehouse.testing.simulator.clock import DAY, HOUR, MINUTE
from lakehouse.testing.simulator.dice import pick, stream, weighted, whole
from lakehouse.testing.simulator.market import COUNTRIES
from lakehouse.testing.simulator.world import World

AMOUNT_OUTLIER, STOLEN_CARD, COMPROMISED_MERCHANT = "amount_outlier", "stolen_card", "compromised_merchant"
SHARES = {AMOUNT_OUTLIER: 0.004, STOLEN_CARD: 0.006, COMPROMISED_MERCHANT: 0.005}
"""Share of all payments: 1.5 % together."""
DISPUTED = 0.87
"""Share of captured fraud that its victim notices and disputes as fraudulent."""
BLOCKED = 0.10
"""Share of fraud that the issuer declines as suspected."""

_COMPROMISED_DAYS = 28
_STOLEN_DAYS = 14
_USES_OF_A_STOLEN_CARD = 6
_MERCHANTS_PER_COMPROMISED = 60
_THOUSANDTHS = {AMOUNT_OUTLIER: (4000, 11000), STOLEN_CARD: (2500, 7500), COMPROMISED_MERCHANT: (900, 2600)}
_CHANNELS = (("web", 58.0), ("mobile", 24.0), ("api", 12.0), ("point_of_sale", 6.0))


def open_windows(world: World, at: int, payments: int) -> None:
    """Close what is over today and begin what is missing, so that each scenario has its usual number of
    victims.
    """
    world.compromised = [w for w in world.compromised if w[1] > at]
    world.stolen = [w for w in world.stolen if w[1] > at]
    rng = stream(world.seed, "windows", at // DAY)
    small = sorted(range(len(world.merchants)), key=lambda i: (world.merchants[i].weight, i))
    small = small[: max(1, len(small) * 2 // 3)]
    wanted = max(1, round(len(world.merchants) / _MERCHANTS_PER_COMPROMISED))
    while small and len(world.compromised) < wanted:
        world.compromised.append([pick(rng, small), at + (_COMPROMISED_DAYS + whole(rng, -4, 4)) * DAY])
    wanted = max(1, round(payments * SHARES[STOLEN_CARD] * _STOLEN_DAYS / _USES_OF_A_STOLEN_CARD))
    for _ in range(4 * (wanted - len(world.stolen))):
        victim = whole(rng, 0, len(world.customers) - 1)
        if len(world.stolen) < wanted and any(
            m.kind == "card" and not m.spare for m in world.customers[victim].methods
        ):
            world.stolen.append([victim, at + (_STOLEN_DAYS + whole(rng, -3, 3)) * DAY])


def scenario(world: World, rng: Random) -> str | None:
    """Which fraud the next payment is; mostly None."""
    number = rng.random()
    for name, share in SHARES.items():
        if number < share:
            missing = (name == STOLEN_CARD and not world.stolen) or (
                name == COMPROMISED_MERCHANT and not world.compromised
            )
            return AMOUNT_OUTLIER if missing else name
        number -= share
    return None


def moment_of_use(world: World, victim: int, day: int, rng: Random) -> int:
    """When a stolen card is used on a day: all uses of the day within three hours, so that they follow
    quickly.
    """
    begin = whole(stream(world.seed, "spree", victim, day // DAY), 0, 21 * HOUR)
    return day + begin + whole(rng, 0, 150 * MINUTE)


def amount_thousandths(name: str, rng: Random) -> int:
    low, high = _THOUSANDTHS[name]
    return low + int((high - low) * rng.random() * rng.random())


def channel(rng: Random) -> str:
    return weighted(rng, _CHANNELS)


def address_country(home: str, rng: Random) -> str:
    """Half of fraud comes from somewhere else than the victim's home."""
    return home if rng.random() < 0.5 else pick(rng, tuple(COUNTRIES))
