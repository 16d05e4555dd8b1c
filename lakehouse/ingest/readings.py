"""How a source's connector read its tables, as it tells in a topic of its own (Debezium's notifications).

A notice is written in one transaction with the rows that it is about, so none is told of that was not committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse import names, tables
from lakehouse.errors import ReadInParts
from lakehouse.ingest import broker
from lakehouse.settings import Settings

INITIAL, INCREMENTAL = "Initial Snapshot", "Incremental Snapshot"
_OURS, BEGUN, EMPTIED = "Recapture", "BEGUN", "EMPTIED"
"""Notices of our own: all is to be read anew; each table got a truncate, so what was read before counts no more."""
_WELL = ("SUCCEEDED", "EMPTY")
RUNBOOK = "docs/runbooks/slot-lost.md"


@dataclass(frozen=True)
class Notice:
    """``of`` is what is told of, ``kind`` what happened to it (STARTED, TABLE_SCAN_COMPLETED, ...), ``id`` that of the signal
    that asked for it, ``told`` what Debezium adds."""

    id: str
    of: str
    kind: str
    told: Mapping[str, str]


def end(config: Settings, source: str) -> int:
    """The offset that the next notice gets."""
    topic = _topic(source)
    return broker.held(config, [topic])[topic, 0].end


def since(config: Settings, source: str, offset: int = 0) -> list[Notice]:
    """The notices of a source from an offset on, in order; UnavailableError if Kafka does not answer."""
    return [_notice(json.loads(value)) for value in broker.values(config, _topic(source), offset)]


def note(config: Settings, source: str, kind: str) -> None:
    """Put a notice of our own, ``BEGUN`` or ``EMPTIED``, behind those that are there."""
    notice = json.dumps({"id": "", "aggregate_type": _OURS, "type": kind}).encode()
    broker.send(config, [((_topic(source), 0), notice)])


def is_begun(notices: Iterable[Notice]) -> bool:
    """Whether somebody began to have everything read anew, and did not come to empty the tables."""
    ours = [n.kind for n in notices if n.of == _OURS]
    return ours[-1:] == [BEGUN]


def require_whole(config: Settings, source: str) -> None:
    """ReadInParts if what is in Kafka ``is_in_parts``."""
    if is_in_parts(since(config, source)):
        raise ReadInParts(
            f"capture of {source} was interrupted while it read the tables, and began anew: rows that were deleted in "
            "between may be in Kafka as if they were there",
            hint=f"lakehouse ingest recapture --source {source}; why: {RUNBOOK}",
            source=source,
        )


def is_in_parts(notices: Iterable[Notice]) -> bool:
    """Whether tables were read from their beginning twice, with no truncate between: a row that was read, then deleted, and
    so not read again, would stay. Debezium goes on where the second reading began, after its deletion."""
    reading, has_rows, found = set[str](), False, False
    for notice in notices:
        if (notice.of, notice.kind) == (_OURS, EMPTIED):
            reading, has_rows, found = set(), False, False
        if notice.of != INITIAL:
            continue
        match notice.kind:
            case "STARTED":
                found = found or has_rows or bool(reading)
                reading, has_rows = set(), False
            case "IN_PROGRESS":
                reading.add(notice.told["current_collection_in_progress"])
            case "TABLE_SCAN_COMPLETED":
                reading.discard(notice.told["scanned_collection"])
                has_rows = has_rows or notice.told.get("total_rows_scanned") != "0"
            case "COMPLETED":
                reading, has_rows = set(), False
    return found


def unread(notices: Iterable[Notice], id_: str) -> dict[str, str] | None:
    """The tables, ``schema.table``, that the incremental snapshot asked for by a signal left out, with Debezium's word for
    why; None while it has not ended."""
    mine = [n for n in notices if n.of == INCREMENTAL and n.id == id_]
    if not any(n.kind in ("COMPLETED", "ABORTED") for n in mine):
        return None
    ended = {
        n.told["scanned_collection"]: n.told.get("status", "")
        for n in mine
        if n.kind == "TABLE_SCAN_COMPLETED"
    }
    return {table: status for table, status in ended.items() if status not in _WELL}


def _notice(told: Mapping[str, Any]) -> Notice:
    return Notice(told["id"], told["aggregate_type"], told["type"], told.get("additional_data") or {})


def _topic(source: str) -> str:
    return names.notifications_topic(tables.of_source(source)[0].source)
