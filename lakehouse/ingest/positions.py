"""Where a table stands in Kafka, told by the table itself. Spark's checkpoint has no say in it.

Each commit of the ingest carries, in Delta's ``userMetadata``, which offsets it holds and the position that the table
has then reached. Rows and what is said of them are one atomic commit, so no crash comes between the two::

    {"ledgerlake.ingest": {"ranges": [["ledger.public.payments", 0, 120, 339]],  both ends included
                           "next": [["ledger.public.payments", 0, 340]],         of all partitions ever read
                           "unsettled": [],                                      where a quarantine is behind
                           "messages": 220,                                      in the ranges
                           "last": [["ledger.public.payments", 0, 339, 1772370442000]],  newest message, Kafka's ms
                           "ingested_at": "2026-11-23T13:07:22.000001+00:00"}}   driver's clock

Commits of others (OPTIMIZE, ALTER TABLE) carry nothing and are passed over. Only where the log no longer tells, after
a RESTORE or once its old commits were cleaned up, are the rows themselves asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakehouse.errors import DataError, first_line

Place = tuple[str, int]
"""Topic and partition."""

Mark = tuple[int, int]
"""Offset of a message and its timestamp in Kafka, in ms since 1970: whether Kafka has it tells if it is the same log."""

_KEY = "ledgerlake.ingest"
_LOOK_BACK = 20
"""Commits read at first when looking for the newest of ours; all of them when none of these is."""
_FORGETS = ("RESTORE", "REPLACE TABLE", "AS SELECT")
"""Parts of the names of operations after which what earlier commits say no longer holds."""


@dataclass(frozen=True)
class Range:
    """The offsets ``first`` to ``last``, both included, of one topic-partition, and how many messages are there.

    Kafka leaves gaps: markers of transactions, and messages of aborted ones.
    """

    topic: str
    partition: int
    first: int
    last: int
    messages: int
    last_ms: int | None = None
    """Kafka's timestamp of the message at ``last``; None where that is not known."""


@dataclass(frozen=True)
class Position:
    """What a table has: ``next`` maps (topic, partition) to the first offset that it has not taken.

    ``ingested_at`` is the known time of its newest batch. ``unsettled`` is for bronze tables: places where a commit had
    fewer rows than messages, with the first offset of it. What is not in bronze belongs in the quarantine, and may
    not have got there. ``is_by_rows`` says that no commit told it, but the rows.
    """

    next: dict[Place, int] = field(default_factory=dict)
    ingested_at: datetime | None = None
    unsettled: dict[Place, int] = field(default_factory=dict)
    is_by_rows: bool = False
    last: dict[Place, Mark] = field(default_factory=dict)
    """The newest message taken of each partition; none of what was taken by commits that did not say it yet."""

    def after(self, ranges: tuple[Range, ...], ingested_at: datetime) -> Position:
        """The position once ``ranges`` are committed. It never goes back."""
        reached, last = dict(self.next), dict(self.last)
        for r in ranges:
            if r.last_ms is not None and r.last >= reached.get((r.topic, r.partition), 0):
                last[r.topic, r.partition] = (r.last, r.last_ms)
            reached[r.topic, r.partition] = max(r.last + 1, reached.get((r.topic, r.partition), 0))
        return Position(reached, ingested_at, self.unsettled, last=last)


def settled(bronze: Position, quarantine: Position) -> dict[Place, int]:
    """Up to where the two tables of a pair together have every message.

    The quarantine is committed after bronze, so what is before its position is settled; but for a bronze table whose
    rows went back to an older version.
    """
    known = bronze.next | bronze.unsettled
    if bronze.is_by_rows:
        return known
    return {
        place: max(known.get(place, 0), quarantine.next.get(place, 0)) for place in {*known, *quarantine.next}
    }


