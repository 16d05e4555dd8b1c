"""The declarations: one module per source system, each with ``TABLES``. A module dropped here is found."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from lakehouse.contracts import Source, Table
from lakehouse.errors import ContractError, UsageError, suggest


@cache
def all() -> tuple[Table, ...]:
    """Every declared table, in the order of the modules' names, then of declaration.

    Raises ContractError when two declarations share a source and name.
    """
    found: dict[tuple[str, str], Table] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        for table in importlib.import_module(f"{__name__}.{module}").TABLES:
            place = (table.source.name, table.name)
            if place in found:
                raise ContractError(
                    f"table {'.'.join(place)} is declared twice", hint=f"see lakehouse/tables/{module}.py"
                )
            found[place] = table
    return tuple(found.values())


def get(name: str) -> Table:
    """The table called ``<source>.<table>``, or ``<table>`` where only one source has it; else UsageError."""
    matches = [
        t for t in all() if name in (t.name, f"{t.source.name}.{t.name}", f"{t.source.name}__{t.name}")
    ]
    if len(matches) == 1:
        return matches[0]
    known = [f"{t.source.name}.{t.name}" for t in all()]
    if matches:
        raise UsageError(
            f"table name {name!r} is ambiguous",
            hint="say " + " or ".join(k for k in known if k.endswith(f".{name}")),
        )
    raise UsageError(
        f"unknown table {name!r}{suggest(name, known + [t.name for t in all()])}",
        hint="known: " + ", ".join(known),
    )


def sources() -> tuple[Source, ...]:
    """Every source that has a table, in order of first appearance."""
    return tuple({t.source.name: t.source for t in all()}.values())


def of_source(name: str) -> tuple[Table, ...]:
    """The tables of one source; UsageError if there is no such source."""
    found = tuple(t for t in all() if t.source.name == name)
    if not found:
        known = [s.name for s in sources()]
        raise UsageError(f"unknown source {name!r}{suggest(name, known)}", hint="known: " + ", ".join(known))
    return found
