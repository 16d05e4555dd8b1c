"""What changes without a payment: people move, shops are renamed, prices and fees change, rates are fixed
each day.
"""

from __future__ import annotations

from collections.abc import Callable

from lakehouse.testing.simulator import market, people, prices
from lakehouse.testing.simulator.changes import Moment
from lakehouse.testing.simulator.clock import DAY, HOUR, SECOND, day_of, instant
from lakehouse.testing.simulator.dice import pick, stream, whole
from lakehouse.testing.simulator.world import Body, World

# Expected changes a day, for each customer or merchant there is. Invented; 350 in a default stretch.
_PER_CUSTOMER = {"customer_moves": 0.0004, "customer_writes": 0.0008}
_PER_MERCHANT = {
    "merchant_renamed": 0.0008,
    "merchant_fees": 0.0015,
    "merchant_suspended": 0.0007,
    "product_repriced": 0.03,
    "product_retired": 0.005,
    "product_listed": 0.006,
}


def schedule_day(world: World, at: int) -> None:
    """Fix today's rates and put today's changes on the agenda."""
    rng = stream(world.seed, "upkeep", at // DAY)
    world.later(at + 30 * SECOND, "rates_fixed")
    for names, count, key in (
        (_PER_CUSTOMER, len(world.customers), "k"),
        (_PER_MERCHANT, len(world.merchants), "m"),
    ):
        for kind, daily in names.items():
            for _ in range(int(count * daily + rng.random())):
                world.later(at + whole(rng, HOUR, DAY - HOUR), kind, {key: whole(rng, 0, count - 1)})


def rates_fixed(world: World, at: int, body: Body, out: Moment) -> None:
    on = day_of(at)
    for base in sorted({m.currency for m in world.merchants}):
        for quote in market.REPORTING:
            if base != quote:
                out.insert(
                    "fx_rates",
                    base_currency_code=base,
                    quote_currency_code=quote,
                    rate_on=on,
                    rate=prices.rate(world.seed, base, quote, on),
                    created_at=instant(at),
                )


def customer_moves(world: World, at: int, body: Body, out: Moment) -> None:
    customer = world.customers[body["k"]]
    rng = stream(world.seed, "moves", world.number("moves"))
    elsewhere = [c for c in market.COUNTRIES if c != customer.country]
    customer.country = pick(rng, elsewhere)
    out.update(
        "customers",
        {"customer_id": customer.id},
        country_code=customer.country,
        phone=people.phone(rng, customer.country),
        updated_at=instant(at),
    )


def customer_writes(world: World, at: int, body: Body, out: Moment) -> None:
    customer = world.customers[body["k"]]
    rng = stream(world.seed, "writes", world.number("writes"))
    address = people.email(rng, people.full_name(rng))
    out.update("customers", {"customer_id": customer.id}, email=address, updated_at=instant(at))


def merchant_renamed(world: World, at: int, body: Body, out: Moment) -> None:
    merchant = world.merchants[body["m"]]
    rng = stream(world.seed, "renamed", world.number("renamed"))
    name = people.shop_name(rng, merchant.trade)
    out.update("merchants", {"merchant_id": merchant.id}, display_name=name, updated_at=instant(at))


def merchant_fees(world: World, at: int, body: Body, out: Moment) -> None:
    merchant = world.merchants[body["m"]]
    rng = stream(world.seed, "fees", world.number("fees"))
    merchant.bps = max(50, merchant.bps + pick(rng, (-25, -15, -10, 10, 15)))
    out.update("merchants", {"merchant_id": merchant.id}, fee_rate_bps=merchant.bps, updated_at=instant(at))


def merchant_suspended(world: World, at: int, body: Body, out: Moment) -> None:
    merchant = world.merchants[body["m"]]
    if not merchant.active or sum(m.active for m in world.merchants) < 2:
        return
    rng = stream(world.seed, "suspended", world.number("suspended"))
    merchant.active = False
    out.update("merchants", {"merchant_id": merchant.id}, status="suspended", updated_at=instant(at))
    world.later(at + whole(rng, 2 * DAY, 8 * DAY), "merchant_resumed", {"m": body["m"]})


def merchant_resumed(world: World, at: int, body: Body, out: Moment) -> None:
    merchant = world.merchants[body["m"]]
    merchant.active = True
    out.update("merchants", {"merchant_id": merchant.id}, status="active", updated_at=instant(at))


def product_repriced(world: World, at: int, body: Body, out: Moment) -> None:
    merchant = world.merchants[body["m"]]
    rng = stream(world.seed, "repriced", world.number("repriced"))
    product = pick(rng, [p for p in merchant.products if p.active])
    price = prices.scaled(product.price, pick(rng, (850, 900, 950, 1030, 1050, 1100)), merchant.currency)
    if price != product.price:
        product.price = price
        out.update("products", {"product_id": product.id}, price_minor=price, updated_at=instant(at))


def product_retired(world: World, at: int, body: Body, out: Moment) -> None:
    """Takes a product off sale, slow sellers first; one that was never sold is deleted three weeks later."""
    merchant = world.merchants[body["m"]]
    active = [p for p in merchant.products if p.active]
    if len(active) < 3:
        return
    product = next((p for p in active if p.weight == 0), active[0])
    if sum(p.weight > 0 for p in active if p is not product) < 2:
        return
    product.active = False
    out.update("products", {"product_id": product.id}, status="retired", updated_at=instant(at))
    if not product.sold:
        world.later(at + 21 * DAY, "product_removed", {"m": body["m"], "p": product.id})


def product_removed(world: World, at: int, body: Body, out: Moment) -> None:
    merchant = world.merchants[body["m"]]
    product = next(p for p in merchant.products if p.id == body["p"])
    if not product.sold:
        merchant.products.remove(product)
        out.delete("products", {"product_id": product.id})


HANDLERS: dict[str, Callable[[World, int, Body, Moment], None]] = {
    f.__name__: f
    for f in (
        rates_fixed,
        customer_moves,
        customer_writes,
        merchant_renamed,
        merchant_fees,
        merchant_suspended,
        merchant_resumed,
        product_repriced,
        product_retired,
        product_removed,
    )
}
