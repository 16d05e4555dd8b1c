"""Delta DDL, in Spark SQL, of bronze and quarantine tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse import names
from lakehouse.contracts import Table
from lakehouse.errors import ContractError
from lakehouse.render import spark
from lakehouse.render.common import backticked, spark_literal
from lakehouse.render.spark import Field

VERSION_PROPERTY = "lakehouse.contract.version"
FINGERPRINT_PROPERTY = "lakehouse.contract.fingerprint"
KEY_PROPERTY = "lakehouse.contract.key"

_LOCAL_TIMESTAMPS = "delta.feature.timestampNtz"
_READABLE_BY_ALL = {"delta.enableDeletionVectors": "false"}
"""delta-rs, which Feast and pyiceberg users read through, refuses tables with deletion vectors."""
_SELDOM_SUMMED_UP = {"delta.checkpointInterval": "50"}
"""Commits of a log between checkpoints. One takes Spark a second, and Delta's 10 commits are seconds of a hot table."""


def properties(table: Table) -> dict[str, str]:
    """Table properties of a bronze table: readable by every engine, and which declaration made it."""
    return (
        _READABLE_BY_ALL
        | _SELDOM_SUMMED_UP
        | {
            "delta.logRetentionDuration": f"interval {table.retention.log_days} days",
            VERSION_PROPERTY: str(table.version),
            FINGERPRINT_PROPERTY: table.fingerprint,
            KEY_PROPERTY: ",".join(table.key),
        }
    )


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


def upgrade_bronze(
    table: Table, existing: Mapping[str, str], has: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Statements that add to an existing bronze table the columns that it lacks; none when it has all.

    ``existing`` maps column to Spark SQL type, as DESCRIBE gives them, any case; ``has`` are its properties. New
    columns are added at the end; columns that the declaration dropped stay, for the log keeps what it has seen. Raises
    ContractError for whatever ``refusals`` names. ``mark_bronze`` comes after.
    """
    if refused := refusals(table, existing, has or {}):
        raise ContractError(refused[0].why, hint=refused[0].next_step, table=names.bronze(table))
    missing = [f for f in spark.bronze(table) if f.name not in existing]
    if not missing:
        return ()
    name = _qualified(names.bronze(table))
    # Delta asks for this once, before a table that was made without such a column gets one.
    needs_feature = any(f.type == "TIMESTAMP_NTZ" for f in missing)
    feature = f"ALTER TABLE {name} SET TBLPROPERTIES ({_pairs({_LOCAL_TIMESTAMPS: 'supported'})})"
    return (
        *([feature] if needs_feature else []),
        f"ALTER TABLE {name} ADD COLUMNS ({', '.join(_column(f) for f in missing)})",
    )


def mark_bronze(table: Table, has: Mapping[str, str]) -> tuple[str, ...]:
    """The statement that notes the declaration on a bronze table that is as declared; none when it is noted already.

    The last step of an upgrade: as long as the note is of another declaration, past values may have to be filled in.
    """
    wanted = properties(table)
    if wanted.items() <= has.items():
        return ()
    return (f"ALTER TABLE {_qualified(names.bronze(table))} SET TBLPROPERTIES ({_pairs(wanted, ', ')})",)


@dataclass(frozen=True)
class Refusal:
    """Why a declaration cannot follow the one that made a bronze table; ``column`` None is the table as a whole."""

    column: str | None
    why: str
    next_step: str


def refusals(table: Table, existing: Mapping[str, str], has: Mapping[str, str]) -> tuple[Refusal, ...]:
    """What forbids to bring a bronze table of these columns and properties to the declaration."""
    return (*_changed_types(table, existing), *_changed_key(table, has), *_version_not_raised(table, has))


def _changed_types(table: Table, existing: Mapping[str, str]) -> Iterator[Refusal]:
    """Trino silently drops a column that was widened."""
    have = {name: type_.upper().replace(" ", "") for name, type_ in existing.items()}
    for field in spark.bronze(table):
        if field.name in have and have[field.name] != field.type:
            yield Refusal(
                field.name,
                f"column {field.name!r} of {names.bronze(table)} is {have[field.name]}, declared {field.type}",
                "declare a new column instead: a type cannot change under rows that are there",
            )


def _changed_key(table: Table, has: Mapping[str, str]) -> Iterator[Refusal]:
    made_with = has.get(KEY_PROPERTY)
    if made_with is not None and sorted(made_with.split(",")) != sorted(table.key):
        yield Refusal(
            None,
            f"the key of {names.bronze(table)} is {made_with.replace(',', ', ')}, declared {', '.join(table.key)}: "
            "its rows are in the order of the key that they were sent with",
            f"declare a table of another name in place of this one, with source_name={table.place[1]!r}; "
            "this one's rows stay where they are",
        )


def _version_not_raised(table: Table, has: Mapping[str, str]) -> Iterator[Refusal]:
    version, made_by = int(has.get(VERSION_PROPERTY, 0)), has.get(FINGERPRINT_PROPERTY)
    if made_by is not None and made_by != table.fingerprint and table.version <= version:
        yield Refusal(
            None,
            f"the columns declared of {table.source.name}.{table.name} are others than those that "
            f"{names.bronze(table)} was made with, and both are version {version}"
            if table.version == version
            else f"{names.bronze(table)} is of version {version}, declared is version {table.version} with other columns",
            f"set version={version + 1} in the declaration, so that each row tells which one it was read with",
        )


_SPARK_NAMES = {"long": "BIGINT", "integer": "INT", "short": "SMALLINT", "byte": "TINYINT"}


def spark_type(told: Any) -> str:
    """Spark SQL name of a type as the schema in a Delta log tells it: ``long`` or ``{"type": "array", ...}``."""
    if isinstance(told, str):
        return _SPARK_NAMES.get(told, told.upper())
    if told["type"] == "array":
        return f"ARRAY<{spark_type(told['elementType'])}>"
    if told["type"] == "map":
        return f"MAP<{spark_type(told['keyType'])},{spark_type(told['valueType'])}>"
    return str(told["type"]).upper()


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
