"""Tables kept in order: rows and positions stay what they are, and nothing goes that is still needed."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from lakehouse import context, names, settings, tables
from lakehouse.contracts import Retention, Table
from lakehouse.errors import SafetyError, UnavailableError, UsageError
from lakehouse.ingest import positions
from lakehouse.ingest.positions import Position, Range
from lakehouse.maintenance import optimize, retain, vacuum
from lakehouse.maintenance import tables as kept
from lakehouse.maintenance.tables import Kept
from lakehouse.settings import Settings

REFUNDS = replace(tables.get("ledger.refunds"), retention=Retention(bronze_days=30))
CHECKOUT = replace(tables.get("events.checkout"), retention=Retention(bronze_days=30))
TOPIC = names.topic(REFUNDS)
NOW = datetime(2026, 6, 1, 15, tzinfo=UTC)
INSTANT = pa.timestamp("us", tz="UTC")


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return settings.load({"paths.state": str(tmp_path)}, environ={}).settings


def land(
    config: Settings,
    table: Table,
    first: int,
    keys: Iterable[str],
    *,
    days: float = 0,
    partition: int = 0,
    unchanged: tuple[str, ...] = (),
) -> None:
    """One ingest batch, so many days before ``NOW``, at offsets from ``first`` on, with the position it reached."""
    keys, at = list(keys), NOW - timedelta(days=days)
    rows = {
        "_topic": [names.topic(table) for _ in keys],
        "_partition": pa.array([partition for _ in keys], pa.int32()),
        "_offset": pa.array(range(first, first + len(keys)), pa.int64()),
        "_ingested_at": pa.array([at for _ in keys], INSTANT),
        "_unchanged": pa.array([list(unchanged) for _ in keys], pa.list_(pa.string())),
        table.key[0]: keys,
    }
    folder = context.folder(config, names.bronze(table))
    last = first + len(keys) - 1
    ranges = (Range(names.topic(table), partition, first, last, len(keys)),)
    metadata = positions.to_metadata(ranges, positions.read(folder).after(ranges, at))
    told = CommitProperties(custom_metadata={"userMetadata": metadata})
    write_deltalake(str(folder), pa.table(rows), mode="append", commit_properties=told)


def silver_read(config: Settings, table: Table, *, days: float) -> None:
    """Silver holds what was ingested until then, so many days before ``NOW``."""
    rows = pa.table({"_ingested_at": pa.array([NOW - timedelta(days=days)], INSTANT)})
    write_deltalake(str(context.folder(config, names.staging(table))), rows, mode="overwrite")


def bronze(config: Settings, table: Table = REFUNDS) -> Kept:
    return Kept(names.bronze(table), context.folder(config, names.bronze(table)))


def offsets(config: Settings, table: Table = REFUNDS) -> list[int]:
    found = context.duckdb().execute(
        f"select _offset from delta_scan('{bronze(config, table).folder}') order by all"
    )
    return [row[0] for row in found.fetchall()]


def position(config: Settings) -> Position:
    return positions.read(bronze(config).folder)


def test_small_files_become_one_and_rows_and_position_stay(own: Settings) -> None:
    for number in range(4):
        land(own, REFUNDS, number * 2, ["ref_1", "ref_2"], days=4 - number)
    before, stood = offsets(own), position(own)
    planned = optimize.plan(own, bronze(own))
    assert (planned.files, planned.small_files, planned.bytes) == (4, 4, planned.small_bytes)
    assert optimize.apply(own, bronze(own)) == optimize.Done(bronze(own).name, 4, 1, 4)
    assert offsets(own) == before
    assert (position(own), position(own).is_by_rows) == (stood, False)
    assert optimize.plan(own, bronze(own)).small_files == 0
    assert optimize.apply(own, bronze(own)) is None
    assert DeltaTable(str(bronze(own).folder)).version() == 4, "nothing to do makes no commit"


def test_an_optimized_table_asks_no_more_of_its_readers(own: Settings) -> None:
    for number in range(2):
        land(own, REFUNDS, number, ["ref_1"])
    before = DeltaTable(str(bronze(own).folder)).protocol()
    optimize.apply(own, bronze(own))
    after = DeltaTable(str(bronze(own).folder))
    assert after.protocol() == before
    told = (bronze(own).folder / "_delta_log" / f"{2:020}.json").read_text()
    assert '"dataChange":true' not in told, "or it would conflict with every reader and writer"


@pytest.mark.parametrize(
    "rows", [[1000, 1000, 9000, 1000, 1000], [1000] * 7, [9000, 100, 9000], [2000, 1000, 2000]]
)
def test_the_plan_is_what_is_then_done(
    own: Settings, monkeypatch: pytest.MonkeyPatch, rows: list[int]
) -> None:
    monkeypatch.setattr(optimize, "_target", lambda _: 60_000)
    for number, count in enumerate(rows):
        noise = [os.urandom(10).hex() for _ in range(count)]
        write_deltalake(str(bronze(own).folder), pa.table({"n": [number] * count, "x": noise}), mode="append")
    planned = optimize.plan(own, bronze(own)).small_files
    done = optimize.apply(own, bronze(own))
    assert planned == (done.files_removed if done else 0)


def test_a_clustered_table_is_put_in_order_so_that_a_reader_skips_files(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimize, "_target", lambda _: 60_000)
    table = Kept(
        "silver.stg_ledger__refunds", context.folder(own, "silver.stg_ledger__refunds"), ("merchant",)
    )
    rng = random.Random(1)
    for _ in range(6):
        merchants = [rng.randrange(100) for _ in range(2000)]
        noise = [os.urandom(10).hex() for _ in merchants]
        write_deltalake(str(table.folder), pa.table({"merchant": merchants, "x": noise}), mode="append")

    def files(merchant: int) -> tuple[int, int]:
        """Files, and those of them that may have rows of the merchant."""
        added = pa.table(DeltaTable(str(table.folder)).get_add_actions(flatten=True)).to_pylist()
        return len(added), sum(f["min.merchant"] <= merchant <= f["max.merchant"] for f in added)

    rows = pa.table(DeltaTable(str(table.folder)).to_pyarrow_table()).sort_by([("x", "ascending")])
    protocol = DeltaTable(str(table.folder)).protocol()
    assert files(50) == (6, 6)
    assert optimize.plan(own, table).cluster_by == ("merchant",)
    assert optimize.apply(own, table) is not None
    count, wanted = files(50)
    assert wanted <= 2 < count
    assert pa.table(DeltaTable(str(table.folder)).to_pyarrow_table()).sort_by([("x", "ascending")]) == rows
    assert DeltaTable(str(table.folder)).protocol() == protocol
    assert optimize.apply(own, table) is None
    write_deltalake(str(table.folder), rows.slice(0, 10), mode="append")
    assert optimize.plan(own, table).small_files == count + 1


def test_tables_are_clustered_as_declared(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    silver_read(own, REFUNDS, days=1)
    monkeypatch.setattr(kept.tables, "all", lambda: (replace(REFUNDS, cluster_by=("payment_id",)),))
    assert [t.cluster_by for t in kept.chosen(own, names.staging(REFUNDS))] == [("payment_id",)]


def test_an_append_beside_it_goes_through_and_another_rewrite_is_said(own: Settings) -> None:
    for number in range(3):
        land(own, REFUNDS, number, ["ref_1"], days=60)
    folder = str(bronze(own).folder)
    mine, theirs = DeltaTable(folder), DeltaTable(folder)
    land(own, REFUNDS, 3, ["ref_1"])
    mine.optimize.compact(post_commithook_properties=kept.hooks())
    assert offsets(own) == [0, 1, 2, 3]
    with pytest.raises(UnavailableError, match="another writer changed"), kept.told(bronze(own)):
        theirs.delete("_offset < 2")
    assert offsets(own) == [0, 1, 2, 3]


def old(file: Path) -> Path:
    file.write_text("x")
    eight_days_ago = time.time() - 8 * 86_400
    os.utime(file, (eight_days_ago, eight_days_ago))
    return file


def test_vacuum_deletes_what_a_killed_writer_left_and_not_what_may_be_written_now(own: Settings) -> None:
    land(own, REFUNDS, 0, ["ref_1"])
    folder = bronze(own).folder
    left, young = old(folder / "part-left.parquet"), folder / "part-young.parquet"
    young.write_text("x")
    assert vacuum.plan(own, bronze(own)) == vacuum.Plan(bronze(own).name, 1, 1, 168)
    assert left.exists(), "a plan deletes nothing"
    stood = position(own)
    assert (vacuum.apply(own, bronze(own)), left.exists(), young.exists()) == (1, False, True)
    assert (offsets(own), position(own)) == ([0], stood)
    version = context.version(folder)
    assert (vacuum.apply(own, bronze(own)), context.version(folder)) == (0, version)


def test_vacuum_keeps_what_versions_of_the_last_week_need(own: Settings) -> None:
    for number in range(2):
        land(own, REFUNDS, number, ["ref_1"])
    optimize.apply(own, bronze(own))
    assert vacuum.plan(own, bronze(own)).files == 0
    assert vacuum.apply(own, bronze(own)) == 0
    assert DeltaTable(str(bronze(own).folder), version=1).to_pyarrow_table().num_rows == 2


def test_vacuum_refuses_fewer_hours_than_the_minimum(own: Settings) -> None:
    land(own, REFUNDS, 0, ["ref_1"])
    with pytest.raises(SafetyError, match=r"needed 24 h ago .* at least 168 h"):
        vacuum.plan(own, bronze(own), 24)
    with pytest.raises(SafetyError):
        vacuum.apply(own, bronze(own), 24)
    assert vacuum.plan(own, bronze(own), 200).hours == 200


def test_vacuum_refuses_fewer_hours_than_the_table_itself_keeps(own: Settings) -> None:
    land(own, REFUNDS, 0, ["ref_1"])
    table = DeltaTable(str(bronze(own).folder))
    table.alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 30 days"})
    with pytest.raises(SafetyError, match="keeps its files for interval 30 days, and 168 h"):
        vacuum.plan(own, bronze(own))


def test_old_rows_go_by_whole_days_and_the_position_stays(own: Settings) -> None:
    land(own, REFUNDS, 0, ["ref_1", "ref_2"], days=40)
    land(own, REFUNDS, 2, ["ref_3"], days=30.6)  # 00:36 of the last day that goes
    land(own, REFUNDS, 3, ["ref_4"], days=30)
    silver_read(own, REFUNDS, days=30)
    before = datetime(2026, 5, 2, tzinfo=UTC)
    planned = retain.plan(own, REFUNDS, NOW)
    assert planned == retain.Plan(bronze(own).name, 30, before, 2, date(2026, 4, 22), 0, 2, 0)
    assert offsets(own) == [0, 1, 2, 3], "a plan deletes nothing"
    stood = position(own)
    assert retain.apply(own, REFUNDS, NOW) == 2
    assert offsets(own) == [2, 3]
    assert (position(own), position(own).is_by_rows) == (stood, False)
    assert retain.apply(own, REFUNDS, NOW) == 0


def test_the_newest_row_of_each_partition_stays_and_tells_the_position_when_the_log_no_longer_does(
    own: Settings,
) -> None:
    land(own, REFUNDS, 0, ["ref_1", "ref_2"], days=40)
    land(own, REFUNDS, 0, ["ref_3", "ref_4"], days=39, partition=1)
    land(own, REFUNDS, 2, ["ref_3", "ref_4"], days=1, partition=1)
    silver_read(own, REFUNDS, days=1)
    planned = retain.plan(own, REFUNDS, NOW)
    assert (planned.rows, planned.newest, planned.keys_lost) == (3, ((TOPIC, 0, 1),), 1)
    assert retain.apply(own, REFUNDS, NOW) == 3
    assert retain.apply(own, REFUNDS, NOW) == 0
    optimize.apply(own, bronze(own))
    vacuum.apply(own, bronze(own))
    assert offsets(own) == [1, 2, 3]
    assert not position(own).is_by_rows
    stood = position(own).next
    assert stood == {(TOPIC, 0): 2, (TOPIC, 1): 4}
    forget_the_log(bronze(own).folder)
    assert position(own).is_by_rows
    assert position(own).next == stood


def forget_the_log(folder: Path) -> None:
    """Sum Delta's log up, and delete the commits before that, as Delta does after ``log_days``."""
    DeltaTable(str(folder)).create_checkpoint()
    newest = DeltaTable(str(folder)).version()
    for version in range(newest + 1):
        (folder / "_delta_log" / f"{version:020}.json").unlink()


