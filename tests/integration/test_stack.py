"""The real services: reachable only from here, by password only, restarted when killed, provisioned."""

from __future__ import annotations

import json
import os
import signal
import stat
import uuid
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import requests

from lakehouse import context, names, secrets, settings, tables
from lakehouse.contracts import SourceKind
from lakehouse.errors import ConfigError, SafetyError, UnavailableError
from lakehouse.render import kafka
from lakehouse.settings import Settings
from lakehouse.stack import catalog, leftovers, provision, reset, services
from lakehouse.stack import kafka as kafka_service
from tests.waiting import eventually

NAMES = ["postgres", "kafka", "connect", "trino", "mlflow"]


def one(config: Settings, name: str) -> services.ServiceStatus:
    return next(s for s in services.status(config) if s.name == name)


def test_everything_runs_and_status_says_so(stack: Settings, cli: Any) -> None:
    document = json.loads(cli("status", "--output", "json", check=True).stdout)
    assert [s["name"] for s in document["services"]] == NAMES
    assert {s["state"] for s in document["services"]} == {"running"}
    assert [s["port"] for s in document["services"]] == [
        getattr(stack.ports, catalog.get(n).ports[0]) for n in NAMES
    ]
    assert all(psutil.pid_exists(s["pid"]) and s["rss_bytes"] > 10_000_000 for s in document["services"])
    assert sum(s["rss_bytes"] for s in document["services"]) < 4 * 2**30


