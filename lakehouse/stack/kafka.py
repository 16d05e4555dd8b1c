"""Kafka in KRaft mode: broker and controller in one process, loopback only."""

from __future__ import annotations

import base64
import subprocess
import uuid

from lakehouse import context, jvm
from lakehouse.errors import ConfigError, LakehouseError
from lakehouse.settings import Settings
from lakehouse.stack.service import Program, Service, java
from lakehouse.stack.templates import render as render_template


def _classpath(config: Settings) -> str:
    return str(jvm.folder(config, "kafka") / "*")


def render(config: Settings) -> Program:
    """Write kafka.properties and the log settings."""
    jvm.jars(config, "kafka")
    home = config.state / "kafka"
    properties = render_template(config, "kafka.properties.j2", home / "kafka.properties")
    logs = render_template(config, "log4j2.xml.j2", home / "log4j2.xml")
    command = java(
        config, config.memory.kafka, f"-Dlog4j2.configurationFile={logs}", "-cp", _classpath(config)
    )
    return Program((*command, "kafka.Kafka", str(properties)), home, (properties, logs))


def prepare(config: Settings) -> None:
    """Format the log folder, once, under a random cluster id."""
    home = config.state / "kafka"
    if (home / "data" / "meta.properties").exists():
        return
    # Given after "=", since one in 64 ids begins with "-" and would be taken for an option.
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    command = java(
        config, 128, f"-Dlog4j2.configurationFile={home / 'log4j2.xml'}", "-cp", _classpath(config)
    )
    told = subprocess.run(
        [*command, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(home / "kafka.properties"),
         "--ignore-formatted"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if told.returncode != 0:
        raise ConfigError(
            f"Kafka could not format {home / 'data'}: {(told.stderr or told.stdout).strip()[-2000:]}",
            hint="lakehouse doctor",
        )


def probe(config: Settings) -> None:
    """The cluster's metadata, through the admin client."""
    from kafka import KafkaAdminClient

    client = KafkaAdminClient(
        bootstrap_servers=context.kafka_servers(config), request_timeout_ms=5000, bootstrap_timeout_ms=2000
    )
    try:
        if not client.describe_cluster()["brokers"]:
            raise LakehouseError("Kafka answers, but has no broker yet")
    finally:
        client.close()


SERVICE = Service("kafka", ("kafka", "kafka_controller"), render, probe, prepare)
