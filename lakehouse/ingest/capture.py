"""Whether Debezium has handed on to Kafka what PostgreSQL committed."""

from __future__ import annotations

from time import monotonic
from typing import Any

import psycopg
import requests
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from lakehouse import context, names
from lakehouse.errors import UnavailableError, first_line, lost_slot
from lakehouse.ingest import readings
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet

_TARGET = "select pg_current_wal_lsn() - '0/0'::pg_lsn"
_CONFIRMED = "select confirmed_flush_lsn - '0/0'::pg_lsn from pg_replication_slots where slot_name = %s"

PATIENCE_SECONDS = 30
"""How long capture may stand still, and a third of how long Connect may be silent: started again after a ``kill -9``, it knows
its connectors once its group has given up the one that died, a minute later."""
_SILENT = {
    "unknown": "Kafka Connect does not answer",
    "missing": "Kafka Connect has no connector of it",
    "stopped": "its connector is stopped, by hand or by an ingest recapture that did not end",
    "paused": "its connector is paused",
}
"""States that may pass: while Connect starts it does not answer, then knows no connector."""

_PLACES = ("lsn", "lsn_proc", "lsn_commit")
"""Where the connector stands, in bytes of log. The slot is told no more than Connect has kept (render/debezium.py)."""
FIRST_SNAPSHOT, SNAPSHOT_ON_DEMAND = "snapshot", "incremental_snapshot_collections"
"""What stands in the connector's place, as Connect keeps it, while tables are read."""


def wait(
    config: Settings,
    source: str,
    *,
    reading: str = FIRST_SNAPSHOT,
    timeout_seconds: float = 300,
    progress: Progress = quiet,
) -> None:
    """Return once every change committed before this call is in Kafka, and tables are not being read (``reading``).

    Compares the write-ahead log's end at the time of the call with what the source's replication slot confirmed, both in
    bytes, while the connector runs. Raises DataError when PostgreSQL no longer has what comes next, UnavailableError when
    it does not answer, the connector failed, is stopped or silent for too long, or does not catch up in time;
    nothing is lost then: PostgreSQL keeps the log until the slot has confirmed it. ReadInParts, a DataError, when what is
    in Kafka may have rows that PostgreSQL has not.
    """
    slot = names.replication_slot(source)
    quiet_since: float | None = None

    def behind() -> bool:
        nonlocal quiet_since
        confirmed = _number(connection, _CONFIRMED, slot)
        progress(f"capture {source} (bytes of log)", max(0, confirmed - begun), max(0, target - begun))
        state, why = context.capture_state(config, source)
        if state == "lost":
            raise lost_slot(source)
        # Who does not run may have another slot than the one it stood at: what a new one confirms says nothing.
        if state == "running" and confirmed >= target and _has_handed_on(config, source, confirmed, reading):
            return False
        step = context.capture_step(config, source, state)
        if state == "failed":
            raise UnavailableError(f"connector {names.connector(source)} failed: {why}", hint=step)
        if state not in _SILENT:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = monotonic()
        elif monotonic() - quiet_since > PATIENCE_SECONDS * (3 if state in ("unknown", "missing") else 1):
            raise UnavailableError(
                f"{source} is not captured: {_SILENT[state]}",
                hint=f"{step}; then run again",
            )
        return True

    try:
        with context.postgres(config, user="debezium") as connection:
            connection.autocommit = True
            target, begun = _number(connection, _TARGET), _number(connection, _CONFIRMED, slot)
            Retrying(
                retry=retry_if_result(bool), stop=stop_after_delay(timeout_seconds), wait=wait_fixed(0.5)
            )(behind)
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"PostgreSQL went away: {first_line(error)}", hint="lakehouse status; nothing is lost, run again"
        ) from None
    except RetryError:
        raise UnavailableError(
            f"capture of {source} has not caught up with PostgreSQL after {timeout_seconds:.0f} s",
            hint="lakehouse status, then lakehouse logs connect; nothing is lost, run again",
            slot=slot,
        ) from None
    readings.require_whole(config, source)


def _has_handed_on(config: Settings, source: str, confirmed: int, reading: str) -> bool:
    """Whether the connector's place, as Connect keeps it, is where the slot says or later, and within no snapshot of the
    kind ``reading``.

    A slot alone does not tell: a new one begins with what was committed before it, further on than the connector stood,
    which says that it runs for a second before it notices. False while Connect does not tell: what it was reading when it
    died is read once it is back.
    """
    url = f"{context.connect_url(config)}/connectors/{names.connector(source)}/offsets"
    try:
        told = requests.get(url, timeout=30).json()["offsets"]
    except (requests.RequestException, KeyError):
        return False
    places = [entry["offset"] or {} for entry in told]
    return bool(places) and all(
        reading not in place and max(int(place.get(key) or 0) for key in _PLACES) >= confirmed
        for place in places
    )


def _number(connection: psycopg.Connection[Any], sql: str, *values: str) -> int:
    row = connection.execute(sql.encode(), values).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
