"""``lakehouse transform``: silver and gold from bronze, by dbt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun, publish

if TYPE_CHECKING:
    from lakehouse.transform.rebuild import Rebuilt
    from lakehouse.transform.report import Report

app = noun("Silver and gold: build them from bronze, test them.")

_Select = Annotated[
    str | None,
    typer.Option(
        "--select", help="Which models, as dbt selects: fct_payments, tag:ledger, gold.payments ..."
    ),
]


@command(app, "run")
def run(
    select: _Select = None,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Compute every row anew.")] = False,
    no_tests: Annotated[bool, typer.Option("--no-tests", help="Build without testing.")] = False,
) -> None:
    """Bring silver and gold to what bronze holds now. Ends with 3 when a data test found rows."""
    from lakehouse import settings
    from lakehouse.maintenance.retain import cut
    from lakehouse.transform.build import build

    config = settings.current()
    with output.progress() as progress:
        report = build(
            config, select=select, full_refresh=full_refresh, tests=not no_tests, cut=cut, progress=progress
        )
    if report.nodes:
        publish(config)
    output.emit(report, _show)


@command(app, "test")
def test(select: _Select = None) -> None:
    """Test the tables as they are, and the models on their examples; ends as run does."""
    from lakehouse import settings
    from lakehouse.transform import build

    with output.progress() as progress:
        report = build.test(settings.current(), select=select, progress=progress)
    output.emit(report, _show)


@command(app, "rebuild")
def rebuild(
    table: Annotated[
        list[str] | None, typer.Argument(help="Source tables: payments, ledger.payments ...; all if absent.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Replace the tables that differ.")] = False,
) -> None:
    """Build silver a second time from the whole of bronze, and compare it row by row with what is there.

    Ends with 3 when they differ and nothing was replaced.
    """
    from lakehouse import settings, tables
    from lakehouse.maintenance.retain import cut
    from lakehouse.transform.rebuild import rebuild as rebuild_

    chosen = tuple(tables.get(name) for name in table) if table else tables.all()
    with output.progress() as progress:
        found = rebuild_(settings.current(), chosen, cut, apply=apply, progress=progress)
    output.emit(found, lambda _: _show_rebuilt(found))
    if any(r.differs and not r.is_replaced for r in found):
        raise typer.Exit(3)


def _show_rebuilt(found: tuple[Rebuilt, ...]) -> None:
    columns = ["table", "rows", "rebuilt", "only there", "only rebuilt", "changed", ""]
    rows = [
        [
            r.table,
            f"{r.rows:,}",
            f"{r.rows_rebuilt:,}",
            r.only_there or None,
            r.only_rebuilt or None,
            r.changed or None,
            "replaced" if r.is_replaced else "differs" if r.differs else "same",
        ]
        for r in found
    ]
    output.show_rows(columns, rows)
    for r in found:
        for column, count in r.columns.items():
            output.out.print(f"{r.table}.{column}: {count:,} rows changed", markup=False)
        for one in r.first:
            key = ", ".join(f"{name}={value}" for name, value in one.key.items())
            what = f"changed in {', '.join(one.columns)}" if one.columns else one.found
            output.out.print(f"{r.table}: {key}: {what}", markup=False)
        if r.differs and r.cut_before:
            output.out.print(
                f"{r.table}: retention deleted rows of bronze from before {r.cut_before:%Y-%m-%d %H:%M}Z, "
                "which a rebuild cannot tell",
                markup=False,
            )
    if any(r.differs and not r.is_replaced for r in found):
        output.out.print("replace them with --apply")


def _show(report: Report) -> None:
    rows: list[list[Any]] = [
        [n.kind, n.name, n.status, n.rows, f"{n.seconds:.1f}"] for n in report.nodes if n.kind == "model"
    ]
    if not report.nodes:
        output.out.print("nothing new in bronze: silver and gold are as they were")
        return
    if rows:
        output.show_rows(["", "name", "status", "rows written", "seconds"], rows)
    tested = [n.status for n in report.nodes if n.kind != "model"]
    told = f"{tested.count('pass')} tests passed" if tested else "no test run"
    output.out.print(f"{len(rows)} models built, {told}, {report.seconds:.1f} s")
