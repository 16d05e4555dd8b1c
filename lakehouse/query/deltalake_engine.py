"""delta-rs and pyarrow, in this process: another reader of the format. It has no SQL: DuckDB asks what it reads."""

from __future__ import annotations

from lakehouse import context
from lakehouse.query import as_of, duckdb_engine
from lakehouse.query.as_of import Versions
from lakehouse.query.engines import Answer
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

        read = as_of.newest(config, sql) if versions is None else versions
        opened = {
            t: DeltaTable(context.folder(config, t), version=v).to_pyarrow_dataset() for t, v in read.items()
        }
        return duckdb_engine.ask(config, duckdb_engine.over(config, opened), sql, limit, self.name)


ENGINE = DeltaLake()
