"""Unpacks the archives among the JVM parts and drops what the stack does not use."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from lakehouse.errors import DataError

TRINO_PLUGINS = {
    "delta-lake",
    "functions-python",
    "http-event-listener",
    "memory",
    "password-authenticators",
    "tpch",
}
"""Plugins of the Trino server that are kept; ``password-authenticators`` holds the group provider too."""

DONE = ".sha256"
"""File in an unpacked folder that names its archive; written last, so a half unpacked one lacks it."""


def is_unpacked(folder: Path, sha256: str) -> bool:
    """Whether ``folder`` holds all of the archive with this SHA-256."""
    try:
        return (folder / DONE).read_text() == sha256
    except OSError:
        return False


def unpack(archive: Path, folder: Path, sha256: str) -> None:
    """Unpack ``archive`` to ``folder`` by way of a folder beside it; a crash leaves nothing that looks
    done."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with tarfile.open(archive, "r|gz") as tar:
            # The archive was checked against its SHA-256; older Pythons 3.11 have no filter.
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(partial, **safe)  # type: ignore[arg-type]  # noqa: S202
    except (tarfile.TarError, EOFError) as error:
        raise DataError(f"{archive} cannot be unpacked: {error}", hint="delete it, then make setup") from None
    inner = partial / folder.name
    root = inner if inner.is_dir() else partial
    for plugin in (root / "plugin").glob("*"):
        # Files that plugins share are hard links, so this is done after all of them are there.
        if plugin.name not in TRINO_PLUGINS:
            shutil.rmtree(plugin)
    (root / DONE).write_text(sha256)
    shutil.rmtree(folder, ignore_errors=True)
    root.rename(folder)
    shutil.rmtree(partial, ignore_errors=True)
