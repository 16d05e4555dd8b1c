"""Current state and history against reference models of a few lines, over generated logs cut into runs at random places.

Each Kafka partition is a log of its own with cuts of its own, so that one table tries all of them at once.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse.transform import build

SEED = 20260301
LOGS = 200
RUNS = 4
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
COLUMNS = ("full_name", "email", "phone", "country_code")


@dataclass
class Log:
    """Messages of one partition in the order of their offsets, and how many of them each run finds.

    ``truth`` are the changes that the database made, without what Kafka holds again. ``held_back`` are messages that
    leave quarantine in the run after theirs, with the offset that they always had.
    """

    partition: int
    changes: list[dict[str, Any]] = field(default_factory=list)
    truth: list[dict[str, Any]] = field(default_factory=list)
    held_back: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)

    def of_run(self, run: int) -> list[dict[str, Any]]:
        """What one run finds."""
        start = self.cuts[run - 1] if run else 0
        before = self.cuts[run - 2] if run > 1 else 0
        found = [
            c for i, c in enumerate(self.changes) if start <= i < self.cuts[run] and i not in self.held_back
        ]
        return found + [self.changes[i] for i in self.held_back if before <= i < start]

    def until(self, run: int) -> list[dict[str, Any]]:
        """All that was found up to and with a run, in the order of the log."""
        return sorted((c for r in range(run + 1) for c in self.of_run(r)), key=lambda c: c["_offset"])


def generate(partition: int, random: random.Random) -> Log:
    """A log such as Debezium writes: rows come, change, go, come again; the table is emptied; a part is written twice.

    Positions grow, or are all the same, or are absent; only logs in which they grow are written twice.
    """
    log = Log(partition)
    alive: set[str] = set()
    positions = random.choices(("growing", "equal", "absent"), (8, 1, 1))[0]
    place = 0
    for number in range(random.randint(5, 40)):
        key = f"cus_{partition}_{random.randint(0, 4)}"
        place += random.randint(1, 9)
        lsn = {"growing": place, "equal": 7, "absent": None}[positions]
        seconds = random.choice((number, number // 2, number - 2))  # clocks repeat and go back
        row: dict[str, Any] = {
            "_partition": partition,
            "_source_at": NOON + timedelta(seconds=seconds),
            "_source_lsn": lsn,
            "_source_tx": str(number // 3),
        }
        values = {c: random.choice([f"{c} {number % 7}", None]) for c in COLUMNS}
        chance = random.random()
        if chance < 0.04:
            log.truth.append(row | {"_op": "t"})
            alive.clear()
            continue
        if chance < 0.08:
            log.truth.append(row | {"_op": "m"})
            continue
        row["customer_id"] = key
        if key not in alive:
            log.truth.append(row | values | {"_op": random.choice("cr")})
            alive.add(key)
        elif chance < 0.4:
            log.truth.append(row | {"_op": "d"})
            alive.discard(key)
            if random.random() < 0.8:
                bare = {"customer_id": key, "_partition": partition, "_op": "tombstone", "_source_at": None}
                log.truth.append(bare)
        else:
            kept = random.sample(COLUMNS, random.randint(0, 2))
            values |= dict.fromkeys(kept)
            log.truth.append(row | values | {"_op": "u", "_unchanged": kept})
    written = list(log.truth)
    if positions == "growing" and random.random() < 0.7:
        crashed = random.randint(1, len(written))
        confirmed = random.randint(0, crashed)
        while confirmed < crashed and written[confirmed]["_op"] == "tombstone":
            confirmed -= 1  # it has the position of its delete
        again = written[confirmed:crashed][: random.choice((None, 1, 2))]
        written[crashed:crashed] = again
    offset = 0
    for change in written:
        offset += random.randint(1, 3)  # transaction markers take offsets too
        log.changes.append(
            change | {"_offset": offset, "_kafka_at": NOON + timedelta(hours=1, seconds=offset)}
        )
    log.cuts = [*sorted(random.randint(0, len(written)) for _ in range(RUNS - 1)), len(written)]
    until_last = log.cuts[RUNS - 2]
    log.held_back = random.sample(range(until_last), min(until_last, random.choice((0, 0, 1, 2))))
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


def content(change: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in change.items() if k not in ("_offset", "_kafka_at")}


def without_repeats(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The changes that count, by the rule of docs/adr/0006, one after the other."""
    counted: list[dict[str, Any]] = []
    last: dict[str, tuple[str, bool]] = {}  # of each key: operation, and whether it was a repeat
    for number, change in enumerate(changes):
        key, op, lsn = change.get("customer_id", ""), change["_op"], change.get("_source_lsn") or 0
        earlier = [c for c in changes[:number] if c["_op"] != "m"]
        # A row is compared with its own log, to which truncates belong; a truncate with all since it came first.
        log = earlier if op == "t" else [c for c in earlier if c["_op"] == "t" or c["customer_id"] == key]
        same = [i for i, c in enumerate(log) if content(c) == content(change)]
        since = log[same[0] :] if same and op == "t" else log
        is_repeat = bool(same) and lsn > 0 and any((c.get("_source_lsn") or 0) > lsn for c in since)
        if op == "tombstone":
            is_repeat = last.get(key) == ("d", True)
        if op not in "tm":
            last[key] = (op, is_repeat)
        if not is_repeat:
            counted.append(change)
    return counted


