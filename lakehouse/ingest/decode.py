"""A Kafka message -> the columns of its bronze table, or the reason why it cannot be read.

Three shapes come in: the Debezium envelope (with or without its schema) of a PostgreSQL source, the plain JSON
object of an event source, and the row of a file, which is such an object, with a key that says where it was. Every
declared column is first taken as *text*, so that a value that is there but wrong can be told from one that is absent;
``values`` then reads the text as the declared type. All of it is SQL text: it is planned anew for every batch, and
expressions built call by call take seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lakehouse.contracts import Column, Decimal, Numeric, SourceKind, Table
from lakehouse.ingest import encodings, envelope, file_rows, values
from lakehouse.render import spark
from lakehouse.render.common import backticked, spark_literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_UNAVAILABLE_FORMS = ", ".join(f"'{form}'" for form in envelope.UNAVAILABLE_FORMS)

REASON = "_reason"
"""NULL where the message could be read; else why not, for people. Never holds a value: that may be personal."""

MESSAGE = ("key", "value", "topic", "partition", "offset", "timestamp")
"""The columns of Spark's Kafka source that are read."""
_UNSEEN = "if(spark_partition_id() < 0, '', null)"
"""Always NULL, but the optimizer cannot know. It would otherwise move a filter on the reason to below the steps that
lead to it, by copying them into the filter, and so parse each message many times over."""

# Names within the steps below: ``v`` is the parsed value, ``c`` its cells, ``s`` the row as it was sent, ``k`` what the
# message's schema says of its columns, ``t`` the row as texts that ``values`` reads. What is used often has a step of its own. Declared
# columns only appear inside structs, or as ``v_<name>`` until the last step, for one may be called ``key`` or ``op``.


def decode(messages: DataFrame, table: Table, ingested_at_micros: int) -> DataFrame:
    """One row per message: the columns of the bronze table, then ``_reason``, ``_key`` and ``_value``.

    ``messages`` has the columns of Spark's Kafka source. Where there is a reason, the bronze columns mean nothing;
    where there is none, key and value are NULL, for nobody needs them any more.
    """
    cdc, is_file = table.source.kind is SourceKind.POSTGRES, table.source.kind is SourceKind.FILES
    rows = _envelopes(messages, table) if cdc else _objects(messages, table)
    typed = rows.selectExpr(
        "*",
        *(f"{values.read(c.type, f't.`{c.name}`', is_counted=cdc)} as `v_{c.name}`" for c in table.columns),
    )
    place = ["topic as _topic", "partition as _partition", "offset as _offset", "timestamp as _kafka_at"]
    landed = [
        f"timestamp_micros({ingested_at_micros}L) as _ingested_at",
        f"{table.version} as _contract_version",
    ]
    if cdc:
        log = "_source_at", "_source_lsn", "_source_tx", "_is_snapshot"
        place = ["op as _op", *place, *log]
    elif is_file:
        nowhere = "cast(null as bigint) as _source_lsn", "cast(null as string) as _source_tx"
        where = "at.file as _file", "at.sha256 as _file_sha256", "at.row as _row"
        place = ["'c' as _op", *place, *where, "timestamp as _source_at", *nowhere]
    if table.source.has_states:
        landed.append("_unchanged")
    landed.append("if(size(others) > 0, others, null) as _extra")
    return typed.selectExpr(
        *place,
        *landed,
        *(f"`v_{c.name}` as `{c.name}`" for c in table.columns),
        f"{_reason(table)} as {REASON}",
        f"if({REASON} is null, null, key) as _key",
        f"if({REASON} is null, null, value) as _value",
    )


