"""Signatures of callbacks as Stripe makes them: ``Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>]``.

``v1`` is the HMAC-SHA256 of ``<t>.<body>`` under the endpoint's secret. The scheme: https://docs.stripe.com/webhooks#verify-manually
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

from pydantic import SecretStr

from lakehouse.errors import Refused

_SECONDS = re.compile(r"[0-9]{1,12}")


def sign(body: bytes, secret: SecretStr, at: int) -> str:
    """The value of ``v1`` for a body that is signed at the instant ``at``, seconds since 1970 UTC."""
    return _digest(body, secret, str(at))


def verify(header: str | None, body: bytes, secrets: Sequence[SecretStr], now: float, tolerance: int) -> None:
    """Refused (400) unless one of the header's signatures is that of the body under one of the secrets, and its
    instant is within ``tolerance`` seconds of ``now`` (seconds since 1970 UTC) either way.

    Takes the same time whichever byte of a signature is wrong. Several secrets serve while one is replaced.
    """
    at, signatures = _parts(header)
    found = False
    for secret in secrets:
        wanted = _digest(body, secret, at).encode()
        for given in signatures:
            found |= hmac.compare_digest(wanted, given.encode())
    if not found:
        raise Refused(
            400,
            "no signature of the callback is valid",
            hint="compare the endpoint's secret with the sender's",
        )
    if abs(now - int(at)) > tolerance:
        raise Refused(
            400,
            f"the callback was signed more than {tolerance} s from now",
            hint="compare the clocks; an old callback cannot be sent again as it was",
        )


def _digest(body: bytes, secret: SecretStr, at: str) -> str:
    return hmac.new(secret.get_secret_value().encode(), at.encode() + b"." + body, "sha256").hexdigest()


def _parts(header: str | None) -> tuple[str, list[str]]:
    """The instant as it was written, and every ``v1``; other schemes are passed over."""
    if header is None:
        raise Refused(400, "the callback has no Stripe-Signature header")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    instants = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1"]
    if len(instants) != 1 or not _SECONDS.fullmatch(instants[0]) or not signatures:
        raise Refused(400, "the Stripe-Signature header is not t=<seconds>,v1=<signature>")
    return instants[0], signatures
