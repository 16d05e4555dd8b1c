"""Deletes files that no version of a table needs any more: replaced long ago, or written and never committed."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.errors import SafetyError
from lakehouse.maintenance.tables import Kept, hooks, opened, told
from lakehouse.settings import Settings

_OWN_MINIMUM = "delta.deletedFileRetentionDuration"


@dataclass(frozen=True)
class Plan:
    """One table: the files that nothing has needed for ``hours``, and their bytes on disk."""

    table: str
    files: int
    bytes: int
    hours: int


def hours(config: Settings, asked: int | None) -> int:
    """How long files are kept: as asked, or ``maintenance.vacuum_hours``; SafetyError if fewer were asked for."""
    least = config.maintenance.vacuum_hours
    if asked is not None and asked < least:
        raise SafetyError(
            f"files that were needed {asked} h ago may be in use: at least {least} h are kept here",
            hint="leave out --hours; the minimum is the setting maintenance.vacuum_hours",
            asked_hours=asked,
            least_hours=least,
        )
    return least if asked is None else asked


def plan(config: Settings, table: Kept, asked: int | None = None) -> Plan:
    """What ``apply`` would delete now. SafetyError for fewer hours than the minimum."""
    kept = hours(config, asked)
    files = _vacuum(table, kept, dry_run=True)
    sizes = [(table.folder / file).stat().st_size for file in files if (table.folder / file).exists()]
    return Plan(table.name, len(files), sum(sizes), kept)


def apply(config: Settings, table: Kept, asked: int | None = None) -> int:
    """Delete those files; how many. Versions of the table that needed them can no longer be read.

    Safe beside readers and writers of the present version, for nothing younger than the hours goes. Stopped in
    between, some files are gone and the next call deletes the rest. Nothing to delete makes no commit.
    """
    kept = hours(config, asked)
    return len(_vacuum(table, kept, dry_run=False)) if _vacuum(table, kept, dry_run=True) else 0


def _vacuum(table: Kept, kept: int, *, dry_run: bool) -> list[str]:
    from deltalake.exceptions import DeltaError

    delta = opened(table)
    own = delta.metadata().configuration.get(_OWN_MINIMUM)
    with told(table):
        try:
            found = delta.vacuum(
                retention_hours=kept,
                dry_run=dry_run,
                enforce_retention_duration=own is not None,  # else delta-rs's week would outrank the setting
                full=True,  # else what a killed writer left is never found
                post_commithook_properties=hooks(),
            )
        except DeltaError as error:
            if "Invalid retention period" not in str(error):
                raise
            raise SafetyError(
                f"{table.name} keeps its files for {own}, and {kept} h were asked for",
                hint=f"ask for more --hours, or change the table's property {_OWN_MINIMUM}",
                table=table.name,
            ) from None
        return [str(file) for file in found]