def _reason(table: Table) -> str:
    wrong = [
        f"if(t.`{c.name}` is not null and `v_{c.name}` is null, '{c.name} is no {spark.sql_type(c.type)}', null)"
        for c in table.columns
        if not values.always_reads(c.type)
    ]
    if table.source.kind is not SourceKind.POSTGRES:
        # A database can be corrected, and data tests tell of it; what was once sent cannot.
        wrong += [
            f"if(t.`{c.name}` not in ({', '.join(map(spark_literal, c.values))}), '{c.name} is unknown', null)"
            for c in table.columns
            if c.values
        ]
    bad = f"nullif(concat_ws(', ', {', '.join(wrong)}), '')" if wrong else "null"
    return f"coalesce({_UNSEEN}, problem, 'missing: ' || nullif(missing, ''), {bad})"


def _objects(messages: DataFrame, table: Table) -> DataFrame:
    """Adds ``t`` (struct of texts), ``others``, ``missing`` and ``problem``; of files also ``at`` and ``_unchanged``."""
    parsed = messages.selectExpr(*MESSAGE, f"{envelope.parse('value', envelope.ROW)} as v")
    parsed = parsed.selectExpr("*", f"{envelope.one('v')} as r")
    more, problem = list[str](), "null"
    if table.files:
        parsed = file_rows.with_place(parsed, table)
        absent = ", ".join(
            f"if(map_contains_key(r, {_name(c)}), null, '{c.name}')"
            for c in table.columns
            if c.name not in table.key
        )
        unchanged = f"split(nullif(concat_ws(',', {absent or 'null'}), ''), ',')"
        more = ["at", f"coalesce({unchanged}, cast(array() as array<string>)) as _unchanged"]
        problem = "at.problem"
    texts = ", ".join(
        f"'{c.name}', {file_rows.plain(c, table, _exact(c, f'c.`{c.name}`', '$'))}" for c in table.columns
    )
    return _with_cells(parsed, table, "r").selectExpr(
        *MESSAGE,
        *more,
        f"named_struct({texts}) as t",
        f"{_others(table, 'r')} as others",
        f"{_missing(table.columns, table.key)} as missing",
        f"case when {problem} is not null then {problem} when value is null then 'an event without a value' "
        f"when {envelope.NOT_TEXT} then 'the value is not UTF-8' "
        f"when {envelope.not_one_object('v')} then 'the value is not one JSON object' "
        f"when {envelope.HALF_CHARACTER} then 'the value holds half a character (a lone surrogate)' end as problem",
    )


def _envelopes(messages: DataFrame, table: Table) -> DataFrame:
    """Adds ``op``, the source's columns, ``t`` (struct of texts), ``_unchanged``, ``others``, ``missing``, ``problem``."""
    parts = envelope.read(messages.selectExpr(*MESSAGE), table, MESSAGE)
    sent = ", ".join(f"'{c.name}', {_sent(c, table)}" for c in table.columns)
    texts = ", ".join(
        f"'{c.name}', {encodings.plain(c, table.source, _exact(c, f's.`{c.name}`', '$.payload.after', '$.after'))}"
        for c in table.columns
    )
    # Joined and split, for it is three times as fast as an array that is compacted: that one is not compiled.
    unchanged = ", ".join(
        f"if(c.`{c.name}` in ({_UNAVAILABLE_FORMS}) or not map_contains_key(after, {_name(c)}), '{c.name}', null)"
        for c in table.columns
        if c.name not in table.key
    )
    micros = "coalesce(try_cast(source.ts_us as bigint), try_cast(source.ts_ms as bigint) * 1000)"
    no_key = ", ".join(
        f"if(before.{backticked(c.sent_as)} is null, '{c.name}', null)" for c in table.key_columns
    )
    staged = _with_cells(parts, table, "after").selectExpr(
        "*", f"named_struct({sent}) as s", f"{encodings.kinds(table.columns)} as k"
    )
    return staged.selectExpr(
        *MESSAGE,
        "op",
        f"timestamp_micros({micros}) as _source_at",
        "try_cast(source.lsn as bigint) as _source_lsn",
        "source.txId as _source_tx",
        "(coalesce(source.snapshot, 'false') <> 'false' or op = 'r') as _is_snapshot",
        f"named_struct({texts}) as t",
        f"coalesce(if({envelope.HAS_ROW} and (has_unavailable or not is_as_declared), "
        f"split(nullif(concat_ws(',', {unchanged or 'null'}), ''), ','), null), cast(array() as array<string>)) "
        "as _unchanged",
        f"{_others(table, 'after')} as others",
        f"case when {envelope.HAS_ROW} then {_missing(table.columns)} "
        f"when op in ('d', '{envelope.TOMBSTONE}') then concat_ws(', ', {no_key}) end as missing",
        f"coalesce(problem, case when {envelope.HAS_ROW} and after is null then 'a change without the row after it' "
        "when op = 'd' and before is null then 'a delete without the row before it' end) as problem",
    )


