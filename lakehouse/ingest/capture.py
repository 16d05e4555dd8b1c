"""Whether Debezium has handed on to Kafka what PostgreSQL committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from lakehouse import context, names
from lakehouse.errors import UnavailableError
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet

if TYPE_CHECKING:
    import psycopg

_TARGET = "select pg_current_wal_lsn() - '0/0'::pg_lsn"
_CONFIRMED = "select confirmed_flush_lsn - '0/0'::pg_lsn from pg_replication_slots where slot_name = %s"


def wait(config: Settings, source: str, *, timeout_seconds: float = 300, progress: Progress = quiet) -> None:
    """Return once every change committed before this call is in Kafka.

    Compares the write-ahead log's end at the time of the call with what the source's replication slot confirmed,
    both in bytes. Raises UnavailableError when PostgreSQL does not answer, the connector failed or does not catch up
    in time; nothing is lost then: PostgreSQL keeps the log until the slot has confirmed it.
    """
    slot = names.replication_slot(source)
    with context.postgres(config, user="debezium") as connection:
        connection.autocommit = True
        target, begun = _number(connection, _TARGET), _number(connection, _CONFIRMED, slot)

        def behind() -> bool:
            confirmed = _number(connection, _CONFIRMED, slot)
            progress(f"capture {source} (bytes of log)", max(0, confirmed - begun), max(0, target - begun))
            if confirmed < target:
                _require_not_failed(config, source)
            return confirmed < target

        try:
            Retrying(
                retry=retry_if_result(bool), stop=stop_after_delay(timeout_seconds), wait=wait_fixed(0.5)
            )(behind)
        except RetryError:
            raise UnavailableError(
                f"capture of {source} has not caught up with PostgreSQL after {timeout_seconds:.0f} s",
                hint="lakehouse status, then lakehouse logs connect; nothing is lost, run again",
                slot=slot,
            ) from None


def _require_not_failed(config: Settings, source: str) -> None:
    """Raise UnavailableError if Kafka Connect says why the capture stands still. A restarting Connect is waited for."""
    import requests

    name = names.connector(source)
    try:
        answer = requests.get(f"{context.connect_url(config)}/connectors/{name}/status", timeout=5)
    except requests.RequestException:
        return
    tasks = answer.json().get("tasks", []) if answer.status_code == 200 else []
    for task in tasks:
        if task["state"] == "FAILED":
            raise UnavailableError(
                f"connector {name} failed: {task.get('trace', '').splitlines()[0]}",
                hint="lakehouse up starts it again; lakehouse logs connect says more",
            )


def _number(connection: psycopg.Connection[Any], sql: str, *values: str) -> int:
    row = connection.execute(sql.encode(), values).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
