"""Drill of docs/runbooks/disk-full.md: files cannot be written while a batch is committed, and then can be again."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from lakehouse.errors import ConfigError
from lakehouse.ingest import bronze


@contextmanager
def no_file_longer_than(limit: int) -> Iterator[None]:
    """For Spark's JVM, as a disk that is full would have it."""
    jvm = next(p for p in psutil.Process().children(recursive=True) if p.name() == "java")
    before = resource.prlimit(jvm.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(jvm.pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(jvm.pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("limit", [1000, 0])
def test_the_batch_is_in_no_table_by_half_and_lands_once_there_is_room(
    drill: Any, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = bronze.Target.append

    def on_a_full_disk(*arguments: Any) -> int:
        with no_file_longer_than(limit):
            return append(*arguments)

    drill.send(drill.events(10))
    drill.land()
    before = drill.ids()
    drill.send([*drill.events(500), b"poison"])
    monkeypatch.setattr(bronze.Target, "append", on_a_full_disk)
    with pytest.raises(ConfigError, match="disk is full") as told:
        drill.land()
    assert "docs/runbooks/disk-full.md" in str(told.value.hint)
    assert drill.ids() == before
    monkeypatch.undo()
    report = drill.land()
    assert (report.rows["checkout"], report.quarantined["checkout"]) == (500, 1)
    assert sorted(drill.ids().values()) == [1] * drill.made
    assert set(drill.offsets(drill.quarantine).values()) == {1}
