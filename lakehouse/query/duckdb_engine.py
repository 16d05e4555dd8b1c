"""DuckDB, in this process: needs nothing but the files of the tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4

from lakehouse import context, names
from lakehouse.query import problems
from lakehouse.query.as_of import Versions
from lakehouse.query.engines import Answer
from lakehouse.render import duckdb as render
from lakehouse.render.common import literal
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyarrow.dataset import Dataset

_lock = Lock()
_connections: dict[Path, tuple[DuckDBPyConnection, dict[tuple[str, str], Path]]] = {}
"""For each warehouse a connection in memory, and the views made in it.

Loading the Delta reader takes half a second, making a view two milliseconds: so the connection is kept, and
views are compared with the folders at each query.
"""


class DuckDb:
    """Views over ``delta_scan`` in memory; each query reads the newest version of each table."""

    name = "duckdb"

    def start(self, config: Settings) -> None:
        _connection(config)

    def execute(
        self, config: Settings, sql: str, limit: int | None, versions: Versions | None = None
    ) -> Answer:
        if versions is None:
            return ask(config, _connection(config).cursor(), sql, limit, self.name)
        connection = context.duckdb()  # knows no other tables, and no other versions
        for schema in names.SCHEMAS:
            connection.execute(render.create_schema(schema))
        for table, version in versions.items():
            schema, _, name = table.partition(".")
            connection.execute(render.view(schema, name, str(context.folder(config, table)), version))
        _fence(config, connection)
        return ask(config, connection, sql, limit, self.name)


ENGINE = DuckDb()


def over(config: Settings, opened: Mapping[str, Dataset]) -> DuckDBPyConnection:
    """A connection that knows these tables, ``schema.table``, and no others; what it asks of them is pushed down."""
    connection = context.duckdb(reads_delta=False)
    for schema in names.SCHEMAS:
        connection.execute(render.create_schema(schema))
    for table, rows in opened.items():
        connection.register(arrow := table.replace(".", "__"), rows)
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {arrow}")
    _fence(config, connection)
    return connection


def _fence(config: Settings, connection: DuckDBPyConnection) -> None:
    """From now on its SQL opens files of the warehouse and no others, and can change no setting; what has no room in memory
    goes to the state folder. The Delta extension reads by itself and knows no fence: docs/reference/not-guaranteed.md."""
    # DuckDB makes and deletes the folder; in a shared one, two connections would mix up their files.
    spill = config.state / "run" / "duckdb" / uuid4().hex
    with suppress(OSError):  # who may only read can ask what has room in memory
        spill.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(f"SET temp_directory = {literal(str(spill))}")
    connection.execute(f"SET allowed_directories = [{literal(str(config.warehouse))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def ask(config: Settings, connection: DuckDBPyConnection, sql: str, limit: int | None, engine: str) -> Answer:
    """The answer of a connection, which is closed then; errors as of the engine of this name."""
    import duckdb

    try:
        connection.execute(sql)
        columns = [(str(d[0]), str(d[1])) for d in connection.description or []]
        return Answer(columns, connection.fetchall() if limit is None else connection.fetchmany(limit))
    except duckdb.Error as error:
        raise _translated(config, engine, error) from None
    except RuntimeError as error:  # what DuckDB makes of Ctrl-C
        if "interrupted" in str(error):
            connection.interrupt()  # its other threads work on until told again, and closing waits for them
            raise KeyboardInterrupt from None
        raise
    finally:
        connection.close()


def _connection(config: Settings) -> DuckDBPyConnection:
    """The connection of this warehouse, with a view for each table that is there now and for no other."""
    import duckdb

    with _lock:
        if config.warehouse not in _connections:
            connection = context.duckdb()
            for schema in names.SCHEMAS:
                connection.execute(render.create_schema(schema))
            _fence(config, connection)
            _connections[config.warehouse] = (connection, {})
        connection, views = _connections[config.warehouse]
        found = {(schema, table): folder for schema, table, folder in context.tables(config)}
        for schema, table in views.keys() - found.keys():
            connection.execute(f"DROP VIEW IF EXISTS {schema}.{table}")
            del views[schema, table]
        for (schema, table), folder in found.items():
            if (schema, table) not in views:
                try:
                    connection.execute(render.view(schema, table, str(folder)))
                except duckdb.Error:
                    continue  # a table whose first commit is being written; the next query looks again
                views[schema, table] = folder
        return connection


def _translated(config: Settings, engine: str, error: Exception) -> Exception:
    import duckdb

    message, line, column = _place(str(error))
    missing = re.search(r"Table with name \"?([\w.]+?)\"? does not exist", message)
    if isinstance(error, duckdb.CatalogException) and missing:
        table = missing[1]
        quoted = re.search(rf"LINE \d+: .*?\b(\w+\.{re.escape(table)})\b", str(error))
        return problems.unknown_table(config, engine, quoted[1] if quoted else table, line)
    understood = (
        duckdb.ConversionException,
        duckdb.OutOfRangeException,
        duckdb.IOException,
        duckdb.InvalidInputException,
    )
    if isinstance(error, (*understood, duckdb.OutOfMemoryException)):
        return problems.failed(engine, message)
    return problems.refused(engine, message, line, column)


def _place(text: str) -> tuple[str, int | None, int | None]:
    """DuckDB's message without the excerpt, and the line and column that the excerpt's caret points at."""
    message = re.sub(r"^[A-Z][\w ]* Error: ", "", text.split("\n\nLINE ", maxsplit=1)[0]).strip()
    excerpt = re.search(r"LINE (\d+): ([^\n]*)\n( *)\^", text)
    if not excerpt:
        return message, None, None
    before = len(f"LINE {excerpt[1]}: ")
    shortened = excerpt[2].startswith(
        "..."
    )  # DuckDB cuts long lines, and the caret no longer tells the column
    return message, int(excerpt[1]), None if shortened else len(excerpt[3]) - before + 1
