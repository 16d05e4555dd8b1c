"""Puts small files together. The rows stay what they are, and so does everything that is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.maintenance.tables import Kept, hooks, opened, told
from lakehouse.settings import Settings

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Plan:
    """One table: its files now, those of them that would be put together, and their bytes."""

    table: str
    files: int
    bytes: int
    small_files: int
    small_bytes: int


@dataclass(frozen=True)
class Done:
    """One table: how many files were replaced by how many, in one commit; ``version`` is the table's after it."""

    table: str
    files_removed: int
    files_added: int
    version: int


def plan(config: Settings, table: Kept) -> Plan:
    """What ``apply`` would do to the table as it is now. Reads its log alone."""
    sizes = _sizes(table)
    small = [size for group in groups(sizes, _target(config)) for size in group]
    return Plan(table.name, len(sizes), sum(sizes), len(small), sum(small))


def apply(config: Settings, table: Kept) -> Done | None:
    """Put the table's small files together; None if there were none to put.

    One commit, of which Delta knows that it changes no data: an append beside it goes through, also that of a running
    ingest, and ``positions`` passes over it. Raises UnavailableError when another writer replaced the same files, as a
    merge into silver does: hold the lock of transform. Stopped at any moment, the table is as before or as after;
    what was written and not committed is for ``vacuum``. A second call finds nothing, or little: what became smaller
    than expected.
    """
    if not plan(config, table).small_files:
        return None
    delta = opened(table)
    with told(table):
        found = delta.optimize.compact(target_size=_target(config), post_commithook_properties=hooks())
        return Done(
            table.name, int(found["numFilesRemoved"]), int(found["numFilesAdded"]), int(delta.version())
        )


def groups(sizes: Sequence[int], target: int) -> list[list[int]]:
    """Neighbours that fit into a file of ``target`` bytes, in delta-rs's way: in the log's order, two or more."""
    found: list[list[int]] = [[]]
    for size in sizes:
        if size > target or sum(found[-1]) + size > target:
            found.append([])
        if size <= target:
            found[-1].append(size)
    return [group for group in found if len(group) > 1]


def _sizes(table: Kept) -> list[int]:
    delta = opened(table)
    with told(table):
        return [int(size.as_py()) for size in delta.get_add_actions(flatten=True)["size_bytes"]]


def _target(config: Settings) -> int:
    return config.maintenance.target_file_mib * _MIB
