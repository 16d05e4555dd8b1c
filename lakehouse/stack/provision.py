"""Makes what the declarations ask of the services: roles, tables and publications, topics, connectors.

Idempotent: what is there and right is left alone, what a new declaration adds is made, nothing is dropped.
"""

from __future__ import annotations

from typing import Any

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from lakehouse import context, names, secrets, tables
from lakehouse.contracts import Source, SourceKind
from lakehouse.errors import SafetyError, UnavailableError, lost_slot
from lakehouse.render import debezium, kafka, postgres
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet

_TASK_PATIENCE_SECONDS = 90


def provision(config: Settings, only: list[str] | None, progress: Progress = quiet) -> None:
    """Provision the named services, or all; they must be up. Connectors need PostgreSQL and Kafka to be
    there too.

    Raises UnavailableError when a service does not answer or a connector does not come to run.
    """
    steps = {"postgres": _databases, "kafka": _topics, "connect": _connectors}
    wanted = [name for name in steps if only is None or name in only]
    for done, name in enumerate(wanted):
        progress("provision", done, len(wanted))
        steps[name](config)
    if wanted:
        progress("provision", len(wanted), len(wanted))


def _databases(config: Settings) -> None:
    roles = {postgres.OWNER: "LOGIN", postgres.CAPTURE_ROLE: "LOGIN REPLICATION"}
    databases = dict.fromkeys(s.database for s in tables.captured())
    with context.postgres(config, user="postgres", database="postgres") as connection:
        connection.autocommit = True
        for role, abilities in roles.items():
            found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            password = secrets.ensure(config, f"postgres-{role}").get_secret_value()
            # The server is sent the verifier, so no log can hold the password.
            verifier = connection.pgconn.encrypt_password(
                password.encode(), role.encode(), b"scram-sha-256"
            ).decode()
            _run(
                connection,
                f"{'CREATE' if found is None else 'ALTER'} ROLE {role} {abilities} PASSWORD '{verifier}'",
            )
        for database in databases:
            if (
                connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone()
                is None
            ):
                _run(connection, f'CREATE DATABASE "{database}" OWNER {postgres.OWNER}')
            _run(connection, f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC')
            for role in roles:
                _run(connection, f'GRANT CONNECT ON DATABASE "{database}" TO {role}')
    for source in tables.captured():
        _schema(config, source)


def _schema(config: Settings, source: Source) -> None:
    declared = tables.of_source(source.name)
    with context.postgres(config, user="postgres", database=source.database) as connection:
        # The simulator's own book of what it did and which payments were fraud: never captured.
        for schema in {*(t.place[0] for t in declared), "simulator"}:
            _run(connection, f'CREATE SCHEMA IF NOT EXISTS "{schema}" AUTHORIZATION {postgres.OWNER}')
        for statement in (
            *postgres.create_all(declared),
            *postgres.signals(source),
            postgres.publication(source, declared),
        ):
            _run(connection, statement)


def _run(connection: Any, statement: str) -> None:
    """Run a statement made from declarations and constants, never from input."""
    connection.execute(statement)


def _topics(config: Settings) -> None:
    from kafka import KafkaAdminClient
    from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
    from kafka.errors import KafkaError

    wanted = {t.name: t for s in tables.sources() for t in kafka.topics(s, tables.of_source(s.name))}
    try:
        client = KafkaAdminClient(bootstrap_servers=context.kafka_servers(config))
        try:
            there = set(client.list_topics())
            if missing := [wanted[name] for name in sorted(wanted.keys() - there)]:
                client.create_topics(
                    [NewTopic(t.name, t.partitions, 1, topic_configs=t.config) for t in missing]
                )
            old = sorted(wanted.keys() & there)
            if old:
                for found in client.describe_topics(old):
                    topic = wanted[found["name"]]
                    if len(found["partitions"]) < topic.partitions:
                        _refuse_to_move_keys(topic.name)
                        client.create_partitions({topic.name: NewPartitions(topic.partitions)})
                client.alter_configs(
                    [
                        ConfigResource(ConfigResourceType.TOPIC, name, configs=wanted[name].config)
                        for name in old
                    ]
                )
        finally:
            client.close()
    except KafkaError as error:
        raise UnavailableError(
            f"Kafka did not make the topics: {error}", hint="lakehouse logs kafka"
        ) from None


def _refuse_to_move_keys(topic: str) -> None:
    """More partitions move keys to other ones, where offsets say nothing of what came first (docs/adr/0006)."""
    if any(names.topic(t) == topic and t.source.kind is SourceKind.POSTGRES for t in tables.all()):
        raise SafetyError(
            f"topic {topic} cannot get more partitions: changes of one row would be in two, without an order",
            hint="declare topic_partitions as it was; more of them need a topic and a table made anew",
        )


def _connectors(config: Settings) -> None:
    for source in tables.captured():
        password = debezium.secret(config.state / "secrets", f"postgres-{postgres.CAPTURE_ROLE}")
        wanted = debezium.connector(
            source,
            tables.of_source(source.name),
            host=context.HOST,
            port=config.ports.postgres,
            password=password,
        )
        name = names.connector(source.name)
        try:
            _ensure_connector(f"{context.connect_url(config)}/connectors/{name}", source.name, wanted)
        except requests.RequestException as error:
            raise UnavailableError(
                f"Kafka Connect did not take connector {name}: {error}", hint="lakehouse logs connect"
            ) from None


def _ensure_connector(url: str, source: str, wanted: dict[str, str]) -> None:
    name = names.connector(source)
    have = requests.get(f"{url}/config", timeout=30)
    if have.status_code != 200 or have.json() != wanted | {"name": name}:
        _put(f"{url}/config", wanted)
    for attempt in Retrying(
        retry=retry_if_exception_type(UnavailableError),
        stop=stop_after_delay(_TASK_PATIENCE_SECONDS),
        wait=wait_fixed(0.5),
        reraise=True,
    ):
        with attempt:
            _require_running(url, source, wanted)


def _put(url: str, wanted: dict[str, str]) -> None:
    for attempt in Retrying(
        retry=retry_if_exception_type(UnavailableError),
        stop=stop_after_delay(30),
        wait=wait_fixed(1),
        reraise=True,
    ):
        with attempt:
            answer = requests.put(url, json=wanted, timeout=60)
            if answer.status_code == 409:
                raise UnavailableError("Kafka Connect is rebalancing", hint="try again")
            if answer.status_code >= 400:
                told = answer.json().get("message", answer.text)
                raise requests.HTTPError(f"{answer.status_code}: {told}")


def _require_running(url: str, source: str, wanted: dict[str, str]) -> None:
    name = names.connector(source)
    tasks = requests.get(f"{url}/tasks", timeout=30).json()
    current = bool(tasks) and all(wanted.items() <= t["config"].items() for t in tasks if isinstance(t, dict))
    status = requests.get(f"{url}/status", timeout=30).json()
    parts = [status.get("connector", {}), *status.get("tasks", [])]
    failed = [p for p in parts if p.get("state") == "FAILED"]
    if failed:
        requests.post(f"{url}/restart?includeTasks=true&onlyFailed=true", timeout=30)
        trace = str(failed[0].get("trace", ""))
        if debezium.is_place_lost(trace):
            raise lost_slot(source)
        why = trace.splitlines()[:1]
        raise UnavailableError(f"connector {name} failed: {' '.join(why)}", hint="lakehouse logs connect")
    if status.get("connector", {}).get("state") == "STOPPED":
        raise SafetyError(
            f"connector {name} was stopped, by hand or by an ingest recapture that did not end",
            hint=f"lakehouse ingest recapture --source {source}; or resume it by hand: PUT {url}/resume",
        )
    if not current or len(parts) < 2 or any(p.get("state") != "RUNNING" for p in parts):
        raise UnavailableError(f"connector {name} is not running yet: {parts}", hint="lakehouse logs connect")
