"""Past to learn from, future to be judged on, and the clock of the labels between them.

That a payment was fraud is learnt from a chargeback weeks later. A model trained at the instant
``test_from`` could know only disputes opened before it, and would leave out payments whose label had had no
time to come:

    |---- train ----|---- label delay ----|---- test ----|---- label delay ----|
    first payment   train_until           test_from      test_until            as_of
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse.errors import InsufficientDataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from lakehouse.ml.scores import Vector

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
    label_delay_days: float = 21,
    test_fraction: float = 0.3,
    min_train_frauds: int = 20,
    min_test_frauds: int = 10,
) -> Split:
    """Cut ``frame`` (see ``fraud_features.sql``) in time; ``test_fraction`` is of those with mature labels.

    With fewer frauds than asked for, first the cut moves, then the label delay shrinks (labels then miss
    late disputes, but still never use one that was not yet open), then one fraud a side will do; ``notes``
    tells. Raises InsufficientDataError when not even that can be had, UsageError for a parameter out of range.
    """
    if not 0 < test_fraction < 1:
        raise UsageError(f"test_fraction is {test_fraction}; allowed: between 0 and 1", hint="0.3 is usual")
    if label_delay_days < 0:
        raise UsageError(f"label_delay_days is {label_delay_days}; allowed: 0 or more", hint="21 is usual")
    known = frame[frame["is_captured"] & (frame["requested_at"] <= as_of)]
    known = known.sort_values(["requested_at", "payment_id"], ignore_index=True)
    clock = _Clock.of(known, as_of)
    asked = (min_train_frauds, min_test_frauds)
    for wanted in dict.fromkeys((asked, (1, 1))):
        for delay in dict.fromkeys((label_delay_days, label_delay_days / 2, label_delay_days / 4, 0.0)):
            for place in (1 - test_fraction + shift for shift in _CUTS):
                cut = clock.cut(delay, place) if 0.05 <= place <= 0.95 else None
                if cut is not None and cut.train_frauds >= wanted[0] and cut.test_frauds >= wanted[1]:
                    notes = _notes(cut, wanted == asked, asked, delay, label_delay_days)
                    return _sides(known, as_of, cut, delay, notes)
    frauds = int((known["fraud_disputed_at"] <= as_of).sum())
    raise InsufficientDataError(
        f"too few labelled frauds to train on: {frauds} among {len(known)} captured payments up to "
        f"{as_of:%Y-%m-%d}, needed at least 1 to learn from and 1 later one to be judged on "
        f"({min_train_frauds} and {min_test_frauds} to mean anything)",
        hint="more business, with time for disputes to arrive: lakehouse demo --payments 20000",
        frauds=frauds,
        payments=len(known),
    )


@dataclass(frozen=True)
class _Cut:
    train_rows: int
    test_rows: tuple[int, int]
    test_from: datetime
    train_frauds: int
    test_frauds: int


@dataclass(frozen=True)
class _Clock:
    """Sorted requests and their disputes as whole nanoseconds, in which many cuts are tried quickly."""

    requested: Vector
    disputed: Vector
    as_of: int

    @classmethod
    def of(cls, known: pd.DataFrame, as_of: datetime) -> _Clock:
        import pandas as pd

        never = pd.Timestamp.max.tz_localize("UTC")
        columns = (known["requested_at"], known["fraud_disputed_at"].fillna(never))
        requested, disputed = (c.astype("datetime64[ns, UTC]").astype("int64").to_numpy() for c in columns)
        return cls(requested, disputed, pd.Timestamp(as_of).as_unit("ns").value)

    def cut(self, delay_days: float, place: float) -> _Cut | None:
        import pandas as pd

        delay = pd.Timedelta(days=delay_days).value
        mature = int(self.requested.searchsorted(self.as_of - delay, side="right"))
        if mature < 2:
            return None
        test_from = int(self.requested[min(int(mature * place), mature - 1)])
        begin = int(self.requested.searchsorted(test_from))
        train = int(self.requested.searchsorted(test_from - delay))
        if train == 0:
            return None
        return _Cut(
            train,
            (begin, mature),
            pd.Timestamp(test_from, tz="UTC").to_pydatetime(warn=False),
            int((self.disputed[:train] < test_from).sum()),
            int((self.disputed[begin:mature] <= self.as_of).sum()),
        )


def _sides(
    known: pd.DataFrame, as_of: datetime, cut: _Cut, delay_days: float, notes: tuple[str, ...]
) -> Split:
    delay = timedelta(days=delay_days)
    train, test = known.iloc[: cut.train_rows], known.iloc[slice(*cut.test_rows)]
    return Split(
        train.assign(label=(train["fraud_disputed_at"] < cut.test_from).astype(int)).reset_index(drop=True),
        test.assign(label=(test["fraud_disputed_at"] <= as_of).astype(int)).reset_index(drop=True),
        train_until=cut.test_from - delay,
        test_from=cut.test_from,
        test_until=as_of - delay,
        as_of=as_of,
        label_delay_days=delay_days,
        notes=notes,
    )


def _notes(
    cut: _Cut, enough: bool, asked: tuple[int, int], delay: float, asked_delay: float
) -> tuple[str, ...]:
    notes = []
    if delay != asked_delay:
        notes.append(
            f"label delay lowered from {asked_delay:g} to {delay:g} days, so late disputes count as no fraud"
        )
    if not enough:
        notes.append(
            f"only {cut.train_frauds} frauds to learn from and {cut.test_frauds} to be judged on "
            f"(wanted {asked[0]} and {asked[1]}): the numbers mean little"
        )
    return tuple(notes)
