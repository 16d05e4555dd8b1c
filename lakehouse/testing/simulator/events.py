"""Messages of checkout sessions and of payment networks. Bodies have exactly the columns of
``lakehouse/tables/events.py``.

Instants are ISO 8601 texts in UTC with microseconds; ``payload`` is the text of a JSON document, as received.
"""

from __future__ import annotations

import json
from random import Random

from lakehouse.testing.simulator.changes import Event, Moment
from lakehouse.testing.simulator.clock import MINUTE, SECOND, iso
from lakehouse.testing.simulator.dice import identifier, pick, stream, whole
from lakehouse.testing.simulator.world import Body, World

CHANNELS = ("web", "mobile")
"""Channels that have checkout sessions."""

_PROVIDERS = {"wallet": "wallet_network", "bank_debit": "bank_scheme", "card": "card_network"}


def checkout(
    world: World, at: int, customer_id: str, merchant_id: str, body: Body, rng: Random, out: Moment
) -> None:
    """The steps up to the request of a payment at ``at``."""
    steps = ["session_started", "checkout_started", "payment_submitted"]
    if rng.random() < 0.4:
        steps.insert(1, "product_viewed")
    moments = sorted(at - whole(rng, 5 * SECOND, 20 * MINUTE) for _ in steps[:-1])
    for step, when in zip(steps, [*moments, at], strict=True):
        known = step != "session_started"
        who = customer_id if known or rng.random() < 0.5 else None
        _step(
            world,
            when,
            step,
            body["p"],
            who,
            merchant_id,
            body["visit"],
            out,
            paying=step == "payment_submitted",
        )


def authorized(world: World, at: int, body: Body, out: Moment) -> None:
    """The last step of a session, and the callback of networks that answer late."""
    customer, merchant = world.customers[body["k"]], world.merchants[body["m"]]
    if body.get("visit"):
        _step(
            world,
            at,
            "payment_completed",
            body["p"],
            customer.id,
            merchant.id,
            body["visit"],
            out,
            paying=True,
        )
    if body["kind"] == "bank_debit":
        _callback(world, at, _PROVIDERS[body["kind"]], "payment.authorized", body, {}, out)


def disputed(world: World, at: int, event_type: str, body: Body, out: Moment) -> None:
    _callback(
        world, at, "card_network", event_type, body, {"dispute_id": body["d"], "reason": body["why"]}, out
    )


def session_abandoned(world: World, at: int, body: Body, out: Moment) -> None:
    """A visit that ends before paying: after one to three steps."""
    session = f"abandoned{world.number('abandoned')}"
    rng = stream(world.seed, session)
    customer, merchant = world.customers[body["k"]], world.merchants[body["m"]]
    product = pick(rng, merchant.products)
    visit = [pick(rng, CHANNELS), customer.country, product.id]
    who = customer.id if rng.random() < 0.4 else None
    steps = ("session_started", "product_viewed", "checkout_started")
    when = at
    for step in steps[: whole(rng, 1, 3)]:
        _step(world, when, step, session, who, merchant.id, visit, out)
        when += whole(rng, 20 * SECOND, 4 * MINUTE)


def _step(
    world: World,
    at: int,
    step: str,
    session: str,
    customer_id: str | None,
    merchant_id: str,
    visit: list[str],
    out: Moment,
    *,
    paying: bool = False,
) -> None:
    """One checkout event. ``session`` is what the session is for: its identifiers follow from it."""
    channel, country, product_id = visit
    out.events.append(
        Event(
            "checkout",
            {
                "event_id": identifier("evt", world.seed, session, step),
                "event_name": step,
                "session_id": identifier("ses", world.seed, session),
                "customer_id": customer_id,
                "merchant_id": merchant_id,
                "product_id": None if step == "session_started" else product_id,
                "payment_id": session if paying else None,
                "channel": channel,
                "country_code": country,
                "occurred_at": iso(at),
            },
        )
    )


def _callback(
    world: World, at: int, provider: str, event_type: str, body: Body, more: dict[str, str], out: Moment
) -> None:
    merchant = world.merchants[body["m"]]
    payload = {
        "payment_id": body["p"],
        "amount_minor": body["a"],
        "currency_code": merchant.currency,
        "created_at": iso(at),
    } | more
    out.events.append(
        Event(
            "webhook",
            {
                "event_id": identifier("whk", world.seed, event_type, more.get("dispute_id", body["p"])),
                "provider": provider,
                "event_type": event_type,
                "payment_id": body["p"],
                "payload": json.dumps(payload),
                "occurred_at": iso(at),
            },
        )
    )
