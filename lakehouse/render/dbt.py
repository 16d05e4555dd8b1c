"""dbt's view of the declarations: sources, one staging model per table, and what is tested of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from lakehouse import names
from lakehouse.contracts import Column, Source, SourceKind, Table
from lakehouse.render import spark
from lakehouse.render.common import DO_NOT_EDIT, yaml_text

Yaml = dict[str, Any]


def staging(table: Table) -> str:
    """Text of the staging model: one call of a macro of ``dbt_project/macros``, which holds all the logic."""
    if table.source.has_states:
        return _call("current_state", table, _key(table))
    assert table.event is not None  # a law: tables without states are of events
    told = table.event
    places = f"id_column='{told.id_column}',\n    time_column='{told.time_column}',\n    horizon_hours={told.horizon_hours}"
    return _call("first_event", table, places)


def history(table: Table) -> str:
    """Text of the model of all versions: as above."""
    return _call("history", table, _key(table))


def _key(table: Table) -> str:
    names_ = ", ".join(f"'{k}'" for k in table.key)
    return f"key=[{names_}]"


def _call(macro: str, table: Table, key: str) -> str:
    columns = "\n".join(f"        '{c.name}'," for c in table.columns)
    source = f"source('{table.source.name}', '{table.name}')"
    call = f"{macro}(\n    {source},\n    {key},\n    columns=[\n{columns}\n    ],\n)"
    return f"{{# {DO_NOT_EDIT} #}}\n{{{{ {call} }}}}\n"


def sources(source: Source, tables: Sequence[Table]) -> str:
    """The ``_<source>__sources.yml`` of a source: its bronze tables, and how fresh they must be."""
    entry: Yaml = {
        "name": source.name,
        "description": source.description,
        "schema": names.BRONZE,
        "config": {"meta": {"owner": source.owner}},
        "tables": [_source_table(t) for t in tables],
    }
    return yaml_text({"version": 2, "sources": [entry]}, DO_NOT_EDIT)


def models(tables: Sequence[Table]) -> str:
    """The ``_<source>__models.yml`` of a source: its staging models, their columns and data tests."""
    staging, history = [_model(t) for t in tables], [_history_model(t) for t in tables if t.history]
    return yaml_text({"version": 2, "models": staging + history}, DO_NOT_EDIT)


def _source_table(table: Table) -> Yaml:
    clock = table.event.time_column if table.event else "_source_at"
    return {
        "name": table.name,
        "identifier": names.bronze(table).split(".")[1],
        "description": f"One row per {_came(table)}. {table.description}",
        "config": {
            "loaded_at_field": clock,
            "freshness": {
                "warn_after": _minutes(table.freshness.warn_seconds),
                "error_after": _minutes(table.freshness.fail_seconds),
            },
            "meta": {"contract_version": table.version},
        },
        "columns": [_documented(f) for f in spark.bronze(table)],
    }


def _came(table: Table) -> str:
    is_file = table.source.kind is SourceKind.FILES
    return "row of a file" if is_file else f"Kafka message of {names.topic(table)}"


def _minutes(seconds: int) -> Yaml:
    """dbt knows no seconds: whole minutes, rounded up."""
    return {"count": ceil(seconds / 60), "period": "minute"}


def _model(table: Table) -> Yaml:
    state = "Current state" if table.source.has_states else "First arrival"
    described = f"One row per {table.grain}. {state} of {names.bronze(table)}. {table.description}"
    name = names.staging_model(table)
    return _entry(name, table, described, table.grain, _declared(table), spark.staging(table))


def _history_model(table: Table) -> Yaml:
    grain = f"{table.grain} and version"
    described = f"One row per {grain}, by the source's clock, from {names.bronze(table)}. {table.description}"
    tested: Yaml = {"key": [*table.key, "_valid_from"]}
    return _entry(names.history_model(table), table, described, grain, tested, spark.history(table))


def _entry(
    name: str, table: Table, description: str, grain: str, tested: Yaml, fields: tuple[spark.Field, ...]
) -> Yaml:
    declared = {c.name: c for c in table.columns}
    return {
        "name": name,
        "description": description,
        "config": {
            "tags": [table.source.name],
            "meta": {"owner": table.source.owner, "grain": grain, "key": tested["key"]},
        },
        "data_tests": [{"as_declared": {"name": f"{name}_is_as_declared", "arguments": tested}}],
        "columns": [
            _documented(field) | (_classified(declared[field.name]) if field.name in declared else {})
            for field in fields
        ],
    }


def _documented(field: spark.Field) -> Yaml:
    return {"name": field.name, "description": field.description, "data_type": field.type.lower()}


def _declared(table: Table) -> Yaml:
    """What one data test checks of every row: each test costs a query, so a table has one."""
    found: Yaml = {"key": list(table.key)}
    if values := {c.name: list(c.values) for c in table.columns if c.values}:
        found["values"] = values
    references: list[Yaml] = []
    for column in table.columns:
        if column.references:
            target, field = column.references.split(".")
            to = f"{{{{ ref('stg_{table.source.name}__{target}') }}}}"
            references.append({"column": column.name, "to": to, "field": field})
    return found | ({"references": references} if references else {})


def _classified(column: Column) -> Yaml:
    return {"config": {"meta": {"sensitivity": column.sensitivity.value}}}
