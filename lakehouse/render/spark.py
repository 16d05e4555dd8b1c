"""Spark's view of a declaration: type names, and the columns of bronze, quarantine and staging, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    SourceKind,
    String,
    Table,
    Time,
    Timestamp,
    Type,
    Uuid,
)
from lakehouse.render.common import backticked, unknown_type

if TYPE_CHECKING:
    from pyspark.sql.types import DataType, StructType


@dataclass(frozen=True)
class Field:
    """One column of a Spark table: ``type`` is its Spark SQL name. All fields are nullable."""

    name: str
    type: str
    description: str


_PLACE = (
    Field("_topic", "STRING", "Kafka topic of the message."),
    Field("_partition", "INT", "Kafka partition of the message."),
    Field("_offset", "BIGINT", "Kafka offset of the message; orders the changes of a key."),
    Field("_kafka_at", "TIMESTAMP", "When Kafka took the message, broker's record timestamp."),
)
_INGESTED = (
    Field("_ingested_at", "TIMESTAMP", "When the row was written here, driver's clock: known time."),
    Field("_contract_version", "INT", "Version of the declaration that the row was read with."),
)

_EXTRA = (
    Field(
        "_extra",
        "MAP<STRING,STRING>",
        "What the source sent beyond the declaration: its name there to its text; NULL if nothing.",
    ),
)

CDC_METADATA: tuple[Field, ...] = (
    Field(
        "_op", "STRING", "Change: c create, u update, d delete, r snapshot read, t truncate, or tombstone."
    ),
    *_PLACE,
    Field("_source_at", "TIMESTAMP", "When the change was committed, source clock."),
    Field("_source_lsn", "BIGINT", "Position in PostgreSQL's log. Tells a repeated change; never the order."),
    Field("_source_tx", "STRING", "Transaction of the change in PostgreSQL."),
    Field("_is_snapshot", "BOOLEAN", "Whether the row was read by a snapshot rather than from the log."),
    *_INGESTED,
    Field(
        "_unchanged",
        "ARRAY<STRING>",
        "Columns that the source did not send: neither value nor null.",
    ),
    *_EXTRA,
)
"""First columns of a bronze table of a PostgreSQL source."""

FILE_METADATA: tuple[Field, ...] = (
    Field("_op", "STRING", "Always c: a row of a file says what is, never what is gone."),
    Field("_topic", "STRING", "Source and table."),
    Field("_partition", "INT", "Always 0."),
    Field("_offset", "BIGINT", "Place among all rows of the table's files; orders the rows of a key."),
    Field("_kafka_at", "TIMESTAMP", "As _source_at; no broker took the row."),
    Field("_file", "STRING", "Name of the file."),
    Field("_file_sha256", "STRING", "SHA-256 of the file as it was delivered."),
    Field("_row", "BIGINT", "Place of the row in its file, from 1."),
    Field("_source_at", "TIMESTAMP", "When the file was last written, its folder's clock."),
    Field("_source_lsn", "BIGINT", "NULL: files have no log."),
    Field("_source_tx", "STRING", "NULL: as above."),
    *_INGESTED,
    Field("_unchanged", "ARRAY<STRING>", "Columns that the file did not have: neither value nor null."),
    *_EXTRA,
)
"""First columns of a bronze table of files: those of a change log that silver reads, and where the row was."""

EVENT_METADATA: tuple[Field, ...] = (*_PLACE, *_INGESTED, *_EXTRA)
"""First columns of a bronze table of events."""

QUARANTINE: tuple[Field, ...] = (
    *_PLACE,
    *_INGESTED,
    Field("key", "BINARY", "Key of the message, as received."),
    Field("value", "BINARY", "Value of the message, as received."),
    Field("reason", "STRING", "Why the message could not be read."),
)
"""Columns of every quarantine table: one row per message that could not be parsed."""

_STAGING_METADATA: tuple[Field, ...] = (
    Field(
        "_is_deleted", "BOOLEAN", "Whether the row is gone at the source; its key and last values stay known."
    ),
    Field("_partition", "INT", "Kafka partition of the newest change."),
    Field("_offset", "BIGINT", "Kafka offset of the newest change."),
    Field("_source_at", "TIMESTAMP", "When the newest change was committed, source clock."),
    Field("_source_lsn", "BIGINT", "Furthest position in PostgreSQL's log of all changes of the key."),
    Field("_ingested_at", "TIMESTAMP", "When the key's last message reached bronze: known time."),
)
_EVENT_STAGING_METADATA = (
    *(f for f in _STAGING_METADATA if f.name in ("_partition", "_offset", "_ingested_at")),
    Field(
        "_is_late", "BOOLEAN", "Whether it reached Kafka longer after it happened than the declared horizon."
    ),
)

_HISTORY_METADATA: tuple[Field, ...] = (
    Field("_valid_from", "TIMESTAMP", "From when on the version was so, source clock."),
    Field("_valid_to", "TIMESTAMP", "From when on it was so no more, source clock; NULL while it is."),
    Field("_known_at", "TIMESTAMP", "When the change that made it reached bronze: known time."),
    Field("_ingested_at", "TIMESTAMP", "When the last message about it reached bronze."),
)


def sql_type(type_: Type) -> str:
    """Spark SQL name of a logical type. What no engine shares is text; an instant is TIMESTAMP (UTC session)."""
    match type_:
        case Boolean():
            return "BOOLEAN"
        case Integer(bits=16):
            return "SMALLINT"
        case Integer(bits=32):
            return "INT"
        case Integer(bits=64):
            return "BIGINT"
        case Decimal(precision=precision, scale=scale):
            return f"DECIMAL({precision},{scale})"
        case Double():
            return "DOUBLE"
        case String() | Uuid() | Json() | Numeric() | Time() | Interval():
            return "STRING"
        case Binary():
            return "BINARY"
        case Timestamp():
            return "TIMESTAMP"
        case LocalTimestamp():
            return "TIMESTAMP_NTZ"
        case Date():
            return "DATE"
        case Array(element=element):
            return f"ARRAY<{sql_type(element)}>"
    raise unknown_type(type_, "spark")


def declared(table: Table) -> tuple[Field, ...]:
    """The declared columns, in order."""
    return tuple(Field(c.name, sql_type(c.type), c.description) for c in table.columns)


def metadata(table: Table) -> tuple[Field, ...]:
    """The columns that bronze puts before the declared ones."""
    match table.source.kind:
        case SourceKind.POSTGRES:
            return CDC_METADATA
        case SourceKind.FILES:
            return FILE_METADATA
    return EVENT_METADATA


def bronze(table: Table) -> tuple[Field, ...]:
    """Every column of the bronze table: one row per message, or row of a file, that was parsed."""
    return metadata(table) + declared(table)


def staging(table: Table) -> tuple[Field, ...]:
    """Every column of the silver staging table: one row per key, or per event."""
    after = _STAGING_METADATA if table.source.has_states else _EVENT_STAGING_METADATA
    return declared(table) + after


def history(table: Table) -> tuple[Field, ...]:
    """Every column of the silver history table: one row per key and version."""
    return declared(table) + _HISTORY_METADATA


def ddl(fields: tuple[Field, ...]) -> str:
    """The fields as Spark's schema text, as ``from_json`` and readers take it: ``"`_op` STRING, ..."``."""
    return ", ".join(f"{backticked(f.name)} {f.type}" for f in fields)


