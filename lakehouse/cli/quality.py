"""``lakehouse quality``: whether the tables are what their declarations promise."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun

if TYPE_CHECKING:
    from lakehouse.ingest.status import Status
    from lakehouse.quality.freshness import Evidence, Verdict
    from lakehouse.quality.levels import Assured
    from lakehouse.quality.reconcile import Reconciled
    from lakehouse.settings import Settings
    from lakehouse.telemetry import Progress

app = noun("Whether the tables are what their declarations promise.")


Wait = Annotated[
    float, typer.Option(min=0, help="Most seconds to wait for capture to confirm what was committed.")
]


@command(app, "freshness")
def freshness(
    source: Annotated[
        str | None, typer.Option(help="Source to judge: ledger, events; all if absent.")
    ] = None,
    wait: Wait = 10,
) -> None:
    """Judge how fresh each table is by its declaration; exit code 3 if any fails.

    A table that nobody writes to is fresh while capture and ingest are caught up.
    """
    from datetime import UTC

    from lakehouse import settings
    from lakehouse.quality import freshness as quality

    config, at = settings.current(), datetime.now(UTC)
    found = _judged(config, source, at, wait)
    failed = [v.table for v in found if v.state is quality.State.FAIL]
    output.emit({"at": at, "tables": found, "failed": failed}, lambda _: _show(found, failed))
    if failed:
        raise typer.Exit(3)


@command(app, "check")
def check() -> None:
    """Run every data test on silver and gold as they are; exit code 3 with the first rows that each finds.

    The same as `lakehouse transform test --select test_type:data`; changes no table.
    """
    from lakehouse import settings
    from lakehouse.transform import build

    with output.progress() as progress:
        report = build.test(settings.current(), select="test_type:data", progress=progress)
    rows = [[n.name, n.status, f"{n.seconds:.1f}"] for n in report.nodes]
    output.emit(report, lambda _: output.show_rows(["test", "", "seconds"], rows))


@command(app, "levels")
def levels(wait: Wait = 10) -> None:
    """Say how far each table can be trusted, by what holds of it, and what is missing to the next level."""
    from lakehouse import settings

    _, found = graded(settings.current(), wait)
    rows = [[a.table, a.level.value, ", ".join(a.missing) or None] for a in found]
    output.emit(found, lambda _: output.show_rows(["table", "level", "missing to the next"], rows))


def graded(config: Settings, wait: float) -> tuple[tuple[Verdict, ...], list[Assured]]:
    """How fresh each source table is, and how far every table can be trusted."""
    from datetime import UTC

    from lakehouse import context
    from lakehouse.quality import freshness as quality
    from lakehouse.quality.levels import grade
    from lakehouse.transform import changes, project

    verdicts = _judged(config, None, datetime.now(UTC), wait)
    fresh = {v.table: v.state in (quality.State.OK, quality.State.EMPTY) for v in verdicts}
    there = {f"{schema}.{name}" for schema, name, _ in context.tables(config)}
    is_built = changes.sources_to_read(config, changes.versions(config)) == []
    return verdicts, grade(project.models(config), there, fresh, is_built=is_built)


@command(app, "lineage")
def lineage(
    what: Annotated[
        str | None,
        typer.Argument(help="A column, gold.fct_payments.net_minor, or a table: gold.fct_payments."),
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", help="A named query: each column of its answer.")
    ] = None,
) -> None:
    """Show what a column is made from, down to the columns of the source."""
    from lakehouse import settings
    from lakehouse.errors import UsageError, suggest
    from lakehouse.query import named
    from lakehouse.transform import lineage as lines

    if (what is None) == (query is None):
        raise UsageError(
            "give either a column or --query", hint="lakehouse quality lineage gold.fct_payments.net_minor"
        )
    config = settings.current()
    known = lines.parents(config)
    if query is not None:
        asked = named.get(query)
        told = lines.of_sql(asked.sql, lines.schema(config), "duckdb")
        known |= {f"{query}.{column}": of for column, of in told.items()}
    chosen = (
        [c for c in known if what in (c, c.rpartition(".")[0])] if what else [f"{query}.{c}" for c in told]
    )
    if not chosen:
        raise UsageError(
            f"unknown column {what!r}{suggest(str(what), list(known))}", hint="schema.table.column"
        )
    found = [[{"column": c, "depth": d} for d, c in lines.upstream(column, known)] for column in chosen]
    output.emit(found, lambda _: _show_lineage(found))


def _show_lineage(found: list[list[dict[str, Any]]]) -> None:
    for lines in found:
        for line in lines:
            output.out.print("    " * line["depth"] + line["column"], markup=False, highlight=False)


@command(app, "reconcile")
def reconcile() -> None:
    """Compare gold with PostgreSQL and with the ledger, per merchant, currency and day; exit code 3 if they differ.

    Land and build first (ingest run --once, transform run), and let nobody write meanwhile.
    """
    from lakehouse import settings
    from lakehouse.quality import reconcile as quality

    found = quality.reconcile(settings.current())
    output.emit({"measures": found}, lambda _: _show_reconciled(found))
    if any(r.differing for r in found):
        raise typer.Exit(3)


def _show_reconciled(found: tuple[Reconciled, ...]) -> None:
    rows = [[r.measure, r.against, r.keys, r.differing or None] for r in found]
    output.show_rows(["measure", "against", "merchants, currencies and days", "differing"], rows)
    differences = [
        [r.measure, d.merchant_id, d.currency_code, d.day, d.source_minor, d.gold_minor]
        for r in found
        for d in r.first
    ]
    if differences:
        output.show_rows(["measure", "merchant", "currency", "day", "there", "gold"], differences)
        output.out.print(
            "behind? lakehouse ingest run --source ledger --once, lakehouse transform run, then again"
        )


@command(app, "lint")
def lint() -> None:
    """Look for sums over currencies and money as floats in gold's models and the named queries; exit code 3 if any."""
    from lakehouse import settings
    from lakehouse.quality import money_lint
    from lakehouse.query import named
    from lakehouse.transform import build

    models = build.compiled(settings.current(), "path:models/gold")
    found = [
        {"in": name, "rule": f.rule, "sql": f.sql}
        for name, findings in (
            *((name, money_lint.check(sql)) for name, sql in models.items()),
            *((q.name, money_lint.check(q.sql, "duckdb", ratios=True)) for q in named.all()),
        )
        for f in findings
    ]
    output.emit(
        {"models": sorted(models), "queries": [q.name for q in named.all()], "findings": found},
        lambda _: (
            output.show_rows(["in", "rule", "sql"], [list(f.values()) for f in found])
            if found
            else output.out.print(
                f"{len(models)} models and {len(named.all())} queries keep currencies apart"
            )
        ),
    )
    if found:
        raise typer.Exit(3)


