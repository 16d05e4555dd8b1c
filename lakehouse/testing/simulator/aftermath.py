"""What comes after a capture, days and weeks later: refunds, and disputes and how they end."""

from __future__ import annotations

from random import Random

from lakehouse.testing.simulator import books, events, fraud, prices
from lakehouse.testing.simulator.changes import Moment
from lakehouse.testing.simulator.clock import DAY, HOUR, instant
from lakehouse.testing.simulator.dice import stream, weighted, whole
from lakehouse.testing.simulator.market import CATEGORIES
from lakehouse.testing.simulator.world import Body, World

REFUNDS_THAT_FAIL = 0.02
_REFUND_REASONS = (("requested_by_customer", 78.0), ("product_unavailable", 15.0), ("duplicate", 7.0))
_HONEST_REASONS = (("not_received", 42.0), ("not_as_described", 33.0), ("fraudulent", 25.0))
"""An honest payer who says ``fraudulent`` forgot, or lies: friendly fraud, which no model can tell from
the real.
"""
_LOST = {"fraudulent": 0.72, "not_received": 0.5, "not_as_described": 0.4}


def schedule(world: World, at: int, body: Body) -> None:
    """Decide, once captured, all that will become of the payment. Refunds and a dispute never exceed the
    amount.
    """
    rng = stream(world.seed, "aftermath", body["p"])
    category = CATEGORIES[world.merchants[body["m"]].category]
    left, refunded_by = body["a"], at
    if body["s"] is None and rng.random() < category.refunds:
        for amount in _refunds(body["a"], world.merchants[body["m"]].currency, rng):
            refunded_by += whole(rng, 8 * HOUR, 14 * DAY)
            left -= amount
            reason = weighted(rng, _REFUND_REASONS)
            world.later(
                refunded_by, "refund_requested", {"p": body["p"], "m": body["m"], "a": amount, "why": reason}
            )
    if left <= 0:
        return
    dispute: Body = {"p": body["p"], "m": body["m"], "a": left}
    if body["s"] is not None:
        if rng.random() < fraud.DISPUTED:
            weeks = 7 * DAY + int(49 * DAY * rng.random() * rng.random())
            world.later(at + weeks, "dispute_opened", dispute | {"why": "fraudulent"})
    elif rng.random() < category.disputes:
        opens = max(at + whole(rng, 10 * DAY, 60 * DAY), refunded_by + DAY)
        world.later(opens, "dispute_opened", dispute | {"why": weighted(rng, _HONEST_REASONS)})


def _refunds(amount: int, currency: str, rng: Random) -> list[int]:
    if rng.random() < 0.6:
        return [amount]
    parts = [
        prices.scaled(amount, whole(rng, 100, 450), currency) for _ in range(1 if rng.random() < 0.8 else 2)
    ]
    return parts if sum(parts) < amount else [amount]


def refund_requested(world: World, at: int, body: Body, out: Moment) -> None:
    refund_id = world.new_id("ref")
    out.insert(
        "refunds",
        refund_id=refund_id,
        payment_id=body["p"],
        amount_minor=body["a"],
        currency_code=world.merchants[body["m"]].currency,
        reason=body["why"],
        status="pending",
        created_at=instant(at),
        updated_at=instant(at),
    )
    rng = stream(world.seed, refund_id)
    fails = rng.random() < REFUNDS_THAT_FAIL
    world.later(
        at + whole(rng, 20 * HOUR, 5 * DAY), "refund_settled", body | {"r": refund_id, "fails": fails}
    )


def refund_settled(world: World, at: int, body: Body, out: Moment) -> None:
    status = "failed" if body["fails"] else "succeeded"
    out.update("refunds", {"refund_id": body["r"]}, status=status, updated_at=instant(at))
    if not body["fails"]:
        books.book(
            world, at, out, f"refund:{body['r']}", body["m"],
            debit="merchant_payable", credit="clearing", amount=body["a"], payment_id=body["p"],
        )  # fmt: skip


def dispute_opened(world: World, at: int, body: Body, out: Moment) -> None:
    dispute_id = world.new_id("dsp")
    out.insert(
        "disputes",
        dispute_id=dispute_id,
        payment_id=body["p"],
        amount_minor=body["a"],
        currency_code=world.merchants[body["m"]].currency,
        reason=body["why"],
        status="opened",
        opened_at=instant(at),
        closed_at=None,
        created_at=instant(at),
        updated_at=instant(at),
    )
    books.book(
        world, at, out, f"dispute:{dispute_id}", body["m"],
        debit="dispute_receivable", credit="clearing", amount=body["a"], payment_id=body["p"],
    )  # fmt: skip
    rng = stream(world.seed, dispute_id)
    end = body | {"d": dispute_id, "lost": rng.random() < _LOST[body["why"]]}
    events.disputed(world, at, "dispute.opened", end, out)
    world.later(at + whole(rng, 14 * DAY, 50 * DAY), "dispute_closed", end)


def dispute_closed(world: World, at: int, body: Body, out: Moment) -> None:
    status = "lost" if body["lost"] else "won"
    out.update(
        "disputes", {"dispute_id": body["d"]}, status=status, closed_at=instant(at), updated_at=instant(at)
    )
    books.book(
        world, at, out, f"dispute_{status}:{body['d']}", body["m"],
        debit="merchant_payable" if body["lost"] else "clearing", credit="dispute_receivable",
        amount=body["a"], payment_id=body["p"],
    )  # fmt: skip
    events.disputed(world, at, f"dispute.{status}", body, out)
