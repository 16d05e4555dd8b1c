"""Past to learn from, future to be judged on, and the clock of the labels between them.

That a payment was fraud is learnt from a chargeback weeks later. A model trained at the instant ``test_from`` could
know only disputes opened before it, and would leave out payments whose label had had no time to come:

    |---- train ----|---- label delay ----|---- test ----|---- label delay ----|
    first payment   train_until           test_from      test_until            as_of
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

_CUTS = (0.0, -0.05, 0.05, -0.1, 0.1, -0.15, -0.2, -0.25, -0.3, -0.4, -0.5)
"""Where else to cut, relative to the wanted place, when there are too few frauds on one side."""


@dataclass(frozen=True)
class Split:
    """Train and test: one row per captured payment, ``label`` 0 or 1, sorted by (requested_at, payment_id).

    ``label`` in train says "a dispute for fraud was opened before ``test_from``", in test "before ``as_of``".
    ``notes`` says in words what had to be relaxed because there were few frauds.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    train_until: datetime
    test_from: datetime
    test_until: datetime
    as_of: datetime
    label_delay_days: float
    notes: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """One row per side: rows, frauds, their share, first and last request."""
        import pandas as pd

        sides = {"train": self.train, "test": self.test}
        return pd.DataFrame(
            {
                name: {
                    "payments": len(side),
                    "labelled frauds": int(side["label"].sum()),
                    "fraud share": round(float(side["label"].mean()), 5),
                    "first requested_at": side["requested_at"].min(),
                    "last requested_at": side["requested_at"].max(),
                }
                for name, side in sides.items()
            }
        ).T


def split(
    frame: pd.DataFrame,
    as_of: datetime,
    *,
    label_delay_days: float = 30,
    test_fraction: float = 0.3,
    min_train_frauds: int = 20,
    min_test_frauds: int = 10,
) -> Split:
    """Cut ``frame`` (see ``fraud_features.sql``) in time. ``test_fraction`` is of the payments with mature labels.

    With fewer frauds than asked for, first the cut moves, then the label delay shrinks (labels then miss late
    disputes, but still never use one that was not yet open), then one fraud a side will do; ``notes`` tells.
    Raises DataError when not even that can be had, UsageError for a parameter out of range.
    """
    if not 0 < test_fraction < 1:
        raise UsageError(f"test_fraction is {test_fraction}; allowed: between 0 and 1", hint="0.3 is usual")
    if label_delay_days < 0:
        raise UsageError(f"label_delay_days is {label_delay_days}; allowed: 0 or more", hint="30 is usual")
    known = frame[frame["is_captured"] & (frame["requested_at"] <= as_of)]
    known = known.sort_values(["requested_at", "payment_id"], ignore_index=True)
    for wanted in dict.fromkeys(((min_train_frauds, min_test_frauds), (1, 1))):
        for delay in dict.fromkeys((label_delay_days, label_delay_days / 2, label_delay_days / 4, 0.0)):
            for shift in _CUTS:
                if not 0.05 <= 1 - test_fraction + shift <= 0.95:
                    continue
                found = _cut(known, as_of, delay, 1 - test_fraction + shift)
                if found is not None and _frauds(found.train) >= wanted[0] and _frauds(found.test) >= wanted[1]:
                    return _with_notes(found, wanted, (min_train_frauds, min_test_frauds), delay, label_delay_days)
    frauds = int((known["fraud_disputed_at"] <= as_of).sum())
    raise DataError(
        f"too few labelled frauds to train on: {frauds} among {len(known)} captured payments up to {as_of:%Y-%m-%d}, "
        f"needed at least 1 to learn from and 1 later one to be judged on ({min_train_frauds} and {min_test_frauds} "
        "to mean anything)",
        hint="more business, with time for disputes to arrive: lakehouse demo --payments 20000",
        frauds=frauds,
        payments=len(known),
    )


def _cut(known: pd.DataFrame, as_of: datetime, delay_days: float, place: float) -> Split | None:
    delay = timedelta(days=delay_days)
    mature = known[known["requested_at"] <= as_of - delay]
    if len(mature) < 2:
        return None
    test_from = mature["requested_at"].iloc[min(int(len(mature) * place), len(mature) - 1)].to_pydatetime()
    train = known[known["requested_at"] < test_from - delay]
    test = mature[mature["requested_at"] >= test_from]
    if train.empty or test.empty:
        return None
    return Split(
        train.assign(label=(train["fraud_disputed_at"] < test_from).astype(int)).reset_index(drop=True),
        test.assign(label=(test["fraud_disputed_at"] <= as_of).astype(int)).reset_index(drop=True),
        train_until=test_from - delay,
        test_from=test_from,
        test_until=as_of - delay,
        as_of=as_of,
        label_delay_days=delay_days,
        notes=(),
    )


def _frauds(side: pd.DataFrame) -> int:
    return int(side["label"].sum())


def _with_notes(found: Split, got: tuple[int, int], asked: tuple[int, int], delay: float, asked_delay: float) -> Split:
    from dataclasses import replace

    notes = []
    if delay != asked_delay:
        notes.append(f"label delay lowered from {asked_delay:g} to {delay:g} days, so late disputes count as no fraud")
    if got != asked:
        notes.append(
            f"only {_frauds(found.train)} frauds to learn from and {_frauds(found.test)} to be judged on "
            f"(wanted {asked[0]} and {asked[1]}): the numbers mean little"
        )
    return replace(found, notes=tuple(notes))
