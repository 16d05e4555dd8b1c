"""``lakehouse simulate run``: a payments business, written into PostgreSQL and Kafka."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun

if TYPE_CHECKING:
    from lakehouse.testing.simulator import Report

app = noun("A simulated payments business: the source that everything else is shown on.")


@app.callback()
def _group() -> None:
    """Keeps ``run`` a subcommand."""


@command(app, "run")
def run(
    seed: Annotated[
        int, typer.Option(help="Same seed, same business. A database holds the business of one seed.")
    ] = 42,
    customers: Annotated[int, typer.Option(help="Customers at the end of the first stretch.")] = 1_000,
    merchants: Annotated[int, typer.Option(help="Merchants.")] = 60,
    days: Annotated[int, typer.Option(help="Business days that this stretch lasts.")] = 90,
    payments: Annotated[int, typer.Option(help="Payments asked for in this stretch.")] = 20_000,
    continuous: Annotated[
        bool, typer.Option("--continuous", help="Go on in real time until Ctrl-C.")
    ] = False,
    rate: Annotated[float, typer.Option(help="With --continuous: payments a second.")] = 5.0,
) -> None:
    """Write the next stretch of business, or finish the one that was interrupted.

    The first stretch begins on 2026-01-01; each later one where the last ended, with what falls due from
    before: late disputes, refunds, payouts. Run again after a crash or Ctrl-C: it goes on where it stopped.

    With --continuous, business time advances one day for every PAYMENTS / DAYS payments; the first Ctrl-C
    ends the run after the current slice with exit code 0, a second one at once with 130.
    """
    from lakehouse import settings
    from lakehouse.testing import simulator

    plan = simulator.Plan(seed, customers, merchants, days, payments)
    with output.progress() as progress:
        if continuous:
            report = simulator.run_continuously(
                settings.current(), plan, rate, _stop_on_interrupt(), progress
            )
        else:
            report = simulator.run(settings.current(), plan, progress)
    output.emit(report, _page)


def _stop_on_interrupt() -> threading.Event:
    """A flag that the first Ctrl-C or ``kill`` sets; after it, Ctrl-C works as usual."""
    flag = threading.Event()

    def stop(number: int, frame: object) -> None:
        flag.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return flag


def _page(report: Report) -> None:
    line = output.out.print
    days = f"{report.from_at:%F} up to {report.until_at:%F}"
    line(f"[bold]Stretch {report.stretch}[/]: {days}, business time")
    for number in report.resumed:
        line(f"finished stretch {number}, which an earlier run had left unfinished")
    line(
        f"{report.payments:,} payments, {report.frauds:,} of them fraud; {report.change_events:,} row "
        f"changes and {report.events:,} events in {report.seconds:.1f} s"
    )
    output.show_rows(["table", "row changes"], [[name, f"{n:,}"] for name, n in report.by_table.items()])
