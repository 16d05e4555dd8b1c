"""``lakehouse query``: ask the tables on any engine, and check that engines agree."""

from __future__ import annotations

import csv
import sys
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli import output
from lakehouse.cli.common import command, noun
from lakehouse.errors import UsageError

if TYPE_CHECKING:
    from lakehouse.query.compare import Comparison, Difference
    from lakehouse.query.engines import Result
    from lakehouse.query.sync import Report

app = noun("Ask the tables: one SQL, five readers.")

_SHOWN_ROWS = 1000
"""Most rows that text shows when no limit is given: more would not be read."""
_WIDEST = 20_000
"""Characters of a line before a table is cut: far more than any table has."""
_DIFFERENT = 3
_AS_OF = typer.Option(
    "--as-of",
    help="Read an instant (2026-03-01T12:00:00Z), a day's end, a version (12), or table=12,table=3.",
)


@command(app, "run")
def run(
    sql: Annotated[
        str | None, typer.Argument(help="One statement that reads; '-' reads it from stdin.")
    ] = None,
    engine: Annotated[
        str,
        typer.Option("--engine", help="duckdb, trino, spark, deltalake, pyiceberg; postgres for the source."),
    ] = "duckdb",
    name: Annotated[
        str | None, typer.Option("--name", help="Run a named query; see `lakehouse query list`.")
    ] = None,
    moment: Annotated[str | None, _AS_OF] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="Bring at most this many rows.")] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write the rows to this file, with a header.")
    ] = None,
) -> None:
    """Run SQL on an engine. Tables are named <schema>.<table>: gold.fct_payments."""
    from lakehouse import settings
    from lakehouse.query import as_of, engines, named

    if (sql is None) == (name is None):
        raise UsageError(
            "give either SQL or --name", hint='lakehouse query run "select 1", or lakehouse query list'
        )
    text = named.get(name).sql if name is not None else sys.stdin.read() if sql == "-" else str(sql)
    engines.get(engine)
    if engine == "spark":
        output.log.print("starting Spark, about ten seconds")
    as_text = output.state.format is output.Format.text and csv_file is None
    most = limit if limit is not None or not as_text else _SHOWN_ROWS
    config = settings.current()
    versions = as_of.resolve(config, text, moment) if moment is not None else None
    result = engines.run(config, engine, text, limit=most, versions=versions)
    if csv_file is not None:
        _write_csv(csv_file, result)
        output.emit(result.document(), lambda _: None)
    else:
        output.emit(result.document(), lambda _: _show(result))
    more = ", and there are more (--limit N, --csv FILE)" if result.truncated else ""
    output.log.print(
        f"{len(result.rows)} rows{more}, {result.engine}, {result.seconds:.2f} s", highlight=False
    )


@command(app, "list")
def list_() -> None:
    """List the named queries."""
    from lakehouse.query import named

    rows = [
        {"name": q.name, "title": q.title, "question": q.question, "grain": list(q.grain), "owner": q.owner}
        for q in named.all()
    ]
    shown = [[q.name, q.question, ", ".join(q.grain)] for q in named.all()]
    output.emit(rows, lambda _: _table(["name", "question", "one row per"], shown))


@command(app, "compare")
def compare(
    name: Annotated[str | None, typer.Argument(help="A named query.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every named query.")] = False,
    engines: Annotated[
        str, typer.Option("--engines", help="Which, with commas between.")
    ] = "duckdb,trino,spark,deltalake,pyiceberg",
    moment: Annotated[str | None, _AS_OF] = None,
) -> None:
    """Run a named query on several engines and show each cell that differs. Exit code 3 if any does."""
    from lakehouse import settings
    from lakehouse.query import compare as comparing
    from lakehouse.query import named

    if (name is None) != every:
        raise UsageError("give either the name of a query or --all", hint="lakehouse query list")
    chosen = [q.name for q in named.all()] if every else [named.get(str(name)).name]
    wanted = tuple(e.strip() for e in engines.split(",") if e.strip())
    found: list[Comparison] = []
    with output.progress() as progress:
        for done, one in enumerate(chosen):
            progress("compare", done, len(chosen))
            found.append(comparing.compare(settings.current(), one, wanted, moment))
        progress("compare", len(chosen), len(chosen))
    output.emit(found if every else found[0], lambda _: _show_comparisons(found))
    if not all(c.equal for c in found):
        raise typer.Exit(_DIFFERENT)


