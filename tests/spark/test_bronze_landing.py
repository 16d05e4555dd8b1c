"""What becomes of messages, driven batch by batch: every message once, whatever is delivered how often."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse import context, names, tables
from lakehouse.contracts import Retention, Table, Uuid
from lakehouse.ingest import bronze, positions
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

REFUNDS, FX, CHECKOUT = (tables.get(n) for n in ("ledger.refunds", "ledger.fx_rates", "events.checkout"))
AT = datetime(2026, 3, 1, tzinfo=UTC)
UNAVAILABLE = "__debezium_unavailable_value"

Message = tuple[str, int, int, bytes | None, bytes | None]


def refund(number: int, status: str = "pending", **more: Any) -> dict[str, Any]:
    return {
        "refund_id": f"ref_{number}",
        "payment_id": "pay_1",
        "amount_minor": 100 + number,
        "currency_code": "KWD",
        "reason": "duplicate",
        "status": status,
        "created_at": "2026-02-01T00:00:00.000001Z",
        "updated_at": "2026-02-01T00:00:00Z",
        **more,
    }


def envelope(op: str, before: Any = None, after: Any = None, **source: Any) -> bytes:
    place = {"ts_ms": 1, "ts_us": 1_500, "snapshot": "false", "txId": 7, "lsn": 99, **source}
    return json.dumps({"before": before, "after": after, "source": place, "op": op, "ts_ms": 2}).encode()


def message(table: Table, offset: int, value: bytes | None, key: Any = None) -> Message:
    return (names.topic(table), 0, offset, json.dumps(key).encode() if key else b"{}", value)


def batch(spark: SparkSession, messages: list[Message]) -> DataFrame:
    rows = [(key, value, topic, partition, offset, AT) for topic, partition, offset, key, value in messages]
    return spark.createDataFrame(
        rows, "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp"
    )


@pytest.fixture
def open_(lake: Any, spark: SparkSession) -> Any:
    """Opens a landing as a new process would; the tables are emptied first, and their positions with them."""
    for table in (REFUNDS, FX, CHECKOUT):
        for name in (names.bronze(table), names.quarantine(table)):
            spark.sql(f"DROP TABLE IF EXISTS {name}")
    import shutil

    for schema in (names.BRONZE, names.OPS):
        shutil.rmtree(lake.config.warehouse / schema, ignore_errors=True)

    def opened(*chosen: Table) -> bronze.Landing:
        config: Settings = lake.config
        return bronze.open_landing(config, spark, chosen or (REFUNDS,))

    return opened


def log(spark: SparkSession, table: Table, columns: str) -> list[tuple[Any, ...]]:
    found = spark.sql(f"select {columns} from {names.bronze(table)} order by _partition, _offset").collect()
    return [tuple(row) for row in found]


@pytest.fixture
def dies_before_quarantine(spark: SparkSession) -> Any:
    """Lands messages by a process that dies once bronze is committed, before its quarantine is."""
    append = bronze.Target.append

    def dying(target: bronze.Target, *arguments: Any) -> int:
        if target.name == names.quarantine(REFUNDS):
            raise RuntimeError("the power went")
        return append(target, *arguments)

    def land(landing: bronze.Landing, messages: list[Message]) -> None:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(bronze.Target, "append", dying)
            landing.land(batch(spark, messages))

    return land


def test_every_operation_becomes_a_row(spark: SparkSession, open_: Any) -> None:
    key = {"refund_id": "ref_1"}
    open_().land(
        batch(
            spark,
            [
                message(REFUNDS, 0, envelope("r", after=refund(1), snapshot="first"), key),
                message(REFUNDS, 1, envelope("u", after=refund(1, "succeeded", reason=UNAVAILABLE)), key),
                message(REFUNDS, 2, envelope("d", before={**key, "amount_minor": 0}), key),
                message(REFUNDS, 3, None, key),
                message(REFUNDS, 4, envelope("t"), None),
            ],
        )
    )
    assert log(
        spark, REFUNDS, "_op, refund_id, status, amount_minor, reason, _unchanged, _is_snapshot, _source_lsn"
    ) == [
        ("r", "ref_1", "pending", 101, "duplicate", [], True, 99),
        ("u", "ref_1", "succeeded", 101, None, ["reason"], False, 99),
        ("d", "ref_1", None, None, None, [], False, 99),
        ("tombstone", "ref_1", None, None, None, [], False, None),
        ("t", None, None, None, None, [], False, 99),
    ]


def test_values_are_exact(spark: SparkSession, open_: Any) -> None:
    rate = {
        "base_currency_code": "KWD",
        "quote_currency_code": "JPY",
        "rate_on": 20_512,  # days since 1970-01-01
        "rate": "487.12345678",
        "created_at": "2026-02-28T23:59:59.123456Z",
    }
    open_(FX).land(batch(spark, [message(FX, 0, envelope("c", after=rate), {"rate_on": 20_512})]))
    ((rate_on, value, created_at),) = log(
        spark, FX, "rate_on, cast(rate as string), cast(created_at as string)"
    )
    assert (str(rate_on), value, created_at) == ("2026-02-28", "487.12345678", "2026-02-28 23:59:59.123456")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"not json at all", "not one JSON object"),
        (b'{"op": "c"} trailing', "not one JSON object"),
        (b"\xff\xfe", "UTF-8"),
        (envelope("x", after=refund(1)), "unknown operation"),
        (envelope("c"), "without the row"),
        (envelope("c", after=refund(1, amount_minor="12.5")), "amount_minor is no BIGINT"),
        (envelope("c", after=refund(1, created_at="yesterday")), "created_at is no TIMESTAMP"),
        (envelope("c", after=refund(1, refund_id=None)), "missing: refund_id"),
        (envelope("c", after=refund(1, currency_code=None)), "missing: currency_code"),
    ],
)
def test_poison_is_quarantined_with_bytes_place_and_reason_and_the_rest_lands(
    spark: SparkSession, open_: Any, value: bytes, reason: str
) -> None:
    landing = open_()
    good = [message(REFUNDS, n, envelope("c", after=refund(n)), {"refund_id": f"ref_{n}"}) for n in (0, 2)]
    landing.land(batch(spark, [good[0], message(REFUNDS, 1, value, {"refund_id": "ref_1"}), good[1]]))
    assert log(spark, REFUNDS, "_offset") == [(0,), (2,)]
    (row,) = spark.table(names.quarantine(REFUNDS)).collect()
    assert (row["_topic"], row["_partition"], row["_offset"]) == ("ledger.public.refunds", 0, 1)
    assert bytes(row["value"]) == value
    assert reason in row["reason"]
    assert (landing.rows, landing.quarantined) == ({"refunds": 2}, {"refunds": 1})


def test_what_is_delivered_again_is_left_out_also_by_a_new_process(spark: SparkSession, open_: Any) -> None:
    first = [message(REFUNDS, n, envelope("c", after=refund(n))) for n in range(4)]
    poison = message(REFUNDS, 4, b"poison")
    more = [message(REFUNDS, n, envelope("c", after=refund(n))) for n in range(5, 8)]
    landing = open_()
    landing.land(batch(spark, [*first, poison]))
    landing.land(batch(spark, [*first, poison]))
    again = open_()  # reads its position from the table
    again.land(batch(spark, [*first[2:], poison, *more]))
    assert log(spark, REFUNDS, "_offset") == [(n,) for n in (0, 1, 2, 3, 5, 6, 7)]
    assert spark.table(names.quarantine(REFUNDS)).count() == 1
    assert again.next == {("ledger.public.refunds", 0): 8}


def test_a_crash_between_two_tables_is_mended_by_delivering_again(spark: SparkSession, open_: Any) -> None:
    """Refunds were committed, quarantine too, rates not: as a crash at that step leaves it."""
    messages = [
        message(REFUNDS, 0, envelope("c", after=refund(0))),
        message(REFUNDS, 1, b"poison"),
        message(
            FX,
            0,
            envelope(
                "c",
                after={
                    "base_currency_code": "EUR",
                    "quote_currency_code": "USD",
                    "rate_on": 1,
                    "rate": "1.1",
                    "created_at": "2026-02-01T00:00:00Z",
                },
            ),
        ),
    ]
    open_(REFUNDS).land(batch(spark, messages))
    both = open_(REFUNDS, FX)
    both.land(batch(spark, messages))
    assert log(spark, REFUNDS, "_offset") == [(0,)]
    assert log(spark, FX, "_offset") == [(0,)]
    assert spark.table(names.quarantine(REFUNDS)).count() == 1


def test_a_crash_between_bronze_and_quarantine_loses_and_doubles_nothing(
    spark: SparkSession, open_: Any, dies_before_quarantine: Any
) -> None:
    messages = [message(REFUNDS, 0, b"poison"), message(REFUNDS, 1, envelope("c", after=refund(1)))]
    dies_before_quarantine(open_(), messages)
    assert log(spark, REFUNDS, "_offset") == [(1,)]
    again = open_()
    assert again.next == {("ledger.public.refunds", 0): 0}, "the poison is read again"
    again.land(batch(spark, [*messages, message(REFUNDS, 2, b"more poison")]))
    assert log(spark, REFUNDS, "_offset") == [(1,)]
    found = spark.table(names.quarantine(REFUNDS)).orderBy("_offset").collect()
    assert [row["_offset"] for row in found] == [0, 2]


def test_after_a_crash_another_declaration_neither_loses_nor_doubles(
    spark: SparkSession, open_: Any, dies_before_quarantine: Any
) -> None:
    """Refused when it was landed and readable when its quarantine is made good; and the other way round."""
    amountless = refund(1, amount_minor=None, reason="00000000-0000-0000-0000-000000000000")
    messages = [message(REFUNDS, 0, envelope("c", after=amountless)), message(REFUNDS, 1, b"poison")]
    messages += [message(REFUNDS, 2, envelope("c", after=refund(2)))]
    dies_before_quarantine(open_(), messages)
    other: dict[str, Any] = {"amount_minor": {"nullable": True}, "reason": {"type": Uuid(), "values": ()}}
    columns = tuple(replace(c, **other.get(c.name, {})) for c in REFUNDS.columns)
    open_(replace(REFUNDS, columns=columns, version=REFUNDS.version + 1)).land(batch(spark, messages))
    assert log(spark, REFUNDS, "_offset") == [(2,)]
    found = spark.table(names.quarantine(REFUNDS)).orderBy("_offset").collect()
    assert [row["_offset"] for row in found] == [0, 1]
    assert "the present one reads it" in found[0]["reason"]


def test_a_batch_of_nothing_but_poison_is_quarantined_once(spark: SparkSession, open_: Any) -> None:
    """Delta makes no commit of no rows, so bronze stands where it stood and the poison is read again."""
    poison = [message(REFUNDS, n, b"poison") for n in range(3)]
    open_().land(batch(spark, poison))
    again = open_()
    again.land(batch(spark, [*poison, message(REFUNDS, 3, envelope("c", after=refund(3)))]))
    again.land(batch(spark, [message(REFUNDS, 4, b"poison")]))
    assert log(spark, REFUNDS, "_offset") == [(3,)]
    found = spark.table(names.quarantine(REFUNDS)).orderBy("_offset").collect()
    assert [row["_offset"] for row in found] == [0, 1, 2, 4]


def test_commits_of_others_do_not_hide_the_position(spark: SparkSession, open_: Any) -> None:
    open_().land(batch(spark, [message(REFUNDS, 41, envelope("c", after=refund(1)))]))
    spark.sql(f"OPTIMIZE {names.bronze(REFUNDS)}")
    spark.sql(f"ALTER TABLE {names.bronze(REFUNDS)} SET TBLPROPERTIES ('somebody' = 'else')")
    assert open_().next == {("ledger.public.refunds", 0): 42}


def test_where_the_log_was_cut_the_position_is_read_from_the_rows(
    spark: SparkSession, open_: Any, lake: Any
) -> None:
    short = replace(REFUNDS, retention=Retention(log_days=7))
    messages = [message(REFUNDS, n, envelope("c", after=refund(n))) for n in range(4)]
    for one in messages[:3]:
        open_(short).land(batch(spark, [one]))
    entries = context.folder(lake.config, names.bronze(REFUNDS)) / "_delta_log"
    days_ago = time.time() - 10 * 24 * 3600
    for file in entries.glob("*.json"):
        os.utime(file, (days_ago, days_ago))
    landed = {file.name for file in entries.glob("*.json")}
    for word in ("one", "two", "three"):
        more = f"'delta.checkpointInterval' = '1', 'somebody' = '{word}'"
        spark.sql(f"ALTER TABLE {names.bronze(REFUNDS)} SET TBLPROPERTIES ({more})")
    assert not landed & {file.name for file in entries.glob("*.json")}, "Delta cut its log as declared"
    assert open_(short).next == {("ledger.public.refunds", 0): 3}
    open_(short).land(batch(spark, messages))
    assert log(spark, REFUNDS, "_offset") == [(0,), (1,), (2,), (3,)]


def test_known_time_never_goes_back(spark: SparkSession, open_: Any) -> None:
    landing = open_()
    landing.land(batch(spark, [message(REFUNDS, 0, envelope("c", after=refund(0)))]))
    ahead = datetime(2199, 1, 1, tzinfo=UTC)
    (pair,) = landing.pairs
    pair.bronze.position = positions.Position(pair.bronze.position.next, ahead)
    landing.land(batch(spark, [message(REFUNDS, 1, envelope("c", after=refund(1)))]))
    first, second = log(spark, REFUNDS, "cast(_ingested_at as string)")
    assert first < second
    assert second == ("2199-01-01 00:00:00.000001",)


def test_events_land_and_bad_ones_are_quarantined(spark: SparkSession, open_: Any) -> None:
    event = {
        "event_id": "evt_1",
        "event_name": "session_started",
        "session_id": "ses_1",
        "merchant_id": "mer_1",
        "channel": "web",
        "occurred_at": "2026-02-01T10:00:00.123456Z",
    }
    landing = open_(CHECKOUT)
    bad = {k: v for k, v in event.items() if k != "occurred_at"}
    landing.land(
        batch(
            spark,
            [
                message(CHECKOUT, 0, json.dumps(event).encode()),
                message(CHECKOUT, 1, json.dumps(bad).encode()),
                message(CHECKOUT, 2, None),
            ],
        )
    )
    assert log(spark, CHECKOUT, "event_id, customer_id, cast(occurred_at as string)") == [
        ("evt_1", None, "2026-02-01 10:00:00.123456")
    ]
    reasons = [r["reason"] for r in spark.table(names.quarantine(CHECKOUT)).orderBy("_offset").collect()]
    assert "missing: occurred_at" in reasons[0]
    assert "without a value" in reasons[1]


def test_any_split_and_repetition_of_a_log_gives_each_offset_once(spark: SparkSession, open_: Any) -> None:
    """Forty deliveries, cut and repeated at random from a seed, by processes that come and go."""
    import random

    rng = random.Random(20260301)
    log_of = [
        message(REFUNDS, n, b"poison" if n % 9 == 4 else envelope("c", after=refund(n))) for n in range(60)
    ]
    landing, reached = open_(), 0
    while reached < len(log_of):
        begin, end = rng.randint(0, reached), min(len(log_of), reached + rng.randint(1, 20))
        landing.land(batch(spark, log_of[begin:end]))
        reached = end
        if rng.random() < 0.4:
            landing = open_()
    bad = [row["_offset"] for row in spark.table(names.quarantine(REFUNDS)).orderBy("_offset").collect()]
    assert bad == [n for n in range(60) if n % 9 == 4]
    assert log(spark, REFUNDS, "_offset") == [(n,) for n in range(60) if n % 9 != 4]
