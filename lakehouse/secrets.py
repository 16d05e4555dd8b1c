"""Generated passwords of the local stack: one file each, mode 0600, under ``<state>/secrets``."""

from __future__ import annotations

import os
import secrets as _random
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
    file = path(settings, name)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        partial = file.with_suffix(f".{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(_random.token_urlsafe(_BYTES))
        partial.replace(file)
    return read(settings, name)
