"""Drill of docs/runbooks/two-ingests.md: a second application for a source is refused, by the lock and without it."""

from __future__ import annotations

from typing import Any

import pytest

from lakehouse import context
from lakehouse.errors import SafetyError
from lakehouse.ingest import bronze, lock, stream


def test_the_second_is_refused_while_the_first_runs(drill: Any) -> None:
    with lock.of_source(drill.config, "events"), pytest.raises(SafetyError, match="already being") as told:
        drill.land()
    assert "docs/runbooks/two-ingests.md" in str(told.value.hint)


def test_without_the_lock_the_table_refuses_it(drill: Any) -> None:
    drill.send(drill.events(5))
    drill.land()
    second = bronze.open_landing(drill.config, context.spark(), (drill.table,))
    drill.send(drill.events(5))
    drill.land()
    messages = messages_of(drill, 5)
    with pytest.raises(SafetyError, match="another ingest moved it") as told:
        second.land(messages)
    assert "docs/runbooks/two-ingests.md" in str(told.value.hint)
    assert drill.ids() == dict.fromkeys((f"evt_drill_{n}" for n in range(10)), 1)
    assert not stream.run(drill.config, "events", once=True).rows


def messages_of(drill: Any, begin: int) -> Any:
    """What Kafka has of the topic from an offset on."""
    return (
        context.spark()
        .read.format("kafka")
        .option("kafka.bootstrap.servers", context.kafka_servers(drill.config))
        .option("subscribe", drill.topic)
        .load()
        .where(f"offset >= {begin}")
    )
