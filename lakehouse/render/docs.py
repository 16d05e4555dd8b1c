"""Reference pages: one per declared table, and their index."""

from __future__ import annotations

from collections.abc import Sequence

from lakehouse import names
from lakehouse.contracts import Column, SourceKind, Table, Type
from lakehouse.render import debezium, kafka, postgres, spark, trino
from lakehouse.render.common import DO_NOT_EDIT

_FIRST_LINE = f"<!-- {DO_NOT_EDIT} -->"


def page(table: Table) -> str:
    """The reference page of one table."""
    facts = {
        "Grain": f"one row per {table.grain}",
        "Key": ", ".join(f"`{k}`" for k in table.key),
        "Owner": table.source.owner,
        "Source": f"`{table.source.name}`: {table.source.description}",
        **_way(table),
        "Staging": f"`{names.staging(table)}`, one row per {table.grain}",
        **({"History": f"`{names.history(table)}`, one row per version"} if table.history else {}),
        "Retention": _retention(table),
        "Freshness": f"warning after {_duration(table.freshness.warn_seconds)}, "
        f"failure after {_duration(table.freshness.fail_seconds)}",
        "Contract": f"version {table.version}, fingerprint `{table.fingerprint}`",
    }
    return "\n".join(
        [
            _FIRST_LINE,
            f"# {table.source.name}.{table.name}",
            "",
            table.description,
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {_cell(text)} |" for name, text in facts.items()),
            "",
            "## Columns",
            "",
            *_columns(table),
            "",
            "## Columns that bronze adds",
            "",
            "| column | Spark | meaning |",
            "|---|---|---|",
            *(f"| `{f.name}` | {f.type} | {_cell(f.description)} |" for f in spark.metadata(table)),
            "",
            f"The same from the command line: `lakehouse tables show {table.source.name}.{table.name}`.",
            "",
        ]
    )


def _way(table: Table) -> dict[str, str]:
    """How rows get to bronze, and what one of them is."""
    unit, way = "message", {"Topic": f"`{names.topic(table)}`, {_count(table.topic_partitions, 'partition')}"}
    if table.source.kind is SourceKind.FILES:
        folder = f"{table.source.name}/{table.source_name or table.name}"
        unit, way = "row of a file", {"Landing folder": f"`{folder}/` below `paths.landing`"}
    return way | {
        "Bronze": f"`{names.bronze(table)}`, one row per {unit}",
        "Quarantine": f"`{names.quarantine(table)}`, one row per {unit} that could not be read",
    }


def index(tables: Sequence[Table]) -> str:
    """The list of all tables, with links to their pages."""
    rows = [
        f"| [{t.source.name}.{t.name}]({t.source.name}__{t.name}.md) | {_cell(t.grain)} | {t.source.owner} "
        f"| `{names.bronze(t)}` | `{names.staging(t)}` | {_cell(t.description)} |"
        for t in tables
    ]
    return "\n".join(
        [
            _FIRST_LINE,
            "# Source tables",
            "",
            "Declared in `lakehouse/tables`; `lakehouse tables list` prints the same. "
            "To add one, see [Add a table](../../how-to/add-a-table.md).",
            "",
            "| table | one row per | owner | bronze | staging | what it is |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _columns(table: Table) -> list[str]:
    places = {
        SourceKind.POSTGRES: "PostgreSQL | in the message",
        SourceKind.EVENTS: "in the event | in the message",
        SourceKind.FILES: "in JSON | in CSV",
    }
    return [
        f"| column | {places[table.source.kind]} | Spark | Trino | null | sensitivity | meaning |",
        "|---|---|---|---|---|---|---|---|",
        *(_column(table, c) for c in table.columns),
    ]


def _column(table: Table, column: Column) -> str:
    captured = table.source.kind is SourceKind.POSTGRES
    meaning = column.description
    if column.values:
        meaning += " One of " + ", ".join(f"`{v}`" for v in column.values) + "."
    if column.references:
        target, field = column.references.split(".")
        meaning += f" References [{target}.{field}]({table.source.name}__{target}.md)."
    form: Type = column.type
    cells = (
        f"`{column.name}`",
        postgres.sql_type(form) if captured else kafka.json_form(form),
        debezium.json_form(form) if captured else kafka.json_form(form),
        spark.sql_type(form),
        trino.sql_type(form),
        "yes" if column.nullable else "no",
        column.sensitivity.value,
        meaning,
    )
    return "| " + " | ".join(_cell(c) for c in cells) + " |"


def _retention(table: Table) -> str:
    kept = table.retention.bronze_days
    bronze = "for ever" if kept is None else _count(kept, "day")
    topic = "" if table.files else f", topic {_count(table.retention.topic_days, 'day')}"
    return f"bronze {bronze}{topic}"


def _duration(seconds: int) -> str:
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0 and seconds >= size:
            return _count(seconds // size, unit)
    return _count(seconds, "second")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
