"""Trino: many users at once, over its port."""

from __future__ import annotations

import re
from typing import Any

from lakehouse import context
from lakehouse.errors import LakehouseError
from lakehouse.query import as_of, problems, registry
from lakehouse.query.as_of import Versions
from lakehouse.query.engines import Answer
from lakehouse.settings import Settings


class Trino:
    """The local Trino. A table that it does not know yet is registered when the first query asks for it."""

    name = "trino"

    def start(self, config: Settings) -> None:
        """Trino is started by ``lakehouse up``, not by a query."""

    def execute(
        self, config: Settings, sql: str, limit: int | None, versions: Versions | None = None
    ) -> Answer:
        from trino.exceptions import TrinoQueryError

        sql = as_of.pinned(sql, versions or {}, "FOR VERSION AS OF")

        connection = context.trino(config)
        with registry.answering(config):
            try:
                return _execute(connection, sql, limit)
            except TrinoQueryError as error:
                if not problems.in_warehouse(config, _missing_table(error, sql)):
                    raise _translated(config, error, sql) from None
            registry.register(config, connection)
            try:
                return _execute(connection, sql, limit)
            except TrinoQueryError as error:
                raise _translated(config, error, sql) from None


ENGINE = Trino()


def _execute(connection: Any, sql: str, limit: int | None) -> Answer:
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit)
        return Answer([(str(d[0]), str(d[1])) for d in cursor.description or []], rows)
    finally:
        cursor.cancel()  # nothing left to cancel when all was fetched; else frees the server's workers


def _missing_table(error: Any, sql: str) -> str | None:
    """``<schema>.<table>`` that Trino does not know, read from the SQL at the place it names."""
    if error.error_name not in ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "MISSING_SCHEMA_NAME"):
        return None
    if error.error_location is None:
        return None
    line, column = error.error_location
    name = re.match(r'[\w."]+', sql.splitlines()[line - 1][column - 1 :])
    return name[0].replace('"', "").lower().removeprefix("lake.") if name else None


def _translated(config: Settings, error: Any, sql: str) -> LakehouseError:
    message = re.sub(r"^line \d+:\d+: ", "", error.message)
    line, column = error.error_location or (None, None)
    if error.error_name in registry.NOT_READY:
        return registry.not_ready(config, message)
    if table := _missing_table(error, sql):
        return problems.unknown_table(config, "trino", table, line)
    if line is not None:
        return problems.refused("trino", message, line, column)
    return problems.failed("trino", f"{message} ({error.error_name}, query {error.query_id})")
