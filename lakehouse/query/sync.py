"""Makes the tables known to who reads them outside this process: the DuckDB file, Trino, and Iceberg's catalog."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse import context, names
from lakehouse.errors import UnavailableError, first_line
from lakehouse.query import iceberg, registry
from lakehouse.render import duckdb as render
from lakehouse.render.common import literal
from lakehouse.settings import Settings

FILE = "lakehouse.duckdb"


@dataclass(frozen=True)
class Report:
    """What ``sync`` did. ``trino`` is False when it did not answer; its registrations then wait. ``published`` are tables of
    gold that were stale as Iceberg, ``failed`` are tables that one of the three could not be given, and why."""

    duckdb: Path
    views: int
    trino: bool
    published: dict[str, int]
    registered: list[str] = field(default_factory=list)
    unregistered: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def sync(config: Settings) -> Report:
    """Rebuild ``<state>/lakehouse.duckdb``, register the warehouse's tables in Trino, if it answers, publish gold as Iceberg.

    Idempotent. All hold pointers to files and no rows. The first two never need it for new rows, only for new tables;
    Iceberg's catalog does, and has it from whatever command builds gold.
    """
    views, failed = write_duckdb(config, config.state / FILE)
    gold = iceberg.publish(config)
    failed |= gold.failed
    try:
        with registry.answering(config):
            changes = registry.register(config, context.trino(config))
    except UnavailableError:
        return Report(config.state / FILE, views, trino=False, published=gold.versions, failed=failed)
    return Report(
        config.state / FILE,
        views,
        trino=True,
        published=gold.versions,
        registered=changes.registered,
        unregistered=changes.unregistered,
        failed=failed | changes.failed,
    )


def write_duckdb(config: Settings, file: Path) -> tuple[int, dict[str, str]]:
    """Put a DuckDB file with one view per table at ``file``: how many, and why others could not be made.

    The file is built beside and moved into place in one step, so readers are never in the way and never see
    half a file; who has the old one open keeps it. A crash leaves a ``.partial``, gone at the next call.
    """
    import duckdb

    file.parent.mkdir(parents=True, exist_ok=True)
    for old in file.parent.glob(f"{file.name}.*.partial*"):
        old.unlink(missing_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    views, failed = 0, {}
    with context.duckdb() as connection:
        connection.execute(f"ATTACH {literal(str(partial))} AS views_only")
        connection.execute("USE views_only")
        for schema in names.SCHEMAS:
            connection.execute(render.create_schema(schema))
        for schema, table, folder in context.tables(config):
            try:
                connection.execute(render.view(schema, table, str(folder)))
                views += 1
            except duckdb.Error as error:
                failed[f"{schema}.{table}"] = first_line(error)
        connection.execute("USE memory")
        connection.execute("DETACH views_only")
    partial.replace(file)
    return views, failed
