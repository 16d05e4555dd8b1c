"""A message that could not be read is landed once it can be: once, at its own place, wherever the replay is stopped."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse import context, names, tables
from lakehouse.contracts import Table
from lakehouse.errors import SafetyError, UsageError
from lakehouse.ingest import bronze, decode, lock, quarantine

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FX = tables.get("ledger.fx_rates")
AT = datetime(2026, 3, 1, tzinfo=UTC)


def change(quote: str, rate: str, lsn: int) -> bytes:
    row = {"base_currency_code": "EUR", "quote_currency_code": quote, "rate_on": 20_000, "rate": rate}
    source = {"ts_us": 1_500, "snapshot": "false", "txId": 7, "lsn": lsn}
    after = row | {"created_at": "2026-02-01T00:00:00Z"}
    return json.dumps({"before": None, "after": after, "source": source, "op": "c"}).encode()


MESSAGES = [
    change("USD", "1", 1),
    b"poison",
    change("USD", "2", 2),
    b"\xff",
    change("JPY", "3", 3),
]


@pytest.fixture
def held(lake: Any, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Five messages are landed by a release that cannot read the third: three of them are in quarantine."""
    from pyspark.sql import functions as f

    for name in (names.bronze(FX), names.quarantine(FX)):
        spark.sql(f"DROP TABLE IF EXISTS {name}")
        shutil.rmtree(context.folder(lake.config, name), ignore_errors=True)
    reads = decode.decode

    def reads_no_third(messages: DataFrame, table: Table, at: int) -> DataFrame:
        third = f.col("_offset") == 2
        return (
            reads(messages, table, at)
            .localCheckpoint()
            .withColumns(
                {
                    decode.REASON: f.when(third, f.lit("rate_on is no DATE")).otherwise(f.col(decode.REASON)),
                    "_key": f.when(third, f.lit(b"{}")).otherwise(f.col("_key")),
                    "_value": f.when(third, f.lit(MESSAGES[2])).otherwise(f.col("_value")),
                }
            )
        )

    with monkeypatch.context() as patch:
        patch.setattr(decode, "decode", reads_no_third)
        land(lake, spark)
    return lake


def land(lake: Any, spark: SparkSession) -> int:
    rows = [(b"{}", value, names.topic(FX), 0, offset, AT) for offset, value in enumerate(MESSAGES)]
    columns = "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp"
    return bronze.open_landing(lake.config, spark, (FX,)).land(spark.createDataFrame(rows, columns))


def offsets(lake: Any, name: str) -> list[int]:
    return [r["_offset"] for r in lake.rows(f"select _offset from {name} order by 1")]


def both(lake: Any) -> tuple[list[int], list[int]]:
    return offsets(lake, names.bronze(FX)), offsets(lake, names.quarantine(FX))


def test_what_can_be_read_now_is_landed_at_its_own_place(held: Any, spark: SparkSession) -> None:
    assert both(held) == ([0, 4], [1, 2, 3])
    poison = {"the value is not one JSON object shaped like a change": 1, "the value is not UTF-8": 1}
    assert quarantine.plan(held.config, FX) == quarantine.Replay("ledger.fx_rates", 1, poison)
    assert both(held) == ([0, 4], [1, 2, 3]), "a plan changes nothing"
    before = bronze.stand(held.config, (FX,))
    done = quarantine.apply(held.config, FX)
    assert (done.readable, dict(done.refused), done.is_applied) == (1, poison, True)
    assert both(held) == ([0, 2, 4], [1, 3])
    times = held.rows(
        f"select _offset, _ingested_at, _kafka_at from {names.bronze(FX)} order by _ingested_at"
    )
    assert times[-1]["_offset"] == 2
    assert times[-1]["_ingested_at"] > times[-2]["_ingested_at"], "silver reads what is known later"
    assert times[-1]["_kafka_at"] == times[0]["_kafka_at"]
    assert bronze.stand(held.config, (FX,)) == before == {(names.topic(FX), 0): 5}
    assert land(held, spark) == 0, "and nothing is landed again"
    assert both(held) == ([0, 2, 4], [1, 3])
    again = quarantine.apply(held.config, FX)
    assert (again.readable, again.landed_before, both(held)) == (0, 0, ([0, 2, 4], [1, 3]))


def test_stopped_between_its_two_commits_it_lands_nothing_twice(
    held: Any, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_goes(_: Any) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(quarantine._Waiting, "take_out", power_goes)
        quarantine.apply(held.config, FX)
    assert both(held) == ([0, 2, 4], [1, 2, 3])
    assert land(held, spark) == 0
    done = quarantine.apply(held.config, FX)
    assert (done.readable, done.landed_before) == (0, 1)
    assert both(held) == ([0, 2, 4], [1, 3])


def test_where_ingest_stands_is_known_when_the_quarantine_is_empty(held: Any, spark: SparkSession) -> None:
    quarantine.apply(held.config, FX)
    spark.sql(f"delete from {names.quarantine(FX)}")
    assert land(held, spark) == 0
    assert both(held) == ([0, 2, 4], [])


def test_only_the_reason_that_is_asked_for_is_replayed(held: Any) -> None:
    assert quarantine.plan(held.config, FX, "UTF-8").readable == 0
    assert quarantine.apply(held.config, FX, "rate_on is no DATE").readable == 1
    assert both(held) == ([0, 2, 4], [1, 3])


def test_not_beside_a_running_ingest_and_not_without_a_quarantine(held: Any) -> None:
    with lock.of_source(held.config, "ledger"), pytest.raises(SafetyError, match="already being ingested"):
        quarantine.apply(held.config, FX)
    with pytest.raises(UsageError, match="has no quarantine"):
        quarantine.plan(held.config, tables.get("ledger.payouts"))


def test_messages_are_listed_with_their_bytes(held: Any) -> None:
    (summary,) = quarantine.summaries(held.config, (FX, tables.get("ledger.payouts")))
    assert (summary.table, summary.messages, summary.contract_versions) == ("ledger.fx_rates", 3, (1,))
    assert summary.reasons["rate_on is no DATE"] == 1
    assert [m.value for m in quarantine.messages(held.config, FX)] == MESSAGES[1:4]
    (one,) = quarantine.messages(held.config, FX, place=(0, 3))
    assert (one.offset, one.value, one.key, one.reason) == (3, b"\xff", b"{}", "the value is not UTF-8")
    assert [m.offset for m in quarantine.messages(held.config, FX, reason="DATE")] == [2]
    assert len(quarantine.messages(held.config, FX, limit=2)) == 2
