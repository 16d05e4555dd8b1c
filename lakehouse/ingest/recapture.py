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
from lakehouse.errors import ReadInParts, SafetyError, UnavailableError, UsageError, first_line
from lakehouse.ingest import broker, capture, lock, readings
from lakehouse.ingest.positions import Place
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet

_PATIENCE_SECONDS = 60
_ATTEMPTS = 3
"""Times that tables are emptied and read when capture is interrupted while it reads them."""


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
    nobody lands a half. Interrupted while it reads, capture would begin its reading anew, and a row that was read and then
    deleted would stay: all of it is done again then. Stopped at any step, a second call does it all again, unless capture
    came far enough to go on by itself.

    Raises UsageError for a source that is not captured here, SafetyError while an ingest runs, or if capture can go on
    with the slot that it has, paused or not, and ``force`` is not set; UnavailableError when a service does not answer or
    it is not done in time; ReadInParts when capture was interrupted each time.
    """
    chosen = tables.of_source(source)
    if chosen[0].source not in tables.captured():
        raise UsageError(f"source {source} is not captured by us", hint="see lakehouse tables list")
    with lock.of_source(config, source):
        state = context.capture_state(config, source)[0]
        if not force and _is_well(config, source, chosen[0].source.database, state):
            step = context.capture_step(config, source, state)
            raise SafetyError(
                f"capture of {source} {'runs' if state == 'running' else f'is {state}'} and has its slot",
                hint=(
                    f"{step}, and see whether it goes on"
                    if step
                    else f"lakehouse ingest run --source {source} --once waits for what it reads and lands it"
                )
                + "; lakehouse ingest snapshot reads tables again; --force begins anew all the same, without the changes "
                "that the log still has",
            )
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                at = _begin_anew(config, source, chosen)
                capture.wait(config, source, timeout_seconds=timeout_seconds, progress=progress)
                break
            except ReadInParts:
                if attempt == _ATTEMPTS:
                    raise
    return Recaptured(source, tuple(f"{source}.{t.name}" for t in chosen), at)


def _begin_anew(config: Settings, source: str, chosen: tuple[Table, ...]) -> datetime:
    """Stop, drop, empty, forget, resume; when the tables were emptied, by PostgreSQL's clock."""
    url = f"{context.connect_url(config)}/connectors/{names.connector(source)}"
    readings.note(config, source, readings.BEGUN)
    try:
        _ask("PUT", f"{url}/stop")
        _until(lambda: _ask("GET", f"{url}/status")["connector"]["state"] == "STOPPED", "stop the connector")
        at = _drop_slot(config, source, chosen[0].source.database)
        _empty(config, chosen, at)
        readings.note(config, source, readings.EMPTIED)
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
    return at


def _is_well(config: Settings, source: str, database: str, state: str) -> bool:
    """Whether capture can go on by itself: PostgreSQL has its slot, Connect does not say that it lacks what comes next,
    nobody began to begin it anew, and the tables were not read in parts. Connect takes a while to notice that a slot is gone."""
    if state in ("lost", "unknown", "missing"):
        return False
    notices = readings.since(config, source)
    if readings.is_begun(notices) or readings.is_in_parts(notices):
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
    millis, messages = int(at.timestamp() * 1000), list[tuple[Place, bytes]]()
    for table in chosen:
        schema, name = table.place
        source = {"ts_ms": millis, "snapshot": "false", "schema": schema, "table": name}
        truncate = json.dumps({"source": source, "op": "t", "ts_ms": millis}).encode()
        messages += [((names.topic(table), p), truncate) for p in range(table.topic_partitions)]
    broker.send(config, messages)
