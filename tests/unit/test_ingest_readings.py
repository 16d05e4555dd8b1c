"""What follows from what capture tells of its reading: whether all tables were read in one go, and which were left out."""

from __future__ import annotations

import pytest

from lakehouse.ingest import readings
from lakehouse.ingest.readings import INCREMENTAL, INITIAL, Notice

STARTED, COMPLETED = Notice("", INITIAL, "STARTED", {}), Notice("", INITIAL, "COMPLETED", {})
BEGUN = Notice("", INITIAL, "IN_PROGRESS", {"current_collection_in_progress": "public.a"})
EMPTIED = Notice("", readings._OURS, readings.EMPTIED, {})


def scanned(rows: int) -> Notice:
    return Notice(
        "",
        INITIAL,
        "TABLE_SCAN_COMPLETED",
        {"scanned_collection": "public.a", "total_rows_scanned": str(rows)},
    )


@pytest.mark.parametrize(
    ("notices", "in_parts"),
    [
        ([], False),
        ([STARTED, BEGUN, scanned(3), COMPLETED], False),
        ([STARTED, BEGUN, scanned(3), COMPLETED, STARTED, BEGUN, scanned(3), COMPLETED], False),
        ([STARTED, BEGUN, STARTED, BEGUN, scanned(3), COMPLETED], True),
        ([STARTED, BEGUN, scanned(3), STARTED], True),
        ([STARTED, STARTED, BEGUN, scanned(3), COMPLETED], False),
        ([STARTED, BEGUN, scanned(0), STARTED, BEGUN, scanned(3), COMPLETED], False),
        ([STARTED, BEGUN, EMPTIED, STARTED, BEGUN, scanned(3), COMPLETED], False),
        ([STARTED, BEGUN, STARTED, BEGUN, scanned(3), COMPLETED, EMPTIED, STARTED, COMPLETED], False),
        ([EMPTIED, STARTED, BEGUN, STARTED, BEGUN, COMPLETED], True),
        ([STARTED, BEGUN, STARTED, BEGUN, COMPLETED, STARTED, COMPLETED], True),
    ],
)
def test_tables_that_were_begun_twice_without_a_truncate_between(
    notices: list[Notice], in_parts: bool
) -> None:
    assert readings.is_in_parts(notices) is in_parts


def test_tables_that_were_left_out_are_known_once_the_reading_has_ended() -> None:
    def table(name: str, status: str, id_: str = "mine") -> Notice:
        return Notice(
            id_, INCREMENTAL, "TABLE_SCAN_COMPLETED", {"scanned_collection": name, "status": status}
        )

    told = [
        table("public.z", "SQL_EXCEPTION", "another's"),
        Notice("mine", INCREMENTAL, "STARTED", {}),
        table("public.a", "SUCCEEDED"),
        table("public.b", "EMPTY"),
        table("public.c", "UNKNOWN_SCHEMA"),
        Notice("another's", INCREMENTAL, "COMPLETED", {}),
    ]
    assert readings.unread(told, "mine") is None
    assert readings.unread([*told, Notice("mine", INCREMENTAL, "COMPLETED", {})], "mine") == {
        "public.c": "UNKNOWN_SCHEMA"
    }