def test_a_cluster_id_that_begins_with_a_dash_is_an_id(
    config: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = settings.load({"paths.state": str(tmp_path)}).settings
    kafka_service.render(ours)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xfb" + bytes(15)))
    kafka_service.prepare(ours)
    assert (
        "cluster.id=-wAAAAAAAAAAAAAAAAAAAA" in (tmp_path / "kafka" / "data" / "meta.properties").read_text()
    )


def test_a_second_up_changes_nothing(stack: Settings, cli: Any) -> None:
    before = {s.name: s.pid for s in services.status(stack)}
    document = json.loads(cli("up", "--output", "json", check=True).stdout)
    assert document["started"] == []
    assert {s["name"]: s["pid"] for s in document["services"]} == before


def test_every_listener_is_on_loopback(stack: Settings) -> None:
    listening = [
        c.laddr
        for process in leftovers.find(stack)
        for c in process.net_connections("tcp")
        if c.status == psutil.CONN_LISTEN
    ]
    assert {address.port for address in listening} >= {
        getattr(stack.ports, p) for s in catalog.SERVICES.values() for p in s.ports
    }
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("user", ["postgres", "ledger", "debezium"])
@pytest.mark.parametrize("password", ["", "wrong"])
def test_postgres_wants_the_password(stack: Settings, user: str, password: str) -> None:
    with pytest.raises(
        psycopg.OperationalError, match=r"password authentication failed|no password supplied"
    ):
        psycopg.connect(
            host="127.0.0.1", port=stack.ports.postgres, user=user, password=password, dbname="postgres"
        )


def test_capture_may_read_and_not_write(stack: Settings) -> None:
    with context.postgres(stack, user="debezium") as connection:
        connection.execute("SELECT count(*) FROM payments")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM payments")


def test_secrets_are_private_and_in_no_log_or_topic(stack: Settings) -> None:
    files = sorted((stack.state / "secrets").iterdir())
    assert {f.name for f in files} >= {"postgres-postgres", "postgres-ledger", "postgres-debezium"}
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    connector = requests.get(
        f"{context.connect_url(stack)}/connectors/capture_ledger/config", timeout=10
    ).text
    logs = "".join(f.read_text(errors="replace") for f in (stack.state / "log").glob("*.log"))
    for name in ("postgres", "ledger", "debezium"):
        value = secrets.read(stack, f"postgres-{name}").get_secret_value()
        assert value not in connector
        assert value not in logs


def test_what_is_declared_is_there(stack: Settings) -> None:
    from kafka import KafkaAdminClient

    client = KafkaAdminClient(bootstrap_servers=context.kafka_servers(stack))
    topics = {t["name"]: len(t["partitions"]) for t in client.describe_topics()}
    client.close()
    for source in tables.sources():
        for topic in kafka.topics(source, tables.of_source(source.name)):
            assert topics[topic.name] == topic.partitions
    captured = {t.name for t in tables.all() if t.source.kind is SourceKind.POSTGRES}
    with context.postgres(stack) as connection:
        found = connection.execute(
            "SELECT tablename FROM pg_publication_tables WHERE pubname = %s", [names.publication("ledger")]
        ).fetchall()
    assert {row[0] for row in found} == {*captured, "ledger_signals"}


def test_kafka_makes_no_topic_by_itself(stack: Settings) -> None:
    from kafka import KafkaAdminClient, KafkaProducer
    from kafka.errors import KafkaError

    producer = KafkaProducer(bootstrap_servers=context.kafka_servers(stack), max_block_ms=3000)
    with pytest.raises(KafkaError):
        producer.send("a_typing_error", b"x").get(timeout=5)
    producer.close(timeout=1)
    client = KafkaAdminClient(bootstrap_servers=context.kafka_servers(stack))
    assert "a_typing_error" not in client.list_topics()
    client.close()


def test_a_connector_that_somebody_changed_is_put_right(stack: Settings) -> None:
    url = f"{context.connect_url(stack)}/connectors/capture_ledger/config"
    right = requests.get(url, timeout=10).json()
    changed = right | {"heartbeat.interval.ms": "60000"}
    requests.put(url, json=changed, timeout=30).raise_for_status()
    provision.provision(stack, ["connect"])
    assert requests.get(url, timeout=10).json() == right


@pytest.mark.parametrize("name", ["postgres", "kafka"])
def test_a_killed_service_comes_back(stack: Settings, name: str) -> None:
    before = one(stack, name).pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    eventually(lambda: one(stack, name).pid not in (None, before))
    services.await_ready(stack, catalog.get(name))
    services.await_ready(stack, catalog.get("connect"))
    assert one(stack, name).state == "running"


def test_other_settings_are_refused_while_it_runs(stack: Settings) -> None:
    moved = stack.model_copy(update={"memory": stack.memory.model_copy(update={"kafka": 300})})
    with pytest.raises(ConfigError, match="kafka runs with other settings"):
        services.up(moved, ["kafka"])
    # The files are those of the settings asked for last; an up with the right ones puts them back.
    services.up(stack, ["kafka"])
    assert one(stack, "kafka").state == "running"


def test_reset_refuses_while_it_runs(stack: Settings) -> None:
    with pytest.raises(SafetyError, match="are running"):
        reset.run(stack)
    assert (stack.state / "postgres").is_dir()


def test_logs_give_the_last_lines(stack: Settings, cli: Any) -> None:
    document = json.loads(cli("logs", "kafka", "--lines", "3", "--output", "json", check=True).stdout)
    assert document["service"] == "kafka"
    assert len(document["lines"]) == 3


def test_down_leaves_nothing_even_without_its_supervisor(aside: Settings) -> None:
    lost = aside
    services.up(lost, ["postgres"])
    supervisor = int((lost.state / "run" / "supervisord.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: one(lost, "postgres").state == "orphaned")
    assert {s.state for s in services.down(lost)} == {"stopped"}
    assert leftovers.find(lost) == []


def test_a_service_that_cannot_start_says_why(aside: Settings) -> None:
    services.up(aside, ["postgres"])
    services.down(aside)
    (aside.state / "postgres" / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(UnavailableError, match="not compatible") as caught:
        services.up(aside, ["postgres"])
    assert "postgres does not stay up" in caught.value.message
    assert "lakehouse logs postgres" in str(caught.value.hint)
    assert one(aside, "postgres").state == "failed"
    services.down(aside)
    assert leftovers.find(aside) == []
