"""``lakehouse ingest``: from Kafka to bronze, and how far that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.cli import output, quarantine
from lakehouse.cli.common import command, noun

if TYPE_CHECKING:
    from lakehouse.ingest.rebuild import Rebuilt
    from lakehouse.ingest.status import Status, TableStatus
    from lakehouse.ingest.stream import Report

app = noun("Land changes and events in bronze.")
app.add_typer(quarantine.app, name="quarantine")


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
    from lakehouse.ingest import capture, stream

    config = settings.current()
    with output.progress() as progress:
        if once and tables.of_source(source)[0].source in tables.captured():
            capture.wait(config, source, progress=progress)
        report = stream.run(config, source, once=once, progress=progress)
    output.emit(report, _page)


@command(app, "rebuild")
def rebuild(
    table: Annotated[str, typer.Argument(help="A table: payments, ledger.payments or ledger__payments.")],
    partition: Annotated[int | None, typer.Option(help="Only this partition.", min=0)] = None,
    first: Annotated[int, typer.Option("--from", help="With --partition: first offset.", min=0)] = 0,
    last: Annotated[int | None, typer.Option("--to", help="With --partition: last offset.", min=0)] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Make good what is missing or differs.")] = False,
) -> None:
    """Read a table's messages from Kafka a second time, and compare them with bronze.

    Ends with 3 when they differ and nothing was made good. With --apply, stop the ingest of the source before.
    """
    from lakehouse import settings, tables
    from lakehouse.errors import UsageError
    from lakehouse.ingest import rebuild as rebuild_module

    if partition is None and (first or last is not None):
        raise UsageError("offsets are of a partition", hint="add --partition")
    wanted = None
    if partition is not None:
        wanted = rebuild_module.Span(partition, first, 2**63 - 2 if last is None else last)
    with output.progress() as progress:
        progress(f"rebuild {table}", 0, 1)
        found = rebuild_module.rebuild(settings.current(), tables.get(table), wanted, apply=apply)
        progress(f"rebuild {table}", 1, 1)
    output.emit(found, _show_rebuilt)
    if found.differs and not found.is_applied:
        raise typer.Exit(3)


def _show_rebuilt(found: Rebuilt) -> None:
    columns = ["table", "messages", "missing", "changed", "only in bronze", "unreadable", ""]
    word = "made good" if found.is_applied else "differs" if found.differs else "same"
    counts = (found.missing, found.changed, found.only_there, found.unreadable)
    output.show_rows(columns, [[found.table, f"{found.messages:,}", *(n or None for n in counts), word]])
    for column, count in found.columns.items():
        output.out.print(f"{found.table}.{column}: {count:,} messages changed", markup=False)
    if (found.missing or found.changed) and not found.is_applied:
        output.out.print("make it good with --apply, then lakehouse transform run")


@command(app, "snapshot")
def snapshot(
    table: Annotated[list[str], typer.Argument(help="Tables of one source: payments, ledger.payments ...")],
    where: Annotated[
        str | None,
        typer.Option(help="Only rows for which this condition of PostgreSQL holds; for one table."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Come back when all is in Kafka.")] = True,
) -> None:
    """Have capture read tables of PostgreSQL again while changes go on; land it with run."""
    from lakehouse import settings, tables
    from lakehouse.ingest.snapshot import take

    with output.progress() as progress:
        chosen = [tables.get(name) for name in table]
        found = take(settings.current(), chosen, where, wait=wait, progress=progress)
    state = "in Kafka" if found.is_done else "asked for"
    told = f"{', '.join(found.tables)}: {found.rows:,} rows {state}"
    output.emit(found, lambda _: output.out.print(told, markup=False))


@command(app, "recapture")
def recapture(
    source: Annotated[str, typer.Option(help="Source whose replication slot was dropped or lost: ledger.")],
    force: Annotated[bool, typer.Option("--force", help="Also while capture runs.")] = False,
) -> None:
    """Begin the capture of a source anew: empty its tables in Kafka, then read all their rows again; land it with run.

    For when PostgreSQL no longer has the changes that come next: docs/runbooks/slot-lost.md.
    """
    from lakehouse import settings
    from lakehouse.ingest.recapture import recapture as recapture_

    with output.progress() as progress:
        found = recapture_(settings.current(), source, force=force, progress=progress)
    output.emit(found, lambda _: output.out.print(f"{', '.join(found.tables)}: in Kafka again", markup=False))


@command(app, "status")
def status(
    source: Annotated[
        str | None, typer.Option(help="Source to look at: ledger, events; all if absent.")
    ] = None,
) -> None:
    """Show how far each table is behind Kafka, and capture behind PostgreSQL. Needs no Spark."""
    from lakehouse import settings
    from lakehouse.ingest import status as status_module

    output.emit(status_module.read(settings.current(), source), _show_status)


def _show_status(found: Status) -> None:
    columns = ["table", "waiting", "for", "landed at", "version", "quarantined"]
    rows = [
        [
            t.table,
            _waiting(t),
            output.duration(t.waiting_seconds),
            t.ingested_at and f"{t.ingested_at:%Y-%m-%d %H:%M:%S}Z",
            t.bronze_version,
            t.quarantined or None,
        ]
        for t in found.tables
    ]
    output.show_rows(columns, rows)
    for capture in found.captures:
        held = (
            ""
            if capture.held_bytes is None
            else (f", {capture.unconfirmed_bytes:,} bytes of log not confirmed, {capture.held_bytes:,} held")
        )
        output.out.print(f"capture of {capture.source}: {capture.state}{held}", markup=False)
        if capture.step:
            output.out.print(f"  next {capture.step}", markup=False)
    for text, who in _remarks(found).items():
        everyone = len(who) == len(found.tables) > 1
        output.out.print(f"{'all tables' if everyone else ', '.join(who)}: {text}", markup=False)


def _waiting(table: TableStatus) -> str | int | None:
    return table.waiting_offsets if table.waiting_files is None else f"{table.waiting_files} files"


def _remarks(found: Status) -> dict[str, list[str]]:
    """What is wrong, each said once, and with whom it is wrong."""
    said: dict[str, list[str]] = {}
    for table in found.tables:
        for text in filter(None, (table.problem, table.warning)):
            said.setdefault(text, []).append(table.table)
    for capture in found.captures:
        for text in filter(None, (capture.problem, capture.error)):
            said.setdefault(text, []).append(f"capture of {capture.source}")
    return said


def _page(report: Report) -> None:
    names = sorted({*report.rows, *report.quarantined})
    rows = [[n, f"{report.rows.get(n, 0):,}", report.quarantined.get(n) or None] for n in names]
    if rows:
        output.show_rows(["table", "rows", "quarantined"], rows)
    for table, columns in report.drift.items():
        output.out.print(
            f"{table}: sent and not declared, kept in _extra: {', '.join(columns)}; "
            f"lakehouse tables diff {report.source}.{table} says what to do",
            markup=False,
        )
    for table, filled in report.filled.items():
        for column, found in filled.items():
            unread = f", {found.unread:,} do not read as its type and stay there" if found.unread else ""
            output.out.print(
                f"{table}.{column}: {found.rows:,} past values taken from _extra{unread}", markup=False
            )
    output.out.print(
        f"{report.source}: {sum(report.rows.values()):,} rows in {report.batches} batches, {report.seconds} s"
    )
