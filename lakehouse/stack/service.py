"""What a local service is: a program, what must be there before it starts, and a real request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse import jvm
from lakehouse.settings import Settings

MARK = "LEDGERLAKE_STACK"
"""Variable in the environment of everything the stack starts; its value is the state folder."""


@dataclass(frozen=True)
class Program:
    """One command that the supervisor keeps running. ``files`` are what it was configured with. One that does not
    stop as a group gets the signal alone, and ends its children itself."""

    command: tuple[str, ...]
    cwd: Path
    files: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 20
    stops_as_group: bool = True


@dataclass(frozen=True)
class Service:
    """One local service. ``ports`` are keys of ``settings.ports``, the one that clients use first; none if it has none.

    ``render`` writes configuration and is quick; ``prepare`` does what only the first start needs and may
    start processes of its own, both idempotent. ``probe`` makes one real request and raises while it is not
    answered.
    """

    name: str
    ports: tuple[str, ...]
    render: Callable[[Settings], Program]
    probe: Callable[[Settings], None]
    prepare: Callable[[Settings], None] = lambda config: None
    needs: tuple[str, ...] = ()
    patience_seconds: int = 300


def java(config: Settings, heap: int, *options: str) -> tuple[str, ...]:
    """The start of a Java command: heap in MiB, quick-start compiler, no remote management.

    The first-tier compiler alone halves the processor time of a start and was not slower on the demo's data.
    """
    return (
        str(jvm.java_home(config) / "bin" / "java"),
        f"-Xmx{heap}m",
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-Duser.timezone=UTC",
        f"-Djava.io.tmpdir={scratch(config)}",
        *options,
    )


def scratch(config: Settings) -> Path:
    """Folder for what JVMs unpack while they run."""
    folder = config.state / "run" / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
