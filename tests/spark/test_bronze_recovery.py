"""Stopped at any step, restored, moved by another: each message is in bronze or in quarantine, once."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse import names, settings
from lakehouse.contracts import Column, Integer, Source, SourceKind, String, Table
from lakehouse.errors import SafetyError
from lakehouse.ingest import bronze
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

AT = datetime(2026, 3, 1, tzinfo=UTC)
SOURCE = Source("recovery", SourceKind.POSTGRES, "tests", "A source of these tests.")
ONE, TWO = (
    Table(
        source=SOURCE,
        name=name,
        description="Numbered things.",
        grain="thing",
        key=("id",),
        columns=(Column("id", Integer(), "Key."), Column("note", String(), "Note.", nullable=True)),
        topic_partitions=2,
    )
    for name in ("one", "two")
)

Log = dict[tuple[str, int], list[bytes]]
"""Topic and partition -> the values in it; their index is their offset."""


def change(number: int) -> bytes:
    return json.dumps({"op": "c", "after": {"id": number, "note": f"n{number}"}}).encode()


@pytest.fixture
def own(spark: SparkSession, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a warehouse of the test's own."""
    yield settings.load({"paths.state": str(tmp_path)}).settings
    for table in (ONE, TWO):
        for name in (names.bronze(table), names.quarantine(table)):
            spark.sql(f"DROP TABLE IF EXISTS {name}")


def cut(spark: SparkSession, log: Log, start: dict[tuple[str, int], int], size: int) -> DataFrame:
    """What Kafka delivers: of each partition at most ``size`` messages from ``start`` on."""
    rows = [
        (b'{"id": 0}', value, topic, partition, offset, AT)
        for (topic, partition), values in log.items()
        for offset, value in enumerate(values)
        if start.get((topic, partition), 0) <= offset < start.get((topic, partition), 0) + size
    ]
    return spark.createDataFrame(
        rows, "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp"
    )


def held(spark: SparkSession, table: Table) -> tuple[Counter[tuple[int, int]], Counter[tuple[int, int]]]:
    """Partition and offset of each row, in bronze and in quarantine."""
    found = []
    for name in (names.bronze(table), names.quarantine(table)):
        there = spark.catalog.tableExists(name)
        rows = spark.table(name).select("_partition", "_offset").collect() if there else []
        found.append(Counter((r[0], r[1]) for r in rows))
    return found[0], found[1]


