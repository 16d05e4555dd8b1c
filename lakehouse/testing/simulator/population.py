"""Who is there: merchants and their products, customers and their means of payment, as they join."""

from __future__ import annotations

from datetime import timedelta
from math import ceil, exp
from random import Random

from lakehouse.testing.simulator import market, people, prices
from lakehouse.testing.simulator.changes import Moment
from lakehouse.testing.simulator.clock import DAY, HOUR, MINUTE, START, day_of, instant, midnight
from lakehouse.testing.simulator.dice import bell, identifier, pick, stream, weighted, whole
from lakehouse.testing.simulator.market import CATEGORIES, COUNTRIES
from lakehouse.testing.simulator.plan import Plan
from lakehouse.testing.simulator.world import Body, Customer, Merchant, Method, Product, World

FOUNDING_SHARE = 0.85
"""Share of the first stretch's customers who are there when it begins; the others join during it."""
GROWTH = 0.05
"""New customers in 90 days of a later stretch, as a share of those there when it begins; one at least."""
_DEBIT_COUNTRIES = frozenset({"DE", "FR", "NL", "ES", "GB", "US"})


def schedule(world: World, plan: Plan, begin: int) -> None:
    """Put the arrivals of a stretch that begins at ``begin`` on the agenda."""
    rng = stream(world.seed, "arrivals", begin)
    if world.merchants:
        for _ in range(plan.merchants - len(world.merchants)):
            world.later(begin + whole(rng, 0, HOUR), "merchant_joins")
    else:
        for at in _founded(rng, begin, plan.merchants, 400, 900):
            world.later(at, "merchant_joins")
    growth = ceil(len(world.customers) * GROWTH * plan.days / 90)
    joining = max(growth, plan.customers - len(world.customers))
    if not world.customers:
        founders = ceil(plan.customers * FOUNDING_SHARE)
        for at in _founded(rng, begin, founders, 1, 390):
            world.later(at, "customer_joins")
        joining = plan.customers - founders
    for _ in range(joining):
        world.later(begin + whole(rng, HOUR, plan.days * DAY - 1), "customer_joins")


def _founded(rng: Random, begin: int, count: int, least_days: int, most_days: int) -> list[int]:
    """When founders joined: long before the first stretch; at once if a later one is the first with any."""
    if begin != START:
        return [begin] * count
    return sorted(START - whole(rng, least_days * DAY, most_days * DAY) for _ in range(count))


def merchant_joins(world: World, at: int, body: Body, out: Moment) -> None:
    n = len(world.merchants)
    rng = stream(world.seed, "merchant", n)
    country = market.MERCHANT_COUNTRIES[n % len(market.MERCHANT_COUNTRIES)]
    category = weighted(rng, [(i, c.weight) for i, c in enumerate(CATEGORIES)])
    currency = COUNTRIES[country].currency
    trade = CATEGORIES[category].name
    bps, fixed = prices.fee_terms(rng, currency)
    popularity = 0.35 / (rng.random() + 0.1) * CATEGORIES[category].weight
    merchant = Merchant(
        world.new_id("mer"),
        trade,
        category,
        country,
        currency,
        bps,
        fixed,
        popularity,
        max(START, midnight(day_of(at))),
        [],
    )
    world.merchants.append(merchant)
    name = people.shop_name(rng, trade)
    out.insert(
        "merchants",
        merchant_id=merchant.id,
        legal_name=people.legal_name(name, country),
        display_name=name,
        merchant_category_code=CATEGORIES[category].code,
        country_code=country,
        settlement_currency_code=currency,
        fee_rate_bps=bps,
        fee_fixed_minor=fixed,
        status="active",
        onboarded_at=instant(at),
        created_at=instant(at),
        updated_at=instant(at),
    )
    for _ in range(3):
        list_product(world, at, n, rng, out, weight=0.5 + rng.random())
    for i in range(whole(rng, 3, 10)):
        world.later(at + (i + 1) * 9 * HOUR + whole(rng, 0, HOUR), "product_listed", {"m": n})


def product_listed(world: World, at: int, body: Body, out: Moment) -> None:
    rng = stream(world.seed, "product", world.number("listing"))
    slow = rng.random() < 0.06
    list_product(world, at, body["m"], rng, out, weight=0.0 if slow else 0.2 + rng.random())


def list_product(world: World, at: int, m: int, rng: Random, out: Moment, *, weight: float) -> None:
    merchant = world.merchants[m]
    category = CATEGORIES[merchant.category]
    item = pick(rng, category.items)
    product = Product(
        world.new_id("prd"),
        f"{item} {whole(rng, 10, 99)}",
        prices.list_price(rng, category.usd, merchant.currency),
        weight,
    )
    merchant.products.append(product)
    out.insert(
        "products",
        product_id=product.id,
        merchant_id=merchant.id,
        name=product.name,
        category=category.name.lower(),
        price_minor=product.price,
        currency_code=merchant.currency,
        status="active",
        created_at=instant(at),
        updated_at=instant(at),
    )


