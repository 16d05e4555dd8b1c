"""Delta DDL, in Spark SQL, of bronze and quarantine tables."""

from __future__ import annotations

from lakehouse import names
from lakehouse.contracts import Table
from lakehouse.errors import ContractError
from lakehouse.render import spark
from lakehouse.render.common import backticked, spark_literal
from lakehouse.render.spark import Field

VERSION_PROPERTY = "lakehouse.contract.version"
FINGERPRINT_PROPERTY = "lakehouse.contract.fingerprint"

_LOCAL_TIMESTAMPS = "delta.feature.timestampNtz"
_READABLE_BY_ALL = {"delta.enableDeletionVectors": "false"}
"""delta-rs, which Feast and pyiceberg users read through, refuses tables with deletion vectors."""


def properties(table: Table) -> dict[str, str]:
    """Table properties of a bronze table: readable by every engine, and which declaration made it."""
    return _READABLE_BY_ALL | {
        VERSION_PROPERTY: str(table.version),
        FINGERPRINT_PROPERTY: table.fingerprint,
    }


def create_bronze(table: Table, location: str) -> str:
    """``CREATE TABLE IF NOT EXISTS`` of the bronze log: one row per Kafka message that was parsed."""
    comment = (
        f"Log of {table.source.name}.{table.name}, append-only, one row per message. {table.description}"
    )
    return _create(names.bronze(table), spark.bronze(table), location, comment, properties(table))


def create_quarantine(table: Table, location: str) -> str:
    """``CREATE TABLE IF NOT EXISTS`` of the quarantine: one row per message that could not be parsed."""
    comment = f"Messages of {names.topic(table)} that could not be read, with their bytes, place and reason."
    return _create(names.quarantine(table), spark.QUARANTINE, location, comment, _READABLE_BY_ALL)


def upgrade_bronze(table: Table, existing: dict[str, str]) -> tuple[str, ...]:
    """Statements that bring an existing bronze table to the declaration; none when it is there already.

    ``existing`` maps column to Spark SQL type, as DESCRIBE gives them, any case. New columns are added at the
    end; columns that the declaration dropped stay, for the log keeps what it has seen. Raises ContractError
    on a changed type: Trino silently drops a widened column, so that needs a new column.
    """
    have = {name: type_.upper().replace(" ", "") for name, type_ in existing.items()}
    for field in spark.bronze(table):
        if field.name in have and have[field.name] != field.type:
            raise ContractError(
                f"column {field.name!r} of {names.bronze(table)} is {have[field.name]}, "
                f"declared {field.type}",
                hint="declare a new column instead: a type cannot change under rows that are there",
            )
    missing = [f for f in spark.bronze(table) if f.name not in have]
    if not missing:
        return ()
    name = _qualified(names.bronze(table))
    # Delta asks for this once, before a table that was made without such a column gets one.
    needs_feature = any(f.type == "TIMESTAMP_NTZ" for f in missing)
    feature = f"ALTER TABLE {name} SET TBLPROPERTIES ({_pairs({_LOCAL_TIMESTAMPS: 'supported'})})"
    return (
        *([feature] if needs_feature else []),
        f"ALTER TABLE {name} ADD COLUMNS ({', '.join(_column(f) for f in missing)})",
        f"ALTER TABLE {name} SET TBLPROPERTIES ({_pairs(properties(table), ', ')})",
    )


def _create(
    name: str, fields: tuple[Field, ...], location: str, comment: str, settings: dict[str, str]
) -> str:
    columns = ",\n".join(f"  {_column(f)}" for f in fields)
    return (
        f"CREATE TABLE IF NOT EXISTS {_qualified(name)} (\n{columns}\n)\n"
        f"USING delta\n"
        f"COMMENT {spark_literal(comment)}\n"
        f"LOCATION {spark_literal(location)}\n"
        f"TBLPROPERTIES (\n  {_pairs(settings)}\n)"
    )


def _column(field: Field) -> str:
    return f"{backticked(field.name)} {field.type} COMMENT {spark_literal(field.description)}"


def _pairs(settings: dict[str, str], between: str = ",\n  ") -> str:
    return between.join(f"{spark_literal(k)} = {spark_literal(v)}" for k, v in settings.items())


def _qualified(name: str) -> str:
    return ".".join(backticked(part) for part in name.split("."))
