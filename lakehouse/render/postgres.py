"""PostgreSQL DDL of the simulated source: tables, grants and the publication that Debezium reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from lakehouse import names
from lakehouse.contracts import (
    Array,
    Binary,
    Boolean,
    Column,
    Date,
    Decimal,
    Double,
    Integer,
    Interval,
    Json,
    LocalTimestamp,
    Numeric,
    Source,
    SourceKind,
    String,
    Table,
    Time,
    Timestamp,
    Type,
    Uuid,
)
from lakehouse.errors import ContractError
from lakehouse.render.common import identifier, literal, require_kind, unknown_type

OWNER = "ledger"
"""Role that owns the source's tables: the application's."""
CAPTURE_ROLE = "debezium"
"""Role that capture connects as: REPLICATION and SELECT, and its own table of signals; nothing else."""


def sql_type(type_: Type) -> str:
    """PostgreSQL name of a logical type."""
    match type_:
        case Boolean():
            return "boolean"
        case Integer(bits=16):
            return "smallint"
        case Integer(bits=32):
            return "integer"
        case Integer(bits=64):
            return "bigint"
        case Decimal(precision=precision, scale=scale):
            return f"numeric({precision},{scale})"
        case Numeric():
            return "numeric"
        case Double():
            return "double precision"
        case String():
            return "text"
        case Uuid():
            return "uuid"
        case Json():
            return "jsonb"
        case Binary():
            return "bytea"
        case Timestamp():
            return "timestamp with time zone"
        case LocalTimestamp(precision=precision):
            return f"timestamp({precision}) without time zone"
        case Date():
            return "date"
        case Time(precision=precision):
            return f"time({precision}) without time zone"
        case Interval():
            return "interval"
        case Array(element=element):
            return f"{sql_type(element)}[]"
    raise unknown_type(type_, "postgres")


def create(table: Table, among: Sequence[Table] = ()) -> str:
    """``CREATE TABLE IF NOT EXISTS``, one statement. The writer supplies every column: nothing is generated.

    Tables that it references must exist: see ``create_all``; ``among`` them are those whose names in the source are
    not ours. Replica identity is the default, the key.
    """
    require_kind(table, SourceKind.POSTGRES, "postgres")
    lines = [_column(table, c, {t.name: t for t in among}) for c in table.columns]
    lines.append(f"PRIMARY KEY ({', '.join(identifier(c.sent_as) for c in table.key_columns)})")
    body = ",\n".join(f"  {line}" for line in lines)
    return f"CREATE TABLE IF NOT EXISTS {_qualified(table)} (\n{body}\n)"


def comments(table: Table) -> tuple[str, ...]:
    """``COMMENT ON`` statements: what psql users see with ``\\d+``."""
    require_kind(table, SourceKind.POSTGRES, "postgres")
    name = _qualified(table)
    return (
        f"COMMENT ON TABLE {name} IS {literal(f'One row per {table.grain}. {table.description}')}",
        *(
            f"COMMENT ON COLUMN {name}.{identifier(c.sent_as)} IS {literal(c.description)}"
            for c in table.columns
        ),
    )


def in_dependency_order(tables: Sequence[Table]) -> tuple[Table, ...]:
    """The tables, each after those it references; otherwise as declared. ContractError for a circle."""
    by_name = {t.name: t for t in tables}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for table in tables:
        wanted = {c.references.split(".")[0] for c in table.columns if c.references} - {table.name}
        sorter.add(table.name, *sorted(wanted & by_name.keys()))
    try:
        return tuple(by_name[name] for name in sorter.static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ContractError(
            f"tables reference each other in a circle: {circle}", hint="drop one references="
        ) from None


def create_all(tables: Sequence[Table]) -> tuple[str, ...]:
    """Every statement for the tables of a source, in the order to run them as superuser or owner.

    Idempotent: a table that is there stays as it is; a missing one is added.
    """
    ordered = in_dependency_order(tables)
    return (
        *(create(t, ordered) for t in ordered),
        *(f"ALTER TABLE {_qualified(t)} OWNER TO {identifier(OWNER)}" for t in ordered),
        *(statement for t in ordered for statement in comments(t)),
        *grants(ordered),
    )


def grants(tables: Sequence[Table]) -> tuple[str, ...]:
    """What capture may read. Idempotent."""
    schemas = dict.fromkeys(t.place[0] for t in tables)
    return (
        *(f"GRANT USAGE ON SCHEMA {identifier(s)} TO {identifier(CAPTURE_ROLE)}" for s in schemas),
        *(f"GRANT SELECT ON TABLE {_qualified(t)} TO {identifier(CAPTURE_ROLE)}" for t in tables),
    )


def signals(source: Source) -> tuple[str, ...]:
    """The table by which the source's connector is told to do something, capture's own. Idempotent; as superuser.

    One row per signal, in the form that Debezium asks for.
    """
    schema, table = (identifier(part) for part in names.signals(source))
    role = identifier(CAPTURE_ROLE)
    return (
        f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {role}",
        f"CREATE TABLE IF NOT EXISTS {schema}.{table} (id text PRIMARY KEY, type text NOT NULL, data text)",
        f"ALTER TABLE {schema}.{table} OWNER TO {role}",
    )


def publication(source: Source, tables: Sequence[Table]) -> str:
    """One statement after which the publication of ``source`` holds exactly ``tables`` and the signals, made or altered.

    It publishes inserts, updates, deletes and truncates. Run it before the connector starts: Debezium does
    not make publications here (``publication.autocreate.mode=disabled``). Needs superuser, or the tables'
    owner with CREATE on the database.
    """
    for table in tables:
        require_kind(table, SourceKind.POSTGRES, "postgres")
    name = names.publication(source.name)
    signalled = ".".join(identifier(part) for part in names.signals(source))
    listed = ", ".join((*(_qualified(t) for t in tables), signalled))
    return (
        "DO $publication$ BEGIN\n"
        f"  IF EXISTS (SELECT FROM pg_publication WHERE pubname = {literal(name)}) THEN\n"
        f"    ALTER PUBLICATION {identifier(name)} SET TABLE {listed};\n"
        "  ELSE\n"
        f"    CREATE PUBLICATION {identifier(name)} FOR TABLE {listed};\n"
        "  END IF;\n"
        "END $publication$"
    )


def _column(table: Table, column: Column, among: Mapping[str, Table]) -> str:
    text = f"{identifier(column.sent_as)} {sql_type(column.type)}"
    if not column.nullable:
        text += " NOT NULL"
    if column.values:
        allowed = ", ".join(literal(v) for v in column.values)
        text += f" CHECK ({identifier(column.sent_as)} IN ({allowed}))"
    if column.references:
        target, key = column.references.split(".")
        there = among.get(target)
        place = _qualified(there) if there else ".".join(identifier(p) for p in (table.place[0], target))
        text += f" REFERENCES {place} ({identifier(there.column(key).sent_as if there else key)})"
    return text


def _qualified(table: Table) -> str:
    schema, name = table.place
    return f"{identifier(schema)}.{identifier(name)}"