def customer_joins(world: World, at: int, body: Body, out: Moment) -> None:
    n = len(world.customers)
    rng = stream(world.seed, "customer", n)
    present = {m.country for m in world.merchants}
    country = weighted(
        rng, [(c.code, c.weight) for c in COUNTRIES.values() if not present or c.code in present]
    )
    near = [(i, m.weight * (8.0 if m.country == country else 1.0)) for i, m in enumerate(world.merchants)]
    favourites = [weighted(rng, near) for _ in range(whole(rng, 3, 8))] if near else []
    customer = Customer(
        world.new_id("cus"),
        country,
        level=int(1000 * exp(0.45 * bell(rng))),
        activity=0.15 + 2 * rng.random() * rng.random(),
        peak=pick(rng, (7, 9, 12, 12, 13, 17, 18, 19, 20, 20, 21, 22)),
        favourites=favourites,
        methods=[],
    )
    world.customers.append(customer)
    name = people.full_name(rng)
    out.insert(
        "customers",
        customer_id=customer.id,
        full_name=name,
        email=people.email(rng, name),
        phone=people.phone(rng, country) if rng.random() < 0.8 else None,
        birth_on=day_of(at) - timedelta(days=whole(rng, 18 * 365, 80 * 365)) if rng.random() < 0.7 else None,
        country_code=country,
        created_at=instant(at),
        updated_at=instant(at),
    )
    add_method(world, at, n, weighted(rng, _kinds(country)), rng, out)
    for _ in range(whole(rng, 0, 2)):
        world.later(at + whole(rng, 5 * MINUTE, 60 * DAY), "method_added", {"k": n})
    if rng.random() < 0.25:
        world.later(at + whole(rng, HOUR, 3 * DAY), "method_added", {"k": n, "spare": True})


def method_added(world: World, at: int, body: Body, out: Moment) -> None:
    n = body["k"]
    rng = stream(world.seed, "method", world.number("method"))
    if body.get("spare"):
        add_method(world, at, n, "card", rng, out, spare=True)
        return
    add_method(world, at, n, weighted(rng, _kinds(world.customers[n].country)), rng, out)


def _kinds(country: str) -> tuple[tuple[str, float], ...]:
    """What people there pay with, weighed."""
    usual = (("card", 68.0), ("wallet", 22.0))
    return (*usual, ("bank_debit", 10.0)) if country in _DEBIT_COUNTRIES else usual


def add_method(
    world: World, at: int, n: int, kind: str, rng: Random, out: Moment, *, spare: bool = False
) -> None:
    customer = world.customers[n]
    brand = (
        {"GB": "bacs", "US": "ach"}.get(customer.country, "sepa")
        if kind == "bank_debit"
        else weighted(rng, market.BRANDS[kind])
    )
    issuer = customer.country if rng.random() < 0.96 else pick(rng, tuple(COUNTRIES))
    expires_on = None
    if kind == "card":
        months = whole(rng, 1, 9) if spare else whole(rng, 26, 60)
        last = day_of(max(at, START if spare else at)) + timedelta(days=30 * months)
        expires_on = (last.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    method = Method(
        world.new_id("pm"), kind, brand, issuer, midnight(expires_on) + DAY if expires_on else None, spare
    )
    customer.methods.append(method)
    out.insert(
        "payment_methods",
        payment_method_id=method.id,
        customer_id=customer.id,
        kind=kind,
        brand=brand,
        card_last4=f"{whole(rng, 0, 9999):04d}" if kind == "card" else None,
        fingerprint=identifier("fp", world.seed, method.id),
        issuer_country_code=issuer,
        expires_on=expires_on,
        created_at=instant(at),
        updated_at=instant(at),
    )
    if method.expires_at is not None:
        when = method.expires_at + whole(rng, 2 * DAY, 9 * DAY) if spare else method.expires_at - 20 * DAY
        world.later(when, "method_expires", {"k": n, "p": method.id})


def method_expires(world: World, at: int, body: Body, out: Moment) -> None:
    """A card that nobody ever used is deleted once expired; a used one is followed by a new card before
    that.
    """
    customer = world.customers[body["k"]]
    method = next(m for m in customer.methods if m.id == body["p"])
    if method.spare and not method.used:
        customer.methods.remove(method)
        out.delete("payment_methods", {"payment_method_id": method.id})
    elif not method.spare:
        rng = stream(world.seed, "renewal", method.id)
        add_method(world, at, body["k"], method.kind, rng, out)
