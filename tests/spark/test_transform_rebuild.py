"""Silver built a second time: what another hand changed in it is found, shown, and gone once the rebuild is applied."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lakehouse import tables
from lakehouse.contracts import Retention
from lakehouse.errors import DataError, SafetyError
from lakehouse.maintenance import retain
from lakehouse.transform import build
from lakehouse.transform.rebuild import Difference, rebuild

MERCHANTS = tables.get("ledger.merchants")
SILVER = "silver.stg_ledger__merchants"


@pytest.fixture(scope="module")
def built(lake: Any) -> Any:
    """Three merchants, the first of them renamed, in silver."""
    rows = [{"merchant_id": f"mer_{n}", "display_name": f"Shop {n}"} for n in range(3)]
    lake.land({"merchants": rows})
    lake.land({"merchants": [{"merchant_id": "mer_0", "display_name": "Store 0", "_op": "u"}]})
    build.build(lake.config, select="stg_ledger__merchants hist_ledger__merchants", tests=False)
    return lake


def test_what_another_hand_changed_is_found_and_nothing_else_is_touched(built: Any) -> None:
    assert not any(r.differs for r in rebuild(built.config, (MERCHANTS,), retain.cut))
    built.spark.sql(f"update {SILVER} set display_name = 'Kiosk' where merchant_id = 'mer_1'")
    built.spark.sql(f"delete from {SILVER} where merchant_id = 'mer_2'")
    columns = ", ".join(c if c != "merchant_id" else "'mer_9'" for c in built.spark.table(SILVER).columns)
    built.spark.sql(f"insert into {SILVER} select {columns} from {SILVER} where merchant_id = 'mer_0'")
    before = built.table(SILVER)
    staging, history = rebuild(built.config, (MERCHANTS,), retain.cut)
    assert (staging.rows, staging.rows_rebuilt) == (3, 3)
    assert (staging.only_there, staging.only_rebuilt, staging.changed) == (1, 1, 1)
    assert staging.columns == {"display_name": 1}
    assert staging.first == (
        Difference({"merchant_id": "mer_1"}, "changed", ("display_name",)),
        Difference({"merchant_id": "mer_2"}, "only rebuilt"),
        Difference({"merchant_id": "mer_9"}, "only there"),
    )
    assert not history.differs
    assert built.table(SILVER) == before
    assert not built.rows("show schemas like 'aside'"), "nothing is left of it"


def test_an_applied_rebuild_replaces_what_differs_once(built: Any) -> None:
    staging, history = rebuild(built.config, (MERCHANTS,), retain.cut, apply=True)
    assert (staging.is_replaced, history.is_replaced) == (True, False)
    names = {r["merchant_id"]: r["display_name"] for r in built.rows(f"select * from {SILVER}")}
    assert names == {"mer_0": "Store 0", "mer_1": "Shop 1", "mer_2": "Shop 2"}
    assert not any(r.differs for r in rebuild(built.config, (MERCHANTS,), retain.cut, apply=True))


def test_a_log_that_lost_its_beginning_replaces_nothing(built: Any) -> None:
    short = replace(MERCHANTS, retention=Retention(bronze_days=1))
    assert retain.apply(built.config, short, datetime(2026, 6, 1, tzinfo=UTC)) == 4
    before = built.table(SILVER)
    staging, _ = rebuild(built.config, (MERCHANTS,), retain.cut)
    assert staging.only_there == 3
    assert staging.cut_before == datetime(2026, 5, 31, tzinfo=UTC)
    with pytest.raises(SafetyError, match="retention deleted the beginning"):
        rebuild(built.config, (MERCHANTS,), retain.cut, apply=True)
    assert built.table(SILVER) == before


def test_silver_that_lacks_a_column_is_not_made_anew_from_such_a_log(built: Any) -> None:
    """...without having been asked for: a column that is declared is else filled from the whole of bronze."""
    older = built.spark.table(SILVER).drop("status")
    older.write.format("delta").mode("overwrite").option("overwriteSchema", "true").saveAsTable(SILVER)
    before = built.table(SILVER)
    with pytest.raises(
        DataError, match=r"retention deleted rows of bronze\.ledger__merchants from before 2026-05-31"
    ):
        build.build(built.config, select="stg_ledger__merchants", tests=False, cut=retain.cut)
    with pytest.raises(DataError, match="retention deleted rows"):
        rebuild(built.config, (MERCHANTS,), retain.cut)
    assert built.table(SILVER) == before
    build.build(built.config, select="stg_ledger__merchants", tests=False, full_refresh=True, cut=retain.cut)
    assert "status" in built.spark.table(SILVER).columns