def to_metadata(ranges: tuple[Range, ...], reached: Position) -> str:
    """The text that the commit carries; ``reached.unsettled`` is as of before it."""
    told: dict[str, Any] = {
        "ranges": [[r.topic, r.partition, r.first, r.last] for r in ranges],
        "next": _rows(reached.next),
        "unsettled": _rows(reached.unsettled),
        "messages": sum(r.messages for r in ranges),
        "last": [[*place, *mark] for place, mark in sorted(reached.last.items())],
        "ingested_at": reached.ingested_at.isoformat() if reached.ingested_at else None,
    }
    return json.dumps({_KEY: told})


def from_commit(commit: Mapping[str, Any]) -> Position | None:
    """The position that an entry of a table's history tells, or None if the commit is not ours."""
    try:
        told = json.loads(commit.get("userMetadata") or "null")
    except json.JSONDecodeError:
        return None
    if not isinstance(told, dict) or _KEY not in told:
        return None
    entry = told[_KEY]
    at = datetime.fromisoformat(entry["ingested_at"]).astimezone(UTC) if entry["ingested_at"] else None
    unsettled = _places(entry["unsettled"])
    if rows_of(commit) != entry["messages"]:
        for topic, partition, first, _ in entry["ranges"]:
            unsettled[topic, partition] = min(first, unsettled.get((topic, partition), first))
    last = {(topic, int(p)): (int(offset), int(ms)) for topic, p, offset, ms in entry.get("last", [])}
    return Position(_places(entry["next"]), at, unsettled, last=last)


def _rows(offsets: Mapping[Place, int]) -> list[list[Any]]:
    return [[topic, partition, offset] for (topic, partition), offset in sorted(offsets.items())]


def _places(rows: list[list[Any]]) -> dict[Place, int]:
    return {(topic, int(partition)): int(offset) for topic, partition, offset in rows}


def rows_of(commit: Mapping[str, Any]) -> int:
    """How many rows a commit wrote; 0 if it does not say, for then its messages are looked at again."""
    return int((commit.get("operationMetrics") or {}).get("numOutputRows") or 0)


def history(folder: Path, limit: int | None) -> list[dict[str, Any]]:
    """The newest commits of the table in ``folder``, newest first; none if there is no table. Milliseconds, no Spark."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    if not (folder / "_delta_log").is_dir():
        return []
    try:
        return list(DeltaTable(str(folder), without_files=True).history(limit))
    except TableNotFoundError:
        return []
    except DeltaError as error:
        raise _unknown(folder, error) from error


def read(folder: Path) -> Position:
    """The position of the table in ``folder``: an empty one if there is none, or nothing was landed in it yet.

    Raises DataError when neither log nor rows can be read.
    """
    for limit in (_LOOK_BACK, None):
        commits = history(folder, limit)
        for commit in commits:
            if position := from_commit(commit):
                return position
            if any(part in str(commit.get("operation")) for part in _FORGETS):
                return _from_rows(folder)
            if commit.get("version") == 0:
                return Position()
    from lakehouse import context

    return Position() if context.version(folder) < 0 else _from_rows(folder)


def _from_rows(folder: Path) -> Position:
    """What the rows show. Less than was reached if the last messages went to the other table of the pair; those are
    read again, and left out by the other table."""
    import duckdb

    from lakehouse import context

    try:
        with context.duckdb() as connection:
            found = connection.execute(
                "select _topic, _partition, max(_offset) + 1, max(_ingested_at) from delta_scan(?) group by all",
                [str(folder)],
            ).fetchall()
    except duckdb.Error as error:
        raise _unknown(folder, error) from error
    latest = max((at for *_, at in found), default=None)
    next_ = _places([[topic, partition, offset] for topic, partition, offset, _ in found])
    return Position(next_, latest and latest.astimezone(UTC), is_by_rows=True)


def _unknown(folder: Path, error: Exception) -> DataError:
    return DataError(
        f"cannot tell where table {folder.name} stands in Kafka: {first_line(error)}",
        hint=f"see whether DuckDB reads it: select count(*) from delta_scan('{folder}'); nothing was written",
        table=folder.name,
    )
