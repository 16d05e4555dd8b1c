"""Business time: whole microseconds since 1970 UTC, counted by the generator and never read from the
machine.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ON = date(1970, 1, 1)


def micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


START = micros(datetime(2026, 1, 1, tzinfo=UTC))
"""Where the first stretch of every business begins: 2026-01-01T00:00:00Z, a Thursday."""


def instant(at: int) -> datetime:
    """The instant as an aware datetime, UTC."""
    return _EPOCH + timedelta(microseconds=at)


def day_of(at: int) -> date:
    """The UTC day that the instant falls in."""
    return _EPOCH_ON + timedelta(days=at // DAY)


def midnight(day: date) -> int:
    """The instant at which the UTC day begins."""
    return (day - _EPOCH_ON).days * DAY


def weekday(at: int) -> int:
    """0 is Monday."""
    return (at // DAY + 3) % 7


def iso(at: int) -> str:
    """ISO 8601 with microseconds and ``Z``: how instants are written in events."""
    return instant(at).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