@command(app, "metrics")
def metrics() -> None:
    """List what is measured, as catalog/metrics.yml defines it."""
    from lakehouse import metrics as measured

    rows = [m.model_dump() for m in measured.current().metrics.values()]
    shown = [
        [m.name, m.description, m.unit, ", ".join(m.facts), m.owner]
        for m in measured.current().metrics.values()
    ]
    output.emit(rows, lambda _: _table(["metric", "what it is", "unit", "over", "owner"], shown))


@command(app, "sync")
def sync() -> None:
    """Rebuild the DuckDB file of views, register new tables in Trino, if it runs, and publish gold as Iceberg."""
    from lakehouse import settings
    from lakehouse.query import sync as syncing

    output.emit(syncing.sync(settings.current()), _show_sync)


def _show(result: Result) -> None:
    numbers = {c["name"] for c in result.columns if c["type"] in ("integer", "decimal", "double")}
    _table([c["name"] for c in result.columns], result.rows, numbers=numbers)


def _table(
    columns: list[str], rows: list[list[Any]], *, numbers: Container[str] = (), title: str = ""
) -> None:
    """A table as wide as it must be: an amount that is folded over two lines would be misread."""
    table = Table(title=escape(title) or None, title_justify="left", box=SIMPLE)
    for name in columns:
        table.add_column(escape(name), justify="right" if name in numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(_cell, row))
    Console(width=_WIDEST).print(table, crop=False)


def _cell(cell: Any) -> str | None:
    """A cell for people: doubles to six digits, markup of the terminal left as text."""
    if cell is None:
        return None
    return f"{cell:.6g}" if isinstance(cell, float) else escape(str(cell))


def _write_csv(file: Path, result: Result) -> None:
    try:
        with file.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(c["name"] for c in result.columns)
            writer.writerows(result.rows)
    except OSError as error:
        raise UsageError(
            f"cannot write {file}: {error.strerror}", hint="name a file in a folder that is there"
        ) from None
    output.log.print(f"written to {file}", markup=False)


def _show_comparisons(found: list[Comparison]) -> None:
    _table(
        ["query", "same", *(f"{e} rows" for e in found[0].engines), *(f"{e} s" for e in found[0].engines)],
        [
            [c.name, "yes" if c.equal else f"no, {len(c.differences)} differences"]
            + [c.rows[e] for e in c.engines]
            + [f"{c.seconds[e]:.2f}" for e in c.engines]
            for c in found
        ],
    )
    for comparison in found:
        if not comparison.equal:
            _show_differences(comparison)


def _show_differences(comparison: Comparison) -> None:
    _table(
        ["what", "row", "column", *comparison.engines],
        [_difference_row(d, comparison.engines) for d in comparison.differences[:_SHOWN_ROWS]],
        title=comparison.name,
    )
    if comparison.moved:
        output.log.print("tables got commits while the engines answered; compare again when nothing writes")


def _difference_row(difference: Difference, engines: tuple[str, ...]) -> list[str | None]:
    key = ", ".join(f"{k}={v}" for k, v in difference.key.items())
    cells = [
        "absent" if (v := difference.values[e]) is None and difference.kind == "row" else v for e in engines
    ]
    return [difference.kind, key, difference.column, *(_full(c) for c in cells)]


def _full(cell: Any) -> str:
    """A cell in full, so that two that differ look different."""
    return ", ".join(f"{k}={v}" for k, v in cell.items()) if isinstance(cell, dict) else repr(cell)


def _show_sync(report: Report) -> None:
    output.out.print(f"{report.views} views in {report.duckdb}")
    if not report.trino:
        output.out.print("Trino does not run: lakehouse up --only trino, then sync again, or just ask it")
    else:
        output.out.print(
            f"Trino: {len(report.registered)} tables registered, {len(report.unregistered)} forgotten"
        )
    output.out.print(f"Iceberg: {len(report.published)} tables of gold brought up to date")
    for table, why in report.failed.items():
        output.log.print(f"skipped {table}: {escape(why)}")
