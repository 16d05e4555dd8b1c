"""The rendered Delta DDL, run: every type, read back by Spark and by DuckDB."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lakehouse import context
from lakehouse.contracts import (
    Binary,
    Boolean,
    Column,
    Date,
    Decimal,
    Double,
    Integer,
    Json,
    Source,
    SourceKind,
    String,
    Table,
    Timestamp,
    Uuid,
)
from lakehouse.render import delta, duckdb
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SHOP = Source(name="rendered", kind=SourceKind.POSTGRES, owner="shop-team", description="A shop.")
THINGS = Table(
    source=SHOP,
    name="things",
    description='Ann\'s "things", with a back\\slash.',
    grain="thing",
    key=("thing_id",),
    columns=(
        Column("thing_id", Uuid(), "It's an identifier."),
        Column("order", Integer(16), "Called like a keyword."),
        Column("count", Integer(32), "Count."),
        Column("total", Integer(64), "Total."),
        Column("rate", Decimal(18, 8), "Rate."),
        Column("score", Double(), "Score."),
        Column("name", String(), "Name."),
        Column("document", Json(), "Document."),
        Column("image", Binary(), "Image."),
        Column("is_good", Boolean(), "Whether."),
        Column("made_at", Timestamp(), "When."),
        Column("made_on", Date(), "Day."),
    ),
)


@pytest.fixture
def made(spark: SparkSession, config: Settings) -> Iterator[str]:
    """The table, made twice: the second time changes nothing. Gives its folder."""
    folder = str(config.warehouse / "bronze" / "rendered__things")
    for _ in range(2):
        spark.sql(delta.create_bronze(THINGS, folder))
    yield folder
    spark.sql("DROP TABLE bronze.rendered__things")
    shutil.rmtree(folder)


def described(session: SparkSession) -> dict[str, str]:
    return {f.name: f.dataType.simpleString() for f in session.table("bronze.rendered__things").schema.fields}


def test_spark_reads_the_schema_back(spark: SparkSession, made: str) -> None:
    from lakehouse.render import spark as rendered

    assert spark.table("bronze.rendered__things").schema == rendered.schema(THINGS)


def test_properties_and_comments_are_on_the_table(spark: SparkSession, made: str) -> None:
    detail = spark.sql("DESCRIBE DETAIL bronze.rendered__things").collect()[0]
    assert detail["properties"] == {
        "delta.enableDeletionVectors": "false",
        "delta.checkpointInterval": "50",
        "delta.logRetentionDuration": "interval 30 days",
        "lakehouse.contract.version": "1",
        "lakehouse.contract.fingerprint": THINGS.fingerprint,
        "lakehouse.contract.key": "thing_id",
    }
    assert detail["description"].endswith('Ann\'s "things", with a back\\slash.')
    assert "deletionVectors" not in detail["tableFeatures"]


def test_duckdb_shows_the_types_that_are_rendered(made: str) -> None:
    with context.duckdb() as connection:
        connection.execute(duckdb.create_schema("bronze"))
        connection.execute(duckdb.view("bronze", "rendered__things", made))
        rows = connection.execute("DESCRIBE bronze.rendered__things").fetchall()
    shown = {name: kind for name, kind, *_ in rows}
    wanted = duckdb.columns(THINGS)
    assert {name: shown[name] for name in wanted} == wanted


def test_an_added_column_is_added_once(spark: SparkSession, made: str) -> None:
    wider = replace(THINGS, version=2, columns=(*THINGS.columns, Column("note", String(), "Ann's note.")))
    for statement in (*delta.upgrade_bronze(wider, described(spark)), *delta.mark_bronze(wider, {})):
        spark.sql(statement)
    assert described(spark)["note"] == "string"
    assert delta.upgrade_bronze(wider, described(spark)) == ()
    detail = spark.sql("DESCRIBE DETAIL bronze.rendered__things").collect()[0]
    assert detail["properties"]["lakehouse.contract.version"] == "2"


def test_the_quarantine_is_made(spark: SparkSession, config: Settings) -> None:
    from lakehouse.render import spark as rendered

    spark.sql(delta.create_quarantine(THINGS, str(config.warehouse / "ops" / "rendered__things__quarantine")))
    assert spark.table("ops.rendered__things__quarantine").schema == rendered.struct(rendered.QUARANTINE)
