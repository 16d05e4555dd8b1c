"""Events against the declaration of their table, before any of them is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lakehouse.collect import kinds
from lakehouse.contracts import Column, Table
from lakehouse.errors import Refused

_SHOWN = 20
"""Problems that an answer lists; the others are counted."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field of one event. ``index`` counts the request's events from 0."""

    index: int
    field: str | None
    problem: str
    allowed: str


@dataclass(frozen=True)
class Rule:
    """What a column allows."""

    column: Column
    is_kind: kinds.Check
    allowed: str
    is_key: bool


@dataclass(frozen=True)
class Schema:
    """A table's declaration, made ready to check many events."""

    table: Table
    rules: Mapping[str, Rule]

    @classmethod
    def of(cls, table: Table) -> Schema:
        return cls(table, {c.name: _rule(table, c) for c in table.columns})

    def check(self, events: list[Any]) -> None:
        """Refused (422) with what is wrong, by event and field, unless every event is one of the table."""
        problems = [p for index, event in enumerate(events) for p in self._problems(index, event)]
        if problems:
            raise Refused(
                422,
                f"{len(problems)} problems in {len({p.index for p in problems})} of {len(events)} events; none was sent",
                hint=f"lakehouse tables show {self.table.source.name}.{self.table.name}",
                table=self.table.name,
                problems=[asdict(p) for p in problems[:_SHOWN]],
            )

    def key(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The declared key of an event: the key of its message."""
        return {name: event[name] for name in self.table.key}

    def _problems(self, index: int, event: Any) -> Iterator[Problem]:
        if not isinstance(event, dict):
            yield Problem(index, None, "is not an object", "an object with the table's fields")
            return
        for name, rule in self.rules.items():
            problem = _problem(rule, event[name]) if name in event else _absent(rule)
            if problem:
                yield Problem(index, name, problem, rule.allowed)
        if not event.keys() <= self.rules.keys():
            known = "one of " + ", ".join(self.rules)
            for name in event.keys() - self.rules.keys():
                shown = name if _NAME.fullmatch(name) else None
                yield Problem(index, shown, "unknown field", known)


def _rule(table: Table, column: Column) -> Rule:
    is_kind, allowed = kinds.check(column.type)
    if column.values:
        allowed = "one of " + ", ".join(column.values)
    return Rule(column, is_kind, allowed + (" or null" if column.nullable else ""), column.name in table.key)


def _absent(rule: Rule) -> str | None:
    return None if rule.column.nullable else "is missing"


def _problem(rule: Rule, value: Any) -> str | None:
    if value is None:
        return None if rule.column.nullable else "is null"
    if not rule.is_kind(value):
        return "has the wrong type or form"
    if rule.column.values and value not in rule.column.values:
        return "is not a value of the closed list"
    if rule.is_key and value == "":
        return "is empty, and identifies nothing"
    return None
