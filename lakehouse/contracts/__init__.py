"""The grammar of declarations: what a table is. Standard library only."""

from lakehouse.contracts.table import (
    Column,
    Event,
    Freshness,
    Retention,
    Sensitivity,
    Source,
    SourceKind,
    Table,
)
from lakehouse.contracts.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Double,
    Integer,
    Json,
    String,
    Timestamp,
    Type,
    Uuid,
)

__all__ = [
    "Binary",
    "Boolean",
    "Column",
    "Date",
    "Decimal",
    "Double",
    "Event",
    "Freshness",
    "Integer",
    "Json",
    "Retention",
    "Sensitivity",
    "Source",
    "SourceKind",
    "String",
    "Table",
    "Timestamp",
    "Type",
    "Uuid",
]
