"""Each declared type read exactly or not at all, and each kind of message taken for what it is."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.contracts import (
    Array,
    Binary,
    Boolean,
    Column,
    Date,
    Decimal,
    Double,
    Event,
    Integer,
    Interval,
    Json,
    LocalTimestamp,
    Numeric,
    Source,
    SourceKind,
    String,
    Table,
    Time,
    Timestamp,
    Uuid,
)
from lakehouse.ingest import decode

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

AT = datetime(2026, 3, 1, tzinfo=UTC)
MICROS = int(AT.timestamp() * 1_000_000)
UNAVAILABLE = "__debezium_unavailable_value"
LISTS: dict[str, Any] = {
    "tags": [UNAVAILABLE],
    "counts": list(UNAVAILABLE.encode()),
    "tokens": ["b68a35a7-17ad-35b3-af2a-ae46edb4545a"],
    "raws": ["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="],
}
"""Arrays that were not sent, as Debezium writes them for text, integers, UUIDs and bytes."""

SOURCE = Source("shop", SourceKind.POSTGRES, "tests", "A source of these tests.")
TYPES = {
    "flag": Boolean(), "small": Integer(16), "whole": Integer(32), "big": Integer(), "amount": Decimal(10, 2),
    "wide": Decimal(38, 10), "ratio": Double(), "words": String(), "token": Uuid(), "doc": Json(), "raw": Binary(),
    "at": Timestamp(), "day": Date(), "local": LocalTimestamp(), "coarse": LocalTimestamp(3), "moment": Time(),
    "span": Interval(), "digits": Numeric(), "tags": Array(String()), "counts": Array(Integer(32)),
    "tokens": Array(Uuid()), "raws": Array(Binary()), "prices": Array(Decimal(10, 1)),
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
FEW = Table(
    source=SOURCE,
    name="things",
    description="Quicker to plan than all types.",
    grain="thing",
    key=("id",),
    columns=tuple(c for c in THINGS.columns if c.name in ("id", "amount", "wide", "words", "doc", "at")),
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
        Column("kind", String(), "One of a few.", nullable=True, values=("click", "tap")),
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
        if f.dataType.simpleString().startswith("timestamp")
        else f"`{f.name}`"
        for f in decoded.schema
    ]
    return list(decoded.orderBy("_offset").selectExpr(*shown).collect())


def change(op: str, **parts: Any) -> tuple[bytes, bytes]:
    return b'{"id": 1}', json.dumps({"op": op, "ts_ms": 1, **parts}).encode()


def thing(**values: Any) -> tuple[bytes, bytes]:
    return change("c", after={"id": 1, **values})


def update(**values: Any) -> tuple[bytes, bytes]:
    """An update as Debezium sends it: every column is there."""
    return change("u", after={"id": 1, **dict.fromkeys(TYPES), **values})


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
    ("at", '"2026-03-29T01:59:59+01:00"', "2026-03-29 00:59:59"),
    ("at", '"2026-03-29T03:00:00+02:00"', "2026-03-29 01:00:00"),
    ("at", '"0001-01-01 00:00:00Z"', "0001-01-01 00:00:00"),
    ("at", "1500", "1970-01-01 00:00:00.0015"),
    ("day", "20512", date(2026, 2, 28)),
    ("day", "-1", date(1969, 12, 31)),
    ("day", '"2026-02-28"', date(2026, 2, 28)),
    ("local", "1500", "1970-01-01 00:00:00.0015"),
    ("local", '"2026-02-28T23:59:59.5"', "2026-02-28 23:59:59.5"),
    ("coarse", "-1", "1969-12-31 23:59:59.999"),
    ("moment", "0", "00:00:00"),
    ("moment", "86399999999", "23:59:59.999999"),
    ("moment", "86400000000", "24:00:00"),
    ("moment", "3600500000", "01:00:00.5"),
    ("moment", '"13:37:00.1Z"', "13:37:00.1Z"),
    ("span", '"P1Y2M-3DT4H5M6.78S"', "P1Y2M-3DT4H5M6.78S"),
    ("span", "-1500000", "PT-1.500000S"),
    ("digits", '"' + "9" * 60 + '.000"', "9" * 60 + ".000"),
    ("digits", '"NaN"', "NaN"),
    ("digits", '"-Infinity"', "-Infinity"),
    ("tags", '["a", null, "x,\\"y"]', ["a", None, 'x,"y']),
    ("tags", "[]", []),
    ("counts", "[1, null, -3]", [1, None, -3]),
    ("tokens", '["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"]', ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    ("raws", '["AQID"]', [b"\x01\x02\x03"]),
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
        str(value)
        if column in ("amount", "wide")
        else bytes(value)
        if column == "raw"
        else [bytes(v) for v in value]
        if column == "raws"
        else value
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
    ("day", '"2026-02"'), ("local", '"2026-02-28T23:59:59Z"'), ("local", '"infinity"'), ("moment", '"noon"'),
    ("moment", "86400000001"), ("moment", "-1"), ("span", '"1 day"'), ("span", '"P"'), ("digits", '"1,5"'), ("tags", '"a"'),
    ("tags", '{"a": 1}'), ("counts", "[1, 2147483648]"), ("counts", '["a"]'), ("tokens", '["a0eebc99"]'),
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
    lists = {name: form for name, form in LISTS.items() if name.endswith("s")}
    several, array, own_text = read(
        spark,
        THINGS,
        update(**forms, **lists),
        update(doc=[UNAVAILABLE]),
        update(words=f"about {UNAVAILABLE}"),
    )
    assert (several["_reason"], sorted(several["_unchanged"])) == (None, sorted({**forms, **lists}))
    assert [several[name] for name in (*forms, *lists, "token")] == [None] * (len(forms) + len(lists) + 1)
    assert (array["_unchanged"], array["doc"]) == (["doc"], None)
    assert (own_text["_unchanged"], own_text["words"]) == ([], f"about {UNAVAILABLE}")


def test_what_was_not_sent_is_unchanged_and_what_is_not_declared_is_kept(spark: SparkSession) -> None:
    whole, dropped, renamed = read(
        spark,
        THINGS,
        update(),
        change("u", after={"id": 1, **{n: None for n in TYPES if n != "words"}}),
        change(
            "u",
            after={
                "id": 1,
                **{n: None for n in TYPES if n != "words"},
                "Wörds": None,
                "n": 1.5,
                "d": {"a": [1]},
            },
        ),
    )
    assert (whole["_unchanged"], whole["_extra"]) == ([], None)
    assert (dropped["_unchanged"], dropped["_extra"]) == (["words"], None)
    assert renamed["_unchanged"] == ["words"]
    assert renamed["_extra"] == {"Wörds": None, "n": "1.5", "d": '{"a":[1]}'}
    (event,) = read(spark, EVENTS, (None, b'{"event_id": "e", "at": "2026-01-01T00:00:00Z", "later": true}'))
    assert (event["_reason"], event["_extra"]) == (None, {"later": "true"})


def test_a_source_may_call_things_otherwise(spark: SparkSession) -> None:
    table = Table(
        source=SOURCE,
        name="orders",
        source_name="Orders",
        description="Names as they come.",
        grain="order",
        key=("order_id",),
        columns=(
            Column("order_id", Integer(), "Key.", source_name="OrderID"),
            Column("ship_name", String(), "Name.", nullable=True, source_name="ship name's"),
            Column("freight", Decimal(10, 2), "Weight.", nullable=True, source_name="Freight$"),
        ),
    )
    names_of_its_own = {"OrderID": 7, "ship name's": "a", "Freight$": 1.25}
    made, gone, tombstone = read(
        spark,
        table,
        (b'{"OrderID": 7}', json.dumps({"op": "c", "after": names_of_its_own}).encode()),
        (b'{"OrderID": 7}', json.dumps({"op": "d", "before": {"OrderID": 7}}).encode()),
        (b'{"OrderID": 7}', None),
    )
    assert (made["_reason"], made["_extra"], made["_unchanged"]) == (None, None, [])
    assert (made["order_id"], made["ship_name"], str(made["freight"])) == (7, "a", "1.25")
    assert [(r["_reason"], r["order_id"]) for r in (gone, tombstone)] == [(None, 7)] * 2


def with_schema(kinds: dict[str, Any], after: dict[str, Any]) -> tuple[bytes, bytes]:
    fields = [{"field": name, **kind} for name, kind in kinds.items()]
    schema = {"fields": [{"field": "before", "fields": fields}, {"field": "after", "fields": fields}]}
    value = {"schema": schema, "payload": {"op": "c", "after": {"id": 1, **after}}}
    return b'{"payload": {"id": 1}}', json.dumps(value).encode()


def test_the_schema_in_a_message_says_what_its_numbers_mean(spark: SparkSession) -> None:
    kafka, debezium = "org.apache.kafka.connect.data.", "io.debezium.time."
    cases: list[tuple[str, dict[str, Any], Any, Any]] = [
        ("at", {"name": debezium + "Timestamp"}, -1, "1969-12-31 23:59:59.999"),
        ("at", {"name": debezium + "MicroTimestamp"}, 1500, "1970-01-01 00:00:00.0015"),
        ("at", {"name": debezium + "NanoTimestamp"}, 1_500_999, "1970-01-01 00:00:00.0015"),
        ("at", {"name": kafka + "Timestamp"}, 1500, "1970-01-01 00:00:01.5"),
        ("local", {"name": debezium + "MicroTimestamp"}, 1500, "1970-01-01 00:00:00.0015"),
        ("moment", {"name": debezium + "Time"}, 1500, "00:00:01.5"),
        ("moment", {"name": debezium + "MicroTime"}, 1500, "00:00:00.0015"),
        ("amount", {"name": kafka + "Decimal", "parameters": {"scale": "2"}}, "/w==", "-0.01"),
        ("amount", {"name": kafka + "Decimal", "parameters": {"scale": "2"}}, "1234", "-26588.24"),
        ("digits", {"name": "io.debezium.data.VariableScaleDecimal"}, {"scale": 3, "value": "AQ=="}, "0.001"),
        (
            "prices",
            {"items": {"name": kafka + "Decimal", "parameters": {"scale": "1"}}},
            ["Cg==", None],
            "[1.0, null]",
        ),
    ]
    rows = read(spark, THINGS, *(with_schema({name: kind}, {name: sent}) for name, kind, sent, _ in cases))
    for row, (name, kind, _, wanted) in zip(rows, cases, strict=True):
        shown = (
            "[" + ", ".join("null" if v is None else str(v) for v in row[name]) + "]"
            if name == "prices"
            else str(row[name])
        )
        assert (row["_reason"], shown) == (None, wanted), (name, kind)


def test_decimals_as_bytes_without_a_schema_are_read_if_the_source_says_so(spark: SparkSession) -> None:
    source = Source(
        "till", SourceKind.POSTGRES, "tests", "Of others.", is_managed=False, has_decimal_bytes=True
    )
    columns = (Column("id", Integer(), "Key."), Column("amount", Decimal(20, 2), "How much."))
    table = Table(source=source, name="sums", description="Sums.", grain="sum", key=("id",), columns=columns)
    row, wrong = read(spark, table, thing(amount="1234"), thing(amount="*"))
    assert (row["_reason"], str(row["amount"])) == (None, "-26588.24")
    assert wrong["_reason"] == "amount is no DECIMAL(20,2)"


NO_CHANGES: list[tuple[bytes, str]] = [
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
]


def test_what_is_no_change_of_the_table_says_why(spark: SparkSession) -> None:
    rows = read(spark, FEW, *((b'{"id": 1}', value) for value, _ in NO_CHANGES))
    for row, (value, reason) in zip(rows, NO_CHANGES, strict=True):
        assert reason in (row["_reason"] or ""), value
        assert (bytes(row["_key"]), bytes(row["_value"])) == (b'{"id": 1}', value)


def test_tombstones_take_their_key_from_the_message_key(spark: SparkSession) -> None:
    plain, with_schema, without, broken, wrong = read(
        spark,
        FEW,
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
    rows = read(spark, FEW, change("t"), change("m", message={"prefix": "p", "content": "eA=="}))
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
    rows = read(spark, FEW, *sent)
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
    full, bare = read(spark, FEW, change("u", after={"id": 1}, source=source), change("u", after={"id": 1}))
    assert (full["_source_at"], full["_source_lsn"], full["_source_tx"]) == (
        "1970-01-01 00:00:00.0015", 77, "42",
    )  # fmt: skip
    assert (full["_is_snapshot"], bare["_is_snapshot"]) == (True, False)
    assert (bare["_source_at"], bare["_source_lsn"], bare["_source_tx"]) == (None, None, None)
    assert (full["_contract_version"], full["_ingested_at"]) == (1, "2026-03-01 00:00:00")


def test_events_keep_exact_numbers_and_nested_json(spark: SparkSession) -> None:
    good = b'{"event_id": "e", "at": "2026-03-01T00:00:00Z", "payload": {"b": 1, "a": [2]}, "amount": 12345678901234.5670}'
    (row,) = read(spark, EVENTS, (None, good))
    assert (row["_reason"], row["payload"]) == (None, '{"b":1,"a":[2]}')
    assert str(row["amount"]) == "12345678901234.5670"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "without a value"),
        (b"\xff", "UTF-8"),
        (b"{}{}", "not one JSON object"),
        (b'{"event_id": "e"}', "missing: at"),
        (b'{"event_id": "e", "at": "now"}', "at is no TIMESTAMP"),
        (b'{"event_id": "e", "at": "2026-01-01T10"}', "at is no TIMESTAMP"),
        (b'{"event_id": "e", "at": 1772323200}', "at is no TIMESTAMP"),
        (b'{"event_id": "e", "at": " 1772323200\\t"}', "at is no TIMESTAMP"),
        (b'{"event_id": " ", "at": "2026-03-01T00:00:00Z"}', "missing: event_id"),
        (b'{"event_id": "e", "at": "2026-03-01T00:00:00Z", "kind": "fax"}', "kind is unknown"),
        (b'{"event_id": "e"},"z":1', "not one JSON object"),
        (b'{"event_id": "e", "at": "2026-03-01T00:00:00Z", "amount": 1.00001}', "amount is no DECIMAL(20,4)"),
    ],
)
def test_bad_events_say_why(spark: SparkSession, value: bytes | None, reason: str) -> None:
    (row,) = read(spark, EVENTS, (b"k", value))
    assert reason in (row["_reason"] or "")
