"""DuckDB: views over Delta tables, and the type by which it shows a column."""

from __future__ import annotations

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


def create_schema(schema: str) -> str:
    """``CREATE SCHEMA IF NOT EXISTS``."""
    return f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}"


def view(schema: str, table: str, folder: str, version: int | None = None) -> str:
    """A view over the Delta table in ``folder``: of one version, or of the newest, whose later commits and columns are seen."""
    name = f"{identifier(schema)}.{identifier(table)}"
    pin = "" if version is None else f", version => {version}"
    return f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM delta_scan({literal(folder)}{pin})"


def sql_type(type_: Type) -> str:
    """The DuckDB type of a column of a Delta table."""
    match type_:
        case Boolean():
            return "BOOLEAN"
        case Integer(bits=16):
            return "SMALLINT"
        case Integer(bits=32):
            return "INTEGER"
        case Integer(bits=64):
            return "BIGINT"
        case Decimal(precision=precision, scale=scale):
            return f"DECIMAL({precision},{scale})"
        case Double():
            return "DOUBLE"
        case String() | Uuid() | Json() | Numeric() | Time() | Interval():
            return "VARCHAR"
        case Binary():
            return "BLOB"
        case Timestamp():
            return "TIMESTAMP WITH TIME ZONE"
        case LocalTimestamp():
            return "TIMESTAMP"
        case Date():
            return "DATE"
        case Array(element=element):
            return f"{sql_type(element)}[]"
    raise unknown_type(type_, "duckdb")


def columns(table: Table) -> dict[str, str]:
    """Declared column to DuckDB type: what ``DESCRIBE`` must show."""
    return {c.name: sql_type(c.type) for c in table.columns}
