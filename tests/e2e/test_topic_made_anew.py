"""Drill of docs/runbooks/topic-made-anew.md: a topic deleted, made again and longer than before is told from the old one."""

from __future__ import annotations

import time

import pytest

from lakehouse import context, names, tables
from lakehouse.errors import DataError
from lakehouse.ingest import broker
from lakehouse.settings import Settings

TOPIC = names.topic(tables.get("events.checkout"))
PLACE = (TOPIC, 0)


def send(config: Settings, count: int) -> tuple[int, int]:
    """Write messages; offset and timestamp in ms of the last."""
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=context.kafka_servers(config), acks="all")
    sent = [producer.send(TOPIC, value=b"x", key=b"k", partition=0).get(30) for _ in range(count)]
    producer.close()
    return sent[-1].offset, sent[-1].timestamp


def make_anew(config: Settings) -> None:
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic
    from kafka.errors import TopicAlreadyExistsError

    admin = KafkaAdminClient(bootstrap_servers=context.kafka_servers(config))
    admin.delete_topics([TOPIC])
    for _ in range(60):
        try:
            admin.create_topics([NewTopic(name=TOPIC, num_partitions=1, replication_factor=1)])
            break
        except TopicAlreadyExistsError:
            time.sleep(0.5)
    admin.close()


def test_a_topic_that_grew_longer_again_is_refused(kafka_aside: Settings) -> None:
    marks = {PLACE: send(kafka_aside, 5)}
    broker.check_identity(kafka_aside, "events", broker.held(kafka_aside, [TOPIC]), marks)
    make_anew(kafka_aside)
    send(kafka_aside, 8)
    held = broker.held(kafka_aside, [TOPIC])
    broker.check("events", held, {PLACE: marks[PLACE][0] + 1})  # by offsets alone it looks well
    with pytest.raises(DataError, match="made anew") as refused:
        broker.check_identity(kafka_aside, "events", held, marks)
    assert "docs/runbooks/topic-made-anew.md" in str(refused.value.hint)
