"""Each declared type read exactly or not at all, and each kind of message taken for what it is."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.contracts import (
    Binary,
    Boolean,
    Column,
    Date,
    Decimal,
    Double,
    Event,
    Integer,
    Json,
    Source,
    SourceKind,
    String,
    Table,
    Timestamp,
    Uuid,
)
from lakehouse.ingest import decode

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

AT = datetime(2026, 3, 1, tzinfo=UTC)
MICROS = int(AT.timestamp() * 1_000_000)
UNAVAILABLE = "__debezium_unavailable_value"

SOURCE = Source("shop", SourceKind.POSTGRES, "tests", "A source of these tests.")
TYPES = {
    "flag": Boolean(), "small": Integer(16), "whole": Integer(32), "big": Integer(), "amount": Decimal(10, 2),
    "wide": Decimal(38, 10), "ratio": Double(), "words": String(), "token": Uuid(), "doc": Json(), "raw": Binary(),
    "at": Timestamp(), "day": Date(),
}  # fmt: skip
THINGS = Table(
    source=SOURCE,
    name="things",
    description="One column of each type.",
    grain="thing",
    key=("id",),
    columns=(
        Column("id", Integer(), "Key."),
        *(Column(n, t, "Any.", nullable=True) for n, t in TYPES.items()),
    ),
)
NAMES_OF_OURS = ("key", "value", "op", "source", "reason", "offset", "timestamp", "problem", "missing", "t")
CLASHES = Table(
    source=SOURCE,
    name="clashes",
    description="Columns called as things are called on the way.",
    grain="payload",
    key=("payload",),
    columns=(Column("payload", String(), "Key."), *(Column(n, String(), "Any.") for n in NAMES_OF_OURS)),
)
EVENTS = Table(
    source=Source("clicks", SourceKind.EVENTS, "tests", "Events of these tests."),
    name="clicks",
    description="Clicks.",
    grain="click",
    key=("event_id",),
    event=Event("event_id", "at"),
    columns=(
        Column("event_id", String(), "Key."),
        Column("at", Timestamp(), "When."),
        Column("payload", Json(), "Whatever.", nullable=True),
        Column("amount", Decimal(20, 4), "How much.", nullable=True),
    ),
)


def read(spark: SparkSession, table: Table, *messages: tuple[bytes | None, bytes | None]) -> list[Row]:
    """Messages, as (key, value), through the decoder; one row each, in order."""
    rows = [(k, v, "topic", 0, n, AT) for n, (k, v) in enumerate(messages)]
    frame = spark.createDataFrame(
        rows, "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp"
    )
    decoded = decode.decode(frame, table, MICROS)
    # Instants as text in UTC: as Python objects they would depend on the machine's time zone.
    shown = [
        f"cast(`{f.name}` as string) as `{f.name}`"
        if f.dataType.simpleString() == "timestamp"
        else f"`{f.name}`"
        for f in decoded.schema
    ]
    return list(decoded.orderBy("_offset").selectExpr(*shown).collect())


def change(op: str, **parts: Any) -> tuple[bytes, bytes]:
    return b'{"id": 1}', json.dumps({"op": op, "ts_ms": 1, **parts}).encode()


def thing(**values: Any) -> tuple[bytes, bytes]:
    return change("c", after={"id": 1, **values})


GOOD: list[tuple[str, str, Any]] = [
    ("flag", "true", True),
    ("small", "-32768", -32768),
    ("whole", "2147483647", 2147483647),
    ("big", "9223372036854775807", 9223372036854775807),
    ("amount", '"12.30"', "12.30"),
    ("amount", '"-0.5000"', "-0.50"),
    ("amount", "7", "7.00"),
    ("amount", "1.2e1", "12.00"),
    ("wide", '"1234567890123456789012345678.0123456789"', "1234567890123456789012345678.0123456789"),
    ("wide", "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"),
    ("ratio", "0.1", 0.1),
    ("ratio", '"Infinity"', float("inf")),
    ("words", '"  Zo\\u00eb \\ud83d\\ude00 "', "  Zoë 😀 "),
    ("words", '"\\\\ud800"', "\\ud800"),
    ("words", '""', ""),
    ("token", '"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"', "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("doc", '"{\\"a\\": [1, 2.50]}"', '{"a": [1, 2.50]}'),
    ("doc", '{"b": [1, true], "a": null}', '{"b":[1,true],"a":null}'),
    ("doc", '"null"', "null"),
    ("raw", '"AQID"', b"\x01\x02\x03"),
    ("at", '"2026-02-28T23:59:59.123456Z"', "2026-02-28 23:59:59.123456"),
    ("at", '"2026-02-28T23:59:59.123456789+01:00"', "2026-02-28 22:59:59.123456"),
    ("at", '"0001-01-01 00:00:00Z"', "0001-01-01 00:00:00"),
    ("at", "1500", "1970-01-01 00:00:00.0015"),
    ("day", "20512", date(2026, 2, 28)),
    ("day", "-1", date(1969, 12, 31)),
    ("day", '"2026-02-28"', date(2026, 2, 28)),
]


def test_each_type_is_read_exactly(spark: SparkSession) -> None:
    sent = [
        (b"{}", f'{{"op": "c", "after": {{"id": 1, "{column}": {text}}}}}'.encode())
        for column, text, _ in GOOD
    ]
    rows = read(spark, THINGS, *sent)
    assert [
        (row["_reason"], column) for row, (column, *_) in zip(rows, GOOD, strict=True) if row["_reason"]
    ] == []
    found = [row[column] for row, (column, *_) in zip(rows, GOOD, strict=True)]
    shown = [
        str(value) if column in ("amount", "wide") else bytes(value) if column == "raw" else value
        for value, (column, *_) in zip(found, GOOD, strict=True)
    ]
    assert shown == [value for *_, value in GOOD]


BAD = [
    ("flag", '"yes"'), ("flag", "1"), ("small", "32768"), ("whole", "2147483648"), ("big", "9223372036854775808"),
    ("big", "1.5"), ("big", "1e3"), ("big", '""'), ("amount", '"12.345"'), ("amount", '"123456789.00"'),
    ("amount", '"NaN"'), ("amount", "1.2e-3"), ("wide", '"0.00000000001"'), ("ratio", '"much"'),
    ("token", '"a0eebc99"'), ("doc", '"{broken"'), ("raw", '"not base64!"'), ("at", '"2026-02-28T23:59:59"'),
    ("at", '"2026-02-30T00:00:00Z"'), ("at", '"+292278994-08-16T23:00:00Z"'), ("at", '"infinity"'),
    ("at", "253402300800000000"), ("day", '"2026-02-30"'), ("day", '"28.02.2026"'), ("day", "2932897"),
    ("day", '"2026-02"'),
]  # fmt: skip


def test_what_a_type_cannot_hold_exactly_is_named_and_never_null(spark: SparkSession) -> None:
    sent = [
        (b"{}", f'{{"op": "c", "after": {{"id": 1, "{column}": {text}}}}}'.encode()) for column, text in BAD
    ]
    rows = read(spark, THINGS, *sent)
    passed = [
        case
        for case, row in zip(BAD, rows, strict=True)
        if not (row["_reason"] or "").startswith(f"{case[0]} is no ")
    ]
    assert passed == []
    assert [bytes(row["_value"]) for row in rows] == [value for _, value in sent]


def test_absent_and_null_are_null_and_complain_of_nothing(spark: SparkSession) -> None:
    rows = read(spark, THINGS, thing(), thing(**dict.fromkeys(TYPES)))
    for row in rows:
        assert row["_reason"] is None
        assert [row[name] for name in TYPES] == [None] * len(TYPES)
        assert (row["_key"], row["_value"]) == (None, None), "bytes of what could be read are not kept"


def test_value_null_and_unchanged_are_three_states(spark: SparkSession) -> None:
    forms = {
        "words": UNAVAILABLE,
        "doc": UNAVAILABLE,
        "raw": "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==",
        "amount": UNAVAILABLE,
    }
    update, array, own_text = read(
        spark,
        THINGS,
        change("u", after={"id": 1, "token": None, **forms}),
        change("u", after={"id": 1, "doc": [UNAVAILABLE]}),
        change("u", after={"id": 1, "words": f"about {UNAVAILABLE}"}),
    )
    assert (update["_reason"], sorted(update["_unchanged"])) == (None, sorted(forms))
    assert [update[name] for name in (*forms, "token")] == [None] * 5
    assert (array["_unchanged"], array["doc"]) == (["doc"], None)
    assert (own_text["_unchanged"], own_text["words"]) == ([], f"about {UNAVAILABLE}")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not one JSON object"),
        (b"null", "not one JSON object"),
        (b"[]", "not one JSON object"),
        (b'"text"', "not one JSON object"),
        (b'{"op": "c", "after": {"id": 1}', "not one JSON object"),
        (b'{"op": "c", "after": {"id": 1}}{"op": "d"}', "not one JSON object"),
        (b'{"op": "c", "after": {"id": 1}}}', "not one JSON object"),
        (b'{"op": "c", "after": {"id": 1}}, "x": {"a": 1}}', "not one JSON object"),
        (b'{"op": "c", "after": {"id": 1}},"x":1', "not one JSON object"),
        (b'{"op": "c", "after": {"id": 1}},"r":{"op": "d"}', "not one JSON object"),
        (b'{"op": "c", "after": {"id": 1}},{"op": "d"}', "not one JSON object"),
        (b'{"op": "c", "after": {"id": 1}}],"x":[1', "not one JSON object"),
        (b'{"op": "c", "after": "text"}', "not one JSON object"),
        (b"{'op': 'c', 'after': {'id': 1}}", "not one JSON object"),
        (b'{"op": "c", "after": {"id": 1, "words": "\xc3\x28"}}', "UTF-8"),
        (b'{"op": "c", "after": {"id": 1, "words": "\\ud83d."}}', "half a character"),
        (b'{"op": "c"}', "without the row after it"),
        (b'{"op": "d"}', "without the row before it"),
        (b'{"op": "d", "before": {"id": null}}', "missing: id"),
        (b'{"op": "c", "after": {"words": "x"}}', "missing: id"),
        (b'{"op": "c", "after": {"id": "x"}}', "id is no BIGINT"),
        (b'{"op": "z", "after": {"id": 1}}', "unknown operation"),
        (b'{"op": ["c"], "after": {"id": 1}}', "unknown operation"),
        (b'{"ts_ms": 1}', "heartbeat"),
        (b'{"status": "BEGIN", "id": "1", "ts_ms": 1}', "transaction boundary"),
        (b"{}", "no operation"),
    ],
)
def test_what_is_no_change_of_the_table_says_why(spark: SparkSession, value: bytes, reason: str) -> None:
    (row,) = read(spark, THINGS, (b'{"id": 1}', value))
    assert reason in (row["_reason"] or "")
    assert (bytes(row["_key"]), bytes(row["_value"])) == (b'{"id": 1}', value)


def test_tombstones_take_their_key_from_the_message_key(spark: SparkSession) -> None:
    plain, with_schema, without, broken, wrong = read(
        spark,
        THINGS,
        (b'{"id": 7}', None),
        (b'{"schema": {"type": "struct"}, "payload": {"id": 8}}', None),
        (None, None),
        (b"seven", None),
        (b'{"id": "x"}', None),
    )
    assert [(r["_op"], r["id"], r["_reason"]) for r in (plain, with_schema)] == [
        ("tombstone", 7, None),
        ("tombstone", 8, None),
    ]
    assert "without a key" in without["_reason"]
    assert "not one JSON object" in broken["_reason"]
    assert "id is no BIGINT" in wrong["_reason"]


def test_truncates_and_logical_messages_are_rows_without_columns(spark: SparkSession) -> None:
    rows = read(spark, THINGS, change("t"), change("m", message={"prefix": "p", "content": "eA=="}))
    assert [(r["_op"], r["id"], r["_reason"]) for r in rows] == [("t", None, None), ("m", None, None)]


def test_an_envelope_with_its_schema_reads_like_one_without(spark: SparkSession) -> None:
    decimals = {"amount": 2, "wide": 10}
    fields = [
        {"field": n, "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
         "parameters": {"scale": str(s), "connect.decimal.precision": "38"}}
        for n, s in decimals.items()
    ]  # fmt: skip
    schema = {
        "type": "struct",
        "fields": [{"field": "after", "fields": fields}, {"field": "op", "type": "string"}],
    }
    cases = [
        ({"amount": "BM4=", "wide": "AA=="}, ("12.30", "0E-10")),
        ({"amount": "/w==", "wide": "AQAAAAAAAAAA"}, ("-0.01", "1844674407.3709551616")),
        ({"amount": "gA==", "wide": "/wAAAAAAAAAA"}, ("-1.28", "-1844674407.3709551616")),
        ({"amount": None, "wide": "fw=="}, (None, "1.27E-8")),
    ]
    sent = [
        (b"{}", json.dumps({"schema": schema, "payload": {"op": "r", "after": {"id": 1, "words": "x"} | case}}).encode())
        for case, _ in cases
    ]  # fmt: skip
    rows = read(spark, THINGS, *sent)
    assert [(r["_op"], r["_reason"], r["words"]) for r in rows] == [("r", None, "x")] * len(cases)
    assert [(r["amount"] and str(r["amount"]), str(r["wide"])) for r in rows] == [shown for _, shown in cases]


def test_declared_columns_may_be_called_as_ours_are_on_the_way(spark: SparkSession) -> None:
    values = {n: f"{n} of theirs" for n in ("payload", *NAMES_OF_OURS)}
    change_, tombstone = read(
        spark,
        CLASHES,
        (b"{}", json.dumps({"op": "c", "after": values}).encode()),
        (b'{"payload": "p"}', None),
    )
    assert (change_["_reason"], {n: change_[n] for n in values}) == (None, values)
    assert (tombstone["_op"], tombstone["payload"], tombstone["_reason"]) == ("tombstone", "p", None)


def test_source_facts_are_taken_from_the_envelope(spark: SparkSession) -> None:
    source = {"ts_ms": 1, "ts_us": 1_500, "snapshot": "incremental", "txId": 42, "lsn": 77}
    full, bare = read(
        spark, THINGS, change("u", after={"id": 1}, source=source), change("u", after={"id": 1})
    )
    assert (full["_source_at"], full["_source_lsn"], full["_source_tx"]) == (
        "1970-01-01 00:00:00.0015", 77, "42",
    )  # fmt: skip
    assert (full["_is_snapshot"], bare["_is_snapshot"]) == (True, False)
    assert (bare["_source_at"], bare["_source_lsn"], bare["_source_tx"]) == (None, None, None)
    assert (full["_contract_version"], full["_ingested_at"]) == (1, "2026-03-01 00:00:00")


def test_events_keep_exact_numbers_and_nested_json(spark: SparkSession) -> None:
    good = b'{"event_id": "e", "at": "2026-03-01T00:00:00Z", "payload": {"b": 1, "a": [2]}, "amount": 12345678901234.5670}'
    (row,) = read(spark, EVENTS, (None, good))
    assert (row["_reason"], row["payload"], str(row["amount"])) == (
        None,
        '{"b":1,"a":[2]}',
        "12345678901234.5670",
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "without a value"),
        (b"\xff", "UTF-8"),
        (b"{}{}", "not one JSON object"),
        (b'{"event_id": "e"}', "missing: at"),
        (b'{"event_id": "e", "at": "now"}', "at is no TIMESTAMP"),
        (b'{"event_id": "e", "at": "2026-01-01T10"}', "at is no TIMESTAMP"),
        (b'{"event_id": "e"},"z":1', "not one JSON object"),
        (b'{"event_id": "e", "at": "2026-03-01T00:00:00Z", "amount": 1.00001}', "amount is no DECIMAL(20,4)"),
    ],
)
def test_bad_events_say_why(spark: SparkSession, value: bytes | None, reason: str) -> None:
    (row,) = read(spark, EVENTS, (b"k", value))
    assert reason in (row["_reason"] or "")
