"""Kafka Connect in distributed mode, with Debezium, its REST interface on loopback."""

from __future__ import annotations

import requests

from lakehouse import context, jvm
from lakehouse.errors import ConfigError, LakehouseError
from lakehouse.settings import Settings
from lakehouse.stack.service import Program, Service, java
from lakehouse.stack.templates import render as render_template


def render(config: Settings) -> Program:
    """Write connect.properties and the log settings."""
    jvm.jars(config, "kafka")
    plugins = jvm.unpacked(config, "debezium")
    if not plugins.is_dir():
        raise ConfigError(f"debezium is not installed: {plugins} is missing", hint="make setup")
    home = config.state / "connect"
    properties = render_template(
        config, "connect.properties.j2", home / "connect.properties", plugins=plugins
    )
    logs = render_template(config, "log4j2.xml.j2", home / "log4j2.xml")
    command = java(
        config, config.memory.connect, f"-Dlog4j2.configurationFile={logs}",
        "-cp", str(jvm.folder(config, "kafka") / "*"),
        "org.apache.kafka.connect.cli.ConnectDistributed", str(properties),
    )  # fmt: skip
    return Program(command, home, (properties, logs))


def probe(config: Settings) -> None:
    """The list of connectors, which a worker gives once it has read its topics and joined its group."""
    answer = requests.get(f"{context.connect_url(config)}/connectors", timeout=5)
    if answer.status_code != 200:
        raise LakehouseError(f"Kafka Connect answers {answer.status_code}: {answer.text[:200]}")


SERVICE = Service("connect", ("connect",), render, probe, needs=("postgres", "kafka"))
