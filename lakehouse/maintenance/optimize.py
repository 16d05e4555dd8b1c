"""Puts small files together, and in a clustered table rows of near values into the same files.

The rows stay what they are, and so does everything that is known of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.maintenance.tables import Kept, hooks, opened, told
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from deltalake import CommitProperties

_MIB = 1024 * 1024
_CLUSTERED = "lakehouse.clustered"
_CHANGE_NOTHING = ("OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES")


@dataclass(frozen=True)
class Plan:
    """One table: its files now, those of them that would be written anew, and their bytes. Those are the small ones, or
    all of a clustered table that was written to since it was last put in the order of ``cluster_by``."""

    table: str
    files: int
    bytes: int
    small_files: int
    small_bytes: int
    cluster_by: tuple[str, ...] = ()


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
    if table.cluster_by and len(sizes) > 1:
        small = [] if _is_in_order(table) else sizes
    else:
        small = [size for group in groups(sizes, _target(config)) for size in group]
    return Plan(table.name, len(sizes), sum(sizes), len(small), sum(small), table.cluster_by)


def apply(config: Settings, table: Kept) -> Done | None:
    """Put the table's small files together, by Z-order where it is clustered; None if there were none to put.

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
        how = {"target_size": _target(config), "post_commithook_properties": hooks()}
        found = (
            delta.optimize.z_order(table.cluster_by, commit_properties=_note(table), **how)
            if table.cluster_by
            else delta.optimize.compact(**how)
        )
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


def _is_in_order(table: Kept) -> bool:
    """Whether the newest commit but for those that change no row is that of ``apply``, by the same columns."""
    delta = opened(table)
    with told(table):
        for commit in delta.history():
            if _CLUSTERED in commit:
                return bool(commit[_CLUSTERED] == ",".join(table.cluster_by))
            if commit["operation"] not in _CHANGE_NOTHING:
                return False
    return False


def _note(table: Kept) -> CommitProperties:
    from deltalake import CommitProperties

    return CommitProperties(custom_metadata={_CLUSTERED: ",".join(table.cluster_by)})


def _sizes(table: Kept) -> list[int]:
    delta = opened(table)
    with told(table):
        return [int(size.as_py()) for size in delta.get_add_actions(flatten=True)["size_bytes"]]


def _target(config: Settings) -> int:
    return config.maintenance.target_file_mib * _MIB
