"""``lakehouse demo``: the whole platform once through, and one page about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from lakehouse.cli import output
from lakehouse.cli.common import command

if TYPE_CHECKING:
    from lakehouse.demo import Demo


def register(app: typer.Typer) -> None:
    command(app, "demo")(demo)


def demo(
    payments: Annotated[
        int, typer.Option(min=0, help="Payments that this stretch of business adds.")
    ] = 20_000,
    days: Annotated[int, typer.Option(min=1, help="Business days that the stretch lasts.")] = 90,
    seed: Annotated[int, typer.Option(help="Same seed, same business.")] = 42,
    train: Annotated[bool, typer.Option(help="Run the notebook that trains the fraud model.")] = True,
) -> None:
    """Start everything, write a seeded payments business, land it, model it, ask two engines, train a model.

    The stack stays up. A second run adds a further stretch of business.
    """
    from lakehouse import demo as whole
    from lakehouse import settings
    from lakehouse.testing import simulator

    with output.progress() as progress:
        plan = simulator.Plan(seed=seed, payments=payments, days=days)
        result = whole.run(settings.current(), plan, progress, train=train)
    output.emit(result, page)
    if not result.engines_agree:
        raise typer.Exit(3)


def page(result: Demo) -> None:
    """The report for people."""
    show, line = output.show_rows, output.out.print
    line()
    line(
        f"[bold]Ledgerlake: stretch {result.stretch} of business, {result.payments_in_source:,} payments in all[/]"
    )
    if result.stretch > 1:
        line("This run added a further stretch to what was there; only what is new was processed.")
    line()
    _journey(result.journey)
    currencies = sorted(set().union(*result.revenue_by_currency.values()))
    rows = [
        [c, *(_amount(found.get(c), c) for found in result.revenue_by_currency.values())] for c in currencies
    ]
    show(
        ["currency", "PostgreSQL", "gold by Trino", "gold by DuckDB"],
        rows,
        title="Revenue (captured amounts)",
    )
    agree = "[green]equal to the minor unit[/]" if result.engines_agree else "[bold red]they differ[/]"
    line(
        f"payments in PostgreSQL {result.payments_in_source:,}, in gold {result.payments_in_gold:,}: {agree}\n"
    )
    steps = [
        [s.name, f"{s.seconds:.1f}", f"{s.rows:,}" if s.rows is not None else None] for s in result.steps
    ]
    total = ["total", f"{sum(s.seconds for s in result.steps):.1f}", None]
    show(["step", "seconds", "rows"], [*steps, total], title="Steps")
    if "version" in result.model:
        model = result.model
        line(
            f"\nModel {model['name']} version {model['version']}: average precision {model['average_precision']:.3f}, "
            f"run {model['run_id']}"
        )
    else:
        line(f"\nNo model: {escape(str(result.model.get('reason')))}")
    line(f"services use {result.resident_bytes / 2**30:.1f} GiB\n")
    show(
        ["look at", "where"],
        [[k, v] for k, v in {**result.addresses, "notebook": result.notebook}.items() if v is not None],
    )
    line('ask:   lakehouse query run --engine trino "select * from gold.agg_daily_merchant_revenue limit 5"')
    line("more:  lakehouse query list, lakehouse query compare --all, lakehouse status")
    line("again: lakehouse demo (adds a further stretch)")
    line("stop:  lakehouse down")


def _journey(journey: dict[str, Any]) -> None:
    if not journey:
        output.out.print("No payments yet, so there is no journey to show.\n")
        return
    source, gold = journey["postgres"], journey["gold"]
    last = journey["bronze"][-1] if journey["bronze"] else {}
    places = ", ".join(f"{r['_offset']} ({r['_op']} {r['status']})" for r in journey["bronze"])
    rows: list[list[Any]] = [
        [
            "PostgreSQL",
            f"{source['status']}, {_amount(source['amount_minor'], source['currency_code'])}, updated {source['updated_at']}",
        ],
        ["Kafka", f"{last.get('_topic')} partition {last.get('_partition')}, offsets {places}"],
        ["bronze", f"{len(journey['bronze'])} changes, last landed {last.get('_ingested_at')}"],
        ["silver", ", ".join(f"{r['status']} as of offset {r['_offset']}" for r in journey["silver"])],
        [
            "gold",
            ", ".join(
                f"net {_amount(r['net_minor'], r['currency_code'])}, known {r['known_at']}" for r in gold
            ),
        ],
    ]
    for engine, found in journey["answers"].items():
        told = ", ".join(
            f"captured {r['captured_minor']}, net {r['net_minor']} minor units of {r['currency_code']}"
            for r in found
        )
        rows.append([engine, told])
    output.show_rows(["where", "what"], rows, title=f"The journey of {journey['payment_id']}")
    output.out.print()


def _amount(minor: int | None, currency: str) -> str | None:
    from lakehouse import money

    return None if minor is None else money.text(minor, currency)