def _judged(config: Settings, source: str | None, at: datetime, wait: float) -> tuple[Verdict, ...]:
    """How fresh the tables of a source, or of all, are at an instant."""
    from lakehouse import tables
    from lakehouse.ingest import status
    from lakehouse.quality import freshness as quality

    chosen = tables.of_source(source) if source is not None else tables.all()
    with output.progress() as progress:
        captured = {
            name: _is_captured(config, name, wait, progress) for name in {t.source.name for t in chosen}
        }
    return quality.check(config, chosen, _evidence(status.read(config, source), captured), at)


def _is_captured(config: Settings, source: str, seconds: float, progress: Progress) -> bool:
    """Whether all that was committed before this call is known to be in Kafka; events are sent there by themselves."""
    from lakehouse import tables
    from lakehouse.errors import ConfigError, UnavailableError
    from lakehouse.ingest import capture

    if source not in {s.name for s in tables.captured()}:
        return True
    try:
        capture.wait(config, source, timeout_seconds=seconds, progress=progress)
    except (UnavailableError, ConfigError):
        return False
    return True


def _evidence(found: Status, captured: dict[str, bool]) -> dict[str, Evidence]:
    """What ingest's status tells, in quality's words; nothing of a table with which ingest could not go on."""
    from lakehouse.quality.freshness import Evidence

    return {
        t.table: Evidence(None if t.problem else t.waiting_seconds, captured[t.table.split(".")[0]])
        for t in found.tables
    }


def _show(found: tuple[Verdict, ...], failed: list[str]) -> None:
    rows = [
        [
            v.table,
            v.state.value,
            output.duration(v.age_seconds),
            v.basis,
            v.newest_at and f"{v.newest_at:%Y-%m-%d %H:%M:%S}Z",
            f"{output.duration(v.warn_seconds)} / {output.duration(v.fail_seconds)}",
        ]
        for v in found
    ]
    output.show_rows(["table", "", "age", "known by", "newest row", "limits"], rows)
    for verdict in found:
        if verdict.problem:
            output.out.print(f"{verdict.table}: {verdict.problem}", markup=False)
    if failed:
        output.out.print(
            f"not fresh: {', '.join(failed)}; lakehouse ingest status says what waits", markup=False
        )
