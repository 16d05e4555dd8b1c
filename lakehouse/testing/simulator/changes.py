"""What the generator yields: business moments, each with the row changes and messages that belong
together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Row = dict[str, Any]


class Change(NamedTuple):
    """One row change of a source table. ``key`` names the row of an update or delete; ``values`` are the
    columns set.
    """

    table: str
    op: Literal["insert", "update", "delete"]
    key: Row
    values: Row


class Event(NamedTuple):
    """One message for the event table called ``table``."""

    table: str
    body: Row


class Truth(NamedTuple):
    """What a model may never see: whether a payment is fraud, and by which scenario."""

    payment_id: str
    scenario: str | None


@dataclass(slots=True)
class Moment:
    """What happens at one instant: all of it, or nothing, is in the database."""

    at: int
    changes: list[Change] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)

    def insert(self, table: str, **values: Any) -> None:
        self.changes.append(Change(table, "insert", {}, values))

    def update(self, table: str, key: Row, **values: Any) -> None:
        self.changes.append(Change(table, "update", key, values))

    def delete(self, table: str, key: Row) -> None:
        self.changes.append(Change(table, "delete", key, {}))