@pytest.mark.parametrize("read", [None, 50])
def test_what_silver_has_not_read_stays_and_so_does_all_that_came_after_it(
    own: Settings, read: float | None
) -> None:
    land(own, REFUNDS, 0, ["ref_1"], days=50)
    land(own, REFUNDS, 1, ["ref_1", "ref_2"], days=45)
    land(own, REFUNDS, 3, ["ref_3"], days=40)
    if read is not None:
        silver_read(own, REFUNDS, days=read)
    gone = 0 if read is None else 1
    planned = retain.plan(own, REFUNDS, NOW)
    assert (planned.rows, planned.rows_unread, planned.newest) == (gone, 4 - gone, ())
    assert retain.apply(own, REFUNDS, NOW) == gone
    assert offsets(own) == list(range(gone, 4))


def test_the_plan_says_what_a_rebuild_of_silver_would_miss(own: Settings) -> None:
    for table in (REFUNDS, CHECKOUT):
        land(own, table, 0, ["lost", "whole", "partial"], days=40)
        land(own, table, 3, ["whole", "new"], days=1)
        land(own, table, 5, ["partial"], days=1, unchanged=("reason",))
        silver_read(own, table, days=1)
    captured, events = (retain.plan(own, t, NOW) for t in (REFUNDS, CHECKOUT))
    assert (captured.rows, captured.keys_lost, captured.keys_cut) == (3, 1, 1)
    assert (events.rows, events.keys_lost, events.keys_cut) == (3, 1, 2), (
        "the first message of an event counts"
    )


