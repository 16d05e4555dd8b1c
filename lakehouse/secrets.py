"""Passwords and keys, generated or given: one file each, mode 0600, under ``<state>/secrets``."""

from __future__ import annotations

import os
import secrets as _random
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from lakehouse.errors import ConfigError
from lakehouse.settings import Settings

_BYTES = 24


def path(settings: Settings, name: str) -> Path:
    return settings.state / "secrets" / name


def read(settings: Settings, name: str) -> SecretStr:
    """The secret called ``name``; ConfigError if the stack has not made it yet."""
    try:
        return SecretStr(path(settings, name).read_text().strip())
    except FileNotFoundError:
        raise ConfigError(f"no secret {name!r} in {settings.state}/secrets", hint="lakehouse up") from None


def ensure(settings: Settings, name: str) -> SecretStr:
    """The secret called ``name``, made on first call; later calls, also after a crash, return the same."""
    if not path(settings, name).exists():
        put(settings, name, SecretStr(_random.token_urlsafe(_BYTES)))
    return read(settings, name)


def put(settings: Settings, name: str, value: SecretStr) -> None:
    """Keep a secret, in place of the one of that name; a reader finds the old one or the new one, whole."""
    file = path(settings, name)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(value.get_secret_value())
    partial.replace(file)


def forget(settings: Settings, name: str) -> bool:
    """Delete a secret; False if there was none."""
    try:
        path(settings, name).unlink()
    except FileNotFoundError:
        return False
    return True


def named(settings: Settings, prefix: str) -> dict[str, SecretStr]:
    """The secrets whose names begin with ``prefix``, by what follows it."""
    found: dict[str, SecretStr] = {}
    for file in sorted((settings.state / "secrets").glob(f"{prefix}*")):
        with suppress(FileNotFoundError):  # forgotten meanwhile
            if not file.suffix:
                found[file.name.removeprefix(prefix)] = SecretStr(file.read_text().strip())
    return found
