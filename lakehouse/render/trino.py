"""Trino: registration of Delta tables, and the type by which it shows a column."""

from __future__ import annotations

from lakehouse import names
from lakehouse.contracts import (
    Array,
    Binary,
    Boolean,
    Date,
    Decimal,
    Double,
    Integer,
    Interval,
    Json,
    LocalTimestamp,
    Numeric,
    String,
    Table,
    Time,
    Timestamp,
    Type,
    Uuid,
)
from lakehouse.render.common import identifier, literal, unknown_type


def create_schema(schema: str, catalog: str = names.TRINO_CATALOG) -> str:
    """``CREATE SCHEMA IF NOT EXISTS``: a schema must be there before its tables are registered."""
    return f"CREATE SCHEMA IF NOT EXISTS {identifier(catalog)}.{identifier(schema)}"


def register(schema: str, table: str, uri: str, catalog: str = names.TRINO_CATALOG) -> str:
    """The call that makes Trino know an existing Delta table. It fails if Trino knows that name already.

    ``uri`` is the table's folder as Trino's file system sees it: ``local:///bronze/ledger__payments``.
    """
    return (
        f"CALL {identifier(catalog)}.system.register_table("
        f"schema_name => {literal(schema)}, table_name => {literal(table)}, table_location => {literal(uri)})"
    )


def uri(schema: str, table: str) -> str:
    """A table's folder as Trino sees it, its local file system being rooted at the warehouse."""
    return f"local:///{schema}/{table}"


def sql_type(type_: Type) -> str:
    """The Trino type of a column of a Delta table. Instants are cut to milliseconds by Trino's reader."""
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
            return f"decimal({precision},{scale})"
        case Double():
            return "double"
        case String() | Uuid() | Json() | Numeric() | Time() | Interval():
            return "varchar"
        case Binary():
            return "varbinary"
        case Timestamp():
            return "timestamp(3) with time zone"
        case LocalTimestamp():
            return "timestamp(6)"
        case Date():
            return "date"
        case Array(element=element):
            return f"array({sql_type(element)})"
    raise unknown_type(type_, "trino")


def columns(table: Table) -> dict[str, str]:
    """Declared column to Trino type: what ``DESCRIBE`` must show."""
    return {c.name: sql_type(c.type) for c in table.columns}
