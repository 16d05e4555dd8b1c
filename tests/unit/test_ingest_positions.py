"""What a commit says of a table's place in Kafka, and what is made of it. No Spark: Delta logs by delta-rs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import DataError
from lakehouse.ingest import positions
from lakehouse.ingest.positions import Position, Range

AT = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)
TOPIC = "ledger.public.refunds"
PLACE = (TOPIC, 0)


def commit(ranges: tuple[Range, ...], before: Position, rows: int | None) -> dict[str, Any]:
    """An entry of a table's history, as a commit of ours with so many rows leaves it."""
    metrics = {} if rows is None else {"operationMetrics": {"numOutputRows": str(rows)}}
    return {"userMetadata": positions.to_metadata(ranges, before.after(ranges, AT)), **metrics}


def test_a_commit_tells_the_position_it_made() -> None:
    before = Position({(TOPIC, 1): 7}, None)
    told = positions.from_commit(commit((Range(TOPIC, 0, 3, 9, 7),), before, 7))
    assert told == Position({(TOPIC, 0): 10, (TOPIC, 1): 7}, AT, {})


def test_a_commit_tells_its_last_messages_and_old_ones_tell_none() -> None:
    """What the log is told by stays with the position, also for partitions that a later commit does not touch."""
    first = Position().after((Range(TOPIC, 0, 3, 9, 7, 1000),), AT)
    entry = commit((Range(TOPIC, 1, 0, 4, 5, 900),), first, 5)
    told = positions.from_commit(entry)
    assert told is not None
    assert told.last == {(TOPIC, 0): (9, 1000), (TOPIC, 1): (4, 900)}
    document = json.loads(entry["userMetadata"])
    del document["ledgerlake.ingest"]["last"]
    old = positions.from_commit({**entry, "userMetadata": json.dumps(document)})
    assert old == Position(told.next, AT, {})


@pytest.mark.parametrize("rows", [6, 0, None])
def test_fewer_rows_than_messages_leave_the_range_unsettled(rows: int | None) -> None:
    """Also where the commit does not say how many it has: the quarantine then looks again."""
    told = positions.from_commit(commit((Range(TOPIC, 0, 3, 9, 7),), Position({PLACE: 3}), rows))
    assert told is not None
    assert told.unsettled == {PLACE: 3}
    assert positions.settled(told, Position()) == {PLACE: 3}
    assert positions.settled(told, Position({PLACE: 6})) == {PLACE: 6}, "the quarantine got so far"


def test_nothing_but_poison_is_settled_by_the_quarantine_alone() -> None:
    """Delta makes no commit of no rows, so bronze has nothing to say of it."""
    assert positions.settled(Position({PLACE: 10}), Position({PLACE: 13})) == {PLACE: 13}
    assert positions.settled(Position(), Position({PLACE: 3})) == {PLACE: 3}


def test_a_bronze_table_that_went_back_is_read_again_whatever_the_quarantine_has() -> None:
    back = Position({PLACE: 10}, is_by_rows=True)
    assert positions.settled(back, Position({PLACE: 99})) == {PLACE: 10}


def test_what_was_unsettled_before_stays_so_whatever_came_after() -> None:
    before = Position({PLACE: 10, (TOPIC, 1): 5}, AT, {PLACE: 4})
    told = positions.from_commit(commit((Range(TOPIC, 1, 5, 8, 4),), before, 4))
    assert told is not None
    assert positions.settled(told, Position()) == {PLACE: 4, (TOPIC, 1): 9}


@pytest.mark.parametrize("text", [None, "", "not json", "[]", '{"somebody": "else"}', '"ledgerlake.ingest"'])
def test_commits_of_others_tell_nothing(text: str | None) -> None:
    assert positions.from_commit({"userMetadata": text}) is None


offsets = st.integers(0, 1000)
ranges = st.builds(
    lambda partition, first, more: Range(TOPIC, partition, first, first + more, more + 1),
    st.integers(0, 2), offsets, st.integers(0, 50),
)  # fmt: skip


@given(st.dictionaries(st.tuples(st.just(TOPIC), st.integers(0, 2)), offsets), st.lists(ranges, max_size=4))
def test_a_position_never_goes_back(next_: dict[tuple[str, int], int], added: list[Range]) -> None:
    reached = Position(next_).after(tuple(added), AT).next
    assert all(reached[place] >= offset for place, offset in next_.items())
    assert all(reached[r.topic, r.partition] > r.last for r in added)


ROWS = pa.table(
    {
        "_topic": [TOPIC, TOPIC, TOPIC],
        "_partition": pa.array([0, 0, 1], pa.int32()),
        "_offset": [4, 5, 8],
        "_ingested_at": pa.array([AT, AT, AT], pa.timestamp("us", tz="UTC")),
    }
)


def write(folder: Path, metadata: str | None) -> None:
    properties = CommitProperties(custom_metadata={"userMetadata": metadata} if metadata else {})
    write_deltalake(str(folder), ROWS, mode="append", commit_properties=properties)


def test_no_table_stands_at_the_beginning(tmp_path: Path) -> None:
    assert positions.read(tmp_path / "none") == Position()
    (tmp_path / "empty" / "_delta_log").mkdir(parents=True)
    assert positions.read(tmp_path / "empty") == Position()


def test_the_newest_commit_of_ours_counts_however_many_of_others_follow(tmp_path: Path) -> None:
    write(tmp_path, positions.to_metadata((), Position({PLACE: 3}, AT)))
    write(tmp_path, positions.to_metadata((), Position({PLACE: 6}, AT)))
    for _ in range(25):
        write(tmp_path, None)
    assert positions.read(tmp_path).next == {PLACE: 6}


def test_a_table_without_a_commit_of_ours_stands_at_the_beginning(tmp_path: Path) -> None:
    write(tmp_path, None)
    assert positions.read(tmp_path).next == {}


def test_after_a_restore_the_rows_tell(tmp_path: Path) -> None:
    write(tmp_path, positions.to_metadata((), Position({PLACE: 6, (TOPIC, 1): 9}, AT)))
    write(tmp_path, positions.to_metadata((), Position({PLACE: 600}, AT)))
    DeltaTable(str(tmp_path)).restore(0)
    assert positions.read(tmp_path) == Position({PLACE: 6, (TOPIC, 1): 9}, AT, is_by_rows=True)


def test_once_the_log_was_cleaned_up_the_rows_tell(tmp_path: Path) -> None:
    write(tmp_path, positions.to_metadata((), Position({PLACE: 6}, AT)))
    write(tmp_path, None)
    DeltaTable(str(tmp_path)).create_checkpoint()
    for gone in range(2):
        (tmp_path / "_delta_log" / f"{gone:020}.json").unlink()
        assert positions.read(tmp_path).next == {PLACE: 6, (TOPIC, 1): 9}


def test_a_broken_log_is_said_and_not_taken_for_an_empty_table(tmp_path: Path) -> None:
    write(tmp_path, positions.to_metadata((), Position({PLACE: 6}, AT)))
    (tmp_path / "_delta_log" / f"{0:020}.json").write_text("{broken")
    with pytest.raises(DataError, match="cannot tell where"):
        positions.read(tmp_path)
