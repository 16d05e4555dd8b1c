"""delta-rs and pyarrow, in this process: another reader of the format. It has no SQL: DuckDB asks what it reads."""

from __future__ import annotations

from lakehouse import context, names
from lakehouse.query import as_of, duckdb_engine
from lakehouse.query.as_of import Versions
from lakehouse.query.engines import Answer
from lakehouse.render import duckdb as render
from lakehouse.settings import Settings


class DeltaLake:
    """The tables that a query names, each opened by delta-rs at one version and handed over as an Arrow dataset."""

    name = "deltalake"

    def start(self, config: Settings) -> None:
        """Nothing is kept between queries."""

    def execute(
        self, config: Settings, sql: str, limit: int | None, versions: Versions | None = None
    ) -> Answer:
        from deltalake import DeltaTable

        connection = context.duckdb(reads_delta=False)
        for schema in names.SCHEMAS:
            connection.execute(render.create_schema(schema))
        for table, version in (as_of.newest(config, sql) if versions is None else versions).items():
            read = DeltaTable(context.folder(config, table), version=version).to_pyarrow_dataset()
            connection.register(arrow := table.replace(".", "__"), read)
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {arrow}")
        return duckdb_engine.ask(config, connection, sql, limit, self.name)


ENGINE = DeltaLake()