def _name(column: Column) -> str:
    return spark_literal(column.sent_as)


def _with_cells(rows: DataFrame, table: Table, row: str) -> DataFrame:
    """Adds ``c``, a struct of the declared columns' texts in the map ``row``, and ``is_as_declared``.

    That is true where exactly the declared columns were sent, in their order, as in most rows: then each is taken by its
    place. To look for each of them by its name among the others took a third of all decoding.
    """
    by_place = rows.selectExpr(
        "*",
        f"(map_keys({row}) <=> array({', '.join(map(_name, table.columns))})) as is_as_declared",
        f"map_values({row}) as texts",
    )
    cells = ", ".join(
        f"'{c.name}', if(is_as_declared, get(texts, {place}), {row}[{_name(c)}])"
        for place, c in enumerate(table.columns)
    )
    return by_place.selectExpr("*", f"named_struct({cells}) as c")


def _others(table: Table, row: str) -> str:
    """SQL of what was sent and is not declared."""
    known = ", ".join([*map(_name, table.columns), *(file_rows.PLACE if table.files else ())])
    return f"if(is_as_declared, null, map_filter({row}, (name, _) -> name not in ({known})))"


def _sent(column: Column, table: Table) -> str:
    """SQL of a column's text: of the row after a change, or of the key before it. NULL where it is unchanged."""
    text = f"c.`{column.name}`"
    if column.name in table.key:
        return f"if({envelope.HAS_ROW}, {text}, before.{backticked(column.sent_as)})"
    is_sent = f"{envelope.HAS_ROW} and not (has_unavailable and {text} in ({_UNAVAILABLE_FORMS}))"
    return f"if({is_sent}, {text}, null)"


def _exact(column: Column, text: str, *paths: str) -> str:
    """SQL of the digits of a decimal as they were sent; other columns as they are.

    Spark turns a JSON number into a double before it is text: 12345678901234.567 into 1.2345678901234566E13. A
    decimal that is not there as a string is therefore looked up again, as a variant, which has 38 exact digits.
    """
    if not isinstance(column.type, (Decimal, Numeric)):
        return text
    member = spark_literal(json.dumps(column.sent_as) + ':"')
    variants = (
        f"try_variant_get(try_parse_json(cast(value as string)), {spark_literal(_path(path, column))}, 'string')"
        for path in paths
    )
    is_string = f"""contains(cast(value as string), concat({member}, {text}, '"'))"""
    is_number = f"{text} rlike '^[-0-9]'"
    return f"if({text} is null or {is_string} or not {is_number}, {text}, coalesce({', '.join(variants)}, {text}))"


def _path(row: str, column: Column) -> str:
    return row + "['" + column.sent_as.replace("\\", "\\\\").replace("'", "\\'") + "']"


def _missing(columns: Iterable[Column], never_empty: Iterable[str] = ()) -> str:
    """SQL that lists the declared columns that may not be null and are, and those of ``never_empty`` that are empty."""
    absent = {
        c.name: f"coalesce(trim(c.`{c.name}`), '') = ''" if c.name in never_empty else f"c.`{c.name}` is null"
        for c in columns
        if not c.nullable
    }
    parts = ", ".join(f"if({is_absent}, '{name}', null)" for name, is_absent in absent.items())
    return f"concat_ws(', ', {parts})" if parts else "''"
