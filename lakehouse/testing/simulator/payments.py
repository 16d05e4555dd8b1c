"""The life of a payment: requested, authorized, captured; or failed on the way. Each step is a change of
its own.
"""

from __future__ import annotations

import json
from base64 import b64encode
from math import exp
from random import Random

from lakehouse.testing.simulator import aftermath, books, events, fraud, market, prices
from lakehouse.testing.simulator.changes import Moment, Truth
from lakehouse.testing.simulator.clock import DAY, HOUR, MINUTE, SECOND, instant
from lakehouse.testing.simulator.dice import bell, pick, stream, weighted, whole
from lakehouse.testing.simulator.market import CATEGORIES, COUNTRIES
from lakehouse.testing.simulator.world import Body, Customer, Merchant, Method, Product, World

ABANDONED_AUTHORIZATIONS = 0.008
"""Share of authorizations that the merchant never captures; they fail after a week, as card networks void
them.
"""
LARGE_METADATA = 0.004
"""Share of payments to which the merchant attached a document of 9 to 20 kB: PostgreSQL keeps it out of
line.
"""
_ANSWER = {
    "card": (SECOND // 3, 3 * SECOND),
    "wallet": (SECOND, 6 * SECOND),
    "bank_debit": (10 * MINUTE, 6 * HOUR),
}


def payment_requested(world: World, at: int, body: Body, out: Moment) -> None:
    payment_id = world.new_id("pay")
    rng = stream(world.seed, payment_id)
    customer, merchant, scenario = world.customers[body["k"]], world.merchants[body["m"]], body["s"]
    product = _product(merchant, customer, rng)
    method = _method(customer, at, rng, card=scenario is not None)
    product.sold = method.used = True
    amount = _amount(merchant, customer, product, scenario, rng)
    address = _address(customer, merchant, body["ch"], scenario, rng)
    out.insert(
        "payments",
        payment_id=payment_id,
        customer_id=customer.id,
        merchant_id=merchant.id,
        product_id=product.id,
        payment_method_id=method.id,
        amount_minor=amount,
        currency_code=merchant.currency,
        fee_minor=0,
        status="requested",
        channel=body["ch"],
        ip_country_code=address,
        failure_code=None,
        metadata=_metadata(rng),
        requested_at=instant(at),
        authorized_at=None,
        captured_at=None,
        failed_at=None,
        created_at=instant(at),
        updated_at=instant(at),
    )
    out.truths.append(Truth(payment_id, scenario))
    follow: Body = {
        "p": payment_id,
        "k": body["k"],
        "m": body["m"],
        "a": amount,
        "s": scenario,
        "kind": method.kind,
    }
    if body["ch"] in events.CHANNELS:
        follow["visit"] = [body["ch"], address, product.id]
        events.checkout(world, at, customer.id, merchant.id, follow, rng, out)
    failure = _failure(merchant, method, scenario, rng)
    low, high = _ANSWER[method.kind]
    follow |= {"why": failure} if failure else {}
    world.later(at + whole(rng, low, high), "payment_failed" if failure else "payment_authorized", follow)


def payment_authorized(world: World, at: int, body: Body, out: Moment) -> None:
    out.update(
        "payments",
        {"payment_id": body["p"]},
        status="authorized",
        authorized_at=instant(at),
        updated_at=instant(at),
    )
    events.authorized(world, at, body, out)
    rng = stream(world.seed, "authorized", body["p"])
    category = CATEGORIES[world.merchants[body["m"]].category]
    if rng.random() < ABANDONED_AUTHORIZATIONS:
        world.later(at + 7 * DAY, "payment_failed", body | {"why": "capture_expired"})
    elif category.capture_hours == 0 or body.get("visit") is None:
        world.later(at + whole(rng, SECOND // 5, 3 * SECOND), "payment_captured", body)
    else:
        world.later(at + whole(rng, 5 * MINUTE, category.capture_hours * HOUR), "payment_captured", body)


def payment_captured(world: World, at: int, body: Body, out: Moment) -> None:
    merchant, payment_id, amount = world.merchants[body["m"]], body["p"], body["a"]
    fee = prices.fee(amount, merchant.bps, merchant.fixed)
    out.update(
        "payments",
        {"payment_id": payment_id},
        status="captured",
        fee_minor=fee,
        captured_at=instant(at),
        updated_at=instant(at),
    )
    books.book(
        world, at, out, f"capture:{payment_id}", body["m"],
        debit="clearing", credit="merchant_payable", amount=amount, payment_id=payment_id,
    )  # fmt: skip
    books.book(
        world, at, out, f"fee:{payment_id}", body["m"],
        debit="merchant_payable", credit="fee_income", amount=fee, payment_id=payment_id,
    )  # fmt: skip
    aftermath.schedule(world, at, body)


def payment_failed(world: World, at: int, body: Body, out: Moment) -> None:
    out.update(
        "payments",
        {"payment_id": body["p"]},
        status="failed",
        failure_code=body["why"],
        failed_at=instant(at),
        updated_at=instant(at),
    )


def _product(merchant: Merchant, customer: Customer, rng: Random) -> Product:
    """One on sale, by how well it sells; of two that catch the eye, big spenders tend to take the dearer."""
    on_sale = [(p, p.weight) for p in merchant.products if p.active and p.weight > 0]
    one, other = weighted(rng, on_sale), weighted(rng, on_sale)
    dearer, cheaper = (one, other) if one.price >= other.price else (other, one)
    return dearer if rng.random() * 2000 < customer.level else cheaper


def _method(customer: Customer, at: int, rng: Random, *, card: bool) -> Method:
    usable = [m for m in customer.methods if not m.spare and (m.expires_at is None or m.expires_at > at)]
    usable = usable or [m for m in customer.methods if not m.spare]
    if card:
        usable = [m for m in usable if m.kind == "card"] or usable
    return usable[0] if rng.random() < 0.7 else pick(rng, usable)


def _amount(
    merchant: Merchant, customer: Customer, product: Product, scenario: str | None, rng: Random
) -> int:
    spread = CATEGORIES[merchant.category].spread
    thousandths = 1000
    if spread:
        thousandths = int(exp(spread * bell(rng)) * (500 + customer.level // 2))
    elif rng.random() < 0.12:
        thousandths = 2000
    if scenario is None:
        return (
            prices.scaled(product.price, thousandths, merchant.currency)
            if thousandths != 1000
            else product.price
        )
    return prices.scaled(
        product.price, thousandths * fraud.amount_thousandths(scenario, rng) // 1000, merchant.currency
    )


def _address(
    customer: Customer, merchant: Merchant, channel: str, scenario: str | None, rng: Random
) -> str | None:
    if channel == "point_of_sale":
        return None
    if scenario is not None:
        return fraud.address_country(customer.country, rng)
    number = rng.random()
    if number < 0.945:
        return customer.country
    return merchant.country if number < 0.975 else pick(rng, tuple(COUNTRIES))


def _failure(merchant: Merchant, method: Method, scenario: str | None, rng: Random) -> str | None:
    if not merchant.active:
        return "merchant_suspended"
    if scenario is not None and rng.random() < fraud.BLOCKED:
        return "suspected_fraud"
    if rng.random() < market.FAILURE_RATE[method.kind]:
        return weighted(rng, market.FAILURES[method.kind])
    return "suspected_fraud" if rng.random() < 0.002 else None


def _metadata(rng: Random) -> str | None:
    number = rng.random()
    if number < LARGE_METADATA:
        document = b64encode(rng.randbytes(3 * whole(rng, 2300, 5000))).decode()
        return json.dumps({"order": whole(rng, 10**6, 10**7 - 1), "document": document})
    if number < 0.35:
        campaign = pick(rng, ("spring", "newsletter", "referral", "none"))
        return json.dumps({"order": whole(rng, 10**6, 10**7 - 1), "campaign": campaign})
    return None
