"""``lakehouse tables``: the declared tables, what each becomes on every engine, and the rendered files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun

if TYPE_CHECKING:
    from lakehouse.contracts import Table
    from lakehouse.quality.drift import Report

app = noun("Tables: what is declared, and what is rendered from it.")


@command(app, "list")
def list_(
    source: Annotated[str | None, typer.Option("--source", help="Only the tables of this source.")] = None,
) -> None:
    """List the declared tables."""
    from lakehouse import names, tables

    found = tables.all() if source is None else tables.of_source(source)
    rows = [
        {
            "table": f"{t.source.name}.{t.name}",
            "grain": t.grain,
            "key": list(t.key),
            "columns": len(t.columns),
            "owner": t.source.owner,
            "topic": None if t.files else names.topic(t),
            "bronze": names.bronze(t),
            "staging": names.staging(t),
        }
        for t in found
    ]
    shown = ("table", "grain", "bronze", "staging")
    output.emit(rows, lambda all_: output.show_rows(list(shown), [[r[k] for k in shown] for r in all_]))


@command(app, "show")
def show(
    name: Annotated[str, typer.Argument(help="A table: payments, ledger.payments or ledger__payments.")],
    target: Annotated[
        str | None,
        typer.Option(
            "--as", help="Show what it becomes on: postgres, debezium, kafka, spark, delta, dbt, ..."
        ),
    ] = None,
) -> None:
    """Show a table's columns, key and names, or with --as what is rendered from it for one target."""
    from lakehouse import tables

    table = tables.get(name)
    if target is None:
        output.emit(_described(table), _print_described)
        return
    from lakehouse import settings
    from lakehouse.render import targets

    text = targets.text(table, target, str(settings.current().warehouse))
    result = {"table": f"{table.source.name}.{table.name}", "target": target, "text": text}
    output.emit(result, lambda r: typer.echo(r["text"], nl=False))


@command(app, "render")
def render(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail if a file is stale.")] = False,
) -> None:
    """Write what is rendered from the declarations: dbt sources and staging models, reference pages."""
    from lakehouse import settings, tables
    from lakehouse.errors import DriftError
    from lakehouse.render import files

    wanted = files.rendered(tables.all())
    if not check:
        output.emit(files.write(settings.ROOT, wanted), _print_changes)
        return
    changes = files.compare(settings.ROOT, wanted)
    if changes.stale:
        raise DriftError(
            f"{len(changes.stale)} rendered files are not as declared: " + ", ".join(changes.stale),
            hint="lakehouse tables render, then commit the files",
            added=changes.added,
            changed=changes.changed,
            removed=changes.removed,
        )
    output.emit(changes, _print_changes)


@command(app, "diff")
def diff(
    name: Annotated[
        str | None, typer.Argument(help="A table: payments, ledger.payments; all if absent.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only the tables of this source.")] = None,
) -> None:
    """Compare the declarations with bronze, with what was landed and with PostgreSQL; exit code 3 if any needs attention.

    Says of each difference whether it is additive or breaking, why, and what to do. Needs no Spark.
    """
    from lakehouse import settings, tables
    from lakehouse.errors import UsageError
    from lakehouse.quality import drift

    chosen = (tables.get(name),) if name else tables.of_source(source) if source else tables.all()
    if name and source and chosen[0].source.name != source:
        raise UsageError(
            f"table {name!r} is of source {chosen[0].source.name}, not {source}", hint="leave out --source"
        )
    found = drift.check(settings.current(), chosen)
    output.emit(found, _print_diff)
    if found.urgent:
        raise typer.Exit(3)


def _print_diff(found: Report) -> None:
    for finding in found.findings:
        place = f"{finding.table}.{finding.column}" if finding.column else finding.table
        output.out.print(f"{place}: {finding.kind}, {finding.impact}", markup=False, highlight=False)
        for word, text in (("why", finding.why), ("next", finding.next_step)):
            output.out.print(f"  {word:<4} {text}", markup=False, highlight=False)
    for source, why in found.not_asked.items():
        output.out.print(f"{source}: its tables were not looked at: {why}", markup=False, highlight=False)
    told = f"{len(found.tables)} tables, {len(found.findings)} differences, {len(found.urgent)} to look at"
    output.out.print(told, highlight=False)


def _way(table: Table) -> dict[str, Any]:
    """How rows get here: by a topic, or by a folder."""
    from lakehouse import names, settings
    from lakehouse.ingest import files

    if table.files:
        return {"landing_folder": str(files.folder(settings.current(), table))}
    return {"topic": names.topic(table), "topic_partitions": table.topic_partitions}


def _described(table: Table) -> dict[str, Any]:
    from dataclasses import asdict

    from lakehouse import names
    from lakehouse.render import spark, targets

    return {
        "table": f"{table.source.name}.{table.name}",
        "description": table.description,
        "grain": table.grain,
        "key": list(table.key),
        "owner": table.source.owner,
        "version": table.version,
        "fingerprint": table.fingerprint,
        **_way(table),
        "bronze": names.bronze(table),
        "quarantine": names.quarantine(table),
        "staging": names.staging(table),
        "retention": asdict(table.retention),
        "freshness": asdict(table.freshness),
        "targets": list(targets.of(table)),
        "columns": [
            {
                "name": c.name,
                "type": spark.sql_type(c.type),
                "nullable": c.nullable,
                "sensitivity": c.sensitivity.value,
                "values": list(c.values),
                "references": c.references,
                "description": c.description,
            }
            for c in table.columns
        ],
    }


def _print_described(found: dict[str, Any]) -> None:
    flat = {k: v for k, v in found.items() if k not in ("columns", "retention", "freshness")}
    rows = [[k, ", ".join(v) if isinstance(v, list) else v] for k, v in flat.items()]
    for section in ("retention", "freshness"):
        rows += [[f"{section}.{k}", "for ever" if v is None else v] for k, v in found[section].items()]
    output.show_rows(["", ""], rows)
    shown = ("name", "type", "nullable", "sensitivity", "description")
    output.show_rows(list(shown), [[c[k] for k in shown] for c in found["columns"]], title="columns")


def _print_changes(changes: Any) -> None:
    for word in ("added", "changed", "removed"):
        for path in getattr(changes, word):
            output.out.print(f"{word} {path}", highlight=False, markup=False)
    if not changes.stale:
        output.out.print(f"all {changes.unchanged} rendered files are as declared", highlight=False)
