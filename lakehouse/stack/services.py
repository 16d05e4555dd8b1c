"""The stack as a whole: start, stop, look."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import psutil
from filelock import FileLock, Timeout

from lakehouse import context, tables
from lakehouse.errors import ConfigError, UnavailableError
from lakehouse.settings import Settings
from lakehouse.stack import catalog, leftovers, ports, supervise
from lakehouse.stack.service import Service
from lakehouse.telemetry import Progress, quiet

_WORDS = {"BACKOFF": "failed", "FATAL": "failed", "EXITED": "failed", "STOPPING": "stopping"}


@dataclass(frozen=True)
class ServiceStatus:
    """One service. ``state`` is stopped, starting, running, stopping, failed, or orphaned (running with no
    supervisor); ``port`` is where clients go; ``rss_bytes`` is the resident memory of its whole process
    tree."""

    name: str
    state: str
    port: int | None
    pid: int | None
    rss_bytes: int | None


@dataclass(frozen=True)
class CaptureStatus:
    """The connector of one source. ``state`` as ``context.capture_state`` gives it; ``error`` is why it failed."""

    source: str
    state: str
    error: str | None


def up(config: Settings, only: list[str] | None, progress: Progress = quiet) -> list[ServiceStatus]:
    """Start services and wait until each answers a real request, then provision them. Returns all services.

    What runs already is left as it is, so a second call changes nothing. Interrupted, it stops what it
    started. Raises ConfigError for a taken port or a missing part (nothing was started), UnavailableError
    with the end of the log for a service that does not come up (the others stay up).
    """
    from lakehouse.stack import provision

    chosen = catalog.chosen(only)
    config.state.mkdir(parents=True, exist_ok=True)
    # Nobody else looks in; as root, PostgreSQL's own user must still come through.
    config.state.chmod(0o711 if os.geteuid() == 0 else 0o700)
    with _alone(config):
        running = {p.name for p in supervise.processes(config) if p.pid}
        if not running and not supervise.alive(config):
            leftovers.sweep(config)
        _start(config, chosen, running, progress)
    provision.provision(config, [s.name for s in chosen], progress)
    return status(config)


def _start(config: Settings, chosen: list[Service], running: set[str], progress: Progress) -> None:
    missing = [s for s in chosen if s.name not in running]
    programs = {s.name: s.render(config) for s in chosen}
    for service in chosen:
        if service.name in running and supervise.configured(config, service.name) != supervise.digest(
            programs[service.name]
        ):
            raise ConfigError(
                f"{service.name} runs with other settings than are asked for now",
                hint="lakehouse down, then lakehouse up",
            )
    ports.check(config, [port for s in missing for port in s.ports])
    supervise.ensure(config, {s.name: programs[s.name] for s in missing})
    cancelled = Event()
    with ThreadPoolExecutor(max_workers=max(1, len(chosen))) as pool:
        jobs = [pool.submit(_bring_up, config, s, s.name not in running, progress, cancelled) for s in chosen]
        try:
            wait(jobs)
        except BaseException:
            cancelled.set()
            # Once at once, and once more for what was just being started.
            for _ in range(2):
                _stop(config, {s.name for s in missing}, everything=not running)
                wait(jobs)
            raise
    for job in jobs:
        job.result()


def _bring_up(config: Settings, service: Service, start: bool, progress: Progress, cancelled: Event) -> None:
    progress(f"start {service.name}", 0, 1)
    if start:
        service.prepare(config)
        if cancelled.is_set():
            return
        supervise.start(config, service.name)
    await_ready(config, service, cancelled)
    progress(f"start {service.name}", 1, 1)


def await_ready(config: Settings, service: Service, cancelled: Event | None = None) -> None:
    """Repeat the service's probe until it is answered; UnavailableError, with the end of its log, if
    never."""
    cancelled = cancelled or Event()
    last: Exception | None = None
    deadline = time.monotonic() + service.patience_seconds
    while not cancelled.is_set():
        try:
            service.probe(config)
            return
        except Exception as error:  # noqa: BLE001 - whatever the client raises, the service is not ready yet
            last = error
        state = next((p.state for p in supervise.processes(config) if p.name == service.name), "gone")
        if state == "FATAL" or state == "gone":
            raise _failure(config, service, "does not stay up", last)
        if time.monotonic() > deadline:
            raise _failure(config, service, f"did not answer within {service.patience_seconds} s", last)
        cancelled.wait(0.5)


def _failure(config: Settings, service: Service, what: str, last: Exception) -> UnavailableError:
    tail = "\n".join(f"    {line}" for line in _tail(supervise.log_file(config, service.name), 15))
    return UnavailableError(
        f"{service.name} {what}; last answer: {last}\n  the end of its log:\n{tail}",
        hint=f"lakehouse logs {service.name} --lines 200; lakehouse down stops what did start",
        service=service.name,
    )


def down(config: Settings, only: list[str] | None = None) -> list[ServiceStatus]:
    """Stop everything this state folder's stack started, also what no supervisor looks after any more; or ``only`` these.

    Idempotent: with nothing running it does nothing. Data stays.
    """
    chosen = {catalog.get(name).name for name in (catalog.KNOWN if only is None else only)}
    if config.state.exists():
        with _alone(config):
            _stop(config, chosen, everything=only is None)
    return status(config)


def _stop(config: Settings, names: set[str], *, everything: bool) -> None:
    """Stop services, those that others need last; with ``everything``, the supervisor and strays too."""
    if supervise.alive(config):
        needed = {n for s in catalog.KNOWN.values() for n in s.needs}
        for stage in (names - needed, names & needed):
            supervise.stop(config, stage)
            _await_stopped(config, stage)
        if everything:
            supervise.shutdown(config, seconds=60)
    if everything:
        leftovers.sweep(config)


def _await_stopped(config: Settings, names: set[str]) -> None:
    """supervisor kills what does not stop in its own time, so this ends."""
    while any(p.pid for p in supervise.processes(config) if p.name in names):
        time.sleep(0.1)


def status(config: Settings) -> list[ServiceStatus]:
    """Every service, running or not, in the order of the catalog; those on request while they are asked for."""
    known = {p.name: p for p in supervise.processes(config)}
    lost = {} if known else _orphans(config)
    asked_for = {name for name, process in known.items() if process.state != "STOPPED"}
    shown = [s for s in catalog.KNOWN.values() if s.name in catalog.SERVICES or s.name in asked_for]
    return [_status(config, s, known.get(s.name), lost) for s in shown]


def captures(config: Settings) -> list[CaptureStatus]:
    """Every source that is captured by a connector, as Kafka Connect tells; none while it does not run."""
    if not ports.accepts(config.ports.connect):
        return []
    return [CaptureStatus(s.name, *context.capture_state(config, s.name)) for s in tables.captured()]


def _status(
    config: Settings, service: Service, process: supervise.Process | None, lost: dict[str, psutil.Process]
) -> ServiceStatus:
    port = int(getattr(config.ports, service.ports[0])) if service.ports else None
    if process is None or not process.pid:
        if orphan := lost.get(service.name):
            return ServiceStatus(service.name, "orphaned", port, orphan.pid, _rss(orphan.pid))
        word = _WORDS.get(process.state, "stopped") if process else "stopped"
        return ServiceStatus(service.name, word, port, None, None)
    word = _WORDS.get(process.state) or ("running" if port is None or ports.accepts(port) else "starting")
    return ServiceStatus(service.name, word, port, process.pid, _rss(process.pid))


def _orphans(config: Settings) -> dict[str, psutil.Process]:
    """Services that run without a supervisor, by the port they listen on."""
    found: dict[str, psutil.Process] = {}
    for process in leftovers.find(config):
        with suppress(psutil.Error):
            listening = {
                c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN
            }
            for service in catalog.SERVICES.values():
                if getattr(config.ports, service.ports[0]) in listening:
                    found.setdefault(service.name, process)
    return found


def _rss(pid: int) -> int | None:
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    total = 0
    for process in tree:
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def logs(config: Settings, name: str, *, lines: int = 50, follow: bool = False) -> Iterator[str]:
    """The last lines of a service's log, and with ``follow`` those to come, until interrupted."""
    catalog.get(name)
    file = supervise.log_file(config, name)
    if not file.exists():
        raise ConfigError(f"{name} has no log yet: {file} is missing", hint=f"lakehouse up --only {name}")
    yield from _tail(file, lines)
    if follow:
        yield from _follow(file)


def _tail(file: Path, lines: int) -> list[str]:
    try:
        with file.open(errors="replace") as handle:
            return [line.rstrip("\n") for line in deque(handle, maxlen=lines)]
    except OSError:
        return []


def _follow(file: Path) -> Iterator[str]:
    handle = file.open(errors="replace")
    handle.seek(0, 2)
    while True:
        if line := handle.readline():
            yield line.rstrip("\n")
            continue
        time.sleep(0.3)
        with suppress(OSError):
            if file.stat().st_ino != os.fstat(handle.fileno()).st_ino:
                handle.close()
                handle = file.open(errors="replace")


@contextmanager
def _alone(config: Settings) -> Iterator[None]:
    """One ``up``, ``down`` or ``reset`` at a time."""
    folder = config.state / "run"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=120):
            yield
    except Timeout:
        raise UnavailableError(
            f"another lakehouse command is starting or stopping the stack in {config.state}",
            hint="try again later",
        ) from None