def versions(changes: list[dict[str, Any]]) -> dict[str, list[tuple[Any, ...]]]:
    """What history means: key -> versions, each (values ..., valid from, valid to)."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for key in {c["customer_id"] for c in changes if "customer_id" in c}:
        at, op, instants = None, "", dict[datetime, tuple[Any, ...] | None]()
        row = dict.fromkeys(COLUMNS)
        begun = False
        for change in changes:
            if (change["_op"] != "t" and change.get("customer_id") != key) or change["_op"] == "m":
                continue
            if change["_op"] == "t" and not begun:
                continue
            begun = True
            told = change["_source_at"] or (change["_kafka_at"] if op != "d" else None)
            at = max(filter(None, (at, told)))
            if change["_op"] in ("c", "r", "u"):
                row |= {c: change[c] for c in COLUMNS if c not in change.get("_unchanged", [])}
                instants[at] = tuple(row.values())
            else:
                instants[at] = None
            op = change["_op"] if change["_op"] != "t" else op
        steps = [(state, at) for at, state in instants.items()]
        steps = [s for i, s in enumerate(steps) if not i or steps[i - 1][0] != s[0]]
        ends = [*(at for _, at in steps[1:]), None]
        found[key] = [(*state, at, end) for (state, at), end in zip(steps, ends, strict=True) if state]
    return {key: rows for key, rows in found.items() if rows}


def history(lake: Any) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    columns = ", ".join(COLUMNS)
    for row in lake.rows(
        f"select customer_id, {columns}, _valid_from, _valid_to from silver.hist_ledger__customers order by 1, _valid_from"
    ):
        values = tuple(v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for v in row.values())
        found.setdefault(values[0], []).append(values[1:])
    return found


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
    select = "stg_ledger__customers hist_ledger__customers"
    build.build(lake.config, select=select, tests=False, **options)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        rounds = max(1, metafunc.config.getoption("--logs") // LOGS)
        metafunc.parametrize("seed", range(SEED, SEED + rounds))


def test_any_split_repetition_and_rebuild_give_the_same_state(lake: Any, seed: int) -> None:
    lake.spark.sql("delete from bronze.ledger__customers")
    for kind in ("stg", "hist"):
        lake.spark.sql(f"drop table if exists silver.{kind}_ledger__customers")
        shutil.rmtree(lake.config.warehouse / "silver" / f"{kind}_ledger__customers", ignore_errors=True)
    draw = random.Random(seed)
    logs = [generate(partition, draw) for partition in range(LOGS)]
    expected: dict[str, Any] = {}
    past: dict[str, Any] = {}
    for run in range(RUNS):
        batch = [change for log in logs for change in log.of_run(run)]
        expected, past = {}, {}
        for log in logs:
            counted = without_repeats(log.until(run))
            expected |= reference(counted)
            past |= versions(counted)
        draw.shuffle(batch)
        lake.land({"customers": batch})
        transform(lake)
        assert not differences(silver(lake), expected), f"seed {seed}, after run {run}"
        assert not differences(history(lake), past), f"seed {seed}, after run {run}"

    truth: dict[str, Any] = {}
    for log in logs:
        truth |= reference([change | {"_offset": 0} for change in log.truth])
    assert {k: v[:-1] for k, v in silver(lake).items()} == {k: v[:-1] for k, v in truth.items()}
    assert any(state[-2] for state in expected.values()), "the logs delete nothing"
    before = {kind: lake.table(f"silver.{kind}_ledger__customers") for kind in ("stg", "hist")}
    for options in ({}, {"full_refresh": True}):
        transform(lake, **options)
        for kind, rows in before.items():
            now = lake.table(f"silver.{kind}_ledger__customers")
            assert (now - rows, rows - now) == (set(), set()), f"seed {seed}, {kind}, built again {options}"


def test_what_ingest_adds_during_a_build_waits_for_the_next(
    lake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = build.ingested_until(lake.config)
    lake.land({"customers": [{"customer_id": "cus_late", "_partition": 99}]})
    with monkeypatch.context() as patch:
        patch.setattr(build, "ingested_until", lambda config, before: seen)
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
    expected = [("a", "first"), ("b", "first"), ("c", "first")]

    def found() -> list[tuple[str, str]]:
        rows = lake.rows("select * from silver.stg_events__checkout")
        return sorted((r["event_id"], r["session_id"]) for r in rows)

    assert found() == expected
    build.build(lake.config, select="stg_events__checkout", tests=False, full_refresh=True)
    assert found() == expected


def test_an_event_that_comes_after_its_horizon_is_kept_and_marked(lake: Any) -> None:
    happened = datetime(2026, 3, 1, tzinfo=UTC)

    def event(name: str, after: timedelta) -> dict[str, Any]:
        return {"event_id": name, "occurred_at": happened, "_kafka_at": happened + after}

    week = timedelta(hours=168)
    for batch in (
        [event("in_time", week)],
        [event("late", week + timedelta(seconds=1)), event("in_time", 2 * week)],
    ):
        lake.land({"checkout": batch})
        build.build(lake.config, select="stg_events__checkout", tests=False)
    marked = (
        "select event_id, _is_late from silver.stg_events__checkout where event_id in ('in_time', 'late')"
    )
    assert {r["event_id"]: r["_is_late"] for r in lake.rows(marked)} == {"in_time": False, "late": True}
