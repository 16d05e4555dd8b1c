"""One ingest application a source. The second is refused; a killed one leaves nothing that bars the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from lakehouse import context
from lakehouse.errors import SafetyError
from lakehouse.settings import Settings

_ORPHAN_SECONDS = 30
"""A driver killed with -9 leaves its JVM for a moment, which may still finish a commit."""


@contextmanager
def of_source(config: Settings, source: str) -> Iterator[None]:
    """Hold the source's lock. Raises SafetyError naming the process that has it.

    The operating system lets go of the lock however the holder ends. Raises UnavailableError when Spark's process ended
    meanwhile.
    """
    folder = config.state / "run"
    folder.mkdir(parents=True, exist_ok=True)
    holder = context.ingest_note(config, source)
    lock = FileLock(folder / f"ingest-{source}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        pid = _read(holder).get("pid", "unknown")
        raise SafetyError(
            f"source {source!r} is already being ingested by process {pid}",
            hint=f"wait for it, or stop it with Ctrl-C or: kill {pid}; docs/runbooks/two-ingests.md",
            pid=pid,
        ) from None
    try:
        _wait_for_orphans(holder, source)
        _write(holder, {})
        with context.while_spark_lives(config):
            yield
    finally:
        lock.release()


def remember_children(config: Settings, source: str, *, is_landing: bool = False) -> None:
    """Note the child processes of this driver (its JVM), so that the next one can wait for a stray; and, once that is
    so, that its queries run (``context.is_landing``)."""
    children = {str(child.pid): child.create_time() for child in psutil.Process().children(recursive=True)}
    _write(context.ingest_note(config, source), children, is_landing=is_landing)


def _wait_for_orphans(holder: Path, source: str) -> None:
    """A child counts as a stray only if its driver is gone: a driver that lives on may keep its JVM for other work."""
    told = _read(holder)
    if "pid" not in told or _process(told["pid"], told.get("born")):
        return
    strays = [p for pid, born in told.get("children", {}).items() if (p := _process(pid, born))]
    _, alive = psutil.wait_procs(strays, timeout=_ORPHAN_SECONDS)
    if alive:
        raise SafetyError(
            f"process {alive[0].pid} of a killed ingest of source {source!r} is still running and may still write",
            hint=f"kill {alive[0].pid}",
            pid=alive[0].pid,
        )


def _process(pid: int | str, born: float | None) -> psutil.Process | None:
    """The process of that id, unless it is another one by now."""
    try:
        found = psutil.Process(int(pid))
    except psutil.NoSuchProcess:
        return None
    return found if born is None or abs(found.create_time() - born) < 1 else None


def _write(holder: Path, children: dict[str, float], *, is_landing: bool = False) -> None:
    me = psutil.Process()
    noted = {"pid": me.pid, "born": me.create_time(), "children": children, "is_landing": is_landing}
    partial = holder.with_suffix(".partial")
    partial.write_text(json.dumps(noted))
    partial.replace(holder)


def _read(holder: Path) -> dict[str, Any]:
    try:
        found = json.loads(holder.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
