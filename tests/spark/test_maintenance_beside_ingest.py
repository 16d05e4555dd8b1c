"""Tables are kept in order between the batches of an ingest that runs on: nothing is lost, nothing doubled."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import write_deltalake

from lakehouse import context, names, tables
from lakehouse.contracts import Retention
from lakehouse.ingest import bronze
from lakehouse.maintenance import optimize, retain
from lakehouse.maintenance.tables import Kept

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FX = replace(tables.get("ledger.fx_rates"), retention=Retention(bronze_days=1))


def rates(spark: SparkSession, *offsets: int) -> DataFrame:
    """Changes of a table with dates and decimals, as Kafka hands them on."""

    def value(offset: int) -> bytes:
        row = {
            "base_currency_code": "KWD",
            "quote_currency_code": "JPY",
            "rate_on": 20_000 + offset,
            "rate": "487.12345678",
            "created_at": "2026-02-28T23:59:59.123456Z",
        }
        return json.dumps({"before": None, "after": row, "source": {"ts_us": 1}, "op": "c"}).encode()

    at = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [(b"{}", value(offset), names.topic(FX), 0, offset, at) for offset in offsets]
    return spark.createDataFrame(
        rows, "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp"
    )


def test_ingest_goes_on_over_compaction_and_retention(lake: Any, spark: SparkSession) -> None:
    name, folder = names.bronze(FX), context.folder(lake.config, names.bronze(FX))
    spark.sql(f"DROP TABLE IF EXISTS {name}")
    shutil.rmtree(folder, ignore_errors=True)
    landing = bronze.open_landing(lake.config, spark, (FX,))

    def found() -> list[Any]:
        spark.catalog.refreshTable(name)
        return spark.sql(
            f"select _offset, rate_on, rate, created_at, _unchanged from {name} order by 1"
        ).collect()

    for first in (0, 2, 4):
        landing.land(rates(spark, first, first + 1))
    before = found()
    assert optimize.apply(lake.config, Kept(name, folder)) is not None
    assert found() == before, "Spark reads what delta-rs wrote, to the digit"
    landing.land(rates(spark, 4, 5, 6))
    assert [row[0] for row in found()] == [0, 1, 2, 3, 4, 5, 6]

    newest = landing.pairs[0].bronze.position.ingested_at
    read = pa.table({"_ingested_at": pa.array([newest], pa.timestamp("us", "UTC"))})
    silver = context.folder(lake.config, names.staging(FX))
    shutil.rmtree(silver, ignore_errors=True)
    write_deltalake(str(silver), read)
    try:
        assert retain.apply(lake.config, FX, datetime.now(UTC) + timedelta(days=3)) == 6
    finally:
        shutil.rmtree(silver)
    landing.land(rates(spark, 5, 6, 7))
    assert [row[0] for row in found()] == [6, 7], "what was there before is not landed again"
    assert bronze.open_landing(lake.config, spark, (FX,)).next == {(names.topic(FX), 0): 8}
