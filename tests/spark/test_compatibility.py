"""Features of Delta that a reader lacks: that it does, and that a table which has one is not written to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from lakehouse import compatibility, context, names, tables
from lakehouse.errors import SafetyError
from lakehouse.ingest import bronze
from lakehouse.query import engines
from lakehouse.settings import Settings
from lakehouse.transform import build

TABLE = "ops.compatibility"
ALTERED: dict[str, tuple[str, ...]] = {
    "deletionVectors": (
        f"alter table {TABLE} set tblproperties ('delta.enableDeletionVectors' = 'true')",
        f"delete from {TABLE} where n = 1",
    ),
    "columnMapping": (
        f"alter table {TABLE} set tblproperties ('delta.columnMapping.mode' = 'name')",
        f"alter table {TABLE} rename column n to number",
    ),
    "typeWidening": (
        f"alter table {TABLE} set tblproperties ('delta.enableTypeWidening' = 'true')",
        f"alter table {TABLE} alter column small type bigint",
    ),
    "variantType": (f"alter table {TABLE} add column v variant",),
    "rowTracking": (f"alter table {TABLE} set tblproperties ('delta.enableRowTracking' = 'true')",),
}
SQL = f"select * from {TABLE} order by 1"


@pytest.fixture
def table(spark: Any, config: Settings) -> Iterator[str]:
    """Two rows, n and small, without any feature."""
    folder = context.folder(config, TABLE)
    spark.sql(
        f"create table {TABLE} using delta location '{folder}' tblproperties ('delta.enableDeletionVectors' = 'false') "
        "as select * from values (1, 10), (2, 20) as t(n, small)"
    )
    yield TABLE
    spark.sql(f"drop table {TABLE}")
    shutil.rmtree(folder)


def test_our_tables_are_read_by_all(table: str, config: Settings) -> None:
    compatibility.require(config, [table])
    assert engines.run(config, "deltalake", SQL).rows == engines.run(config, "spark", SQL).rows


@pytest.mark.parametrize("feature", ALTERED)
def test_a_feature_that_a_reader_lacks_is_refused(
    table: str, spark: Any, config: Settings, feature: str
) -> None:
    for statement in ALTERED[feature]:
        spark.sql(statement)
    with pytest.raises(SafetyError, match=rf"{TABLE} has .*{feature}") as refused:
        compatibility.require(config, [table])
    assert feature in refused.value.fields["features"]
    if "delta-rs" in compatibility.LOST.get(feature, ""):
        assert by_delta_rs(config) != engines.run(config, "spark", SQL).rows, (
            f"delta-rs reads {feature}: promise more"
        )


def by_delta_rs(config: Settings) -> list[list[Any]] | None:
    """Its answer; None if it refuses."""
    try:
        return engines.run(config, "deltalake", SQL).rows
    except Exception:  # noqa: BLE001  whatever it says is a no
        return None


def test_neither_ingest_nor_transform_writes_to_such_a_table(lake: Any) -> None:
    lake.land({"ledger.fx_rates": [RATE]})
    build.build(lake.config, select="stg_ledger__fx_rates", tests=False)
    lake.spark.sql(
        "alter table silver.stg_ledger__fx_rates set tblproperties ('delta.enableDeletionVectors' = 'true')"
    )
    lake.land({"ledger.fx_rates": [{**RATE, "rate": Decimal(2), "_op": "u"}]})
    version = context.version(context.folder(lake.config, "silver.stg_ledger__fx_rates"))
    with pytest.raises(
        SafetyError, match=r"silver\.stg_ledger__fx_rates has deletionVectors \(delta-rs does not read it\)"
    ):
        build.build(lake.config, tests=False)
    assert context.version(context.folder(lake.config, "silver.stg_ledger__fx_rates")) == version

    table = tables.get("ledger.fx_rates")
    lake.spark.sql(
        f"alter table {names.bronze(table)} set tblproperties ('delta.columnMapping.mode' = 'name')"
    )
    with pytest.raises(SafetyError, match=r"bronze\.ledger__fx_rates has columnMapping"):
        bronze.open_landing(lake.config, lake.spark, (table,))

    context.folder(lake.config, "silver.stg_ledger__fx_rates").rename(lake.config.state / "away")
    lake.spark.sql("drop table silver.stg_ledger__fx_rates")
    build.build(lake.config, select="stg_ledger__fx_rates", tests=False)
    (row,) = lake.spark.table("silver.stg_ledger__fx_rates").collect()
    assert row.rate == 2


RATE = {
    "base_currency_code": "EUR",
    "quote_currency_code": "USD",
    "rate": Decimal(1),
    "rate_on": date(2026, 2, 1),
}
