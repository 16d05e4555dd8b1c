"""Deletes the state folder. Refuses while anything of it runs, and what is not a state folder of ours."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lakehouse.errors import SafetyError
from lakehouse.settings import ROOT, Settings
from lakehouse.stack import leftovers


@dataclass(frozen=True)
class Plan:
    """What would be deleted: the folder, and the bytes in it."""

    folder: Path
    bytes: int


def plan(config: Settings) -> Plan | None:
    """What ``run`` would delete; None if there is nothing. SafetyError for what must not be deleted."""
    folder = config.state
    if not folder.exists():
        return None
    resolved = folder.resolve()
    if folder.is_symlink() or resolved in (ROOT, *ROOT.parents, Path.home().resolve()) or not _ours(folder):
        raise SafetyError(
            f"{folder} does not look like a state folder of this platform, so it is not deleted",
            hint="see lakehouse config show, paths.state; delete it by hand if you mean it",
        )
    if running := leftovers.find(config):
        raise SafetyError(
            f"{len(running)} processes of the stack in {folder} are running, so it is not deleted",
            hint="lakehouse down, then lakehouse reset",
        )
    return Plan(folder, sum(f.lstat().st_size for f in folder.rglob("*") if not f.is_dir()))


def run(config: Settings) -> None:
    """Delete the state folder and nothing outside it: a link in it is removed, not followed."""
    if plan(config) is not None:
        shutil.rmtree(config.state)


def _ours(folder: Path) -> bool:
    """Whether the stack ran here, or a table was written, or nothing was ever in it."""
    found = {p.name for p in folder.iterdir()}
    return not found or "warehouse" in found or {"run", "log"} <= found
