"""Ledgerlake, the payments lakehouse. In a notebook: ``lakehouse.session()`` and ``lakehouse.sql("...")``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame
    from pyspark.sql import SparkSession


def session() -> SparkSession:
    """The Spark session of this process with every table of the warehouse registered; made on first call.

    Needs no running service.
    """
    from lakehouse import context

    return context.spark()


def sql(query: str, as_of: str | None = None) -> DataFrame:
    """Run a query on Spark and bring the rows here as a pandas frame; instants are UTC.

    ``as_of`` is an instant, a day or a version, as for ``lakehouse query run --as-of``. Needs no running service. A table
    that another process made since the session began is found too.
    """
    from pyspark.errors import AnalysisException

    from lakehouse import context, settings
    from lakehouse.query import as_of as moments

    if as_of is not None:
        query = moments.pinned(query, moments.resolve(settings.current(), query, as_of), "VERSION AS OF")
    try:
        frame = session().sql(query)
    except AnalysisException as error:
        if "NOT_FOUND" not in str(error.getCondition()):
            raise
        context.register_tables()
        frame = session().sql(query)
    rows: DataFrame = frame.toPandas()
    return rows
