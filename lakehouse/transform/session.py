"""Makes dbt-spark work on the session of this process, as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lakehouse import context
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@contextmanager
def on_our_session(config: Settings) -> Iterator[None]:
    """While inside, dbt-spark's method ``session`` runs its statements on ``context.spark(config)``.

    Of itself it looks for a session before each statement and turns ANSI mode off in the one that it finds.
    That would last: an overflow of a sum of money would then wrap round without an error, in dbt and in every
    later query of the process.

    ``cache table ... as`` keeps the rows alone, until the end. Spark would keep the query: it takes it apart at each use, and
    computes it again when a table that it reads has changed.

    Raises what ``context.gone`` names where the session ended meanwhile: dbt tells of each statement after that, and not why.
    """
    from dbt.adapters.spark import session as adapter
    from dbt_common.exceptions import DbtDatabaseError
    from pyspark.errors import PySparkException

    spark = context.spark(config)
    kept = set()

    def keep(name: str, sql: str) -> DataFrame:
        kept.add(name)
        # By no column: Spark would look in the view for the one by which they are, and it may lack that.
        rows = spark.sql(sql).repartition(2)
        rows.localCheckpoint().createOrReplaceTempView(name)
        spark.catalog.cacheTable(name)  # tells Spark the size, so that a join with few rows is a broadcast
        return spark.createDataFrame([(spark.table(name).count(),)], "count bigint")

    class Cursor(adapter.Cursor):  # type: ignore[misc]
        def execute(self, sql: str, *parameters: Any) -> None:
            self._rows = None
            told = re.match(r"\s*(?:/\*.*?\*/\s*)?cache table (\w+) as (.*)", sql, re.S)
            try:
                self._df = (
                    keep(*told.groups()) if told else spark.sql(sql % parameters if parameters else sql)
                )
            except PySparkException as error:
                raise DbtDatabaseError(str(error)) from error

    def cursor(connection: Any) -> Cursor:
        return Cursor()

    theirs = adapter.Connection.cursor
    adapter.Connection.cursor = cursor
    try:
        yield
    finally:
        adapter.Connection.cursor = theirs
        for name in ("", *kept):
            spark.catalog.dropTempView(name)
