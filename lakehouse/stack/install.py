"""Set-up of the JVM parts: fetched once per user, checked against ``conf/jvm.lock.yml``, unpacked."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml
from filelock import FileLock

from lakehouse import jvm
from lakehouse.errors import ConfigError, DataError
from lakehouse.jvm import Artifact
from lakehouse.settings import Settings
from lakehouse.stack import archives, ivy, parts
from lakehouse.telemetry import Progress, quiet

_UNPACKED_RATIO = 1.2
"""What an archive takes while it is unpacked, over its own size; measured on the Trino server."""

_LOCK_HEADER = (
    "# Written by `lakehouse setup --relock` from conf/ivy.xml; every artifact is checked against it. "
    "Do not edit.\n"
)


@dataclass(frozen=True)
class Part:
    """One installed part: its locked files and their bytes."""

    name: str
    files: int
    bytes: int


def install(config: Settings, progress: Progress = quiet) -> None:
    """Have every JVM part in the user's cache, unaltered; seconds and no network if that is so already.

    Safe to interrupt and repeat: a file that was fetched is not fetched again. Two set-ups at once wait
    for each other. Raises ConfigError (no Java, no space), UnavailableError (no network), DataError (twice
    a wrong file).
    """
    jvm.java_home(config)
    with _translated(config), _alone(config, progress):
        wanted = parts.missing(config)
        if wanted:
            _require_space(config, wanted)
            _fetch(config, wanted, progress)
        _drop_archives(config)


def installed() -> list[Part]:
    """What the lock names, per part."""
    found: dict[str, list[Artifact]] = {}
    for artifact in jvm.artifacts():
        found.setdefault(artifact.part, []).append(artifact)
    return [Part(name, len(files), parts.size(files)) for name, files in found.items()]


def _fetch(config: Settings, wanted: list[Artifact], progress: Progress) -> None:
    left = _take_over(config, wanted, progress)
    wrong: set[str] = set()
    for _ in range(2):
        if not left:
            return
        ivy.resolve(config, sorted({a.part for a in left}), left, progress)
        fetched = ivy.found(config)
        left = _take_over(config, left, progress)
        # Of what is left, Ivy has a file that is not the locked one: away with it, and once again.
        wrong = {a.file for a in left if a.file in fetched}
    if left:
        name = left[0].file
        what = "is not the file that was locked (its SHA-256 differs)" if name in wrong else "was not found"
        raise DataError(
            f"{name} {what}, also when fetched anew; {len(left)} of {len(wanted)} files are not installed",
            hint="make setup to try again; after a change of conf/ivy.xml, lakehouse setup --relock",
            files=[a.file for a in left],
        )


def _take_over(config: Settings, wanted: list[Artifact], progress: Progress) -> list[Artifact]:
    """Put what Ivy, or an earlier layout, has of ``wanted`` into its place. Returns what is still to be had.

    A file with a wrong hash is deleted wherever it lies.
    """
    have = ivy.found(config)
    left = []
    for artifact in wanted:
        target = parts.place(config, artifact)
        if not any(_good(file, artifact) for file in (target, have.get(artifact.file)) if file):
            left.append(artifact)
            continue
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(have[artifact.file], target)
        if parts.is_archive(artifact):
            progress(f"unpack {artifact.part}", 0, 1)
            archives.unpack(target, jvm.unpacked(config, artifact.part), artifact.sha256)
            progress(f"unpack {artifact.part}", 1, 1)
    return left


def _good(file: Path, artifact: Artifact) -> bool:
    if not file.exists():
        return False
    if file.stat().st_size == artifact.size and parts.sha256(file) == artifact.sha256:
        return True
    file.unlink()
    return False


def _link(source: Path, target: Path) -> None:
    """One file in two places, so that nothing is kept twice; a copy where the file system has no links."""
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(source, partial)
    except OSError:
        shutil.copyfile(source, partial)
    partial.replace(target)


def _drop_archives(config: Settings) -> None:
    """Unpacked archives are of no more use: the folder remembers which one it came from."""
    archived = [a for a in jvm.artifacts() if parts.is_archive(a)]
    for artifact in archived:
        parts.place(config, artifact).unlink(missing_ok=True)
    if any(file.name.endswith(".tar.gz") for file in (config.cache / "ivy").glob("*/*/tar.gzs/*")):
        have = ivy.found(config)
        for artifact in archived:
            if artifact.file in have:
                have[artifact.file].unlink(missing_ok=True)


def _require_space(config: Settings, wanted: list[Artifact]) -> None:
    needed = int(parts.size(wanted) + _UNPACKED_RATIO * parts.size(a for a in wanted if parts.is_archive(a)))
    config.cache.mkdir(parents=True, exist_ok=True)
    have = ivy.found(config)
    needed -= sum(have[a.file].stat().st_size for a in wanted if a.file in have)
    free = shutil.disk_usage(config.cache).free
    if free < needed:
        raise ConfigError(
            f"{config.cache} has {free / 1e9:.1f} GB free, and the JVM parts need {needed / 1e9:.1f} GB more",
            hint="free some space, or set LAKEHOUSE_PATHS__CACHE to another disk, then make setup",
        )


def relock(config: Settings, progress: Progress = quiet) -> int:
    """Write the lock anew from conf/ivy.xml; returns the number of artifacts. Jars that pyspark ships are
    left out.

    Trusts what is fetched now (over TLS, with the repository's checksums): look at the difference before
    committing.
    """
    shipped = {_module(p.name) for p in ivy.pyspark_jars().glob("*.jar")}
    confs = ("spark", "kafka", "debezium", "trino")
    locked: dict[str, dict[str, dict[str, str | int]]] = {}
    with _translated(config), _alone(config, progress):
        ivy.resolve(config, confs, list(jvm.artifacts()), progress)
        for conf in confs:
            files = sorted(ivy.artifacts(config, conf), key=lambda p: p.name)
            locked[conf] = {
                p.name: {"sha256": parts.sha256(p), "size": p.stat().st_size}
                for p in files
                if conf != "spark" or _module(p.name) not in shipped
            }
        jvm.LOCK.write_text(_LOCK_HEADER + yaml.safe_dump(locked, sort_keys=False))
        jvm.artifacts.cache_clear()
    return sum(len(files) for files in locked.values())


def _module(file: str) -> str:
    """A jar's name without its version."""
    return re.sub(r"-\d[^-]*(-[A-Za-z0-9.]+)?\.jar$", "", file)


@contextmanager
def _alone(config: Settings, progress: Progress) -> Iterator[None]:
    config.cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(config.cache / "lock")
    with suppress(TimeoutError):
        lock.acquire(timeout=0.1)
    if not lock.is_locked:
        progress("wait for another set-up", 0, None)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _translated(config: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ConfigError(
                f"the disk of {config.cache} is full",
                hint="free some space, then make setup: it goes on from there",
            ) from None
        if isinstance(error, PermissionError):
            raise ConfigError(
                f"no permission to write {error.filename}",
                hint="set LAKEHOUSE_PATHS__CACHE to a folder of yours, then make setup",
            ) from None
        raise
