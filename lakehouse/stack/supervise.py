"""The process manager: one supervisord per state folder, behind a unix socket only its user can open."""

from __future__ import annotations

import configparser
import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from lakehouse import settings
from lakehouse.errors import ConfigError, UnavailableError
from lakehouse.settings import Settings
from lakehouse.stack.service import MARK, Program
from lakehouse.stack.templates import render

_LONGEST_SOCKET = 90
"""AF_UNIX paths end at 108 bytes on Linux and 104 on macOS, and supervisor adds its pid while it binds."""

_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Process:
    """What supervisor knows of a program; ``state`` is its word (RUNNING, FATAL, ...), ``pid`` 0 for none."""

    name: str
    state: str
    pid: int
    message: str


def mark(config: Settings) -> str:
    """What ``MARK`` is set to in everything this stack starts."""
    return os.path.realpath(config.state)


def log_file(config: Settings, name: str) -> Path:
    """Where a service's output goes, rotated at 10 MB."""
    return config.state / "log" / f"{name}.log"


def _conf(config: Settings) -> Path:
    return config.state / "run" / "supervisord.conf"


def _program_file(config: Settings, name: str) -> Path:
    return config.state / "run" / "programs" / f"{name}.conf"


def digest(program: Program) -> str:
    """Changes when a service must be started anew to follow its settings; the Java it runs on is left out."""
    parts = [
        *program.command[1:],
        *(f.read_text() for f in program.files),
        *sorted(program.environment.items()),
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def configured(config: Settings, name: str) -> str | None:
    """The digest of the configuration that ``name`` was last started with."""
    parser = configparser.RawConfigParser()
    parser.read(_program_file(config, name))
    return parser.get(f"program:{name}", "x_digest", fallback=None)


def _socket(config: Settings) -> Path:
    parser = configparser.RawConfigParser()
    parser.read(_conf(config))
    known = parser.get("unix_http_server", "file", fallback=None)
    return Path(known) if known else _new_socket(config)


def _new_socket(config: Settings) -> Path:
    near = config.state / "run" / "supervisor.sock"
    if len(os.fsencode(near)) <= _LONGEST_SOCKET:
        return near
    folder = Path(tempfile.gettempdir()) / f"ledgerlake-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077 or folder.is_symlink():
        raise ConfigError(
            f"{folder} is not a private folder of this user, so the supervisor's socket cannot lie there",
            hint=f"remove {folder}, or set LAKEHOUSE_PATHS__STATE to a shorter path",
        )
    return folder / f"{hashlib.sha256(mark(config).encode()).hexdigest()[:16]}.sock"


def _call(config: Settings, method: str, *arguments: Any) -> Any:
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(None, None, f"unix://{_socket(config)}")
    try:
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        return getattr(proxy.supervisor, method)(*arguments)
    finally:
        transport.close()


def alive(config: Settings) -> bool:
    """Whether the supervisor of this state folder answers."""
    if not _conf(config).exists():
        return False
    try:
        return bool(_call(config, "getState")["statename"] == "RUNNING")
    except (OSError, xmlrpc.client.Error):
        return False


def ensure(config: Settings, programs: Mapping[str, Program]) -> None:
    """Have a supervisor that knows these programs, none of them started by this call.

    A program that runs keeps running as it is; one that does not takes the configuration given here.
    """
    for name, program in programs.items():
        _write(config, name, program)
    if not alive(config):
        _launch(config)
    added, changed, _ = _call(config, "reloadConfig")[0]
    running = {p.name for p in processes(config) if p.pid}
    for name in {*changed} - running:
        _call(config, "removeProcessGroup", name)
    for name in {*added, *changed} - running:
        _call(config, "addProcessGroup", name)


def _write(config: Settings, name: str, program: Program) -> None:
    environment = {**program.environment, MARK: mark(config)}
    log_file(config, name).parent.mkdir(parents=True, exist_ok=True)
    program.cwd.mkdir(parents=True, exist_ok=True)
    render(
        config, "program.conf.j2", _program_file(config, name),
        name=name, command=_escaped(shlex.join(program.command)), cwd=_escaped(str(program.cwd)),
        log=_escaped(str(log_file(config, name))), stop_signal=program.stop_signal,
        stop_seconds=program.stop_seconds, stops_as_group=program.stops_as_group, digest=digest(program),
        environment=",".join(f'{k}="{_escaped(v)}"' for k, v in sorted(environment.items())),
    )  # fmt: skip


def _escaped(text: str) -> str:
    """Text for a value that supervisor expands %-formats in."""
    return text.replace("%", "%%")


def _launch(config: Settings) -> None:
    conf = _conf(config)
    (config.state / "log").mkdir(parents=True, exist_ok=True)
    render(config, "supervisord.conf.j2", conf, socket=_new_socket(config), root=os.geteuid() == 0)
    own = settings.environment()
    told = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(conf)],
        env={k: own[k] for k in _KEPT if k in own} | {MARK: mark(config)},
        cwd=config.state, capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip
    if told.returncode != 0:
        raise ConfigError(
            f"the supervisor did not start: {(told.stderr or told.stdout).strip()[-1000:]}",
            hint="lakehouse doctor",
        )
    log = config.state / "log" / "supervisord.log"
    for attempt in Retrying(
        retry=retry_if_exception_type(UnavailableError),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(20),
        reraise=True,
    ):
        with attempt:
            if not alive(config):
                raise UnavailableError("the supervisor does not answer", hint=f"see {log}")


def processes(config: Settings) -> list[Process]:
    """What the supervisor knows; nothing when it does not run."""
    if not alive(config):
        return []
    return [
        Process(p["name"], p["statename"], p["pid"], p["spawnerr"])
        for p in _call(config, "getAllProcessInfo")
    ]


def start(config: Settings, name: str) -> None:
    """Start a program; no error if it runs already."""
    _tolerant(config, "startProcess", name)


def stop(config: Settings, names: Iterable[str]) -> None:
    """Tell programs to stop, all at once, without waiting."""
    for name in names:
        _tolerant(config, "stopProcess", name)


def _tolerant(config: Settings, method: str, name: str) -> None:
    from supervisor.xmlrpc import Faults

    try:
        _call(config, method, name, False)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode not in (Faults.ALREADY_STARTED, Faults.NOT_RUNNING, Faults.BAD_NAME):
            raise UnavailableError(f"{name}: {fault.faultString}", hint=f"lakehouse logs {name}") from None


def shutdown(config: Settings, seconds: float) -> None:
    """End the supervisor, which stops what still runs, and wait ``seconds`` at most for its process to go."""
    with suppress(OSError, xmlrpc.client.Error, psutil.Error):
        supervisor = psutil.Process(_call(config, "getPID"))
        _call(config, "shutdown")
        supervisor.wait(timeout=seconds)
