"""Who may send: API keys of clients, and the secrets under which callbacks are signed. One secret file each."""

from __future__ import annotations

import re
from hashlib import sha256

from pydantic import SecretStr

from lakehouse import secrets
from lakehouse.errors import Refused, UsageError
from lakehouse.settings import Settings

_CLIENT, _STRIPE = "collect-key-", "collect-stripe-"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def make_key(config: Settings, client: str) -> SecretStr:
    """The API key of a client, made on first call."""
    return secrets.ensure(config, _CLIENT + _checked(client))


def drop_key(config: Settings, client: str) -> bool:
    """Take a client's key away, from a running collector too; False if it had none."""
    return secrets.forget(config, _CLIENT + _checked(client))


def put_stripe_secret(config: Settings, name: str, value: SecretStr) -> None:
    """Keep a signing secret of Stripe under a name of ours; several hold at a time, so that one can be replaced."""
    if not value.get_secret_value():
        raise UsageError("the secret is empty", hint="Stripe shows it beside the endpoint: whsec_...")
    secrets.put(config, _STRIPE + _checked(name), value)


def drop_stripe_secret(config: Settings, name: str) -> bool:
    """Take a signing secret away, from a running collector too; False if there was none of that name."""
    return secrets.forget(config, _STRIPE + _checked(name))


class Keys:
    """The keys and secrets as they are now: read again once the folder of secrets changes."""

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._folder = secrets.path(config, "any").parent
        self._seen: int | None = None
        self._clients: dict[bytes, str] = {}
        self._stripe: list[SecretStr] = []

    def client(self, given: str | None) -> str:
        """The client that an ``X-Api-Key`` belongs to; Refused (401). Keys are looked up by their hash, so the time
        that takes says nothing about them."""
        self._refresh()
        found = self._clients.get(_hash(given)) if given else None
        if found is None:
            raise Refused(
                401,
                "the X-Api-Key header is " + ("not a known key" if given else "missing"),
                hint="lakehouse collect key makes one",
            )
        return found

    def stripe(self) -> list[SecretStr]:
        """The secrets that may have signed a callback; Refused (503) while there is none."""
        self._refresh()
        if not self._stripe:
            raise Refused(
                503,
                "no signing secret of Stripe is known here, so nothing can be verified",
                hint="lakehouse collect stripe-secret",
                retry_after=60,
            )
        return self._stripe

    def _refresh(self) -> None:
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            changed = 0
        if changed != self._seen:
            keys = secrets.named(self._config, _CLIENT)
            self._clients = {_hash(key.get_secret_value()): client for client, key in keys.items()}
            self._stripe = list(secrets.named(self._config, _STRIPE).values())
            self._seen = changed


def _hash(key: str) -> bytes:
    return sha256(key.encode()).digest()


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a key", hint="up to 40 of a-z, 0-9 and -, such as web-shop"
        )
    return name
