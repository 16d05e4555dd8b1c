"""Debezium's change envelope: what kind of message it is, its parts, and why it is none, if so. As SQL text.

Known kinds: ``c`` create, ``u`` update, ``d`` delete, ``r`` snapshot read, ``t`` truncate, ``m`` logical message
(the last two have no row), and the tombstone, a message without a value. Heartbeats and transaction boundaries
belong on topics of their own; on a table's topic they are named for what they are and set aside.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import md5
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from lakehouse.contracts import Array, String, Table
from lakehouse.ingest import encodings
from lakehouse.render.common import backticked

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TOMBSTONE = "tombstone"
HAS_ROW = "op in ('c', 'u', 'r')"

UNAVAILABLE = "__debezium_unavailable_value"
"""Debezium's default ``unavailable.value.placeholder``: PostgreSQL did not send the column, it did not change."""
UNAVAILABLE_BASE64 = b64encode(UNAVAILABLE.encode()).decode()
UNAVAILABLE_FORMS = (
    UNAVAILABLE,
    UNAVAILABLE_BASE64,
    f'["{UNAVAILABLE}"]',
    f'["{UNAVAILABLE_BASE64}"]',
    f'{{"{UNAVAILABLE}":"{UNAVAILABLE}"}}',
    json.dumps(list(UNAVAILABLE.encode()), separators=(",", ":")),
    f'["{UUID(bytes=md5(UNAVAILABLE.encode(), usedforsecurity=False).digest(), version=3)}"]',
)
"""How it stands for each kind of column: text, bytes, arrays of either, hstore, arrays of numbers (its bytes) and of
UUIDs (its name-based UUID)."""

NOT_TEXT = "not is_valid_utf8(cast(value as string))"
_PAIRS = r"(?i)\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}"
HALF_CHARACTER = (
    r"(contains(cast(value as string), r'\ud') or contains(cast(value as string), r'\uD')) and "
    rf"regexp_replace(cast(value as string), r'{_PAIRS}', '') rlike r'(?i)\\ud[89a-f][0-9a-f]{{2}}'"
)
"""Half of a character beyond 16 bits: no text can hold it, and Spark would put a question mark in its place."""

ROW = "map<string, string>"
"""A row as it is parsed: name in the source to text; numbers, objects and arrays come as they were written. A map,
so that what the declaration does not know is there too."""

_GUARD = f"_{uuid4().hex}"
"""What no message can hold, for it is made anew in each process."""


def key_texts(table: Table) -> str:
    """The key's columns as a schema in which each is text."""
    return ", ".join(f"{backticked(c.sent_as)} string" for c in table.key_columns)


def parse(column: str, schema: str) -> str:
    """SQL that reads JSON bytes of one value as ``schema``, a struct or map type; ``one`` and ``not_one_object`` take it.

    Spark stops after the first JSON value and passes over what follows. So the value is put into an array, with a
    guard after it that nobody can know, and the array under a name that nobody can know: a value that is cut off, has
    a second one beside it, or closes the array and opens another leaves no array of just these two.
    """
    guarded = (
        schema.replace("struct<", f"struct<{_GUARD} string, ", 1) if schema.startswith("struct<") else schema
    )
    options = "'mode', 'PERMISSIVE', 'columnNameOfCorruptRecord', '__broken', 'allowSingleQuotes', 'false'"
    wrapped = f"""concat('{{"{_GUARD}":[', cast({column} as string), ',{{"{_GUARD}":"{_GUARD}"}}]}}')"""
    return f"from_json({wrapped}, '{_GUARD} array<{guarded}>, __broken string', map({options}))"


def one(parsed: str) -> str:
    """SQL of the value itself, of what ``parse`` read."""
    return f"get({parsed}.{_GUARD}, 0)"


def not_one_object(parsed: str) -> str:
    """SQL that is true unless what ``parse`` read was exactly one JSON object, shaped as asked for."""
    guard = f"get({parsed}.{_GUARD}, 1).{_GUARD}"
    return (
        f"({parsed}.__broken is not null or size({parsed}.{_GUARD}) is distinct from 2 or {one(parsed)} is null "
        f"or {guard} is distinct from '{_GUARD}')"
    )


def read(messages: DataFrame, table: Table, columns: tuple[str, ...]) -> DataFrame:
    """``columns`` of the messages, then ``op``, ``source``, ``after``, ``before``, ``fields``, ``has_unavailable``
    and ``problem``. ``after`` maps every column that was sent to its text, ``before`` is the key; NULL if not there.
    """
    key = key_texts(table)
    source = "ts_ms string, ts_us string, snapshot string, txId string, lsn string"
    change = f"op string, before struct<{key}>, after {ROW}, source struct<{source}>"
    has_kinds = any(encodings.depends(c.type) for c in table.columns)
    schema = f"schema struct<{encodings.SCHEMA}>, " if has_kinds else ""
    around = f"payload struct<{change}>, {schema}status string, ts_ms string"
    key_payload = "" if "payload" in {c.sent_as for c in table.key_columns} else f", payload struct<{key}>"
    parsed = messages.selectExpr(
        *columns,
        f"{parse('value', f'struct<{change}, {around}>')} as v",
        f"case when value is null and key is not null then {parse('key', f'struct<{key}{key_payload}>')} end as k",
    )
    v, k = one("v"), one("k")
    key_parts = ", ".join(f"{k}.{backticked(c.sent_as)}" for c in table.key_columns)
    of_key = f"if({k} is null, null, struct({key_parts}))"
    return parsed.selectExpr(
        *columns,
        f"if(value is null, '{TOMBSTONE}', coalesce({v}.payload.op, {v}.op)) as op",
        f"coalesce({v}.payload.source, {v}.source) as source",
        f"coalesce({v}.payload.after, {v}.after) as after",
        f"coalesce({v}.payload.before, {v}.before, {f'{k}.payload, ' if key_payload else ''}{of_key}) as before",
        f"{encodings.fields(f'{v}.schema') if has_kinds else 'null'} as fields",
        f"{_has_unavailable(table)} as has_unavailable",
        f"{_problem()} as problem",
    )


def _has_unavailable(table: Table) -> str:
    """SQL that is true where a column may stand as unchanged; a quick look that spares most messages the search."""
    if any(isinstance(c.type, Array) and not isinstance(c.type.element, String) for c in table.columns):
        return "true"
    marks = (f"contains(value, cast('{form}' as binary))" for form in (UNAVAILABLE, UNAVAILABLE_BASE64))
    return f"coalesce({' or '.join(marks)}, false)"


def _problem() -> str:
    v = one("v")
    op = f"coalesce({v}.payload.op, {v}.op)"
    return (
        "case when value is null and key is null then 'a tombstone without a key' "
        f"when value is null and {not_one_object('k')} then 'a tombstone whose key is not one JSON object' "
        "when value is null then null "
        f"when {NOT_TEXT} then 'the value is not UTF-8' "
        f"when {not_one_object('v')} then 'the value is not one JSON object shaped like a change' "
        f"when {HALF_CHARACTER} then 'the value holds half a character (a lone surrogate)' "
        f"when {op} in ('c', 'u', 'r', 'd', 't', 'm') then null "
        f"when {op} is not null then 'unknown operation' "
        f"when {v}.status is not null then 'a transaction boundary, not a change of this table' "
        f"when {v}.ts_ms is not null then 'a heartbeat, not a change of this table' "
        "else 'no operation: not a change' end"
    )
