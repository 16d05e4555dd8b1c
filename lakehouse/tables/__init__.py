"""The declarations: one module per source system, each with ``TABLES``. A module dropped here is found."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from lakehouse.contracts import Source, SourceKind, Table, laws
from lakehouse.errors import ContractError, UsageError, suggest


@cache
def all() -> tuple[Table, ...]:
    """Every declared table, in the order of the modules' names, then of declaration.

    Raises ContractError when a declaration breaks a law, two share a source and name, or a reference leads
    nowhere.
    """
    found: dict[tuple[str, str], Table] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        for table in _declared(module):
            place = (table.source.name, table.name)
            if place in found:
                raise ContractError(f"table {'.'.join(place)} is declared twice", hint=_where(module))
            found[place] = table
    check(tuple(found.values()))
    return tuple(found.values())


def check(tables: tuple[Table, ...]) -> None:
    """ContractError naming every problem that the declarations have beside each other."""
    problems = laws.between(tables)
    if problems:
        raise ContractError("; ".join(problems), hint="see lakehouse/tables")


def _declared(module: str) -> tuple[Table, ...]:
    try:
        tables = importlib.import_module(f"{__name__}.{module}").TABLES
    except (ValueError, TypeError) as error:
        raise ContractError(str(error), hint=_where(module)) from error
    except AttributeError as error:
        raise ContractError(
            f"lakehouse/tables/{module}.py: {error}", hint="end it with TABLES = (...)"
        ) from error
    if not isinstance(tables, tuple) or {type(table) for table in tables} - {Table}:
        raise ContractError(
            f"TABLES of lakehouse/tables/{module}.py is not a tuple of Table", hint=_where(module)
        )
    return tables


def _where(module: str) -> str:
    return f"see lakehouse/tables/{module}.py"


def get(name: str) -> Table:
    """The table called ``<source>.<table>``, or ``<table>`` where only one source has it; else UsageError."""
    matches = [
        t for t in all() if name in (t.name, f"{t.source.name}.{t.name}", f"{t.source.name}__{t.name}")
    ]
    if len(matches) == 1:
        return matches[0]
    known = [f"{t.source.name}.{t.name}" for t in all()]
    if matches:
        choices = " or ".join(k for k in known if k.endswith(f".{name}"))
        raise UsageError(f"table name {name!r} is ambiguous", hint=f"say {choices}")
    close = suggest(name, known + [t.name for t in all()])
    raise UsageError(f"unknown table {name!r}{close}", hint="known: " + ", ".join(known))


def sources() -> tuple[Source, ...]:
    """Every source that has a table, in order of first appearance."""
    return tuple({t.source.name: t.source for t in all()}.values())


def captured() -> tuple[Source, ...]:
    """The sources whose changes our Debezium captures."""
    return tuple(s for s in sources() if s.kind is SourceKind.POSTGRES and s.is_managed)


def of_source(name: str) -> tuple[Table, ...]:
    """The tables of one source; UsageError if there is no such source."""
    found = tuple(t for t in all() if t.source.name == name)
    if not found:
        known = [s.name for s in sources()]
        raise UsageError(f"unknown source {name!r}{suggest(name, known)}", hint="known: " + ", ".join(known))
    return found
