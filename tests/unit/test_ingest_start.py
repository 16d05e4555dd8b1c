"""Before Spark starts: the lock of a source, and whether Kafka can go on where the tables stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lakehouse import settings, tables
from lakehouse.errors import ConfigError, DataError, LakehouseError, SafetyError, UnavailableError
from lakehouse.ingest import broker, bronze, faults, lock, stream
from lakehouse.ingest.broker import Held
from lakehouse.settings import Settings
from lakehouse.telemetry import quiet

PLACE = ("ledger.public.refunds", 0)


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return settings.load({"paths.state": str(tmp_path)}, environ={}).settings


def test_a_second_ingest_of_a_source_is_refused_and_told_by_whom(own: Settings) -> None:
    with (
        lock.of_source(own, "ledger"),
        pytest.raises(SafetyError, match=f"process {os.getpid()}"),
        lock.of_source(own, "ledger"),
    ):
        pass


def test_sources_do_not_bar_each_other_and_a_lock_is_let_go(own: Settings) -> None:
    for _ in range(2):
        with lock.of_source(own, "ledger"), lock.of_source(own, "events"):
            pass


def test_a_killed_holder_bars_nobody(own: Settings) -> None:
    code = (
        "import os, signal, sys\n"
        "from lakehouse import settings\n"
        "from lakehouse.ingest import lock\n"
        f"config = settings.load({{'paths.state': {str(own.state)!r}}}, environ={{}}).settings\n"
        "with lock.of_source(config, 'ledger'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=settings.ROOT)
    assert killed.returncode == -9
    with lock.of_source(own, "ledger"):
        pass


def leave_stray(own: Settings, lives: float) -> subprocess.Popen[bytes]:
    """What a killed driver leaves: its note, and its JVM, here a process that ends after ``lives`` seconds."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    stray = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({lives})"])
    note = {"pid": gone.pid, "children": {str(stray.pid): psutil.Process(stray.pid).create_time()}}
    (own.state / "run").mkdir(parents=True)
    (own.state / "run" / "ingest-ledger.json").write_text(json.dumps(note))
    return stray


def test_the_stray_of_a_killed_driver_is_waited_for(own: Settings) -> None:
    stray = leave_stray(own, lives=1)
    with lock.of_source(own, "ledger"):
        assert stray.poll() is not None or psutil.Process(stray.pid).status() == psutil.STATUS_ZOMBIE
    stray.wait()


def test_a_stray_that_does_not_end_is_named(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_ORPHAN_SECONDS", 0.2)
    stray = leave_stray(own, lives=60)
    try:
        with pytest.raises(SafetyError, match=f"process {stray.pid}"), lock.of_source(own, "ledger"):
            pass
    finally:
        stray.kill()
        stray.wait()


@pytest.mark.parametrize(
    ("once", "parts"),
    [(True, ["all"]), (False, ["all", "payments"])],
)
def test_a_hot_table_has_a_query_of_its_own_in_a_run_without_end(
    own: Settings, once: bool, parts: list[str]
) -> None:
    declared = tables.of_source("ledger")
    run = stream._Run(own, "ledger", declared, once, quiet)
    landing = bronze.Landing(None, bronze.pairs(own, declared))  # type: ignore[arg-type]
    found = dict(stream._parts(run, landing))
    assert list(found) == parts
    assert sorted(p.table.name for part in found.values() for p in part) == sorted(t.name for t in declared)


def test_kafka_that_goes_on_where_the_tables_stand_is_fine() -> None:
    for next_ in ({}, {PLACE: 5}, {PLACE: 7}, {PLACE: 10}):
        broker.check("ledger", {PLACE: Held(5, 10)}, next_)


def test_messages_deleted_before_they_were_landed_are_counted() -> None:
    with pytest.raises(DataError, match=r"deleted offsets 3 to 4 of partition 0 of ledger\.public\.refunds"):
        broker.check("ledger", {PLACE: Held(5, 10)}, {PLACE: 3})


@pytest.mark.parametrize("found", [{PLACE: Held(0, 10)}, {}])
def test_a_topic_that_ends_before_the_table_does_was_made_anew(found: dict[tuple[str, int], Held]) -> None:
    with pytest.raises(DataError, match="made anew"):
        broker.check("ledger", found, {PLACE: 11})


@pytest.mark.parametrize(
    ("told", "family"),
    [
        ("java.io.IOException: No space left on device", ConfigError),
        ("org.apache.kafka.common.errors.TimeoutException: Timed out waiting", UnavailableError),
        ("[KAFKA_DATA_LOSS.START_OFFSET_RESET] ...", DataError),
        ("org.apache.spark.SparkException: something new", LakehouseError),
    ],
)
def test_what_spark_says_becomes_an_error_of_who_must_act(
    own: Settings, told: str, family: type[LakehouseError]
) -> None:
    found = faults.translate(own, "ledger", RuntimeError(told))
    assert type(found) is family
    assert found.hint


def test_kafka_that_is_not_there_is_unavailable(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_PATIENCE_MS", 500)
    nowhere = settings.load({"paths.state": str(own.state), "ports.kafka": 1}, environ={}).settings
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1 did not answer"):
        broker.held(nowhere, ["a"])
