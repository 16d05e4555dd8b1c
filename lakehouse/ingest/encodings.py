"""A value as Kafka Connect encodes it -> the text that ``values`` reads. As SQL text.

What a number or some bytes mean is told by the schema in the message where there is one, else by the
declaration. References: Debezium's PostgreSQL connector, "Data type mappings"; Kafka's ``connect.data.Decimal``.
"""

from __future__ import annotations

from collections.abc import Callable

from lakehouse.contracts import Array, Column, Decimal, LocalTimestamp, Numeric, Source, Time, Timestamp, Type
from lakehouse.render.common import spark_literal

_PART = "name string, parameters struct<scale string>"
SCHEMA = (
    f"fields array<struct<field string, fields array<struct<field string, {_PART}, items struct<{_PART}>>>>>"
)
"""Of Connect's schema of an envelope, the part that is read."""

_Convert = Callable[[Type, str], str]

_DECIMAL = "org.apache.kafka.connect.data.Decimal"
_MILLIS = (
    "io.debezium.time.Timestamp", "io.debezium.time.Time",
    "org.apache.kafka.connect.data.Timestamp", "org.apache.kafka.connect.data.Time",
)  # fmt: skip
_NANOS = ("io.debezium.time.NanoTimestamp", "io.debezium.time.NanoTime")


def fields(schema: str) -> str:
    """SQL: the fields of a row, of the parsed ``schema`` of an envelope; NULL without one."""
    return f"try_element_at(filter({schema}.fields, part -> part.field = 'after'), 1).fields"


def depends(type_: Type) -> bool:
    """Whether values of the type come in more than one encoding."""
    if isinstance(type_, Array):
        return depends(type_.element)
    return isinstance(type_, (Decimal, Numeric, Timestamp, LocalTimestamp, Time))


def kinds(columns: tuple[Column, ...]) -> str:
    """SQL of a struct: for each column of such a type, its part of ``fields``; NULL without a schema."""
    found = ", ".join(
        f"'{c.name}', try_element_at(filter(fields, f -> f.field = {spark_literal(c.sent_as)}), 1)"
        for c in columns
        if depends(c.type)
    )
    return f"if(fields is null, null, named_struct({found}))" if found else "null"


def plain(column: Column, source: Source, text: str) -> str:
    """SQL of the value's text in the encoding that ``values`` reads; ``text`` is SQL of how it was sent.

    Reads the column ``k``, which is ``kinds``.
    """
    if not depends(column.type):
        return text
    part = f"k.`{column.name}`"
    kind = f"coalesce({part}.name, {part}.items.name, '')"
    scale = f"cast(coalesce({part}.parameters.scale, {part}.items.parameters.scale) as int)"
    told = _each(column.type, text, lambda type_, t: _told(type_, t, kind, scale))
    return f"if(k is null, {untold(column.type, source, text)}, {told})"


def untold(type_: Type, source: Source, text: str) -> str:
    """As ``plain``, of a text whose message came without a schema, or whose schema is gone: the declaration tells."""
    return _each(type_, text, lambda inner, t: _untold(inner, t, source))


def _each(type_: Type, text: str, convert: _Convert) -> str:
    if not isinstance(type_, Array):
        return convert(type_, text)
    inner = convert(type_.element, "x")
    if inner == "x":
        return text
    return f"to_json(transform(from_json({text}, 'array<string>'), x -> {inner}), map('ignoreNullFields', 'false'))"


def _told(type_: Type, t: str, kind: str, scale: str) -> str:
    if isinstance(type_, (Decimal, Numeric)):
        return f"case when {kind} = '{_DECIMAL}' then {_digits(t, scale)} else {_scaled(t)} end"
    millis, nanos = (f"{kind} in {names}" for names in (_MILLIS, _NANOS))
    is_whole = f"{t} rlike '^-?[0-9]+$'"
    return (
        f"case when {millis} and {is_whole} then concat({t}, '000') "
        f"when {nanos} and {is_whole} then cast(floor(try_cast({t} as decimal(38,0)) / 1000) as string) else {t} end"
    )


def _untold(type_: Type, t: str, source: Source) -> str:
    if isinstance(type_, Decimal):
        return _digits(t, str(type_.scale)) if source.has_decimal_bytes else _scaled(t)
    if isinstance(type_, Numeric):
        return _scaled(t)
    counts_millis = isinstance(type_, LocalTimestamp) or (isinstance(type_, Time) and not source.is_managed)
    if counts_millis and getattr(type_, "precision", 6) <= 3:
        return f"if({t} rlike '^-?[0-9]+$', concat({t}, '000'), {t})"
    return t


def _scaled(t: str) -> str:
    """A number that brings its scale (Debezium's ``VariableScaleDecimal``); any other text as it is."""
    scale = f"cast(get_json_object({t}, '$.scale') as int)"
    value = f"get_json_object({t}, '$.value')"
    return f"if(startswith({t}, '{{'), {_digits(value, scale)}, {t})"


def _digits(t: str, scale: str) -> str:
    """The digits of a big-endian two's complement integer in base64, with ``scale`` of them after the point.

    More than 16 bytes do not fit into a decimal here: their text stays, and reads as no number.
    """
    bytes_ = f"hex(try_to_binary({t}, 'base64'))"
    is_negative = f"substr({bytes_}, 1, 1) in ('8','9','A','B','C','D','E','F')"
    flipped = f"translate({bytes_}, '0123456789ABCDEF', 'FEDCBA9876543210')"
    magnitude = f"lpad(if({is_negative}, {flipped}, {bytes_}), 32, '0')"
    high, low = (f"cast(conv(substr({magnitude}, {at}, 16), 16, 10) as decimal(20,0))" for at in (1, 17))
    whole = f"try_add(try_multiply({high}, cast('18446744073709551616' as decimal(20,0))), {low})"
    digits = f"cast(try_add({whole}, if({is_negative}, 1, 0)) as string)"
    padded = f"lpad({digits}, greatest(length({digits}), {scale} + 1), '0')"
    pointed = f"concat(substr({padded}, 1, length({padded}) - {scale}), '.', right({padded}, {scale}))"
    signed = f"concat(if({is_negative}, '-', ''), {pointed})"
    return f"if(length({bytes_}) <= 32, {signed}, concat('bytes ', {t}))"
