"""Debezium's change envelope: what kind of message it is, its parts, and why it is none, if so. As SQL text.

Known kinds: ``c`` create, ``u`` update, ``d`` delete, ``r`` snapshot read, ``t`` truncate, ``m`` logical message
(the last two have no row), and the tombstone, a message without a value. Heartbeats and transaction boundaries
belong on topics of their own; on a table's topic they are named for what they are and set aside.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from lakehouse.contracts import Column, Decimal, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TOMBSTONE = "tombstone"
HAS_ROW = "op in ('c', 'u', 'r')"

UNAVAILABLE = "__debezium_unavailable_value"
"""Debezium's default ``unavailable.value.placeholder``: PostgreSQL did not send the column, it did not change."""
UNAVAILABLE_BASE64 = b64encode(UNAVAILABLE.encode()).decode()

NOT_TEXT = "not is_valid_utf8(cast(value as string))"
_PAIRS = r"(?i)\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}"
HALF_CHARACTER = (
    "instr(lower(cast(value as string)), r'\\ud') > 0 and "
    rf"regexp_replace(cast(value as string), r'{_PAIRS}', '') rlike r'(?i)\\ud[89a-f][0-9a-f]{{2}}'"
)
"""Half of a character beyond 16 bits: no text can hold it, and Spark would put a question mark in its place."""

_CONNECT_DECIMAL = "org.apache.kafka.connect.data.Decimal"
_SCHEMA = (
    "fields array<struct<field string, fields array<struct<field string, name string, "
    "parameters struct<scale string>>>>>"
)


def texts(columns: tuple[Column, ...]) -> str:
    """Columns as a schema in which each is text: numbers, objects and arrays come as they were written."""
    return ", ".join(f"`{c.name}` string" for c in columns)


def parse(column: str, schema: str) -> str:
    """SQL that reads JSON bytes as ``struct<r: schema, end, broken>``.

    Spark stops after the first JSON value and passes over what follows; so the text is wrapped. ``end`` is found when
    it is whole, and it is one value and no more when it is the only element of an array (``not_one_object``): what
    adds a second member to an object is no array, and the other way round.
    """
    options = "'mode', 'PERMISSIVE', 'columnNameOfCorruptRecord', '__broken', 'allowSingleQuotes', 'false'"
    wrapped = f"""concat('{{"r":', cast({column} as string), ',"end":"here"}}')"""
    return f"from_json({wrapped}, 'r struct<{schema}>, end string, __broken string', map({options}))"


def not_one_object(parsed: str, column: str) -> str:
    """SQL that is true unless what ``parse`` read of ``column`` was exactly one JSON object, shaped as asked for."""
    elements = f"json_array_length(concat('[', cast({column} as string), ']'))"
    return (
        f"({parsed}.__broken is not null or {parsed}.end is distinct from 'here' or {parsed}.r is null "
        f"or {elements} is distinct from 1)"
    )


def read(messages: DataFrame, table: Table, columns: tuple[str, ...]) -> DataFrame:
    """``columns`` of the messages, then ``op``, ``source``, ``after``, ``before``, ``schema``, ``has_unavailable``
    and ``problem``. ``after`` has every declared column as text, ``before`` the key; each NULL if not there."""
    row, key = texts(table.columns), texts(table.key_columns)
    source = "ts_ms string, ts_us string, snapshot string, txId string, lsn string"
    change = f"op string, before struct<{key}>, after struct<{row}>, source struct<{source}>"
    has_decimal = any(isinstance(c.type, Decimal) for c in table.columns)
    around = (
        f"payload struct<{change}>, {'schema string, ' if has_decimal else ''}status string, ts_ms string"
    )
    key_payload = "" if "payload" in table.key else f", payload struct<{key}>"
    parsed = messages.selectExpr(
        *columns,
        f"{parse('value', f'{change}, {around}')} as v",
        f"case when value is null and key is not null then {parse('key', key + key_payload)} end as k",
    )
    key_parts = ", ".join(f"k.r.`{c.name}`" for c in table.key_columns)
    of_key = f"if(k.r is null, null, struct({key_parts}))"
    marks = " or ".join(
        f"contains(value, cast('{form}' as binary))" for form in (UNAVAILABLE, UNAVAILABLE_BASE64)
    )
    return parsed.selectExpr(
        *columns,
        f"if(value is null, '{TOMBSTONE}', coalesce(v.r.payload.op, v.r.op)) as op",
        "coalesce(v.r.payload.source, v.r.source) as source",
        "coalesce(v.r.payload.after, v.r.after) as after",
        f"coalesce(v.r.payload.before, v.r.before, {'k.r.payload, ' if key_payload else ''}{of_key}) as before",
        f"{'v.r.schema' if has_decimal else 'cast(null as string)'} as schema",
        f"coalesce({marks}, false) as has_unavailable",
        f"{_problem()} as problem",
    )


def _problem() -> str:
    op = "coalesce(v.r.payload.op, v.r.op)"
    return (
        "case when value is null and key is null then 'a tombstone without a key' "
        f"when value is null and {not_one_object('k', 'key')} then 'a tombstone whose key is not one JSON object' "
        "when value is null then null "
        f"when {NOT_TEXT} then 'the value is not UTF-8' "
        f"when {not_one_object('v', 'value')} then 'the value is not one JSON object shaped like a change' "
        f"when {HALF_CHARACTER} then 'the value holds half a character (a lone surrogate)' "
        f"when {op} in ('c', 'u', 'r', 'd', 't', 'm') then null "
        f"when {op} is not null then 'unknown operation' "
        "when v.r.status is not null then 'a transaction boundary, not a change of this table' "
        "when v.r.ts_ms is not null then 'a heartbeat, not a change of this table' "
        "else 'no operation: not a change' end"
    )


def decimal_text(column: str, text: str) -> str:
    """SQL of a decimal's digits, for an envelope with its schema, which may have it as bytes (base64).

    Connect's Decimal is a big-endian two's complement integer of at most 16 bytes here, and a scale.
    """
    row = f"try_element_at(filter(from_json(schema, '{_SCHEMA}').fields, part -> part.field = 'after'), 1).fields"
    found = f"filter({row}, f -> f.field = '{column}' and f.name = '{_CONNECT_DECIMAL}')"
    scale = f"cast(try_element_at({found}, 1).parameters.scale as int)"
    bytes_ = f"hex(try_to_binary({text}, 'base64'))"
    is_negative = f"substr({bytes_}, 1, 1) in ('8','9','A','B','C','D','E','F')"
    flipped = f"translate({bytes_}, '0123456789ABCDEF', 'FEDCBA9876543210')"
    magnitude = f"lpad(if({is_negative}, {flipped}, {bytes_}), 32, '0')"
    high, low = (f"cast(conv(substr({magnitude}, {at}, 16), 16, 10) as decimal(20,0))" for at in (1, 17))
    whole = f"try_add(try_multiply({high}, cast('18446744073709551616' as decimal(20,0))), {low})"
    digits = f"cast(try_add({whole}, if({is_negative}, 1, 0)) as string)"
    padded = f"lpad({digits}, greatest(length({digits}), {scale} + 1), '0')"
    pointed = f"concat(substr({padded}, 1, length({padded}) - {scale}), '.', right({padded}, {scale}))"
    signed = f"concat(if({is_negative}, '-', ''), {pointed})"
    return f"if({scale} is null, {text}, if(length({bytes_}) <= 32, {signed}, {text}))"
