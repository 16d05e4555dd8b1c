"""One way to ask, several engines to answer. ``run`` is what everybody calls; an engine is a module beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter
from typing import Any, Protocol

from lakehouse import metrics
from lakehouse.errors import UsageError, suggest
from lakehouse.query import as_of, normalise, statement
from lakehouse.query.as_of import Versions
from lakehouse.settings import Settings

NAMES = ("duckdb", "trino", "spark", "deltalake", "pyiceberg")
"""Those that read the tables of the lakehouse, and must answer alike."""
ALL = (*NAMES, "postgres")
"""And the source, which has other tables."""


@dataclass(frozen=True)
class Answer:
    """What an engine returns: name and own type name of each column, and rows of Python values."""

    columns: list[tuple[str, str]]
    rows: Iterable[Iterable[Any]]


class Engine(Protocol):
    """Runs one reading statement over the tables of a warehouse, named ``<schema>.<table>``."""

    name: str

    def start(self, config: Settings) -> None:
        """Make ready what the first query needs and later ones find: a session, a reader. Idempotent."""
        ...

    def execute(
        self, config: Settings, sql: str, limit: int | None, versions: Versions | None = None
    ) -> Answer:
        """At most ``limit`` rows (None: all) of these versions of the tables that the SQL names; without ``versions`` of
        the newest ones, a table made a moment ago included.

        Changes no table. Raises UsageError for SQL that the engine refuses, with its message and position,
        DataError for what fails while running, UnavailableError when the engine's service does not answer.
        Ctrl-C cancels.
        """
        ...


@dataclass(frozen=True)
class Result:
    """An answer in the same form from every engine.

    ``columns`` is ``{"name", "type"}`` with the type names of ``normalise.TYPES``. Cells are ready for JSON:
    whole numbers stay numbers, decimals are text, instants ISO 8601 in UTC with ``Z``, bytes base64.
    ``seconds`` is wall-clock time from sending the statement to holding the last row, after ``Engine.start``.
    ``tables`` are the versions that were read; without ``as_of`` those that were the newest when the query was sent, and
    an engine may have seen one that was committed after that.
    """

    engine: str
    columns: list[dict[str, str]]
    rows: list[list[Any]]
    seconds: float
    tables: Versions
    truncated: bool = False
    """There are more rows than the limit that was asked for."""

    def document(self) -> dict[str, Any]:
        """What ``lakehouse query run --output json`` prints."""
        return {
            "engine": self.engine,
            "columns": self.columns,
            "rows": self.rows,
            "seconds": self.seconds,
            "tables": dict(self.tables),
        }


def get(name: str) -> Engine:
    """The engine called ``name``; UsageError if there is none."""
    if name not in ALL:
        raise UsageError(f"unknown engine {name!r}{suggest(name, ALL)}", hint="known: " + ", ".join(ALL))
    engine: Engine = import_module(f"lakehouse.query.{name}_engine").ENGINE
    return engine


def run(
    config: Settings, engine: str, sql: str, *, limit: int | None = None, versions: Versions | None = None
) -> Result:
    """Run one reading statement on an engine and bring at most ``limit`` rows here (None: all). Measures in it, ``metric(...)``
    and ``total(...)``, are spelt out first; ContractError for one that is unknown or cannot be summed up.

    ``versions`` are of every table that the SQL names, from ``as_of.resolve``; the newest are read without.
    """
    chosen = get(engine)
    text = statement.reading(sql)
    if "metric(" in text or "total(" in text:
        text = metrics.current().expanded(text)
    read = versions if versions is not None else as_of.newest(config, text)
    wanted = None if limit is None else limit + 1
    chosen.start(config)
    begun = perf_counter()
    answer = chosen.execute(config, text, wanted, versions)
    rows = [[normalise.value(cell) for cell in row] for row in answer.rows]
    seconds = round(perf_counter() - begun, 4)
    columns = [{"name": name, "type": normalise.type_name(type_)} for name, type_ in answer.columns]
    is_cut = limit is not None and len(rows) > limit
    return Result(engine, columns, rows[:limit], seconds, read, truncated=is_cut)
