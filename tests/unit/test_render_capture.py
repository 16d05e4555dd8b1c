"""Topics and the connector, spelled out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse import tables
from lakehouse.contracts import Retention
from lakehouse.errors import ContractError
from lakehouse.render import debezium, kafka

LEDGER = tables.of_source("ledger")

LOG = {
    "cleanup.policy": "delete",
    "retention.ms": "604800000",
    "retention.bytes": "-1",
    "max.message.bytes": "8388608",
    "min.insync.replicas": "1",
}


DAY = {"cleanup.policy": "delete", "retention.ms": "86400000"}


def test_topics_of_the_ledger() -> None:
    assert {t.name: (t.partitions, t.config) for t in kafka.topics(LEDGER[0].source, LEDGER)} == {
        "ledger.public.merchants": (1, LOG),
        "ledger.public.customers": (1, LOG),
        "ledger.public.products": (1, LOG),
        "ledger.public.payment_methods": (1, LOG),
        "ledger.public.payments": (1, LOG),
        "ledger.public.refunds": (1, LOG),
        "ledger.public.disputes": (1, LOG),
        "ledger.public.payouts": (1, LOG),
        "ledger.public.ledger_entries": (1, LOG),
        "ledger.public.fx_rates": (1, LOG),
        "__debezium-heartbeat.ledger": (1, DAY),
        "ledger.lakehouse_capture.ledger_signals": (1, DAY),
        "ledger.lakehouse_capture.ledger_notifications": (1, DAY | {"retention.ms": "2592000000"}),
    }


def test_topics_of_events() -> None:
    events = tables.of_source("events")
    assert [t.name for t in kafka.topics(events[0].source, events)] == ["events.checkout", "events.webhook"]


def test_a_topic_follows_its_declaration() -> None:
    table = replace(tables.get("payments"), topic_partitions=3, retention=Retention(topic_days=30))
    assert kafka.topic(table) == kafka.Topic(
        "ledger.public.payments", 3, LOG | {"retention.ms": "2592000000"}
    )


def test_connector() -> None:
    secret = debezium.secret(Path("/state/secrets"), "postgres-debezium")
    told = debezium.connector(LEDGER[0].source, LEDGER, host="127.0.0.1", port=15432, password=secret)
    assert all(isinstance(v, str) for v in told.values())
    expected = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": "127.0.0.1",
        "database.port": "15432",
        "database.user": "debezium",
        "database.password": "${directory:/state/secrets:postgres-debezium}",
        "database.dbname": "payments",
        "topic.prefix": "ledger",
        "table.include.list": "public.merchants,public.customers,public.products,public.payment_methods,"
        "public.payments,public.refunds,public.disputes,public.payouts,public.ledger_entries,public.fx_rates",
        "plugin.name": "pgoutput",
        "slot.name": "capture_ledger",
        "publication.name": "capture_ledger",
        "publication.autocreate.mode": "disabled",
        "offset.mismatch.strategy": "trust_offset",
        "snapshot.mode": "initial",
        "signal.enabled.channels": "source",
        "signal.data.collection": "lakehouse_capture.ledger_signals",
        "notification.enabled.channels": "sink",
        "notification.sink.topic.name": "ledger.lakehouse_capture.ledger_notifications",
        "exactly.once.support": "required",
        "transaction.boundary": "poll",
        "decimal.handling.mode": "string",
        "time.precision.mode": "adaptive_time_microseconds",
        "binary.handling.mode": "bytes",
        "unavailable.value.placeholder": "__debezium_unavailable_value",
        "tombstones.on.delete": "true",
        "skipped.operations": "none",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
    }
    assert {k: told.get(k) for k in expected} == expected


def test_a_connector_needs_a_table_of_a_database() -> None:
    with pytest.raises(ContractError, match="source 'ledger' has no table to capture"):
        debezium.connector(LEDGER[0].source, [], host="h", port=1, password="p")
    checkout = tables.get("checkout")
    with pytest.raises(ContractError, match=r"table events\.checkout has no debezium form"):
        debezium.connector(checkout.source, [checkout], host="h", port=1, password="p")
