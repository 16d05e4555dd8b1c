"""The text of a JSON value -> SQL that reads it as the declared type, NULL where it does not read as one.

Nothing is rounded or guessed, and nothing cut off but an instant's digits beyond the microsecond: what a type cannot
hold exactly is NULL here, and because its text was not NULL, the message goes to quarantine. The encodings are
Debezium's with ``time.precision.mode=adaptive_time_microseconds`` and ``decimal.handling.mode=string``, and ISO 8601
text for dates and instants.
"""

from __future__ import annotations

from lakehouse.contracts import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Double,
    Integer,
    Json,
    String,
    Timestamp,
    Type,
    Uuid,
)
from lakehouse.errors import ContractError
from lakehouse.render import spark

_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def always_reads(type_: Type) -> bool:
    """Whether every text is a value of the type."""
    return isinstance(type_, String)


def read(type_: Type, t: str) -> str:
    """Spark SQL that reads the text ``t`` (a column reference) as ``type_``; NULL if it is NULL or does not read."""
    match type_:
        case String():
            return t
        case Boolean():
            return f"case {t} when 'true' then true when 'false' then false end"
        case Integer() | Double():
            return f"try_cast({t} as {spark.sql_type(type_)})"
        case Decimal(precision=precision, scale=scale):
            return _decimal(precision, scale, t)
        case Uuid():
            return f"case when lower({t}) rlike '{_UUID}' then lower({t}) end"
        case Json():
            return f"case when get_json_object({t}, '$') is not null or trim({t}) = 'null' then {t} end"
        case Binary():
            return f"try_to_binary({t}, 'base64')"
        case Date():
            return _date(t)
        case Timestamp():
            return _timestamp(t)
    raise ContractError(
        f"type {type(type_).__name__} cannot be read from JSON",
        hint="add it to lakehouse/ingest/values.py, or declare the column with another type",
    )


def _decimal(precision: int, scale: int, t: str) -> str:
    """Digits beyond the scale must be zeros; with an exponent, the value must survive in the widest scale."""
    value, widest = (
        f"try_cast({t} as decimal({p},{s}))" for p, s in ((precision, scale), (38, 38 - precision + scale))
    )
    plain = rf"{t} rlike r'^[+-]?\d*(\.\d{{0,{scale}}}0*)?$'"
    return f"case when {plain} or ({t} rlike '[eE]' and {value} = {widest}) then {value} end"


def _date(t: str) -> str:
    """Days since 1970-01-01, or ``YYYY-MM-DD``; the years 1 to 9999, as every engine here can hold them."""
    return (
        f"case when length({t}) = 10 and substr({t}, 5, 1) = '-' and substr({t}, 8, 1) = '-' then try_cast({t} as date) "
        f"when try_cast({t} as int) between -719162 and 2932896 then date_from_unix_date(try_cast({t} as int)) end"
    )


def _timestamp(t: str) -> str:
    """Microseconds since 1970-01-01 UTC, or ISO 8601 with an offset; the years 1 to 9999.

    Text without an offset is no instant, and digits beyond the microsecond are cut off.
    """
    signs = " or ".join(f"substr(substr({t}, 12), {place}, 1) in ('+', '-')" for place in (-6, -5, -3))
    has_zone = f"({t} like '%Z' or {signs})"
    return (
        f"case when substr({t}, 11, 1) in ('T', ' ') then case when {has_zone} then try_cast({t} as timestamp) end "
        f"when try_cast({t} as bigint) between -62135596800000000 and 253402300799999999 "
        f"then timestamp_micros(try_cast({t} as bigint)) end"
    )
