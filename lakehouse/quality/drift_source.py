"""What the tables of a PostgreSQL source are: columns, types, what may be null, key. Read from its catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse import context
from lakehouse.contracts import Source, Table
from lakehouse.errors import UnavailableError, first_line
from lakehouse.settings import Settings

_COLUMNS = """
select n.nspname, c.relname, a.attname,
       format_type(case t.typtype when 'd' then t.typbasetype else a.atttypid end,
                   case t.typtype when 'd' then t.typtypmod else a.atttypmod end),
       not (a.attnotnull or (t.typtype = 'd' and t.typnotnull)),
       coalesce(a.attnum = any (i.indkey::smallint[]), false)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary
where c.relkind in ('r', 'p') and n.nspname || '.' || c.relname = any (%s)
order by n.nspname, c.relname, a.attnum
"""


@dataclass(frozen=True)
class SourceColumn:
    """One column in PostgreSQL: its type as ``format_type`` names it, whether it may be null, and be part of the key."""

    type: str
    is_nullable: bool
    is_key: bool


Columns = Mapping[str, SourceColumn]
Tables = Mapping[tuple[str, str], Columns]
"""By schema and name."""


def read(config: Settings, source: Source, tables: tuple[Table, ...]) -> Tables:
    """The tables among ``tables`` that PostgreSQL has. UnavailableError when it does not answer."""
    import psycopg

    wanted = [".".join(t.place) for t in tables]
    try:
        with context.postgres(config, user="debezium", database=source.database) as connection:
            rows: list[Any] = connection.execute(_COLUMNS.encode(), (wanted,)).fetchall()
    except psycopg.Error as error:
        raise UnavailableError(
            f"PostgreSQL could not be asked: {first_line(error)}", hint="lakehouse up, then lakehouse status"
        ) from None
    found: dict[tuple[str, str], dict[str, SourceColumn]] = {}
    for schema, table, column, type_, is_nullable, is_key in rows:
        found.setdefault((schema, table), {})[column] = SourceColumn(type_, is_nullable, is_key)
    return found
