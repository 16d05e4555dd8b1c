"""Writes stretches of business to PostgreSQL and Kafka.

A slice is some business hours of moments. Its events are sent and acknowledged, then its changes and the new
position are committed together. After a crash at any step the next run draws the same moments again, skips
what the position says is written, and goes on; events of the slice that was cut off are sent twice, with the
same ``event_id``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from threading import Event as Flag
from time import monotonic
from typing import TYPE_CHECKING, Any

from lakehouse import context
from lakehouse.errors import DataError, SafetyError, UnavailableError, UsageError
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet
from lakehouse.testing.simulator import clock, generator, publish
from lakehouse.testing.simulator.changes import Moment
from lakehouse.testing.simulator.plan import Plan, Report
from lakehouse.testing.simulator.store import Store, Stretch

if TYPE_CHECKING:
    import psycopg

SLICE_HOURS = 6
_SLICE_LEAST, _SLICE_MOST = 250, 4_000
"""Row changes of a transaction: a slice is prolonged until it has the least, and cut at the most."""


def run(config: Settings, plan: Plan, progress: Progress = quiet) -> Report:
    """Write the next stretch of the business of ``plan.seed``, or finish the one that was interrupted.

    An unfinished stretch is first finished as it was planned. If that is the plan asked for, it is all this
    run does; else the stretch asked for follows. Raises SafetyError when the database holds the business of
    another seed or another simulator is writing, UnavailableError when PostgreSQL or Kafka does not answer.
    """
    with _connected(config) as (connection, publisher):
        return write(connection, publisher, plan, progress)


def run_continuously(
    config: Settings, plan: Plan, rate: float, stop: Flag, progress: Progress = quiet
) -> Report:
    """Go on in real time, about ``rate`` payments a second, until ``stop`` is set; end after that slice.

    Business time does not follow the wall: it advances by one business day for every ``payments / days`` of
    the plan. Each business day is a stretch; the one that is cut short is finished by the next run.
    """
    pace, daily = Pace(rate, stop), _daily(plan)
    with _connected(config) as (connection, publisher):
        return write_continuously(connection, publisher, daily, pace, progress)


def write_continuously(
    connection: psycopg.Connection[Any],
    publisher: publish.Publish,
    daily: Plan,
    pace: Pace,
    progress: Progress = quiet,
) -> Report:
    """What ``run_continuously`` does, on a connection and a publisher, with the plan of one business day."""
    done = write(connection, publisher, daily, progress, pace=pace)
    while not pace.stopped:
        done = _joined(done, write(connection, publisher, daily, progress, pace=pace))
    return done


def _daily(plan: Plan) -> Plan:
    if plan.payments < plan.days:
        raise UsageError(
            f"{plan.payments} payments in {plan.days} days: a continuous run needs one a day at least",
            hint="more --payments, or fewer --days",
        )
    return Plan(plan.seed, plan.customers, plan.merchants, 1, round(plan.payments / plan.days))


def write(
    connection: psycopg.Connection[Any],
    publisher: publish.Publish,
    plan: Plan,
    progress: Progress = quiet,
    *,
    pace: Pace | None = None,
) -> Report:
    """What ``run`` does, on a connection to the source database and a publisher of events."""
    begun = monotonic()
    store = Store(connection)
    store.open()
    tally, resumed = _Tally(), []
    stretch = store.last()
    _require_same_business(stretch, plan)
    if stretch is not None and not stretch.is_finished:
        resumed.append(stretch.number)
        _write_stretch(store, publisher, stretch, tally, progress, pace)
    if not resumed or (stretch is not None and stretch.plan != plan and not (pace and pace.stopped)):
        stretch = _next(store, stretch, plan)
        _write_stretch(store, publisher, stretch, tally, progress, pace)
    assert stretch is not None
    return Report(
        stretch=stretch.number,
        from_at=stretch.from_at,
        until_at=stretch.until_at,
        payments=tally.payments,
        change_events=sum(tally.by_table.values()),
        events=tally.events,
        by_table=dict(sorted(tally.by_table.items())),
        frauds=tally.frauds,
        resumed=tuple(resumed),
        seconds=round(monotonic() - begun, 3),
    )


@dataclass
class _Tally:
    payments: int = 0
    events: int = 0
    frauds: int = 0
    by_table: Counter[str] = field(default_factory=Counter)


def _require_same_business(stretch: Stretch | None, plan: Plan) -> None:
    if stretch is None:
        return
    if stretch.plan.seed != plan.seed:
        raise SafetyError(
            f"this database holds {stretch.number} stretch(es) of the business of seed "
            f"{stretch.plan.seed}: another one, of seed {plan.seed}, cannot be mixed into it",
            hint=f"--seed {stretch.plan.seed} adds to it; lakehouse reset gives an empty database",
            seed=stretch.plan.seed,
        )
    if stretch.version != generator.VERSION:
        raise SafetyError(
            f"this database was written by version {stretch.version} of the simulator, this is version "
            f"{generator.VERSION}: it would not continue the same business",
            hint="lakehouse reset gives an empty database; the data is left as it is",
        )


def _next(store: Store, last: Stretch | None, plan: Plan) -> Stretch:
    from_at = last.until_at if last else clock.instant(clock.START)
    return store.begin(last.number + 1 if last else 1, plan, from_at, from_at + timedelta(days=plan.days))


def _write_stretch(
    store: Store,
    publisher: publish.Publish,
    stretch: Stretch,
    tally: _Tally,
    progress: Progress,
    pace: Pace | None,
) -> None:
    world = store.world(stretch)
    drawn = generator.moments(world, stretch.plan, clock.micros(stretch.from_at))
    position, asked = 0, 0
    for moment in islice(drawn, stretch.moments_written):
        position, asked = position + 1, asked + len(moment.truths)
    task = f"business, stretch {stretch.number} (payments)"
    progress(task, asked, stretch.plan.payments)
    for part in _slices(drawn, most_payments=pace.burst if pace else None):
        position += len(part)
        safe = publisher([event for moment in part for event in moment.events])
        tally.by_table += store.write(stretch, part, position, before_commit=safe)
        truths = [t for moment in part for t in moment.truths]
        tally.payments += len(truths)
        tally.frauds += sum(t.scenario is not None for t in truths)
        tally.events += sum(len(moment.events) for moment in part)
        asked += len(truths)
        progress(task, asked, stretch.plan.payments)
        if pace and not pace.allows(len(truths)):
            return
    store.finish(stretch, world)


def _slices(moments: Iterable[Moment], *, most_payments: int | None) -> Iterator[list[Moment]]:
    """Cut between moments, never within one."""
    part: list[Moment] = []
    changes = payments = 0
    for moment in moments:
        crossed = part and moment.at // (SLICE_HOURS * clock.HOUR) != part[-1].at // (
            SLICE_HOURS * clock.HOUR
        )
        full = changes >= _SLICE_MOST or (most_payments is not None and payments >= most_payments)
        if full or (crossed and changes >= _SLICE_LEAST):
            yield part
            part, changes, payments = [], 0, 0
        part.append(moment)
        changes += len(moment.changes)
        payments += len(moment.truths)
    if part:
        yield part


class Pace:
    """Holds a continuous run to ``rate`` payments a second, until ``stop`` is set. UsageError for no rate."""

    def __init__(self, rate: float, stop: Flag) -> None:
        if not 0 < rate < 1e6:
            raise UsageError(
                f"--rate is {rate}: payments a second must be more than 0 and less than a million",
                hint="--rate 5",
            )
        self._rate, self._stop = rate, stop
        self._begun, self._paid = monotonic(), 0
        self.burst = max(1, round(rate))

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def allows(self, payments: int) -> bool:
        """Wait until so many more payments were due; False when the run is to stop."""
        self._paid += payments
        return not self._stop.wait(max(0.0, self._begun + self._paid / self._rate - monotonic()))


def _joined(earlier: Report | None, later: Report) -> Report:
    if earlier is None:
        return later
    return Report(
        stretch=later.stretch,
        from_at=earlier.from_at,
        until_at=later.until_at,
        payments=earlier.payments + later.payments,
        change_events=earlier.change_events + later.change_events,
        events=earlier.events + later.events,
        by_table=dict(sorted((Counter(earlier.by_table) + Counter(later.by_table)).items())),
        frauds=earlier.frauds + later.frauds,
        resumed=earlier.resumed + later.resumed,
        seconds=round(earlier.seconds + later.seconds, 3),
    )


@contextmanager
def _connected(config: Settings) -> Iterator[tuple[psycopg.Connection[Any], publish.Publish]]:
    """Both services, asked before anything is written; their failures as the errors of this package."""
    import psycopg

    again = "lakehouse up, then the same command again: it goes on where it stopped"
    try:
        with (
            context.postgres(config) as connection,
            publish.kafka(context.kafka_servers(config)) as publisher,
        ):
            yield connection, publisher
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise UnavailableError(f"PostgreSQL went away: {str(error).strip()}", hint=again) from None
    except psycopg.Error as error:
        raise DataError(
            f"PostgreSQL refused a change: {str(error).strip()}",
            hint="the slice was rolled back; was the source database changed by hand? lakehouse tables show",
        ) from None
