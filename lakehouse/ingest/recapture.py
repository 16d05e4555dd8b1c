"""Begins the capture of a source anew, once PostgreSQL no longer has the changes that come next: its slot is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import requests
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from lakehouse import context, names, tables
from lakehouse.contracts import Table
from lakehouse.errors import SafetyError, UnavailableError, UsageError, first_line
from lakehouse.ingest import broker, capture, lock
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet

_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Recaptured:
    """Tables of the source whose rows are in Kafka again, and the source's time of the truncates before them."""

    source: str
    tables: tuple[str, ...]
    emptied_at: datetime


def recapture(
    config: Settings,
    source: str,
    *,
    force: bool = False,
    timeout_seconds: float = 3600,
    progress: Progress = quiet,
) -> Recaptured:
    """Empty every table of ``source`` in its topic, and have capture write all rows that PostgreSQL has after that.

    The truncates are what takes away rows that were deleted while nobody listened; histories have no version between
    them and the new snapshot. What changed twice in between is seen once. No ingest of the source runs meanwhile, so
    nobody lands a half. Stopped at any step, a second call does it all again; until one has come to its end, capture
    stays stopped or its snapshot begins anew.

    Raises UsageError for a source that is not captured here, SafetyError while an ingest runs, or if capture is well
    and ``force`` is not set; UnavailableError when a service does not answer or it is not done in time.
    """
    chosen = tables.of_source(source)
    if chosen[0].source not in tables.captured():
        raise UsageError(f"source {source} is not captured by us", hint="see lakehouse tables list")
    url = f"{context.connect_url(config)}/connectors/{names.connector(source)}"
    with lock.of_source(config, source):
        if not force and _is_well(config, source, chosen[0].source.database):
            raise SafetyError(
                f"capture of {source} runs and has its slot",
                hint=f"lakehouse ingest run --source {source} --once waits for what it reads and lands it; lakehouse ingest "
                "snapshot reads tables again; --force begins anew all the same",
            )
        try:
            _ask("PUT", f"{url}/stop")
            _until(
                lambda: _ask("GET", f"{url}/status")["connector"]["state"] == "STOPPED", "stop the connector"
            )
            at = _drop_slot(config, source, chosen[0].source.database)
            _empty(config, chosen, at)
            _ask("DELETE", f"{url}/offsets")
            _ask("PUT", f"{url}/resume")
        except requests.RequestException as error:
            is_away = isinstance(error, (requests.ConnectionError, requests.Timeout))
            raise UnavailableError(
                "Kafka Connect does not answer"
                if is_away
                else f"Kafka Connect did not do as it was told: {first_line(error)}",
                hint="lakehouse up --only connect, then run again",
            ) from None
        capture.wait(config, source, timeout_seconds=timeout_seconds, progress=progress)
    return Recaptured(source, tuple(f"{source}.{t.name}" for t in chosen), at)


def _is_well(config: Settings, source: str, database: str) -> bool:
    """Whether Connect says that capture runs, and PostgreSQL has its slot: Connect takes a while to notice that not."""
    if context.capture_state(config, source)[0] != "running":
        return False
    sql = "select from pg_replication_slots where slot_name = %s and wal_status <> 'lost'"
    with context.postgres(config, user="debezium", database=database) as connection:
        return bool(connection.execute(sql, [names.replication_slot(source)]).fetchall())


def _ask(method: str, url: str) -> Any:
    answer = requests.request(method, url, timeout=60)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def _until(is_so: Callable[[], bool], what: str) -> None:
    try:
        Retrying(
            retry=retry_if_result(lambda done: not done),
            stop=stop_after_delay(_PATIENCE_SECONDS),
            wait=wait_fixed(0.3),
        )(is_so)
    except RetryError:
        raise UnavailableError(
            f"it took more than {_PATIENCE_SECONDS} s to {what}", hint="lakehouse status, then run again"
        ) from None


def _drop_slot(config: Settings, source: str, database: str) -> datetime:
    """Drop what is left of the slot, so that the snapshot begins one; the time by PostgreSQL's clock."""
    slot = names.replication_slot(source)
    try:
        with context.postgres(config, user="debezium", database=database) as connection:
            connection.autocommit = True
            _until(
                lambda: (
                    not connection.execute(
                        "select from pg_replication_slots where slot_name = %s and active", [slot]
                    ).fetchall()
                ),
                "let go of the slot",
            )
            connection.execute(
                "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s",
                [slot],
            )
            row = connection.execute("select clock_timestamp()").fetchone()
            assert row is not None
            at: datetime = row[0]
            return at
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"PostgreSQL went away: {first_line(error)}", hint="lakehouse status, then run again"
        ) from None


def _empty(config: Settings, chosen: tuple[Table, ...], at: datetime) -> None:
    """Write a truncate into each partition of the tables' topics, in the form of Debezium's but with no place in
    PostgreSQL's log: it follows all that came before it."""
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    millis = int(at.timestamp() * 1000)
    try:
        producer = KafkaProducer(bootstrap_servers=context.kafka_servers(config), acks="all")
        for table in chosen:
            schema, name = table.place
            source = {"ts_ms": millis, "snapshot": "false", "schema": schema, "table": name}
            truncate = json.dumps({"source": source, "op": "t", "ts_ms": millis}).encode()
            sent = [
                producer.send(names.topic(table), truncate, partition=p)
                for p in range(table.topic_partitions)
            ]
            for one in sent:
                one.get(_PATIENCE_SECONDS)
        producer.close()
    except KafkaError as error:
        raise broker.unavailable(config, error) from None
