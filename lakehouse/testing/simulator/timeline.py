"""When business happens: how many payments each day has, who pays whom, and at what hour."""

from __future__ import annotations

from functools import cache
from random import Random

from lakehouse.testing.simulator import books, fraud, market, upkeep
from lakehouse.testing.simulator.changes import Moment
from lakehouse.testing.simulator.clock import DAY, HOUR, day_of, weekday
from lakehouse.testing.simulator.dice import Wheel, bell, pick, stream, whole
from lakehouse.testing.simulator.market import CATEGORIES, CHANNELS, WEEKDAYS
from lakehouse.testing.simulator.plan import Plan
from lakehouse.testing.simulator.world import Body, World

ABANDONED_PER_PAYMENT = 0.4
"""Checkout sessions that end without a payment, for each payment."""
_HOME_BIAS = 8.0


def payments_per_day(seed: int, plan: Plan, begin: int) -> list[int]:
    """``plan.payments`` shared out over the days: weekends are busier, the end of a month too. Sums
    exactly.
    """
    weights = []
    for at in range(begin, begin + plan.days * DAY, DAY):
        noise = 0.92 + 0.16 * stream(seed, "busy", at // DAY).random()
        weights.append(WEEKDAYS[weekday(at)] * (1.1 if day_of(at).day >= 25 else 1.0) * noise)
    total = sum(weights)
    exact = [plan.payments * w / total for w in weights]
    counts = [int(x) for x in exact]
    by_rest = sorted(range(plan.days), key=lambda d: (counts[d] - exact[d], d))
    for d in by_rest[: plan.payments - sum(counts)]:
        counts[d] += 1
    return counts


def day_begins(world: World, at: int, body: Body, out: Moment) -> None:
    """Close the week on Mondays, plan the day's upkeep, and draw its ``n`` payments and abandoned
    sessions.
    """
    if weekday(at) == 0:
        books.close_week(world, at)
    upkeep.schedule_day(world, at)
    if not body["n"]:
        return
    fraud.open_windows(world, at, body["n"])
    crowd = _Crowd(world)
    for _ in range(body["n"]):
        _draw(world, at, crowd)


class _Crowd:
    """Today's wheels: customers by how active they are, merchants by how popular they are from each
    country.
    """

    def __init__(self, world: World) -> None:
        self._merchants = world.merchants
        self._by_country: dict[str, Wheel] = {}
        self.customers = Wheel([c.activity for c in world.customers])

    def merchant(self, rng: Random, country: str) -> int:
        if country not in self._by_country:
            weights = [m.weight * (_HOME_BIAS if m.country == country else 1.0) for m in self._merchants]
            self._by_country[country] = Wheel(weights)
        return self._by_country[country].spin(rng)


def _draw(world: World, day: int, crowd: _Crowd) -> None:
    rng = stream(world.seed, "draw", world.number("draw"))
    scenario = fraud.scenario(world, rng)
    k = pick(rng, world.stolen)[0] if scenario == fraud.STOLEN_CARD else crowd.customers.spin(rng)
    customer = world.customers[k]
    if scenario == fraud.COMPROMISED_MERCHANT:
        m = pick(rng, world.compromised)[0]
    elif scenario is None and customer.favourites and rng.random() < 0.75:
        m = pick(rng, customer.favourites)
    else:
        m = crowd.merchant(rng, customer.country)
    if scenario is None:
        channel = CHANNELS[_channel_wheel(world.merchants[m].category).spin(rng)]
        at = _hour(world, k, m, day, rng)
    else:
        channel = fraud.channel(rng)
        if scenario == fraud.STOLEN_CARD:
            at = fraud.moment_of_use(world, k, day, rng)
        else:
            at = day + whole(rng, 0, DAY - 1) if rng.random() < 0.55 else _hour(world, k, m, day, rng)
    world.later(at, "payment_requested", {"k": k, "m": m, "s": scenario, "ch": channel})
    if rng.random() < ABANDONED_PER_PAYMENT:
        k = crowd.customers.spin(rng)
        m = crowd.merchant(rng, world.customers[k].country)
        world.later(_hour(world, k, m, day, rng), "session_abandoned", {"k": k, "m": m})


@cache
def _channel_wheel(category: int) -> Wheel:
    return Wheel(CATEGORIES[category].channels)


@cache
def _hour_wheel(category: int) -> Wheel:
    return Wheel(CATEGORIES[category].hours)


def _hour(world: World, k: int, m: int, day: int, rng: Random) -> int:
    """An instant of the UTC day: at the shop's busy hours or around the customer's own, in the customer's
    local time.
    """
    customer = world.customers[k]
    usual = _hour_wheel(world.merchants[m].category).spin(rng)
    local = usual if rng.random() < 0.5 else int(customer.peak + 2.2 * bell(rng))
    utc = (local - market.COUNTRIES[customer.country].utc_hours) % 24
    return day + utc * HOUR + whole(rng, 0, HOUR - 1)