class Crash(Exception):
    """The process died here."""


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_before_or_after_any_commit_each_message_is_there_once(
    spark: SparkSession, own: Settings, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    log: Log = {
        (names.topic(table), partition): [
            b"poison" if rng.random() < 0.25 else change(n) for n in range(rng.randint(15, 30))
        ]
        for table in (ONE, TWO)
        for partition in (0, 1)
    }
    append = bronze.Target.append

    def dies_sometimes(target: bronze.Target, *arguments: Any) -> int:
        fate = rng.random()
        if fate < 0.2:
            raise Crash("before the commit")
        count = append(target, *arguments)
        if fate > 0.8:
            raise Crash("after the commit")
        return count

    monkeypatch.setattr(bronze.Target, "append", dies_sometimes)
    crashes = 0
    for _ in range(60):
        landing = bronze.open_landing(own, spark, (ONE, TWO))
        if all(landing.next.get(place, 0) >= len(values) for place, values in log.items()):
            break
        try:
            while True:
                start = landing.next
                batch = cut(spark, log, start, rng.randint(3, 12))
                if batch.isEmpty():
                    break
                landing.land(batch)
        except Crash:
            crashes += 1
    else:
        pytest.fail("it never came to an end")
    assert crashes >= 3, "a seed that tests nothing"
    for table in (ONE, TWO):
        good, bad = held(spark, table)
        expected: dict[bool, Counter[tuple[int, int]]] = {True: Counter(), False: Counter()}
        for (topic, partition), values in log.items():
            if topic == names.topic(table):
                for offset, value in enumerate(values):
                    expected[value == b"poison"][partition, offset] += 1
        assert (good, bad) == (expected[False], expected[True])


def test_a_quarantine_left_behind_is_made_good_though_batches_are_cut_otherwise(
    spark: SparkSession, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten messages, poison at 2 and 8, die before the quarantine; then they come again by fours."""
    place = (names.topic(ONE), 0)
    log: Log = {place: [b"poison" if n in (2, 8) else change(n) for n in range(10)]}
    append = bronze.Target.append

    def dies_at_quarantine(target: bronze.Target, *arguments: Any) -> int:
        if target.name == names.quarantine(ONE):
            raise Crash
        return append(target, *arguments)

    monkeypatch.setattr(bronze.Target, "append", dies_at_quarantine)
    with pytest.raises(Crash):
        bronze.open_landing(own, spark, (ONE,)).land(cut(spark, log, {}, 10))
    monkeypatch.undo()
    landing = bronze.open_landing(own, spark, (ONE,))
    while landing.next[place] < 10:
        before = landing.next
        landing.land(cut(spark, log, before, 4))
        assert landing.next[place] > before[place]
    good, bad = held(spark, ONE)
    assert sorted(bad.elements()) == [(0, 2), (0, 8)]
    assert sorted(good.elements()) == [(0, n) for n in range(10) if n not in (2, 8)]


def test_a_table_restored_to_an_older_version_is_read_again_from_there(
    spark: SparkSession, own: Settings
) -> None:
    log: Log = {(names.topic(ONE), 0): [b"poison" if n == 5 else change(n) for n in range(8)]}
    landing = bronze.open_landing(own, spark, (ONE,))
    landing.land(cut(spark, log, {}, 4))
    version = spark.sql(f"DESCRIBE HISTORY {names.bronze(ONE)} LIMIT 1").collect()[0]["version"]
    landing.land(cut(spark, log, landing.next, 4))
    spark.sql(f"RESTORE TABLE {names.bronze(ONE)} TO VERSION AS OF {version}")
    again = bronze.open_landing(own, spark, (ONE,))
    assert again.next == {(names.topic(ONE), 0): 4}
    again.land(cut(spark, log, again.next, 4))
    good, bad = held(spark, ONE)
    assert sorted(good.elements()) == [(0, n) for n in range(8) if n != 5]
    assert sorted(bad.elements()) == [(0, 5)]


def test_a_second_writer_is_noticed_before_anything_is_doubled(spark: SparkSession, own: Settings) -> None:
    log: Log = {(names.topic(ONE), 0): [change(n) for n in range(6)]}
    first, second = (bronze.open_landing(own, spark, (ONE,)) for _ in range(2))
    first.land(cut(spark, log, {}, 4))
    with pytest.raises(SafetyError, match="another ingest moved it") as refused:
        second.land(cut(spark, log, {}, 6))
    assert names.topic(ONE) + "/0 at 4" in refused.value.message
    assert sorted(held(spark, ONE)[0].elements()) == [(0, n) for n in range(4)]


def test_a_table_added_later_starts_at_its_own_beginning(spark: SparkSession, own: Settings) -> None:
    log: Log = {(names.topic(t), 0): [change(n) for n in range(5)] for t in (ONE, TWO)}
    bronze.open_landing(own, spark, (ONE,)).land(cut(spark, log, {}, 5))
    both = bronze.open_landing(own, spark, (ONE, TWO))
    assert both.next == {(names.topic(ONE), 0): 5}
    both.land(cut(spark, log, both.next, 5))
    assert [len(held(spark, table)[0]) for table in (ONE, TWO)] == [5, 5]


def test_a_column_that_the_declaration_dropped_stays_and_a_new_one_is_added(
    spark: SparkSession, own: Settings
) -> None:
    from dataclasses import replace

    bronze.open_landing(own, spark, (ONE,)).land(cut(spark, {(names.topic(ONE), 0): [change(0)]}, {}, 1))
    later = replace(ONE, columns=(ONE.columns[0], Column("tag", String(), "New.", nullable=True)), version=2)
    value = json.dumps({"op": "c", "after": {"id": 1, "tag": "x"}}).encode()
    landing = bronze.open_landing(own, spark, (later,))
    landing.land(cut(spark, {(names.topic(ONE), 0): [b"", value]}, landing.next, 1))
    rows = spark.table(names.bronze(ONE)).orderBy("_offset").select("id", "note", "tag", "_contract_version")
    assert [tuple(r) for r in rows.collect()] == [(0, "n0", None, 1), (1, None, "x", 2)]
