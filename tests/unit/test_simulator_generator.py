"""Same seed, same business: to the byte, over stretches, and through JSON."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from lakehouse.errors import UsageError
from lakehouse.testing.simulator import Plan, runner
from lakehouse.testing.simulator.changes import Moment
from lakehouse.testing.simulator.clock import DAY, START
from lakehouse.testing.simulator.generator import VERSION, moments
from lakehouse.testing.simulator.timeline import payments_per_day
from lakehouse.testing.simulator.world import World, dump, load

PLAN = Plan(seed=5, customers=40, merchants=8, days=20, payments=300)


def drawn(plan: Plan) -> list[Moment]:
    return list(moments(World(plan.seed), plan, START))


def digest(of: list[Moment]) -> str:
    told = json.dumps([(m.at, m.changes, m.events, m.truths) for m in of], default=str)
    return sha256(told.encode()).hexdigest()


def test_same_seed_same_business() -> None:
    assert digest(drawn(PLAN)) == digest(drawn(PLAN))


def test_another_seed_is_another_business() -> None:
    other = Plan(6, PLAN.customers, PLAN.merchants, PLAN.days, PLAN.payments)
    assert digest(drawn(PLAN)) != digest(drawn(other))


def test_the_business_of_a_version_never_changes() -> None:
    """If this fails on purpose, raise generator.VERSION: databases of the old one cannot be continued."""
    assert (VERSION, digest(drawn(PLAN))[:16]) == (1, "e3f13e2e6fe76641")


def test_a_world_kept_as_json_goes_on_as_if_never_put_down() -> None:
    world = World(PLAN.seed)
    list(moments(world, PLAN, START))
    kept = load(
        json.loads(json.dumps(dump(world))), json.loads(json.dumps(sorted(world.agenda, reverse=True)))
    )
    begin = START + PLAN.days * DAY
    assert digest(list(moments(kept, PLAN, begin))) == digest(list(moments(world, PLAN, begin)))


def test_the_kept_world_names_nobody() -> None:
    world = World(PLAN.seed)
    people = [c.values for m in moments(world, PLAN, START) for c in m.changes if c.table == "customers"]
    kept = json.dumps([dump(world), world.agenda])
    told = {v for p in people for n, v in p.items() if n in ("full_name", "email", "phone") and v}
    assert len(told) > PLAN.customers
    assert not [v for v in told if v in kept]


def test_later_stretches_add_customers_and_never_more_merchants() -> None:
    world = World(PLAN.seed)
    list(moments(world, PLAN, START))
    assert (len(world.customers), len(world.merchants)) == (40, 8)
    list(moments(world, PLAN, START + PLAN.days * DAY))
    assert (len(world.customers), len(world.merchants)) == (41, 8)


@pytest.mark.parametrize("payments", [0, 1, 7, 300])
def test_days_share_the_payments_exactly(payments: int) -> None:
    plan = Plan(payments=payments, days=30)
    counts = payments_per_day(1, plan, START)
    assert len(counts) == 30
    assert sum(counts) == payments
    assert min(counts) >= 0


def test_slices_are_cut_between_moments_and_lose_none() -> None:
    whole = drawn(PLAN)
    for most in (None, 1, 10):
        parts = list(runner._slices(iter(whole), most_payments=most))
        assert [m for part in parts for m in part] == whole
        assert len(parts) > 3
        if most:
            assert max(sum(len(m.truths) for m in part) for part in parts) <= most


@pytest.mark.parametrize("name", ["seed", "customers", "merchants", "days", "payments"])
def test_negative_numbers_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"--{name} is -1"):
        Plan(**{name: -1})


def test_payments_need_somebody() -> None:
    with pytest.raises(UsageError, match="nobody"):
        Plan(customers=0)
    with pytest.raises(UsageError, match="nobody"):
        Plan(merchants=0)
    with pytest.raises(UsageError, match="--days"):
        Plan(days=0)
    assert Plan(customers=0, merchants=0, payments=0).payments == 0
