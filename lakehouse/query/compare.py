"""The same question to several engines, and every cell in which their answers differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lakehouse.errors import UsageError
from lakehouse.query import as_of, engines, named, normalise
from lakehouse.query.engines import Result
from lakehouse.settings import Settings

_ATTEMPTS = 3
"""Times a comparison is made when a table gets a commit between two engines' answers."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same everywhere; ``values`` says what each engine has.

    ``kind``: ``columns`` (other names or another number of them), ``type`` of ``column``, ``grain`` (how many
    rows share ``key``), ``row`` (the row of ``key``, None where absent), ``cell`` (``column`` of the row of
    ``key``), ``order`` (the key at the first position that differs).
    """

    kind: str
    values: dict[str, Any]
    key: dict[str, Any] = field(default_factory=dict)
    column: str | None = None


@dataclass(frozen=True)
class Comparison:
    """One question, asked of ``engines``. ``tables`` are the Delta versions that were read.

    ``moved`` says that a table got commits each time while the engines answered, so that differences may be
    between versions and not between engines.
    """

    name: str
    engines: tuple[str, ...]
    equal: bool
    rows: dict[str, int]
    seconds: dict[str, float]
    differences: list[Difference]
    tables: dict[str, int]
    moved: bool = False


def compare(
    config: Settings,
    name: str,
    engine_names: tuple[str, ...] = engines.NAMES,
    moment: str | None = None,
) -> Comparison:
    """Run the query called ``name`` on each engine and compare cell by cell; ``moment``: as of then, for all alike.

    Asked again, twice at most, when answers differ and a table it reads has a new version meanwhile.
    """
    query = named.get(name)
    if len(set(engine_names)) < 2:
        raise UsageError(
            "a comparison needs two engines or more, got " + (", ".join(engine_names) or "none"),
            hint="--engines " + ",".join(engines.NAMES),
        )
    for engine in engine_names:
        engines.get(engine)
    pinned = as_of.resolve(config, query.sql, moment) if moment is not None else None
    for _ in range(_ATTEMPTS):
        before = pinned or as_of.newest(config, query.sql)
        results = [
            engines.run(config, engine, query.sql, versions=pinned) for engine in dict.fromkeys(engine_names)
        ]
        found = differences(results, query.grain)
        moved = pinned is None and as_of.newest(config, query.sql) != before
        if not (found and moved):
            break
    return Comparison(
        name=name,
        engines=tuple(r.engine for r in results),
        equal=not found,
        rows={r.engine: len(r.rows) for r in results},
        seconds={r.engine: r.seconds for r in results},
        differences=found,
        tables=before,
        moved=bool(found and moved),
    )


def differences(results: list[Result], grain: tuple[str, ...]) -> list[Difference]:
    """Where answers differ: columns, then types, rows and cells; the order of rows if all else is equal."""
    columns = {r.engine: [c["name"].lower() for c in r.columns] for r in results}
    head = next(iter(columns.values()))
    if any(names != head for names in columns.values()):
        return [Difference("columns", dict(columns))]
    if unknown := [c for c in grain if c not in head]:
        raise UsageError(
            f"grain column {unknown[0]!r} is not in the answer", hint="it has " + ", ".join(head)
        )
    found = [d for i, name in enumerate(head) if (d := _types(results, i, name))]
    tables = {r.engine: _by_key(r, [head.index(c) for c in grain]) for r in results}
    keys = dict.fromkeys(key for rows in tables.values() for key in rows)
    for key in keys:
        found += _rows(head, grain, key, {engine: rows.get(key, []) for engine, rows in tables.items()})
    return found or _order(grain, {engine: list(rows) for engine, rows in tables.items()})


_Row = tuple[list[Any], list[Any]]
"""A row as the engine gave it, and in comparable form."""


def _by_key(result: Result, places: list[int]) -> dict[tuple[Any, ...], list[_Row]]:
    types = [c["type"] for c in result.columns]
    found: dict[tuple[Any, ...], list[_Row]] = {}
    for row in result.rows:
        cells = [normalise.comparable(cell, type_) for cell, type_ in zip(row, types, strict=True)]
        found.setdefault(tuple(cells[p] for p in places), []).append((row, cells))
    return found


def _types(results: list[Result], place: int, name: str) -> Difference | None:
    types = {r.engine: r.columns[place]["type"] for r in results}
    told = set(types.values()) - {"null"}
    return Difference("type", dict(types), column=name) if len(told) > 1 else None


def _rows(
    head: list[str], grain: tuple[str, ...], key: tuple[Any, ...], rows: dict[str, list[_Row]]
) -> list[Difference]:
    shown = dict(zip(grain, key, strict=True))
    counts = {engine: len(found) for engine, found in rows.items()}
    if max(counts.values()) > 1:
        return [Difference("grain", dict(counts), shown)]
    if min(counts.values()) == 0:
        whole = {e: dict(zip(head, found[0][0], strict=True)) if found else None for e, found in rows.items()}
        return [Difference("row", dict(whole), shown)]
    return [
        Difference("cell", {e: found[0][0][i] for e, found in rows.items()}, shown, column)
        for i, column in enumerate(head)
        if len({found[0][1][i] for found in rows.values()}) > 1
    ]


def _order(grain: tuple[str, ...], keys: dict[str, list[tuple[Any, ...]]]) -> list[Difference]:
    for place in zip(*keys.values(), strict=True):
        if len(set(place)) > 1:
            at = {e: dict(zip(grain, key, strict=True)) for e, key in zip(keys, place, strict=True)}
            return [Difference("order", dict(at))]
    return []
