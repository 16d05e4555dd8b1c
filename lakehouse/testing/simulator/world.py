"""What the generator remembers: who is there, what they owe, and what is still to come. Plain data, no names
of people.

It survives as JSON between stretches; ``load(dump(world))`` goes on exactly as ``world`` would.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lakehouse.testing.simulator.dice import identifier

Body = dict[str, Any]


@dataclass(slots=True)
class Method:
    """A payment method. ``spare`` ones are kept in a drawer: never used by their owner."""

    id: str
    kind: str
    brand: str
    issuer: str
    expires_at: int | None
    spare: bool = False
    used: bool = False


@dataclass(slots=True)
class Customer:
    """``level`` is spending in thousandths of the usual; ``peak`` the local hour around which the customer
    buys.
    """

    id: str
    country: str
    level: int
    activity: float
    peak: int
    favourites: list[int]
    methods: list[Method]


@dataclass(slots=True)
class Product:
    """``weight`` is how often it is bought; 0 is never."""

    id: str
    name: str
    price: int
    weight: float
    active: bool = True
    sold: bool = False


@dataclass(slots=True)
class Merchant:
    """``balance`` is what the platform owes the merchant, in minor units of ``currency``; negative after big
    refunds.

    ``unpaid_since`` is the midnight from which the next payout covers days.
    """

    id: str
    trade: str
    category: int
    country: str
    currency: str
    bps: int
    fixed: int
    weight: float
    unpaid_since: int
    products: list[Product]
    active: bool = True
    balance: int = 0


@dataclass(slots=True)
class World:
    """Everything one seed's business is at one instant.

    ``agenda`` is a heap of what is to come: (instant, running number, kind, what it concerns).
    """

    seed: int
    customers: list[Customer] = field(default_factory=list)
    merchants: list[Merchant] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    compromised: list[list[int]] = field(default_factory=list)
    stolen: list[list[int]] = field(default_factory=list)
    agenda: list[tuple[int, int, str, Body]] = field(default_factory=list)

    def number(self, what: str) -> int:
        """The next running number of ``what``, from 1."""
        self.counters[what] = self.counters.get(what, 0) + 1
        return self.counters[what]

    def new_id(self, prefix: str) -> str:
        return identifier(prefix, self.seed, self.number(prefix))

    def later(self, at: int, kind: str, body: Body | None = None) -> None:
        """Put something on the agenda; what is put first for an instant happens first."""
        heapq.heappush(self.agenda, (at, self.number("agenda"), kind, body or {}))

    def due(self, until: int) -> tuple[int, str, Body] | None:
        """Take the next thing to happen before ``until`` off the agenda; None when nothing is left."""
        if not self.agenda or self.agenda[0][0] >= until:
            return None
        at, _, kind, body = heapq.heappop(self.agenda)
        return at, kind, body


def dump(world: World) -> dict[str, Any]:
    """The world as a JSON object, but for its agenda."""
    found = asdict(world)
    del found["agenda"]
    return found


def load(state: dict[str, Any], agenda: Iterable[Sequence[Any]]) -> World:
    """The world that ``dump`` and the agenda describe."""
    rest = {k: v for k, v in state.items() if k not in ("customers", "merchants")}
    customers = [Customer(**c | {"methods": [Method(**m) for m in c["methods"]]}) for c in state["customers"]]
    merchants = [
        Merchant(**m | {"products": [Product(**p) for p in m["products"]]}) for m in state["merchants"]
    ]
    return World(
        **rest,
        customers=customers,
        merchants=merchants,
        agenda=sorted((at, number, kind, body) for at, number, kind, body in agenda),
    )
