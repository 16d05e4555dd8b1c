"""A Kafka message -> the columns of its bronze table, or the reason why it cannot be read.

Two shapes come in: the Debezium envelope (with or without its schema) of a PostgreSQL source, and the plain JSON
object of an event source. Every declared column is first taken as *text*, so that a value that is there but wrong
can be told from one that is absent; ``values`` then reads the text as the declared type. All of it is SQL text:
it is planned anew for every batch, and expressions built call by call take seconds.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from lakehouse.contracts import Column, SourceKind, Table
from lakehouse.ingest import values
from lakehouse.render import spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SESSION = {"spark.sql.json.enableExactStringParsing": "true"}
"""Session setting without which Spark reads 12345678901234567890.1 as 1.2345678901234567E19."""

UNAVAILABLE = "__debezium_unavailable_value"
"""Debezium's default ``unavailable.value.placeholder``: PostgreSQL did not send the column, it did not change."""
_UNAVAILABLE_BASE64 = b64encode(UNAVAILABLE.encode()).decode()
_UNAVAILABLE_FORMS = ", ".join(
    f"'{form}'"
    for form in (
        UNAVAILABLE,
        _UNAVAILABLE_BASE64,
        f'["{UNAVAILABLE}"]',
        f'{{"{UNAVAILABLE}":"{UNAVAILABLE}"}}',
    )
)

TOMBSTONE = "tombstone"
_HAS_ROW = "op in ('c', 'u', 'r')"

REASON = "_reason"
"""NULL where the message could be read; else why not, for people. Never holds a value: that may be personal."""

MESSAGE = ("key", "value", "topic", "partition", "offset", "timestamp")
"""The columns of Spark's Kafka source that are read."""
_APART = "if(spark_partition_id() < 0, '', null)"
"""Always NULL, but the optimizer cannot know. It would otherwise move a filter on the reason to below the steps that
lead to it, by copying them into the filter, and so parse each message many times over."""


def decode(messages: DataFrame, table: Table, ingested_at_micros: int) -> DataFrame:
    """One row per message: the columns of the bronze table, then ``_reason``, ``key`` and ``value``.

    ``messages`` has the columns of Spark's Kafka source. Where there is a reason, the bronze columns mean nothing;
    where there is none, key and value are NULL, for nobody needs them any more.
    """
    cdc = table.source.kind is SourceKind.POSTGRES
    rows = _envelopes(messages, table) if cdc else _events(messages, table)
    read = [f"{values.read(c.type, f't.`{c.name}`')} as `{c.name}`" for c in table.columns]
    typed = rows.selectExpr("*", *read)
    place = ["topic as _topic", "partition as _partition", "offset as _offset", "timestamp as _kafka_at"]
    landed = [
        f"timestamp_micros({ingested_at_micros}L) as _ingested_at",
        f"{table.version} as _contract_version",
    ]
    if cdc:
        place = ["op as _op", *place, "_source_at", "_source_lsn", "_source_tx", "_is_snapshot"]
        landed.append("_unchanged")
    declared = [f"`{c.name}`" for c in table.columns]
    bytes_of_bad = [f"if({REASON} is null, null, {name}) as {name}" for name in ("key", "value")]
    return typed.selectExpr(*place, *landed, *declared, f"{_reason(table)} as {REASON}", *bytes_of_bad)


def _reason(table: Table) -> str:
    wrong = [
        f"if(t.`{c.name}` is not null and `{c.name}` is null, '{c.name} is no {spark.sql_type(c.type)}', null)"
        for c in table.columns
        if not values.always_reads(c.type)
    ]
    bad = f"nullif(concat_ws(', ', {', '.join(wrong)}), '')" if wrong else "null"
    return f"coalesce({_APART}, problem, 'missing: ' || nullif(missing, ''), {bad})"


def _missing(columns: list[Column], row: str) -> str:
    parts = ", ".join(f"if({row}.`{c.name}` is null, '{c.name}', null)" for c in columns)
    return f"concat_ws(', ', {parts})" if columns else "''"


def _texts(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"`{c.name}` string" for c in columns)


def _parse(text: str, schema: str) -> str:
    """SQL that reads JSON text as ``struct<r: schema, end, broken>``.

    Spark stops after the first JSON value and passes over what follows; so the text is wrapped, and ``end`` is
    only found when the text was exactly one value.
    """
    options = (
        "map('mode', 'PERMISSIVE', 'columnNameOfCorruptRecord', '__broken', 'allowSingleQuotes', 'false')"
    )
    wrapped = f"""concat('{{"r":', {text}, ',"end":"here"}}')"""
    return f"from_json({wrapped}, 'r struct<{schema}>, end string, __broken string', {options})"


def _not_one_object(parsed: str) -> str:
    return f"({parsed}.__broken is not null or {parsed}.end is distinct from 'here' or {parsed}.r is null)"


