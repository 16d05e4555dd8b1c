"""Names, spelled out: other tools and people's queries depend on them."""

from __future__ import annotations

from lakehouse import names, tables

PAYMENTS, CHECKOUT = tables.get("payments"), tables.get("checkout")


def test_names_of_a_captured_table() -> None:
    assert names.topic(PAYMENTS) == "ledger.public.payments"
    assert names.bronze(PAYMENTS) == "bronze.ledger__payments"
    assert names.quarantine(PAYMENTS) == "ops.ledger__payments__quarantine"
    assert names.staging_model(PAYMENTS) == "stg_ledger__payments"
    assert names.staging(PAYMENTS) == "silver.stg_ledger__payments"


def test_names_of_an_event_table() -> None:
    assert names.topic(CHECKOUT) == "events.checkout"
    assert names.bronze(CHECKOUT) == "bronze.events__checkout"
    assert names.quarantine(CHECKOUT) == "ops.events__checkout__quarantine"
    assert names.staging(CHECKOUT) == "silver.stg_events__checkout"


def test_names_of_a_source() -> None:
    assert names.connector("ledger") == "capture_ledger"
    assert names.publication("ledger") == "capture_ledger"
    assert names.replication_slot("ledger") == "capture_ledger"
    assert names.heartbeat_topic(PAYMENTS.source) == "__debezium-heartbeat.ledger"


def test_names_of_a_model() -> None:
    assert names.model("lake", "fraud", "classifier") == "lake.ml.fraud_classifier"
