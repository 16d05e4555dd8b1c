"""What a run is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lakehouse.errors import UsageError


@dataclass(frozen=True)
class Plan:
    """One stretch of business: how much, over how many days.

    ``seed`` chooses the business; a database holds the business of one seed. ``customers`` and ``merchants``
    are how many there are at the end of the first stretch; a later stretch never removes any, and adds
    whatever is missing to these numbers, but a twentieth more customers each 90 days at least. ``payments``
    are asked for in this stretch, exactly; 0 is a business that nobody pays. ``days`` are business days of 24
    hours, UTC. UsageError for what cannot be.
    """

    seed: int = 42
    customers: int = 1_000
    merchants: int = 60
    days: int = 90
    payments: int = 20_000

    def __post_init__(self) -> None:
        for name in ("seed", "customers", "merchants", "days", "payments"):
            if getattr(self, name) < 0:
                raise UsageError(
                    f"--{name} is {getattr(self, name)}: it cannot be negative", hint="0 or more"
                )
        if self.seed >= 2**63:
            raise UsageError(f"--seed is {self.seed}: too large", hint="below 2**63")
        if self.days == 0:
            raise UsageError("--days is 0: a stretch has at least one day", hint="--days 1")
        if self.payments and not (self.customers and self.merchants):
            raise UsageError(
                f"--payments is {self.payments}, but there is nobody to pay or to be paid",
                hint="at least --customers 1 --merchants 1, or --payments 0",
            )


@dataclass(frozen=True)
class Report:
    """What one run wrote: counts are of this run alone, also when it finished a stretch that an earlier one
    began.

    ``stretch`` is the number of the last stretch written, ``from_at`` and ``until_at`` its ends in business
    time (the end excluded). ``change_events`` counts inserts, updates and deletes of source tables,
    ``by_table`` per table; ``events`` the messages sent to Kafka. ``frauds`` counts payments that are fraud
    in the ground truth. ``resumed`` names stretches that an interrupted run had left unfinished and this one
    finished. ``seconds`` is wall time.
    """

    stretch: int
    from_at: datetime
    until_at: datetime
    payments: int
    change_events: int
    events: int
    by_table: Mapping[str, int]
    frauds: int
    resumed: tuple[int, ...]
    seconds: float
