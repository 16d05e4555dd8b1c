"""``lakehouse transform``: silver and gold from bronze, by dbt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun

if TYPE_CHECKING:
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
    from lakehouse.transform.build import build

    config = settings.current()
    with output.progress() as progress:
        report = build(
            config, select=select, full_refresh=full_refresh, tests=not no_tests, progress=progress
        )
    output.emit(report, _show)


@command(app, "test")
def test(select: _Select = None) -> None:
    """Test the tables as they are, and the models on their examples; ends as run does."""
    from lakehouse import settings
    from lakehouse.transform import build

    with output.progress() as progress:
        report = build.test(settings.current(), select=select, progress=progress)
    output.emit(report, _show)


def _show(report: Report) -> None:
    rows: list[list[Any]] = [
        [n.kind, n.name, n.status, n.rows, f"{n.seconds:.1f}"] for n in report.nodes if n.kind == "model"
    ]
    if not report.nodes:
        output.out.print("nothing new in bronze: silver and gold are as they were")
        return
    if rows:
        output.show_rows(["", "name", "status", "rows written", "seconds"], rows)
    passed = sum(n.status == "pass" for n in report.nodes)
    output.out.print(f"{len(rows)} models built, {passed} tests passed, {report.seconds:.1f} s")
