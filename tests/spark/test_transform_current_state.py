"""Staging against a reference model of ten lines, over generated logs cut into runs at random places.

Each Kafka partition is a log of its own with cuts of its own, so that one table tries all of them at once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from lakehouse.transform import build

SEED = 20260301
LOGS = 24
RUNS = 4
COLUMNS = ("full_name", "email", "phone", "country_code")


@dataclass
class Log:
    """Changes of one partition in the order of their offsets, and how many of them each run finds."""

    partition: int
    changes: list[dict[str, Any]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)


def generate(partition: int, random: random.Random) -> Log:
    """A log such as Debezium writes: rows come, change, go, come again; the table is emptied."""
    log = Log(partition)
    alive: set[str] = set()
    offset = 0
    for number in range(random.randint(5, 40)):
        offset += random.randint(1, 3)  # transaction markers take offsets too
        key = f"cus_{partition}_{random.randint(0, 4)}"
        row: dict[str, Any] = {"customer_id": key, "_partition": partition}
        values = {c: random.choice([f"{c} {number}", None]) for c in COLUMNS}
        chance = random.random()
        if chance < 0.04:
            row = {"_partition": partition, "_op": "t"}
            alive.clear()
        elif chance < 0.08:
            row = {"_partition": partition, "_op": "m"}
        elif key not in alive:
            row |= values | {"_op": random.choice("cr")}
            alive.add(key)
        elif chance < 0.4:
            row |= {"_op": "d"}
            alive.discard(key)
        else:
            kept = random.sample(COLUMNS, random.randint(0, 2))
            row |= {c: None if c in kept else v for c, v in values.items()} | {"_op": "u", "_unchanged": kept}
        log.changes.append(row | {"_offset": offset})
        if row.get("_op") == "d" and random.random() < 0.8:
            offset += 1
            log.changes.append(
                {"customer_id": key, "_partition": partition, "_op": "tombstone", "_offset": offset}
            )
    log.cuts = [*sorted(random.randint(0, len(log.changes)) for _ in range(RUNS - 1)), len(log.changes)]
    return log


def reference(changes: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """What current state means: key -> (values ..., is deleted, offset)."""
    state: dict[str, dict[str, Any]] = {}
    for change in changes:
        if change["_op"] == "t":
            for row in state.values():
                row.update(gone=True, offset=change["_offset"])
        elif change["_op"] != "m":
            row = state.setdefault(change["customer_id"], dict.fromkeys(COLUMNS))
            row.update(gone=change["_op"] in ("d", "tombstone"), offset=change["_offset"])
            if not row["gone"]:
                row.update({c: change[c] for c in COLUMNS if c not in change.get("_unchanged", [])})
    return {key: (*(row[c] for c in COLUMNS), row["gone"], row["offset"]) for key, row in state.items()}


def silver(lake: Any) -> dict[str, tuple[Any, ...]]:
    rows = lake.rows(
        f"select customer_id, {', '.join(COLUMNS)}, _is_deleted, _offset from silver.stg_ledger__customers"
    )
    assert len({r["customer_id"] for r in rows}) == len(rows)
    return {row.pop("customer_id"): tuple(row.values()) for row in rows}


def differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        key: (found.get(key), expected.get(key))
        for key in found.keys() | expected.keys()
        if found.get(key) != expected.get(key)
    }


def transform(lake: Any, **options: Any) -> None:
    build.build(lake.config, select="stg_ledger__customers", tests=False, **options)


def test_any_split_repetition_and_rebuild_give_the_same_state(lake: Any) -> None:
    draw = random.Random(SEED)
    logs = [generate(partition, draw) for partition in range(LOGS)]
    expected: dict[str, Any] = {}
    for run in range(RUNS):
        batch: list[dict[str, Any]] = []
        expected = {}
        for log in logs:
            start = log.cuts[run - 1] if run else 0
            batch += log.changes[start : log.cuts[run]]
            # A log that is delivered again, from any place: what was seen may come twice.
            batch += draw.sample(log.changes[: log.cuts[run]], min(3, log.cuts[run]))
            expected |= reference(log.changes[: log.cuts[run]])
        draw.shuffle(batch)
        lake.land({"customers": batch})
        transform(lake)
        assert not differences(silver(lake), expected), f"seed {SEED}, after run {run}"

    assert any(state[-2] for state in expected.values()), "the logs delete nothing"
    before = lake.table("silver.stg_ledger__customers")
    transform(lake)
    assert lake.table("silver.stg_ledger__customers") == before
    transform(lake, full_refresh=True)
    assert not differences(silver(lake), expected), "built anew"


def test_what_ingest_adds_during_a_build_waits_for_the_next(
    lake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = build._ingested_until(lake.config)
    lake.land({"customers": [{"customer_id": "cus_late", "_partition": 99}]})
    with monkeypatch.context() as patch:
        patch.setattr(build, "_ingested_until", lambda config: seen)
        transform(lake)
    assert "cus_late" not in silver(lake)
    transform(lake)
    assert "cus_late" in silver(lake)


def test_the_first_of_an_events_messages_counts(lake: Any) -> None:
    def event(name: str, session: str, **more: Any) -> dict[str, Any]:
        at = datetime(2026, 3, 1, tzinfo=UTC)
        return {"event_id": name, "session_id": session, "occurred_at": at, **more}

    lake.land({"checkout": [event("a", "first"), event("a", "again"), event("b", "first", _partition=1)]})
    build.build(lake.config, select="stg_events__checkout", tests=False)
    lake.land(
        {
            "checkout": [
                event("b", "later", _partition=0),
                event("a", "later"),
                event("c", "first"),
                event("c", "twice"),
            ]
        }
    )
    build.build(lake.config, select="stg_events__checkout", tests=False)
    expected = {"a": "first", "b": "first", "c": "first"}

    def found() -> dict[str, str]:
        return {
            r["event_id"]: r["session_id"] for r in lake.rows("select * from silver.stg_events__checkout")
        }

    assert found() == expected
    build.build(lake.config, select="stg_events__checkout", tests=False, full_refresh=True)
    assert found() == expected
