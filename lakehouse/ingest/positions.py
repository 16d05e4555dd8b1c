"""Where a table stands, told by the table itself.

Each commit of the ingest carries, in Delta's ``userMetadata``, the offset ranges that it adds and the position that
the table then has reached. Commits of others (OPTIMIZE, say) carry nothing and are passed over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_KEY = "ledgerlake.ingest"
_LOOK_BACK = 20
"""Commits read at first when looking for the newest of ours; all of them when none of these is."""


@dataclass(frozen=True)
class Range:
    """The offsets ``first`` to ``last``, both included, of one topic-partition that a commit adds."""

    topic: str
    partition: int
    first: int
    last: int


@dataclass(frozen=True)
class Position:
    """``next`` maps (topic, partition) to the first offset that the table has not taken; ``ingested_at`` is the
    known time of its newest batch."""

    next: dict[tuple[str, int], int] = field(default_factory=dict)
    ingested_at: datetime | None = None

    def after(self, ranges: tuple[Range, ...], ingested_at: datetime) -> Position:
        """The position once ``ranges`` are committed. It never goes back."""
        reached = dict(self.next)
        for r in ranges:
            reached[r.topic, r.partition] = max(r.last + 1, reached.get((r.topic, r.partition), 0))
        return Position(reached, ingested_at)


def to_metadata(ranges: tuple[Range, ...], reached: Position) -> str:
    """The text that the commit carries."""
    told: dict[str, Any] = {
        "ranges": [[r.topic, r.partition, r.first, r.last] for r in ranges],
        "next": [[topic, partition, offset] for (topic, partition), offset in sorted(reached.next.items())],
        "ingested_at": reached.ingested_at.isoformat() if reached.ingested_at else None,
    }
    return json.dumps({_KEY: told})


def from_metadata(text: str | None) -> Position | None:
    """The position that a commit's text tells, or None if the commit is not ours."""
    try:
        told = json.loads(text or "null")
    except json.JSONDecodeError:
        return None
    if not isinstance(told, dict) or _KEY not in told:
        return None
    entry = told[_KEY]
    at = datetime.fromisoformat(entry["ingested_at"]).astimezone(UTC) if entry["ingested_at"] else None
    return Position({(topic, int(partition)): int(offset) for topic, partition, offset in entry["next"]}, at)


def read(session: SparkSession, table: str) -> Position:
    """The position of ``table``, from its newest commit that tells one; an empty one for a new table."""
    from delta.tables import DeltaTable

    log = DeltaTable.forName(session, table)
    for limit in (_LOOK_BACK, None):
        history = log.history(limit) if limit else log.history()
        commits = history.select("userMetadata").collect()
        for commit in commits:
            if position := from_metadata(commit["userMetadata"]):
                return position
        if limit and len(commits) < limit:
            break
    return Position()
