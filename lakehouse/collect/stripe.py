"""A callback of Stripe -> a row of the declared ``webhook`` table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lakehouse.collect import body
from lakehouse.errors import Refused


def row(raw: bytes) -> dict[str, Any]:
    """The row of a callback, by its body: ``payload`` is the body as received, ``occurred_at`` its ``created``.

    Refused (422) when the body is no event with an id, a type and an instant.
    """
    event = body.parse(raw)
    if not isinstance(event, dict) or not all(_is_name(event.get(name)) for name in ("id", "type")):
        raise Refused(422, "the callback is not an event with an id and a type")
    return {
        "event_id": event["id"],
        "provider": "stripe",
        "event_type": event["type"],
        "payment_id": payment(event.get("data")),
        "payload": raw.decode(),
        "occurred_at": _instant(event.get("created")),
    }


def payment(data: Any) -> str | None:
    """The payment that ``data.object`` is or refers to: ours if its metadata name it (``payment_id``), else Stripe's
    payment intent, else, of what is older than intents, the charge."""
    about = data.get("object") if isinstance(data, dict) else None
    if not isinstance(about, dict):
        return None
    metadata = about.get("metadata")
    own = metadata.get("payment_id") if isinstance(metadata, dict) else None
    candidates = (own, *(_reference(about, kind) for kind in ("payment_intent", "charge")))
    return next((c for c in candidates if _is_name(c)), None)


def _reference(about: dict[str, Any], kind: str) -> Any:
    """The id of the object itself if it is of the kind, else of the one it points at, by id or expanded."""
    if about.get("object") == kind:
        return about.get("id")
    pointed = about.get(kind)
    return pointed.get("id") if isinstance(pointed, dict) else pointed


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _instant(created: Any) -> str:
    try:
        if type(created) is int:
            return datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        pass
    raise Refused(422, "the callback's created is not seconds since 1970")
