"""How far ingest is, told from the tables' logs when no service runs. What Kafka and PostgreSQL add: integration."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from lakehouse import context, names, secrets, settings, tables
from lakehouse.contracts import Retention
from lakehouse.errors import UnavailableError, UsageError
from lakehouse.ingest import broker, positions, status
from lakehouse.ingest.broker import Backlog, Held
from lakehouse.ingest.positions import Position, Range
from lakehouse.settings import Settings

REFUNDS = tables.get("ledger.refunds")
TOPIC = names.topic(REFUNDS)
AT = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """A state folder of its own, and ports at which nobody listens."""
    closed = {
        f"ports.{name}": number for number, name in enumerate(("postgres", "kafka", "connect"), start=1)
    }
    found = settings.load({"paths.state": str(tmp_path), **closed}, environ={}).settings
    secrets.ensure(found, "postgres-debezium")
    return found


def write(config: Settings, name: str, offsets: list[int], at: datetime = AT) -> None:
    rows = pa.table(
        {
            "_topic": [TOPIC for _ in offsets],
            "_partition": pa.array([0 for _ in offsets], pa.int32()),
            "_offset": offsets,
            "_ingested_at": pa.array([at for _ in offsets], pa.timestamp("us", tz="UTC")),
        }
    )
    reached = Position().after((Range(TOPIC, 0, offsets[0], offsets[-1], len(offsets)),), at)
    told = CommitProperties(custom_metadata={"userMetadata": positions.to_metadata((), reached)})
    write_deltalake(str(context.folder(config, name)), rows, mode="append", commit_properties=told)


def refunds(config: Settings) -> status.TableStatus:
    return {t.table: t for t in status.read(config, "ledger").tables}["ledger.refunds"]


def kafka_has(monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """Kafka, as it would answer."""
    found = Backlog(**{"held": Held(0, 9), "next": 5, "offsets": 4, "oldest_at": AT, **more})
    monkeypatch.setattr(broker, "backlog", lambda *_: {(TOPIC, 0): found})
    monkeypatch.setattr(broker, "another", lambda *_: {})


def test_without_services_the_tables_still_tell_and_the_rows_say_what_is_missing(own: Settings) -> None:
    write(own, names.bronze(REFUNDS), [3, 4])
    write(own, names.bronze(REFUNDS), [5])
    write(own, names.quarantine(REFUNDS), [6])
    found = refunds(own)
    assert (found.bronze_version, found.ingested_at, found.quarantined) == (1, AT, 1)
    assert (found.waiting_offsets, found.waiting_seconds, found.partitions) == (None, None, ())
    assert found.problem is not None
    assert "Kafka" in found.problem
    (capture,) = status.read(own, "ledger").captures
    assert (capture.state, capture.held_bytes) == ("unknown", None)
    assert capture.problem


@pytest.mark.parametrize("source", [None, "ledger", "events"])
def test_only_when_nothing_at_all_can_be_read_it_is_an_error(own: Settings, source: str | None) -> None:
    with pytest.raises(UnavailableError, match="Kafka"):
        status.read(own, source)


def test_an_unknown_source_is_a_usage_error(own: Settings) -> None:
    with pytest.raises(UsageError, match="did you mean 'ledger'"):
        status.read(own, "ledgr")


def test_waiting_is_counted_from_the_oldest_message(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write(own, names.bronze(REFUNDS), [4])
    kafka_has(monkeypatch)
    found = refunds(own)
    assert found.partitions == (status.PartitionStatus(0, 5, 9, 4),)
    assert (found.waiting_offsets, found.problem) == (4, None)
    assert found.waiting_seconds is not None
    assert found.waiting_seconds > 0


def test_a_message_that_was_not_seen_has_an_unknown_age_and_not_none(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(own, names.bronze(REFUNDS), [4])
    kafka_has(monkeypatch, oldest_at=None)
    assert refunds(own).waiting_seconds is None
    kafka_has(monkeypatch, oldest_at=None, offsets=0)
    assert refunds(own).waiting_seconds == 0


def test_what_ingest_would_refuse_is_said(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write(own, names.bronze(REFUNDS), [4])
    kafka_has(monkeypatch, held=Held(7, 9))
    assert "deleted offsets 5 to 6" in str(refunds(own).problem)
    kafka_has(monkeypatch, held=Held(0, 2))
    assert "made anew" in str(refunds(own).problem)


def test_a_broken_log_is_a_problem_of_its_table_alone(own: Settings) -> None:
    write(own, names.bronze(REFUNDS), [4])
    write(own, names.bronze(tables.get("payments")), [4])
    (context.folder(own, names.bronze(REFUNDS)) / "_delta_log" / f"{0:020}.json").write_text("{broken")
    found = {t.table: t for t in status.read(own, "ledger").tables}
    assert "cannot tell where" in str(found["ledger.refunds"].problem)
    assert found["ledger.payments"].ingested_at == AT


@pytest.mark.parametrize(("days", "is_warned"), [(2, True), (3, False), (7, False)])
def test_a_topic_that_keeps_less_than_the_longest_outage_is_warned_of(
    own: Settings, monkeypatch: pytest.MonkeyPatch, days: int, is_warned: bool
) -> None:
    write(own, names.bronze(REFUNDS), [4])
    short = replace(REFUNDS, retention=Retention(topic_days=days))
    monkeypatch.setattr(tables, "of_source", lambda _: (short,))
    warning = refunds(own).warning
    assert (warning is not None) is is_warned
    assert warning is None or "Kafka keeps 48 h and ingest may be down for 72 h" in warning


def test_the_command_says_each_problem_once(own: Settings, cli: Any) -> None:
    write(own, names.bronze(REFUNDS), [4])
    env = settings.as_environment(own)
    told = cli("ingest", "status", env=env)
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("did not answer") == 2, "Kafka for all tables, PostgreSQL for capture"
    document = json.loads(cli("ingest", "status", "--source", "ledger", "--output", "json", env=env).stdout)
    assert {t["source"] for t in document["captures"]} == {"ledger"}
    assert len(document["tables"]) == 10
