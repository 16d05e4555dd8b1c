"""``lakehouse ingest``: from Kafka to bronze."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun

if TYPE_CHECKING:
    from lakehouse.ingest.stream import Report

app = noun("Land changes and events in bronze.")


@app.callback()
def _group() -> None:
    """Keeps ``run`` a subcommand."""


@command(app, "run")
def run(
    source: Annotated[str, typer.Option(help="Source to land: ledger, events.")],
    once: Annotated[
        bool, typer.Option("--once", help="Land what was committed until now, then end.")
    ] = False,
) -> None:
    """Land a source in its bronze tables, exactly once; without --once until Ctrl-C.

    With --once, changes that PostgreSQL committed before the call are waited for.
    """
    from lakehouse import settings, tables
    from lakehouse.contracts import SourceKind
    from lakehouse.ingest import capture, stream

    config = settings.current()
    with output.progress() as progress:
        if once and tables.of_source(source)[0].source.kind is SourceKind.POSTGRES:
            capture.wait(config, source, progress=progress)
        report = stream.run(config, source, once=once, progress=progress)
    output.emit(report, _page)


def _page(report: Report) -> None:
    names = sorted({*report.rows, *report.quarantined})
    rows = [[n, f"{report.rows.get(n, 0):,}", report.quarantined.get(n) or None] for n in names]
    if rows:
        output.show_rows(["table", "rows", "quarantined"], rows)
    output.out.print(
        f"{report.source}: {sum(report.rows.values()):,} rows in {report.batches} batches, {report.seconds} s"
    )
