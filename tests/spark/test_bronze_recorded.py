"""Envelopes that a real Debezium recorded, with their schemas and decimals as bytes, land as they were sent."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal as Exact
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse import settings
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
    Type,
    Uuid,
)
from lakehouse.ingest import decode

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RECORDED = settings.ROOT.parent / "shared" / "data" / "debezium_sample" / "events_schema_precise.ndjson.gz"
SOURCE = Source("pay", SourceKind.POSTGRES, "tests", "The recorded database.")
AT = datetime(2026, 3, 1, tzinfo=UTC)


def recorded() -> list[dict[str, Any]]:
    if not RECORDED.exists():
        pytest.skip(f"the recorded stream is not at {RECORDED}")
    with gzip.open(RECORDED, "rt") as lines:
        return [json.loads(line) for line in lines]


def declared(field: dict[str, Any]) -> Type:
    """The declaration a person would write for a column, from the schema that travels with it."""
    match field.get("name", field["type"]):
        case "org.apache.kafka.connect.data.Decimal":
            precision = int(field["parameters"].get("connect.decimal.precision", 38))
            return Decimal(precision, int(field["parameters"]["scale"]))
        case "io.debezium.time.ZonedTimestamp" | "io.debezium.time.MicroTimestamp":
            return Timestamp()
        case "io.debezium.time.Date":
            return Date()
        case "io.debezium.data.Uuid":
            return Uuid()
        case "io.debezium.data.Json":
            return Json()
    simple: dict[str, Type] = {
        "int16": Integer(16), "int32": Integer(32), "int64": Integer(), "boolean": Boolean(), "double": Double(),
        "bytes": Binary(),
    }  # fmt: skip
    return simple.get(field["type"], String())


def tables(events: list[dict[str, Any]]) -> dict[str, Table]:
    found: dict[str, Table] = {}
    for event in events:
        if event["value"] is None or event["topic"] in found:
            continue
        after = next(f for f in event["value"]["schema"]["fields"] if f["field"] == "after")
        key = tuple(f["field"] for f in event["key"]["schema"]["fields"])
        found[event["topic"]] = Table(
            source=SOURCE,
            name=event["topic"].rsplit(".", 1)[1],
            description="Recorded.",
            grain="row",
            key=key,
            columns=tuple(
                Column(f["field"], declared(f), "Recorded.", nullable=f["field"] not in key)
                for f in after["fields"]
            ),
        )
    return found


def expected(type_: Type, value: Any) -> Any:
    """The value that was sent, by other means than ours; None for types compared by their text alone."""
    if value is None or not isinstance(type_, (Decimal, Integer, String, Boolean)):
        return None
    if isinstance(type_, Decimal):
        return Exact(int.from_bytes(b64decode(value), "big", signed=True)).scaleb(-type_.scale)
    return value if not isinstance(value, (dict, list)) else json.dumps(value, separators=(",", ":"))


def column_of(event: dict[str, Any], name: str) -> Any:
    return ((event["value"] or {}).get("payload", {}).get("after") or {}).get(name)


def test_every_recorded_message_is_read_and_every_value_is_the_one_sent(spark: SparkSession) -> None:
    events = recorded()
    declarations = tables(events)
    compared: Counter[str] = Counter()
    for topic, table in declarations.items():
        mine = [e for e in events if e["topic"] == topic]
        rows = [
            (
                json.dumps(e["key"]).encode(),
                None if e["value"] is None else json.dumps(e["value"]).encode(),
                topic,
                0,
                n,
                AT,
            )
            for n, e in enumerate(mine)
        ]
        frame = spark.createDataFrame(
            rows, "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp"
        )
        landed = decode.decode(frame, table, 0).orderBy("_offset").collect()
        for event, row in zip(mine, landed, strict=True):
            if endless := [c for c in table.columns if "infinity" in str(column_of(event, c.name))]:
                assert row["_reason"] == f"{endless[0].name} is no TIMESTAMP", (
                    "no instant: set aside, not NULL"
                )
                compared["infinity"] += 1
                continue
            assert row["_reason"] is None, (topic, row["_offset"])
            if event["value"] is None:
                assert (row["_op"], row[table.key[0]]) == ("tombstone", event["key"]["payload"][table.key[0]])
                continue
            sent = event["value"]["payload"]
            assert row["_op"] == sent["op"]
            assert row["_source_lsn"] == sent["source"]["lsn"]
            for column in table.columns if sent["op"] in "cur" else ():
                value = sent["after"][column.name]
                if value is None:
                    assert row[column.name] is None
                else:
                    assert row[column.name] is not None, (table.name, column.name, value)
                    if (wanted := expected(column.type, value)) is not None:
                        assert row[column.name] == wanted, (table.name, column.name)
                        compared[type(column.type).__name__] += 1
    assert {"Decimal", "Integer", "String", "infinity"} <= set(compared), compared