def _envelopes(messages: DataFrame, table: Table) -> DataFrame:
    """Adds ``op``, the source's columns, ``t`` (struct of texts), ``_unchanged``, ``missing`` and ``problem``."""
    row, key = _texts(table.columns), _texts(table.key_columns)
    source = "ts_ms string, ts_us string, snapshot string, txId string, lsn string"
    change = f"op string, before struct<{key}>, after struct<{row}>, source struct<{source}>"
    value = _parse(
        "cast(value as string)", f"{change}, payload struct<{change}>, status string, ts_ms string"
    )
    message_key = _parse("cast(key as string)", f"{key}, payload struct<{key}>")
    parsed = messages.selectExpr(
        *MESSAGE,
        f"{value} as v",
        f"case when value is null and key is not null then {message_key} end as k",
    )
    parts = parsed.selectExpr(
        *MESSAGE,
        f"if(value is null, '{TOMBSTONE}', coalesce(v.r.payload.op, v.r.op)) as op",
        "coalesce(v.r.payload.source, v.r.source) as source",
        "coalesce(v.r.payload.after, v.r.after) as after",
        "coalesce(v.r.payload.before, v.r.before, k.r.payload, "
        f"if(k.r is null, null, struct({', '.join(f'k.r.`{c.name}`' for c in table.key_columns)}))) as before",
        _envelope_problem(),
        f"coalesce(contains(value, cast('{UNAVAILABLE}' as binary)) "
        f"or contains(value, cast('{_UNAVAILABLE_BASE64}' as binary)), false) as has_unavailable",
    )
    texts = ", ".join(
        f"'{c.name}', "
        + (
            f"if({_HAS_ROW}, after.`{c.name}`, before.`{c.name}`)"
            if c.name in table.key
            else f"if({_HAS_ROW} and not (has_unavailable and after.`{c.name}` in ({_UNAVAILABLE_FORMS})), after.`{c.name}`, null)"
        )
        for c in table.columns
    )
    unchanged = ", ".join(
        f"if(after.`{c.name}` in ({_UNAVAILABLE_FORMS}), '{c.name}', null)"
        for c in table.columns
        if c.name not in table.key
    )
    needed = [c for c in table.columns if not c.nullable]
    return parts.selectExpr(
        *MESSAGE,
        "op",
        "timestamp_micros(coalesce(try_cast(source.ts_us as bigint), try_cast(source.ts_ms as bigint) * 1000)) as _source_at",
        "try_cast(source.lsn as bigint) as _source_lsn",
        "source.txId as _source_tx",
        "(coalesce(source.snapshot, 'false') <> 'false' or op = 'r') as _is_snapshot",
        f"named_struct({texts}) as t",
        f"if(has_unavailable and {_HAS_ROW}, array_compact(array({unchanged or 'null'})), "
        "cast(array() as array<string>)) as _unchanged",
        f"case when {_HAS_ROW} then {_missing(needed, 'after')} "
        f"when op in ('d', '{TOMBSTONE}') then {_missing(list(table.key_columns), 'before')} end as missing",
        f"coalesce(problem, case when {_HAS_ROW} and after is null then 'a change without the row after it' "
        "when op = 'd' and before is null then 'a delete without the row before it' end) as problem",
    )


def _envelope_problem() -> str:
    op = "coalesce(v.r.payload.op, v.r.op)"
    return (
        "case when value is null and key is null then 'a tombstone without a key' "
        f"when value is null and {_not_one_object('k')} then 'a tombstone whose key is not one JSON object' "
        "when value is null then null "
        "when not is_valid_utf8(cast(value as string)) then 'the value is not UTF-8' "
        f"when {_not_one_object('v')} then 'the value is not one JSON object shaped like a change' "
        f"when {op} in ('c', 'u', 'r', 'd', 't', 'm') then null "
        f"when {op} is not null then 'unknown operation' "
        "when v.r.status is not null then 'a transaction boundary, not a change of this table' "
        "when v.r.ts_ms is not null then 'a heartbeat, not a change of this table' "
        "else 'no operation: not a change' end as problem"
    )


def _events(messages: DataFrame, table: Table) -> DataFrame:
    """Adds ``t`` (struct of texts), ``missing`` and ``problem``."""
    parsed = messages.selectExpr(
        *MESSAGE,
        f"{_parse('cast(value as string)', _texts(table.columns))} as v",
    )
    return parsed.selectExpr(
        *MESSAGE,
        "v.r as t",
        f"{_missing([c for c in table.columns if not c.nullable], 'v.r')} as missing",
        "case when value is null then 'an event without a value' "
        "when not is_valid_utf8(cast(value as string)) then 'the value is not UTF-8' "
        f"when {_not_one_object('v')} then 'the value is not one JSON object' end as problem",
    )
