"""What one declaration becomes on each target: the list of targets, and ``lakehouse tables show --as``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from lakehouse import names
from lakehouse.contracts import SourceKind, Table
from lakehouse.errors import UsageError, suggest
from lakehouse.render import dbt, debezium, delta, docs, duckdb, kafka, postgres, spark, trino

Render = Callable[[Table, str], str]
"""Table and warehouse folder to text."""


def _delta(table: Table, warehouse: str) -> str:
    bronze, quarantine = (
        f"{warehouse}/{n.replace('.', '/')}" for n in (names.bronze(table), names.quarantine(table))
    )
    return f"{delta.create_bronze(table, bronze)};\n\n{delta.create_quarantine(table, quarantine)};\n"


def _postgres(table: Table, warehouse: str) -> str:
    return "".join(
        f"{s};\n" for s in (postgres.create(table), *postgres.comments(table), *postgres.grants([table]))
    )


def _debezium(table: Table, warehouse: str) -> str:
    config = debezium.connector(table.source, [table], host="HOST", port=5432, password="PASSWORD")  # noqa: S106
    return json.dumps(config, indent=2) + "\n"


def _kafka(table: Table, warehouse: str) -> str:
    return json.dumps(asdict(kafka.topic(table)), indent=2) + "\n"


def _dbt(table: Table, warehouse: str) -> str:
    return "\n".join([dbt.sources(table.source, [table]), dbt.models([table]), dbt.staging(table)])


def _trino(table: Table, warehouse: str) -> str:
    calls = "".join(f"{trino.register(s, t, trino.uri(s, t))};\n" for s, t in _tables(table))
    return calls + _described(trino.columns(table))


def _duckdb(table: Table, warehouse: str) -> str:
    views = "".join(f"{duckdb.view(s, t, f'{warehouse}/{s}/{t}')};\n" for s, t in _tables(table))
    return views + _described(duckdb.columns(table))


def _tables(table: Table) -> list[tuple[str, str]]:
    split = (n.split(".") for n in (names.bronze(table), names.staging(table)))
    return [(schema, name) for schema, name in split]


def _described(columns: dict[str, str]) -> str:
    return "".join(f"-- {name} {type_}\n" for name, type_ in columns.items())


TARGETS: Mapping[str, Render] = {
    "spark": lambda table, warehouse: spark.ddl(spark.bronze(table)) + "\n",
    "delta": _delta,
    "postgres": _postgres,
    "debezium": _debezium,
    "kafka": _kafka,
    "dbt": _dbt,
    "trino": _trino,
    "duckdb": _duckdb,
    "docs": lambda table, warehouse: docs.page(table),
}
"""One per module of ``lakehouse.render`` that is a target."""

CAPTURE_ONLY = frozenset({"postgres", "debezium"})
"""Targets that only a table of a PostgreSQL source has; files have no topic either."""


def of(table: Table) -> tuple[str, ...]:
    """The targets that the table has."""
    captured = table.source.kind is SourceKind.POSTGRES and table.source.is_managed
    without = set() if captured else set(CAPTURE_ONLY)
    if table.source.kind is SourceKind.FILES:
        without.add("kafka")
    return tuple(target for target in TARGETS if target not in without)


def text(table: Table, target: str, warehouse: str) -> str:
    """What ``table`` becomes on ``target``. UsageError for an unknown target, or one not for this table."""
    if target not in of(table):
        known = of(table)
        told = "is not for a table of this kind" if target in TARGETS else "is not known"
        raise UsageError(
            f"target {target!r} {told}{suggest(target, known)}",
            hint=f"targets of {table.source.name}.{table.name}: " + ", ".join(known),
        )
    return TARGETS[target](table, warehouse)
