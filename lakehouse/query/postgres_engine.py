"""The source database itself, for who follows a number to the rows behind it. It has other tables, and no past."""

from __future__ import annotations

from lakehouse import context
from lakehouse.errors import UsageError
from lakehouse.query import problems
from lakehouse.query.as_of import Versions
from lakehouse.query.engines import Answer
from lakehouse.settings import Settings

_TYPES = {
    "int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double", "bool": "boolean",
    "timestamptz": "timestamp with time zone", "bytea": "binary", "jsonb": "json", "bpchar": "char",
}  # fmt: skip
"""PostgreSQL's own names of types for what the other engines call so."""


class Postgres:
    """A transaction that can only read, on the database of the source ``ledger``."""

    name = "postgres"

    def start(self, config: Settings) -> None:
        """PostgreSQL is started by ``lakehouse up``, not by a query."""

    def execute(
        self, config: Settings, sql: str, limit: int | None, versions: Versions | None = None
    ) -> Answer:
        import psycopg

        if versions:
            raise UsageError(
                "PostgreSQL knows no past moment", hint="--as-of is for the tables of the lakehouse"
            )
        with context.postgres(config) as connection:
            connection.read_only = True
            try:
                cursor = connection.execute(sql.encode())
                columns = [(c.name, _type(c.type_display)) for c in cursor.description or []]
                return Answer(columns, cursor.fetchall() if limit is None else cursor.fetchmany(limit))
            except (psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
                raise problems.refused("postgres", str(error).splitlines()[0]) from None
            except psycopg.Error as error:
                raise problems.failed("postgres", str(error).splitlines()[0]) from None


ENGINE = Postgres()


def _type(name: str) -> str:
    return "array" if name.endswith("[]") else _TYPES.get(name.partition("(")[0], name)
