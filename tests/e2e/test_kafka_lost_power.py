"""Drill of docs/runbooks/kafka-lost-power.md: Kafka comes back without the end of its log, which it had not on the disk yet."""

from __future__ import annotations

import os
from typing import Any

import pytest

from lakehouse.errors import DataError
from lakehouse.stack import services


def lose_power(drill: Any, bytes_lost: int) -> None:
    """Kafka dies, and the newest bytes of the topic's log with it."""
    drill.kill_kafka()
    log = max((drill.config.state / "kafka" / "data" / f"{drill.topic}-0").glob("*.log"))
    with log.open("rb+") as file:
        file.truncate(log.stat().st_size - bytes_lost)
        os.fsync(file.fileno())
    services.up(drill.config, ["kafka"])


def test_what_was_not_landed_yet_is_sent_again(drill: Any) -> None:
    """Of a torn batch nothing is left; who wrote it with acks=all writes it again, and nobody lands a half."""
    drill.send(drill.events(10))
    drill.land()
    torn = drill.events(10)
    drill.send(torn)
    lose_power(drill, 7)
    assert not sum(drill.land().rows.values())
    drill.send(torn)
    assert drill.land().rows["checkout"] == 10
    assert sorted(drill.ids().values()) == [1] * drill.made


def test_what_was_landed_already_is_told_and_nothing_is_doubled(drill: Any) -> None:
    drill.send(drill.events(10))
    drill.land()
    before = drill.ids()
    lose_power(drill, 7)
    with pytest.raises(DataError, match="Kafka's ends at") as told:
        drill.land()
    assert "docs/runbooks/topic-made-anew.md" in str(told.value.hint)
    drill.send(drill.events(30))
    with pytest.raises(DataError, match="another message than bronze"):
        drill.land()
    assert drill.ids() == before
