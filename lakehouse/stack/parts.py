"""Which JVM parts are in the user's cache, complete and unaltered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lakehouse import jvm
from lakehouse.jvm import Artifact
from lakehouse.settings import Settings
from lakehouse.stack import archives

_ARCHIVE = ".tar.gz"


def sha256(path: Path) -> str:
    """The file's SHA-256, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def is_archive(artifact: Artifact) -> bool:
    """Whether the artifact is unpacked, and then dropped, rather than used as it is."""
    return artifact.file.endswith(_ARCHIVE)


def place(config: Settings, artifact: Artifact) -> Path:
    """Where the artifact lies once fetched."""
    return jvm.folder(config, artifact.part) / artifact.file


def missing(config: Settings) -> list[Artifact]:
    """Locked artifacts that are not installed. A file is hashed once and then known by its size and time."""
    notes = _Notes(config)
    found = [a for a in jvm.artifacts() if not _installed(config, a, notes)]
    notes.write()
    return found


def _installed(config: Settings, artifact: Artifact, notes: _Notes) -> bool:
    if is_archive(artifact):
        return archives.is_unpacked(jvm.unpacked(config, artifact.part), artifact.sha256)
    return notes.verified(place(config, artifact), artifact)


class _Notes:
    """What was hashed before: by path, the size, time of change and SHA-256 that a file had."""

    def __init__(self, config: Settings) -> None:
        self._file = config.cache / "verified.json"
        self._known: dict[str, list[object]] = {}
        self._changed = False
        with suppress(OSError, ValueError):
            self._known = json.loads(self._file.read_text())

    def verified(self, path: Path, artifact: Artifact) -> bool:
        try:
            stat = path.stat()
        except OSError:
            return False
        if stat.st_size != artifact.size:
            return False
        note = [stat.st_size, stat.st_mtime_ns, artifact.sha256]
        if self._known.get(str(path)) != note:
            if sha256(path) != artifact.sha256:
                return False
            self._known[str(path)] = note
            self._changed = True
        return True

    def write(self) -> None:
        if self._changed:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial = self._file.with_suffix(".partial")
            partial.write_text(json.dumps(self._known, indent=0))
            partial.replace(self._file)


def size(found: Iterable[Artifact]) -> int:
    """Bytes of the artifacts, as locked."""
    return sum(a.size for a in found)
