"""What goes wrong with a query, said in the same way whichever engine it went wrong on."""

from __future__ import annotations

from lakehouse import context
from lakehouse.errors import DataError, UsageError, suggest
from lakehouse.settings import Settings


def in_warehouse(config: Settings, table: str | None) -> bool:
    """Whether ``<schema>.<table>`` is there as files, whatever an engine knows of it."""
    return table is not None and any(f"{s}.{t}" == table for s, t, _ in context.tables(config))


def unknown_table(config: Settings, engine: str, table: str, line: int | None = None) -> UsageError:
    """The error for a table that is not there: with the closest that is, or how to make the first."""
    known = [f"{schema}.{name}" for schema, name, _ in context.tables(config)]
    if not known:
        return UsageError(
            f"unknown table {table!r}: there are no tables in {config.warehouse} yet",
            hint="lakehouse demo makes them all",
            engine=engine,
            table=table,
        )
    return UsageError(
        f"unknown table {table!r}{suggest(table, known)}",
        hint=_known_like(table, known),
        engine=engine,
        table=table,
        line=line,
    )


def _known_like(table: str, known: list[str]) -> str:
    schema = table.partition(".")[0]
    same = [k for k in known if k.startswith(f"{schema}.")]
    if same:
        return f"in {schema}: " + ", ".join(k.partition(".")[2] for k in same)
    return "tables are named <schema>.<table>, such as " + ", ".join((known[-1], known[0]))


def refused(engine: str, message: str, line: int | None = None, column: int | None = None) -> UsageError:
    """The error for SQL that an engine does not take. ``line`` and ``column`` count from 1."""
    place = f" at line {line}, column {column}" if line and column else ""
    return UsageError(
        f"{engine} does not take this SQL{place}: {message}",
        hint="docs/how-to/query-the-tables.md lists what all engines take",
        engine=engine,
        line=line,
        column=column,
    )


def failed(engine: str, message: str) -> DataError:
    """The error for SQL that was understood and failed on the data: a text that is no number, say."""
    return DataError(
        f"{engine} stopped in the middle of the query: {message}",
        hint="no table was changed; look at the named value, or guard the expression with nullif or try_cast",
        engine=engine,
    )
