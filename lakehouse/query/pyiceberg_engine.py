"""pyiceberg, in this process: gold as an Iceberg reader sees it. It has no SQL: DuckDB asks what it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.errors import DataError, UsageError
from lakehouse.query import as_of, duckdb_engine, iceberg
from lakehouse.query.as_of import Versions
from lakehouse.query.engines import Answer
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset


class PyIceberg:
    """The tables that a query names, each the snapshot of one Delta version: its schema and its files are Iceberg's, and
    pyarrow reads those. A table that is stale is published first."""

    name = "pyiceberg"

    def start(self, config: Settings) -> None:
        iceberg.catalog(config)

    def execute(
        self, config: Settings, sql: str, limit: int | None, versions: Versions | None = None
    ) -> Answer:
        read = as_of.newest(config, sql) if versions is None else versions
        opened = {t: _open(config, t, v, is_newest=versions is None) for t, v in read.items()}
        return duckdb_engine.ask(config, duckdb_engine.over(config, opened), sql, limit, self.name)


ENGINE = PyIceberg()


def _open(config: Settings, table: str, version: int, *, is_newest: bool) -> Dataset:
    if not table.startswith(f"{names.GOLD}."):
        raise UsageError(
            f"pyiceberg reads gold, which alone is published as Iceberg, and the query names {table}",
            hint="another engine: duckdb, trino, spark, deltalake",
            table=table,
        )
    found = iceberg.dataset(config, table, version)
    if found is None and is_newest:
        report = iceberg.publish(config, [table])
        if table in report.failed:
            raise DataError(
                f"{table} {report.failed[table]}",
                hint="files of before instants were written as microseconds: lakehouse transform run --full-refresh",
                table=table,
            )
        found = iceberg.dataset(config, table, report.versions.get(table, version))
    if found is None:
        raise UsageError(
            f"version {version} of {table} is not published as Iceberg",
            hint="those are that were newest when a build, an optimize or a sync ended; every other engine reads it",
            table=table,
            version=version,
        )
    return found
