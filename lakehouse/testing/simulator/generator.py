"""The business of one stretch as a sequence of moments. Pure: no clock, no database, no network.

The same world, plan and beginning give the same moments, to the byte. ``world`` is what the last stretch left
behind (a new ``World(seed)`` for the first) and is changed as the moments are drawn; when they are exhausted
it is what the next needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lakehouse.testing.simulator import aftermath, books, events, payments, population, timeline, upkeep
from lakehouse.testing.simulator.changes import Moment
from lakehouse.testing.simulator.clock import DAY
from lakehouse.testing.simulator.plan import Plan
from lakehouse.testing.simulator.world import Body, World

VERSION = 1
"""Raise it when the same seed would no longer give the same business: a stretch is only continued by its
own version.
"""

_HANDLERS: dict[str, Callable[[World, int, Body, Moment], None]] = {
    f.__name__: f
    for f in (
        timeline.day_begins,
        population.merchant_joins,
        population.product_listed,
        population.customer_joins,
        population.method_added,
        population.method_expires,
        payments.payment_requested,
        payments.payment_authorized,
        payments.payment_captured,
        payments.payment_failed,
        aftermath.refund_requested,
        aftermath.refund_settled,
        aftermath.dispute_opened,
        aftermath.dispute_closed,
        books.payout_sent,
        books.payout_paid,
        events.session_abandoned,
    )
} | upkeep.HANDLERS


def moments(world: World, plan: Plan, begin: int) -> Iterator[Moment]:
    """What happens from ``begin`` (microseconds, business time) for ``plan.days`` days, in the order it
    happens.

    The first stretch also yields how the founders joined, long before. What falls due later stays on the
    agenda.
    """
    population.schedule(world, plan, begin)
    for day, count in enumerate(timeline.payments_per_day(world.seed, plan, begin)):
        world.later(begin + day * DAY, "day_begins", {"n": count})
    end = begin + plan.days * DAY
    while (next_one := world.due(end)) is not None:
        at, kind, body = next_one
        out = Moment(at)
        _HANDLERS[kind](world, at, body, out)
        if out.changes or out.events:
            yield out
