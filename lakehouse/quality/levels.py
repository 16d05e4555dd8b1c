"""How far each table can be trusted: a level, computed from facts that anybody can look up, and what is missing to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lakehouse import names, tables
from lakehouse.contracts import Table


class Level(StrEnum):
    """Each needs all of the one before, and more: see ``NEEDED``."""

    NONE = "none"
    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


NEEDED: Mapping[Level, tuple[str, ...]] = {
    Level.BRONZE: ("present", "described", "owned"),
    Level.SILVER: ("tested", "fresh"),
    Level.GOLD: ("contract enforced", "reconciled"),
}
"""What a level needs beyond the one before it.

``present``             the table is there, with at least one commit
``described``           it and every column of it have a description
``owned``               it names who answers for it
``tested``              a data test looks at its rows at each build; of bronze: what does not fit the declaration is quarantined
``fresh``               its sources are within the limits of their declarations, and it was built from all that bronze has of them
``contract enforced``   a column that is not as declared is refused when it is written
``reconciled``          a data test compares its rows with those of another table at each build
"""


@dataclass(frozen=True)
class Assured:
    """One table. ``missing`` is what the next level needs and the table has not got, in the words of ``NEEDED``; nothing is
    missing at the highest."""

    table: str
    level: Level
    missing: tuple[str, ...]
    has: tuple[str, ...]


class Model(Protocol):
    """What is known of a model of silver or gold; ``lakehouse.transform.project`` reads it from dbt."""

    @property
    def schema(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def columns(self) -> Mapping[str, str]: ...
    @property
    def is_contract_enforced(self) -> bool: ...
    @property
    def tests(self) -> tuple[str, ...]: ...
    @property
    def compared(self) -> tuple[str, ...]: ...
    @property
    def sources(self) -> frozenset[str]: ...


def grade(
    models: Iterable[Model], there: Set[str], fresh: Mapping[str, bool], *, is_built: bool
) -> list[Assured]:
    """Every declared bronze table, then every model.

    ``there`` are the tables of the warehouse, ``schema.name``. ``fresh`` says of each source table (``ledger.payments``) whether it
    is within its limits, ``is_built`` whether silver and gold were built from all that bronze holds.
    """
    models = tuple(models)
    compared = {m.name for m in models if m.compared}
    found = {names.bronze(t): _bronze(t, fresh, compared) for t in tables.all()}
    found |= {f"{m.schema}.{m.name}": _model(m, fresh, is_built) for m in models}
    return [assured(table, facts | {"present": table in there}) for table, facts in found.items()]


def _bronze(table: Table, fresh: Mapping[str, bool], compared: Set[str]) -> dict[str, bool]:
    return {
        "described": bool(table.description) and all(c.description for c in table.columns),
        "owned": bool(table.source.owner),
        "tested": True,  # landing reads each value by its declared type
        "fresh": fresh[f"{table.source.name}.{table.name}"],
        "contract enforced": True,  # and sets aside what it cannot read
        "reconciled": names.staging_model(table) in compared,
    }


def _model(model: Model, fresh: Mapping[str, bool], is_built: bool) -> dict[str, bool]:
    return {
        "described": bool(model.description) and all(model.columns.values()),
        "owned": bool(model.owner),
        "tested": bool(model.tests),
        "fresh": is_built and all(fresh[source] for source in model.sources),
        "contract enforced": model.is_contract_enforced,
        "reconciled": bool(model.compared),
    }


def assured(table: str, facts: Mapping[str, bool]) -> Assured:
    """The level of a table, of which ``facts`` says each word of ``NEEDED``."""
    reached, missing = Level.NONE, tuple[str, ...]()
    for level, needed in NEEDED.items():
        missing = tuple(n for n in needed if not facts[n])
        if missing:
            break
        reached = level
    return Assured(
        table, reached, missing, tuple(n for needed in NEEDED.values() for n in needed if facts[n])
    )
