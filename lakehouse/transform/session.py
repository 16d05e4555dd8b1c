"""Makes dbt-spark work on the session of this process, as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lakehouse import context
from lakehouse.settings import Settings


@contextmanager
def on_our_session(config: Settings) -> Iterator[None]:
    """While inside, dbt-spark's method ``session`` runs its statements on ``context.spark(config)``.

    Of itself it looks for a session before each statement and turns ANSI mode off in the one that it finds.
    That would last: an overflow of a sum of money would then wrap round without an error, in dbt and in every
    later query of the process.
    """
    from dbt.adapters.spark import session as adapter
    from dbt_common.exceptions import DbtDatabaseError
    from pyspark.errors import PySparkException

    spark = context.spark(config)

    class Cursor(adapter.Cursor):  # type: ignore[misc]
        def execute(self, sql: str, *parameters: Any) -> None:
            self._rows = None
            try:
                self._df = spark.sql(sql % parameters if parameters else sql)
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