def schema(table: Table) -> StructType:
    """The bronze table's schema, with the descriptions as comments. Needs pyspark, no JVM."""
    return struct(bronze(table))


def struct(fields: tuple[Field, ...]) -> StructType:
    """Fields as a StructType, all nullable."""
    from pyspark.sql import types as t

    return t.StructType(
        [t.StructField(f.name, _data_type(f.type), True, {"comment": f.description}) for f in fields]
    )


def _data_type(name: str) -> DataType:
    from pyspark.sql import types as t

    simple: dict[str, DataType] = {
        "BOOLEAN": t.BooleanType(),
        "SMALLINT": t.ShortType(),
        "INT": t.IntegerType(),
        "BIGINT": t.LongType(),
        "DOUBLE": t.DoubleType(),
        "STRING": t.StringType(),
        "BINARY": t.BinaryType(),
        "TIMESTAMP": t.TimestampType(),
        "TIMESTAMP_NTZ": t.TimestampNTZType(),
        "DATE": t.DateType(),
        "MAP<STRING,STRING>": t.MapType(t.StringType(), t.StringType()),
    }
    if name.startswith("ARRAY<"):
        return t.ArrayType(_data_type(name.removeprefix("ARRAY<").removesuffix(">")))
    if name.startswith("DECIMAL("):
        precision, scale = name.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return t.DecimalType(int(precision), int(scale))
    return simple[name]
