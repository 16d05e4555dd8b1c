"""Gold published as Iceberg: what a reader that knows no Delta sees, when it is stale, and what ends with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse import context, settings
from lakehouse.errors import DataError, UsageError
from lakehouse.query import engines, iceberg
from lakehouse.settings import Settings

AT = datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC)
ROWS = pa.table(
    {
        "n": [1, 2, 3],
        "text": ["Ölß ☃", "", None],
        "amount": pa.array([Decimal("1.50"), Decimal("-0.01"), None], pa.decimal128(18, 8)),
        "at": pa.array([AT, datetime(1969, 12, 31, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        "day": [date(2026, 2, 28), date(1970, 1, 1), None],
        "flag": [True, False, None],
    }
)
SUM = "select sum(n) as n from gold.a"


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    """``gold.a`` with three rows, not published; in a folder whose name needs an escape in a URI."""
    made = settings.load({"paths.state": str(tmp_path / "a lake")}, environ={}).settings
    deltalake.write_deltalake(context.folder(made, "gold.a"), ROWS)
    return made


def add(config: Settings, n: int, table: str = "gold.a") -> None:
    rows = pa.table({"n": [n]})
    deltalake.write_deltalake(context.folder(config, table), rows, mode="append", schema_mode="merge")


def delta(config: Settings, table: str = "gold.a") -> deltalake.DeltaTable:
    return deltalake.DeltaTable(context.folder(config, table))


def client(config: Settings, table: str = "gold.a") -> list[dict[str, Any]]:
    """What pyiceberg gives to whoever opens the catalog by the how-to."""
    rows = iceberg.catalog(config).load_table(table).scan().to_arrow().to_pylist()
    return sorted(rows, key=lambda row: row["n"])


def test_a_client_reads_the_rows_as_they_are(config: Settings) -> None:
    assert iceberg.publish(config).versions == {"gold.a": 0}
    assert client(config) == ROWS.to_pylist()
    sql = "select * from gold.a order by n"
    assert engines.run(config, "pyiceberg", sql).rows == engines.run(config, "duckdb", sql).rows


def test_no_data_is_copied_and_no_value_is_in_the_metadata(config: Settings) -> None:
    iceberg.publish(config)
    files = [f for f in (config.state / "iceberg").rglob("*") if f.is_file()]
    assert {f.suffix for f in files} == {".db", ".json", ".avro"}
    assert not [f for f in files if "Ölß".encode() in f.read_bytes()]
    pruned = iceberg.catalog(config).load_table("gold.a").inspect.files().to_pylist()
    assert [(f["record_count"], f["lower_bounds"], f["upper_bounds"]) for f in pruned] == [(3, [], [])]


def test_each_commit_is_followed_and_a_second_call_does_nothing(config: Settings) -> None:
    iceberg.publish(config)
    add(config, 4)
    assert iceberg.publish(config).versions == {"gold.a": 1}
    delta(config).optimize.compact()
    assert iceberg.publish(config).versions == {"gold.a": 2}
    assert [r["n"] for r in client(config)] == [1, 2, 3, 4]
    delta(config).delete("n < 4")
    assert iceberg.publish(config).versions == {"gold.a": 3}
    assert [r["n"] for r in client(config)] == [4]
    delta(config).delete()
    assert iceberg.publish(config).versions == {"gold.a": 4}
    assert client(config) == []
    assert iceberg.publish(config) == iceberg.Published()


def test_what_is_stale_is_named_and_never_read_as_the_newest(config: Settings) -> None:
    assert iceberg.stale(config) == {"gold.a": None}
    iceberg.publish(config)
    assert iceberg.stale(config) == {}
    add(config, 4)
    assert iceberg.stale(config) == {"gold.a": 0}
    found = engines.run(config, "pyiceberg", SUM)
    assert (found.rows, found.tables) == ([[10]], {"gold.a": 1})
    assert iceberg.stale(config) == {}


def test_a_past_version_is_read_if_it_was_published(config: Settings) -> None:
    for n in (4, 5):
        iceberg.publish(config)
        add(config, n)
    add(config, 6)
    assert [
        engines.run(config, "pyiceberg", SUM, versions={"gold.a": version}).rows for version in (0, 1)
    ] == [[[6]], [[10]]]
    with pytest.raises(UsageError, match=r"version 2 of gold\.a is not published") as error:
        engines.run(config, "pyiceberg", SUM, versions={"gold.a": 2})
    assert "every other engine reads it" in str(error.value.hint)


def test_a_table_with_other_columns_and_one_that_is_gone(config: Settings) -> None:
    iceberg.publish(config)
    rows = pa.table({"n": [7], "other": ["x"]})
    deltalake.write_deltalake(
        context.folder(config, "gold.a"), rows, mode="overwrite", schema_mode="overwrite"
    )
    deltalake.write_deltalake(context.folder(config, "gold.b"), rows)
    assert iceberg.publish(config).versions == {"gold.a": 1, "gold.b": 0}
    assert client(config) == rows.to_pylist()
    context.folder(config, "gold.b").rename(config.state / "away")
    assert iceberg.publish(config) == iceberg.Published()
    assert [name for _, name in iceberg.catalog(config).list_tables("gold")] == ["a"]
    assert not (config.state / "iceberg" / "gold" / "b").exists()


def test_a_state_folder_that_was_moved_is_published_anew(config: Settings) -> None:
    iceberg.publish(config)
    moved = config.state.rename(config.state.with_name("moved"))
    there = settings.load({"paths.state": str(moved)}, environ={}).settings
    assert iceberg.stale(there) == {"gold.a": None}
    assert iceberg.publish(there).versions == {"gold.a": 0}
    assert client(there) == ROWS.to_pylist()
    assert engines.run(there, "pyiceberg", SUM).rows == [[6]]


def test_a_column_that_came_later_is_null_before(config: Settings) -> None:
    iceberg.publish(config)
    rows = pa.table({"n": [4], "late": ["x"]})
    deltalake.write_deltalake(context.folder(config, "gold.a"), rows, mode="append", schema_mode="merge")
    iceberg.publish(config)
    assert [r["late"] for r in client(config)] == [None, None, None, "x"]
    sql = "select n, late from gold.a order by n"
    assert engines.run(config, "pyiceberg", sql).rows == engines.run(config, "duckdb", sql).rows


def test_a_file_that_iceberg_does_not_take_is_named_and_keeps_no_other(config: Settings) -> None:
    """INT96, as Spark writes instants unless it is told otherwise."""
    add(config, 1, "gold.b")
    folder = context.folder(config, "gold.a")
    (file,) = folder.glob("*.parquet")
    pq.write_table(pq.read_table(file), file, use_deprecated_int96_timestamps=True)
    report = iceberg.publish(config)
    assert report.versions == {"gold.b": 0}
    assert report.failed.keys() == {"gold.a"}
    with pytest.raises(DataError, match=r"gold\.a cannot be read as Iceberg") as error:
        engines.run(config, "pyiceberg", SUM)
    assert "full-refresh" in str(error.value.hint)
    assert iceberg.stale(config) == {"gold.a": None}


def test_only_gold_is_read(config: Settings) -> None:
    add(config, 1, "silver.c")
    iceberg.publish(config)
    assert iceberg.catalog(config).list_tables("gold") == [("gold", "a")]
    with pytest.raises(UsageError, match=r"pyiceberg reads gold"):
        engines.run(config, "pyiceberg", "select * from silver.c")
    with pytest.raises(UsageError, match=r"did you mean 'gold\.a'"):
        engines.run(config, "pyiceberg", "select * from gold.aa")


def test_old_snapshots_go_when_vacuum_may_have_removed_their_files(config: Settings) -> None:
    iceberg.publish(config)
    for n in (4, 5):
        add(config, n)
        iceberg.publish(config)
    folder = config.state / "iceberg" / "gold" / "a" / "metadata"
    long_ago = datetime.now(UTC) - timedelta(days=8)
    for file in folder.iterdir():
        os.utime(file, (long_ago.timestamp(), long_ago.timestamp()))
    for file in folder.glob("*.json"):  # the clock of the snapshots that are there
        told = json.loads(file.read_text())
        for one in told.get("snapshots", []):
            one["timestamp-ms"] = int(long_ago.timestamp() * 1000)
        file.write_text(json.dumps(told))
    add(config, 6)
    iceberg.publish(config)
    assert [r["n"] for r in client(config)] == [1, 2, 3, 4, 5, 6]
    assert len(iceberg.catalog(config).load_table("gold.a").metadata.snapshots) == 1
    assert len(list(folder.glob("snap-*"))) == 1
    assert iceberg.dataset(config, "gold.a", 1) is None


def test_two_publishers_and_one_that_is_killed_leave_a_table_that_reads(config: Settings) -> None:
    """Processes that publish commit after commit, one of them killed at its work, then the other."""
    code = (
        "import sys, time; from lakehouse import settings; from lakehouse.query import iceberg;"
        f"c = settings.load({{'paths.state': {str(config.state)!r}}}, environ={{}}).settings;"
        "print('ready', flush=True);\nwhile True: iceberg.publish(c)"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for n in range(4, 24):
            add(config, n)
            if n == 14:
                workers[0].kill()
        workers[1].kill()
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    iceberg.publish(config)
    assert [r["n"] for r in client(config)] == list(range(1, 24))
    assert iceberg.stale(config) == {}
