"""Trino over the Delta tables of the warehouse: catalog ``lake``, loopback only, no login yet.

Trino sees the warehouse as the root of ``local://``: the table in ``<warehouse>/gold/fct_payments`` is
``local:///gold/fct_payments``. Its register of tables is ``<warehouse>/.trino``.
"""

from __future__ import annotations

from lakehouse import context, jvm, names
from lakehouse.errors import ConfigError, LakehouseError
from lakehouse.settings import Settings
from lakehouse.stack.service import Program, Service, java
from lakehouse.stack.templates import render as render_template


def render(config: Settings) -> Program:
    """Write etc/ of a Trino whose working folder is ``<state>/trino``."""
    server = jvm.unpacked(config, "trino")
    if not (server / "lib").is_dir():
        raise ConfigError(f"trino is not installed: {server} is missing", hint="make setup")
    home = config.state / "trino"
    config.warehouse.mkdir(parents=True, exist_ok=True)
    files = tuple(
        render_template(
            config, f"trino/{name}.j2", home / "etc" / name, server=server, warehouse=config.warehouse
        )
        for name in ("config.properties", "log.properties", f"catalog/{names.TRINO_CATALOG}.properties")
    )
    command = java(
        config, config.memory.trino,
        "-XX:+UseG1GC",
        "-Dfile.encoding=UTF-8",
        "-Djdk.attach.allowAttachSelf=true",
        "-Dnode.environment=ledgerlake",
        "-Dnode.id=trino",
        "-Dnode.bind-ip=127.0.0.1",
        "-Dnode.internal-address=127.0.0.1",
        f"-Dnode.data-dir={home / 'data'}",
        "-Dconfig=etc/config.properties",
        "-Dlog.levels-file=etc/log.properties",
        "-cp", f"{server}/lib/*", "io.trino.server.TrinoServer",
    )  # fmt: skip
    return Program(command, home, files, stop_seconds=30)


def probe(config: Settings) -> None:
    """A query on a worker and one that reads the catalog: both fail for seconds after the port opens."""
    connection = context.trino(config)
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT sum(x) FROM UNNEST(sequence(1, 1000)) AS t (x)")
        found = cursor.fetchall()
        if found != [[500500]]:
            raise LakehouseError(f"Trino answered {found!r}")
        cursor.execute(f"SELECT count(*) FROM {names.TRINO_CATALOG}.information_schema.schemata")
        cursor.fetchall()
    finally:
        connection.close()


SERVICE = Service("trino", ("trino",), render, probe)
