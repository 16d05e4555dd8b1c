"""Drill of docs/runbooks/topic-made-anew.md: a topic that was deleted and made again is told from the old one, however long."""

from __future__ import annotations

import shutil
import time
from typing import Any

import pytest

from lakehouse import context
from lakehouse.errors import DataError
from lakehouse.ingest import status
from lakehouse.settings import Settings


def make_anew(config: Settings, topic: str) -> None:
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic
    from kafka.errors import TopicAlreadyExistsError

    admin = KafkaAdminClient(bootstrap_servers=context.kafka_servers(config))
    admin.delete_topics([topic])
    for _ in range(60):
        try:
            admin.create_topics([NewTopic(name=topic, num_partitions=1, replication_factor=1)])
            break
        except TopicAlreadyExistsError:
            time.sleep(0.5)
    admin.close()


def test_it_is_refused_and_landed_beside_what_was_there(drill: Any) -> None:
    drill.send(drill.events(5))
    drill.land()
    before = drill.ids()
    make_anew(drill.config, drill.topic)
    for count, words in ((3, "Kafka's ends at"), (5, "another message than bronze")):
        drill.send(drill.events(count))
        with pytest.raises(DataError, match=words) as refused:
            drill.land()
        assert "docs/runbooks/topic-made-anew.md" in str(refused.value.hint)
        assert drill.ids() == before
        told = status.read(drill.config, "events").tables[0]
        assert (told.topic, words in str(told.problem)) == (drill.topic, True)
    folder = context.folder(drill.config, drill.bronze)
    shutil.move(folder, folder.with_name("moved"))
    drill.forget()
    assert drill.land().rows["checkout"] == 8
    assert drill.ids() == dict.fromkeys((f"evt_drill_{n}" for n in range(5, 13)), 1)
