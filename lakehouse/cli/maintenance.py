"""``lakehouse maintenance``: small files put together, old files and old rows deleted. A plan, until ``--apply``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun, publish

if TYPE_CHECKING:
    from lakehouse.contracts import Table
    from lakehouse.settings import Settings

app = noun("Keep the tables in order: each command prints its plan, and does it with --apply.")

_Table = Annotated[
    str | None, typer.Option("--table", help="One table, as in gold.fct_payments; all if absent.")
]
_Apply = Annotated[bool, typer.Option("--apply", help="Do it.")]


@command(app, "optimize")
def optimize(table: _Table = None, apply: _Apply = False) -> None:
    """Put small files together. No row changes; safe beside a running ingest, not beside a transform."""
    from lakehouse import settings
    from lakehouse.maintenance import optimize as work
    from lakehouse.maintenance import tables as kept

    config = settings.current()
    chosen = kept.chosen(config, table)
    plans = [work.plan(config, t) for t in chosen]
    done = []
    if apply and any(p.small_files for p in plans):
        with _no_transform(config), output.progress() as progress:
            for number, t in enumerate(chosen):
                progress("optimize (tables)", number, len(chosen))
                done += [found] if (found := work.apply(config, t)) else []
            progress("optimize (tables)", len(chosen), len(chosen))
        publish(config)
    rows = [
        [
            p.table,
            p.files,
            _size(p.bytes),
            p.small_files or None,
            _size(p.small_bytes),
            ", ".join(p.cluster_by),
        ]
        for p in plans
    ]
    output.emit(
        {"applied": apply, "plan": plans, "done": done},
        lambda _: _show(["table", "files", "size", "small files", "their size", "clustered by"], rows, apply),
    )


@command(app, "vacuum")
def vacuum(
    table: _Table = None,
    hours: Annotated[
        int | None, typer.Option(help="Keep what was needed in so many hours; not fewer than the setting.")
    ] = None,
    apply: _Apply = False,
) -> None:
    """Delete files that no version of a table has needed for a week (setting maintenance.vacuum_hours)."""
    from lakehouse import settings
    from lakehouse.maintenance import tables as kept
    from lakehouse.maintenance import vacuum as work

    config = settings.current()
    kept_hours = work.hours(config, hours)
    chosen = kept.chosen(config, table)
    plans = [work.plan(config, t, hours) for t in chosen]
    deleted: dict[str, int] = {}
    if apply:
        with output.progress() as progress:
            for number, t in enumerate(chosen):
                progress("vacuum (tables)", number, len(chosen))
                deleted[t.name] = work.apply(config, t, hours)
            progress("vacuum (tables)", len(chosen), len(chosen))
    rows = [[p.table, p.files, _size(p.bytes)] for p in plans if p.files]
    output.emit(
        {"applied": apply, "hours": kept_hours, "plan": plans, "deleted": deleted},
        lambda _: _show(["table", "files", "size"], rows, apply),
    )


@command(app, "retain")
def retain(table: _Table = None, apply: _Apply = False) -> None:
    """Delete bronze rows that are older than bronze_days of their declaration, once silver has read them."""
    from lakehouse import settings
    from lakehouse.maintenance import retain as work

    config = settings.current()
    chosen = _declared(table)
    plans = [work.plan(config, t) for t in chosen]
    deleted: dict[str, int] = {}
    if apply:
        with output.progress() as progress:
            for number, (t, planned) in enumerate(zip(chosen, plans, strict=True)):
                progress("retain (tables)", number, len(chosen))
                deleted[planned.table] = work.apply(config, t)
            progress("retain (tables)", len(chosen), len(chosen))
    columns = ["table", "days", "rows", "oldest", "kept for silver", "keys lost", "keys cut"]
    rows = [
        [p.table, p.bronze_days or "for ever", p.rows, p.oldest_on, p.rows_unread, p.keys_lost, p.keys_cut]
        for p in plans
    ]
    lost, cut = sum(p.keys_lost for p in plans), sum(p.keys_cut for p in plans)

    def page(_: Any) -> None:
        _show(columns, rows, apply)
        if lost or cut:
            output.out.print(
                f"a rebuild of silver from bronze (transform run --full-refresh) then lacks {lost:,} keys, "
                f"and knows {cut:,} less well; as it is, silver keeps them"
            )
        if any(p.rows_unread for p in plans):
            output.out.print("rows that silver has not read are kept: lakehouse transform run")

    output.emit({"applied": apply, "plan": plans, "deleted": deleted}, page)


@contextmanager
def _no_transform(config: Settings) -> Iterator[None]:
    """Nobody builds silver or gold meanwhile: a merge would fail on files that were replaced under it."""
    from lakehouse.transform import build

    with build.alone(config):
        yield


def _declared(name: str | None) -> tuple[Table, ...]:
    """The declared tables, or one of them, by its own name or by that of its bronze table."""
    from lakehouse import names, tables

    if name is None:
        return tables.all()
    by_bronze = {names.bronze(t): t for t in tables.all()}
    return (by_bronze.get(name) or tables.get(name),)


def _size(count: int) -> str | None:
    return f"{count / 2**20:,.1f} MiB" if count else None


def _show(columns: list[str], rows: list[list[Any]], apply: bool) -> None:
    if rows:
        output.show_rows(columns, rows)
    else:
        output.out.print("nothing to do")
    output.out.print("done" if apply else "this is a plan: --apply does it")
