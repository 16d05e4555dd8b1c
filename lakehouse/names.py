"""The only place that joins names. Segments are joined by ``__``; every name is lower snake case."""

from __future__ import annotations

import re

from lakehouse.contracts import Source, SourceKind, Table

BRONZE, SILVER, GOLD, OPS = "bronze", "silver", "gold", "ops"
SCHEMAS = (BRONZE, SILVER, GOLD, OPS)
TRINO_CATALOG = "lake"


def topic(table: Table) -> str:
    """Kafka topic: ``ledger.public.payments`` for a PostgreSQL table, ``events.checkout`` for events.

    Debezium writes ``_`` for what Kafka does not allow in a name.
    """
    prefix = table.source.topic_prefix or table.source.name
    parts = table.place if table.source.kind is SourceKind.POSTGRES else (table.place[1],)
    return re.sub(r"[^a-zA-Z0-9._-]", "_", ".".join((prefix, *parts)))


def heartbeat_topic(source: Source) -> str:
    """Kafka topic of a connector's heartbeats, as Debezium names it: ``__debezium-heartbeat.ledger``."""
    return f"__debezium-heartbeat.{source.topic_prefix or source.name}"


def signals(source: Source) -> tuple[str, str]:
    """Schema and name of the PostgreSQL table by which a source's connector is told to do something."""
    return "lakehouse_capture", f"{source.name}_signals"


def signals_topic(source: Source) -> str:
    """Kafka topic of the rows of that table, as Debezium names it: ``ledger.lakehouse_capture.ledger_signals``."""
    return ".".join((source.topic_prefix or source.name, *signals(source)))


def notifications_topic(source: Source) -> str:
    """Kafka topic in which a source's connector tells how it reads tables: ``ledger.lakehouse_capture.ledger_notifications``."""
    return ".".join((source.topic_prefix or source.name, signals(source)[0], f"{source.name}_notifications"))


def bronze(table: Table) -> str:
    """Bronze log table, with its schema: ``bronze.ledger__payments``."""
    return f"{BRONZE}.{table.source.name}__{table.name}"


def quarantine(table: Table) -> str:
    """Where what cannot be parsed goes: ``ops.ledger__payments__quarantine``."""
    return f"{OPS}.{table.source.name}__{table.name}__quarantine"


def staging_model(table: Table) -> str:
    """dbt model of the current state: ``stg_ledger__payments``."""
    return f"stg_{table.source.name}__{table.name}"


def staging(table: Table) -> str:
    """Silver table of the current state, with its schema: ``silver.stg_ledger__payments``."""
    return f"{SILVER}.{staging_model(table)}"


def history_model(table: Table) -> str:
    """dbt model of all versions of the rows: ``hist_ledger__customers``."""
    return f"hist_{table.source.name}__{table.name}"


def history(table: Table) -> str:
    """Silver table of all versions of the rows, with its schema: ``silver.hist_ledger__customers``."""
    return f"{SILVER}.{history_model(table)}"


def connector(source: str) -> str:
    """Kafka Connect connector of a source: ``capture_ledger``."""
    return f"capture_{source}"


def publication(source: str) -> str:
    """PostgreSQL publication of a source: ``capture_ledger``."""
    return f"capture_{source}"


def replication_slot(source: str) -> str:
    """PostgreSQL logical replication slot of a source: ``capture_ledger``."""
    return f"capture_{source}"


def model(catalog: str, use: str, kind: str) -> str:
    """Registered model: ``<catalog>.ml.<use>_<kind>``."""
    return f"{catalog}.ml.{use}_{kind}"
