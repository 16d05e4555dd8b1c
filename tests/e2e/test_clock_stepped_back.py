"""Drill of docs/runbooks/clock-stepped-back.md: known time does not go back with the clock, so silver misses nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse import names, tables
from lakehouse.ingest import bronze
from lakehouse.transform import build

STAGING = names.staging(tables.get("events.checkout"))


class Back(datetime):
    """A clock that went back by a day."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) - timedelta(days=1)


def test_what_is_landed_after_the_step_reaches_silver(drill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    build_silver = {"select": STAGING.split(".")[1], "tests": False}
    drill.send(drill.events(10))
    drill.land()
    build.build(drill.config, **build_silver)
    began = datetime.now(UTC)
    monkeypatch.setattr(bronze, "datetime", Back)
    drill.send(drill.events(10))
    assert drill.land().rows["checkout"] == 10
    build.build(drill.config, **build_silver)
    assert len(drill.rows("event_id", STAGING)) == 20
    known = dict(drill.rows("event_id, _ingested_at"))
    assert max(known.values()) < began, "the clock did go back"
    assert min(known[f"evt_drill_{n}"] for n in range(10, 20)) > max(
        known[f"evt_drill_{n}"] for n in range(10)
    )
