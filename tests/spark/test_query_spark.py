"""Spark as an engine, with every service stopped: notebooks' helpers, tables of other writers."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import deltalake
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import lakehouse
from lakehouse.errors import DataError, UsageError
from lakehouse.query import engines
from lakehouse.settings import Settings


@pytest.fixture(autouse=True)
def _session(spark: SparkSession) -> None:
    """Every test here uses the run's session."""


@pytest.fixture
def new_york() -> Iterator[None]:
    """This process believes to be in New York."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/New_York"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("new_york")
def test_instants_do_not_depend_on_the_time_zone_of_the_machine(config: Settings) -> None:
    result = engines.run(config, "spark", "select timestamp '2026-07-01 12:00:00.000001' as at")
    assert result.rows == [["2026-07-01T12:00:00.000001Z"]]


@pytest.fixture
def elsewhere(config: Settings, spark: SparkSession) -> Iterator[str]:
    """A table that a writer without Spark made; gone afterwards."""
    folder = config.warehouse / "ops" / "query_elsewhere"
    deltalake.write_deltalake(folder, pa.table({"n": [1, 2]}), mode="overwrite")
    yield "ops.query_elsewhere"
    spark.sql("DROP TABLE IF EXISTS ops.query_elsewhere")
    shutil.rmtree(folder)


def test_a_table_of_another_writer_is_found_by_the_engine(config: Settings, elsewhere: str) -> None:
    assert engines.run(config, "spark", f"select sum(n) as n from {elsewhere}").rows == [[3]]


def test_a_table_of_another_writer_is_found_in_a_notebook(elsewhere: str) -> None:
    assert sorted(lakehouse.sql(f"select n from {elsewhere}")["n"]) == [1, 2]


def test_a_notebook_can_ask_for_the_past(config: Settings, elsewhere: str) -> None:
    deltalake.write_deltalake(
        config.warehouse / "ops" / "query_elsewhere", pa.table({"n": [3]}), mode="append"
    )
    sql = f"select sum(n) as n from {elsewhere} as e"
    assert [list(lakehouse.sql(sql, as_of=moment)["n"]) for moment in ("0", "1")] == [[3], [6]]
    assert list(lakehouse.sql(sql)["n"]) == [6]


def test_two_columns_may_have_one_name(config: Settings) -> None:
    result = engines.run(config, "spark", "select 1 as a, 2 as a")
    assert ([c["name"] for c in result.columns], result.rows) == (["a", "a"], [[1, 2]])


def test_a_table_that_is_not_there_is_told_without_the_stack_of_the_jvm(
    config: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=r"unknown table 'ops\.query_nowhere'") as error:
        engines.run(config, "spark", "select * from ops.query_nowhere")
    printed = capfd.readouterr()
    assert "JVM" not in error.value.message
    assert "org.apache" not in error.value.message + printed.out + printed.err


def test_a_type_that_cannot_be_brought_here_says_so(config: Settings) -> None:
    with pytest.raises(UsageError, match="YearMonthInterval"):
        engines.run(config, "spark", "select interval '1' month as m")


def test_a_division_by_zero_is_a_data_error(config: Settings) -> None:
    with pytest.raises(DataError, match="zero"):
        engines.run(config, "spark", "select 1 / 0 as n")


def test_sql_of_a_notebook_that_asks_for_nothing_known_raises_what_spark_raises() -> None:
    from pyspark.errors import AnalysisException

    with pytest.raises(AnalysisException, match="query_nowhere"):
        lakehouse.sql("select * from ops.query_nowhere")