def test_a_table_that_keeps_for_ever_loses_nothing(own: Settings) -> None:
    for_ever = replace(REFUNDS, retention=Retention())
    land(own, REFUNDS, 0, ["ref_1"], days=4000)
    silver_read(own, REFUNDS, days=4000)
    assert retain.plan(own, for_ever, NOW) == retain.Plan(bronze(own).name, None)
    assert retain.apply(own, for_ever, NOW) == 0
    assert retain.plan(own, CHECKOUT, NOW).rows == 0, "no table"


def test_an_unknown_table_is_a_usage_error(own: Settings) -> None:
    land(own, REFUNDS, 0, ["ref_1"])
    with pytest.raises(UsageError, match=r"did you mean 'bronze\.ledger__refunds'"):
        kept.chosen(own, "bronze.ledger_refunds")


def test_the_commands_plan_and_do_only_what_they_are_told_to(own: Settings, cli: Any) -> None:
    for number in range(2):
        land(own, REFUNDS, number, ["ref_1"])

    def told(*arguments: str) -> Any:
        done = cli("maintenance", *arguments, "--output", "json", env=settings.as_environment(own))
        return done.returncode, json.loads(done.stdout)

    code, planned = told("optimize")
    assert (code, planned["applied"], planned["plan"][0]["small_files"], planned["done"]) == (0, False, 2, [])
    assert optimize.plan(own, bronze(own)).files == 2
    assert (
        told("optimize", "--table", "bronze.ledger__refunds", "--apply")[1]["done"][0]["files_removed"] == 2
    )
    assert told("vacuum", "--hours", "1")[1]["fields"] == {"asked_hours": 1, "least_hours": 168}
    code, kept_rows = told("retain", "--table", "refunds", "--apply")
    assert (code, kept_rows["deleted"]) == (0, {"bronze.ledger__refunds": 0})


def test_optimize_keeps_away_from_a_transform(own: Settings, cli: Any) -> None:
    from filelock import FileLock

    for number in range(2):
        land(own, REFUNDS, number, ["ref_1"])
    (own.state / "run").mkdir()
    with FileLock(own.state / "run" / "transform.lock"):
        env = settings.as_environment(own)
        refused = cli("maintenance", "optimize", "--apply", "--output", "json", env=env)
    assert (refused.returncode, json.loads(refused.stdout)["error"]) == (1, "SafetyError")
    assert optimize.plan(own, bronze(own)).files == 2
