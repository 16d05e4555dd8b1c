"""What the targets share: the refusal of an unknown type, quoting, and the do-not-edit line."""

from __future__ import annotations

from typing import Any

from lakehouse.contracts import SourceKind, Table, Type
from lakehouse.errors import ContractError

RENDERED = "by `lakehouse tables render`. Do not edit."
"""In the first line of every rendered file; a file that has it and no declaration any more is deleted."""


def do_not_edit(declared: str) -> str:
    """What the first line of a file says that is rendered from ``declared``."""
    return f"Rendered from {declared} {RENDERED}"


DO_NOT_EDIT = do_not_edit("lakehouse/tables")


def yaml_text(document: dict[str, Any], first_line: str) -> str:
    """A rendered YAML file."""
    import yaml

    return f"# {first_line}\n{yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)}"


def unknown_type(type_: Type, target: str) -> ContractError:
    """The error of a target that has no word for a type: never a default, or data would change silently."""
    name = type(type_).__name__
    return ContractError(
        f"type {name} has no {target} form",
        hint=f"add {name} to lakehouse/render/{target}.py, or declare the column with another type",
        type=name,
        target=target,
    )


def require_kind(table: Table, kind: SourceKind, target: str) -> None:
    """ContractError unless the table's source is of ``kind``."""
    if table.source.kind is not kind:
        raise ContractError(
            f"table {table.source.name}.{table.name} has no {target} form: its source is of kind "
            f"{table.source.kind.value}, not {kind.value}",
            hint="lakehouse tables show " + f"{table.source.name}.{table.name}",
        )


def literal(text: str) -> str:
    """A string literal of standard SQL (PostgreSQL, Trino, DuckDB)."""
    return "'" + text.replace("'", "''") + "'"


def spark_literal(text: str) -> str:
    """A string literal of Spark SQL, where a backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """An identifier of standard SQL, always quoted: a column may be called ``order``."""
    return '"' + name.replace('"', '""') + '"'


def backticked(name: str) -> str:
    """An identifier of Spark SQL, always quoted."""
    return "`" + name.replace("`", "``") + "`"
