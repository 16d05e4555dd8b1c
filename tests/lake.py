"""A lake of its own: bronze written by hand, as ingest would, for silver and gold to be built from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse import context, names, tables
from lakehouse.render import delta
from lakehouse.render import spark as schemas
from lakehouse.settings import Settings

START = datetime(2026, 3, 1, tzinfo=UTC)
"""Instant of the first ingest batch; the next ones follow a minute apart."""

Row = Mapping[str, Any]


class Lake:
    """The declared bronze tables, below ``config.warehouse``; ``land`` adds what one ingest batch would."""

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.spark = context.spark(config)
        self.batches = 0
        self.offsets: dict[str, int] = {}
        for table in tables.all():
            schema, name = names.bronze(table).split(".")
            self.spark.sql(delta.create_bronze(table, str(config.warehouse / schema / name)))

    def land(self, changes: Mapping[str, Sequence[Row]]) -> datetime:
        """Append rows to bronze as one batch, tables in the order given; returns its ``_ingested_at``.

        A row gives the declared columns that it has; ``_op`` is ``c``, ``_partition`` 0 and ``_offset`` the
        next one unless it says so.
        """
        self.batches += 1
        at = START + timedelta(minutes=self.batches)
        for name, rows in changes.items():
            table = tables.get(name)
            place = names.bronze(table)
            filled = [self._filled(place, row, at) for row in rows]
            columns = [f.name for f in schemas.bronze(table)]
            values = [tuple(row.get(c) for c in columns) for row in filled]
            frame = self.spark.createDataFrame(values, schemas.schema(table))
            frame.write.format("delta").mode("append").saveAsTable(place)
        return at

    def _filled(self, place: str, row: Row, at: datetime) -> dict[str, Any]:
        offset = row.get("_offset", self.offsets.get(place, 0))
        self.offsets[place] = max(self.offsets.get(place, 0), offset + 1)
        return {
            "_op": "c",
            "_partition": 0,
            "_offset": offset,
            "_ingested_at": at,
            "_source_at": at - timedelta(seconds=1),
            "_unchanged": [],
            "_contract_version": 1,
            **row,
        }

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The answer of a query, as dictionaries."""
        return [row.asDict(recursive=True) for row in self.spark.sql(sql).collect()]

    def table(self, name: str) -> set[tuple[Any, ...]]:
        """All rows of a table as a set, in the order of its columns."""
        return {tuple(row) for row in self.spark.table(name).collect()}
