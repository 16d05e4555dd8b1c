"""Named queries: SQL files in ``library/`` that open with comments on what they answer and for whom.

A measure stands in them as ``metric(name)``, computed from rows of a fact, or ``total(name)``, summed up from rows of a
cube; what they stand for is in ``catalog/metrics.yml`` alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from lakehouse import metrics
from lakehouse.errors import ContractError, UsageError, suggest
from lakehouse.metrics import Catalog

LIBRARY = Path(__file__).parent / "library"


@dataclass(frozen=True)
class Query:
    """One question, in the SQL that all engines take.

    ``grain`` are the result's columns that identify a row, in no more words; the query's order leaves no tie.
    ``sql`` is the whole file, its measures spelt out.
    """

    name: str
    title: str
    question: str
    grain: tuple[str, ...]
    owner: str
    sql: str


def all() -> tuple[Query, ...]:
    """Every named query, by name."""
    return _read(LIBRARY)


def get(name: str) -> Query:
    """The query called ``name``; UsageError if there is none."""
    found = {query.name: query for query in all()}
    if name not in found:
        raise UsageError(
            f"unknown query {name!r}{suggest(name, list(found))}", hint="known: " + ", ".join(found)
        )
    return found[name]


@cache
def _read(folder: Path) -> tuple[Query, ...]:
    catalog = metrics.current()
    return tuple(parse(file.stem, file.read_text(), catalog) for file in sorted(folder.glob("*.sql")))


def parse(name: str, text: str, catalog: Catalog) -> Query:
    """A query from its file's text. ContractError names the line that is missing, unknown or there twice, or the metric
    that is unknown or cannot be summed up."""
    wanted = {f.name for f in fields(Query)} - {"name", "sql"}
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = re.fullmatch(r"-- (\w+): (.+)", line)
        if not match:
            break
        if match[1] not in wanted or match[1] in found:
            known = ", ".join(sorted(wanted))
            raise ContractError(
                f"query {name}: {match[1]!r} is unknown or there twice", hint=f"once each: {known}"
            )
        found[match[1]] = match[2].strip()
    if missing := sorted(wanted - found.keys()):
        raise ContractError(
            f"query {name}: no {' and no '.join(missing)}", hint=f"open the file with `-- {missing[0]}: ...`"
        )
    grain = tuple(column.strip() for column in found.pop("grain").split(","))
    return Query(name=name, grain=grain, sql=catalog.expanded(text), **found)
