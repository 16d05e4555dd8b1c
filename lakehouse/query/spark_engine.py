"""Spark, in this process: needs only the files of the tables, and ten seconds for the first session."""

from __future__ import annotations

import logging
import re
from typing import Any

from lakehouse import context
from lakehouse.errors import LakehouseError
from lakehouse.query import as_of, problems
from lakehouse.query.as_of import Versions
from lakehouse.query.engines import Answer
from lakehouse.settings import Settings

_TYPES = {"timestamp": "timestamp with time zone", "timestamp_ntz": "timestamp"}
"""Spark's names for what the other engines call so."""

_UNKNOWN_TABLE = ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND")


class Spark:
    """The Spark session of this process. A table made elsewhere since it began is registered when asked."""

    name = "spark"

    def start(self, config: Settings) -> None:
        # pyspark logs each refused query once more, with the JVM's stack, beside raising it
        logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
        context.spark(config)

    def execute(
        self, config: Settings, sql: str, limit: int | None, versions: Versions | None = None
    ) -> Answer:
        from pyspark.errors import PySparkException

        sql = as_of.pinned(sql, versions or {}, "VERSION AS OF")

        try:
            return _execute(config, sql, limit)
        except PySparkException as error:
            if not problems.in_warehouse(config, _missing_table(error)):
                raise _translated(config, error) from None
        context.register_tables(config)
        try:
            return _execute(config, sql, limit)
        except PySparkException as error:
            raise _translated(config, error) from None


ENGINE = Spark()


def _execute(config: Settings, sql: str, limit: int | None) -> Answer:
    frame = context.spark(config).sql(sql)
    if limit is not None:
        frame = frame.limit(limit)
    columns = [(f.name, _TYPES.get(t := f.dataType.simpleString(), t)) for f in frame.schema]
    # by Arrow, because collect() turns instants into the time zone of this machine and drops it
    table = frame.toArrow()
    cells = [column.to_pylist(maps_as_pydicts="lossy") for column in table.columns]
    return Answer(columns, zip(*cells, strict=True))


def _condition(error: Any) -> str:
    return str(error.getCondition() or "")


def _missing_table(error: Any) -> str | None:
    if not _condition(error).startswith(_UNKNOWN_TABLE):
        return None
    quoted = re.search(r"(?:`[^`]+`\.?)+", str(error))
    return quoted[0].replace("`", "").removeprefix("spark_catalog.") if quoted else None


def _translated(config: Settings, error: Any) -> LakehouseError:
    from pyspark.errors import AnalysisException, PySparkTypeError

    text = str(error).split("\n\nJVM stacktrace")[0]
    message = re.sub(r"^\s*\[[A-Z_.]+\] ", "", text.split("\n== SQL")[0])
    message = re.split(r"\s*SQLSTATE: |;\n'|; line \d+ pos ", message)[0].strip().splitlines()[0]
    place = re.search(r"line (\d+),? pos(?:ition)? (\d+)", text)
    line, column = (int(place[1]), int(place[2]) + 1) if place else (None, None)
    if table := _missing_table(error):
        return problems.unknown_table(config, "spark", table, line)
    if isinstance(error, (AnalysisException, PySparkTypeError)):
        return problems.refused("spark", message, line, column)
    return problems.failed("spark", message)
