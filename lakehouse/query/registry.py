"""What Trino knows of the warehouse: its registrations, which only point at folders and hold no data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lakehouse import context, names
from lakehouse.errors import UnavailableError
from lakehouse.render import trino as render
from lakehouse.render.common import literal
from lakehouse.settings import Settings

NOT_READY = ("SERVER_STARTING_UP", "NO_NODES_AVAILABLE", "SERVER_SHUTTING_DOWN")
"""Trino's error names in the seconds after its start and before its end."""

_KNOWN = ("TABLE_ALREADY_EXISTS", "ALREADY_EXISTS", "SCHEMA_ALREADY_EXISTS")


@dataclass(frozen=True)
class Changes:
    """What a call changed, as ``<schema>.<table>``; ``failed`` is why a table could not be registered."""

    registered: list[str] = field(default_factory=list)
    unregistered: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def register(config: Settings, connection: Any) -> Changes:
    """Register each table of the warehouse that Trino does not know; forget those whose folder is gone.

    Idempotent, and safe beside a second caller. Trino's metadata cache is emptied, because a folder that was
    deleted and written anew would otherwise answer from its old snapshot.
    """
    from trino.exceptions import TrinoQueryError

    changes = Changes()
    for schema in names.SCHEMAS:
        _run(connection, render.create_schema(schema), tolerate=_KNOWN)
    schemas = ", ".join(literal(s) for s in names.SCHEMAS)
    listed = _run(
        connection,
        f"SELECT table_schema, table_name FROM {names.TRINO_CATALOG}.information_schema.tables "
        f"WHERE table_schema IN ({schemas})",
    )
    known = {(schema, table) for schema, table in listed}
    there = {(schema, table) for schema, table, _ in context.tables(config)}
    for schema, table in sorted(there - known):
        try:
            _run(connection, render.register(schema, table, render.uri(schema, table)), tolerate=_KNOWN)
            changes.registered.append(f"{schema}.{table}")
        except TrinoQueryError as error:
            changes.failed[f"{schema}.{table}"] = error.message
    for schema, table in sorted(known - there):
        _run(connection, _unregister(schema, table), tolerate=("TABLE_NOT_FOUND",))
        changes.unregistered.append(f"{schema}.{table}")
    _run(connection, f"CALL {names.TRINO_CATALOG}.system.flush_metadata_cache()")
    return changes


@contextmanager
def answering(config: Settings) -> Iterator[None]:
    """Turns what a client sees of a stopped, starting or stopping Trino into UnavailableError."""
    from requests.exceptions import RequestException
    from trino.exceptions import HttpError, TrinoConnectionError, TrinoQueryError

    try:
        yield
    except (RequestException, HttpError, TrinoConnectionError) as error:
        raise not_ready(config, _innermost(error)) from None
    except TrinoQueryError as error:
        if error.error_name in NOT_READY:
            raise not_ready(config, error.message) from None
        raise


def not_ready(config: Settings, why: str) -> UnavailableError:
    """The error of a Trino that is not there, or not yet."""
    return UnavailableError(
        f"Trino on port {config.ports.trino} did not answer: {why}",
        hint="lakehouse up --only trino; or --engine duckdb, which needs no service",
        port=config.ports.trino,
    )


def _unregister(schema: str, table: str) -> str:
    return (
        f"CALL {names.TRINO_CATALOG}.system.unregister_table("
        f"schema_name => {literal(schema)}, table_name => {literal(table)})"
    )


def _run(connection: Any, sql: str, tolerate: tuple[str, ...] = ()) -> list[list[Any]]:
    from trino.exceptions import TrinoQueryError

    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        rows: list[list[Any]] = cursor.fetchall()
    except TrinoQueryError as error:
        if error.error_name not in tolerate:
            raise
        return []
    return rows


def _innermost(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    return str(error)
