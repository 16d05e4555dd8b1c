"""The text of a JSON value -> SQL that reads it as the declared type, NULL where it does not read as one.

Nothing is rounded or guessed, and nothing cut off but an instant's digits beyond the microsecond: what a type cannot
hold exactly is NULL here, and because its text was not NULL, the message goes to quarantine. The encodings are
Debezium's with ``time.precision.mode=adaptive_time_microseconds`` and ``decimal.handling.mode=string``, and ISO 8601
text for dates and instants; in events and files, only the latter.
"""

from __future__ import annotations

from lakehouse.contracts import (
    Array,
    Binary,
    Boolean,
    Date,
    Decimal,
    Double,
    Integer,
    Interval,
    Json,
    LocalTimestamp,
    Numeric,
    String,
    Time,
    Timestamp,
    Type,
    Uuid,
)
from lakehouse.errors import ContractError
from lakehouse.render import spark

_CLOCK = ((3_600_000_000, 25), (60_000_000, 60), (1_000_000, 60))
"""Microseconds of an hour, a minute and a second, and how many of each there are; an hour more for 24:00."""
_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def always_reads(type_: Type) -> bool:
    """Whether every text is a value of the type."""
    return isinstance(type_, String)


def read(type_: Type, t: str, *, is_counted: bool = True) -> str:
    """Spark SQL that reads the text ``t`` (a column reference) as ``type_``; NULL if it is NULL or does not read.

    ``is_counted`` is whether a bare number may be a date or a time, as Debezium counts them. Of anybody else's number
    nobody knows whether it counts seconds, milliseconds or microseconds: it does not read.
    """
    if not is_counted and isinstance(type_, (Date, Timestamp, LocalTimestamp, Time, Interval)):
        return f"case when not {t} rlike '^[^0-9A-Za-z]*[0-9]+[^0-9A-Za-z]*$' then {read(type_, t)} end"
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
        case LocalTimestamp():
            return _local_timestamp(t)
        case Numeric():
            return _numeric(t)
        case Time():
            return _time(t)
        case Interval():
            return _interval(t)
        case Array(element=element):
            return _array(element, t, is_counted)
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


def _numeric(t: str) -> str:
    """Digits as they were sent, or one of PostgreSQL's words for what is no number."""
    return (
        rf"case when {t} rlike r'^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$' then {t} when lower({t}) = 'nan' then 'NaN' "
        f"when {t} in ('Infinity', 'POSITIVE_INFINITY') then 'Infinity' "
        f"when {t} in ('-Infinity', 'NEGATIVE_INFINITY') then '-Infinity' end"
    )


def _time(t: str) -> str:
    """Microseconds since midnight, 24:00 included, or the text of a time of day."""
    micros = f"try_cast({t} as bigint)"
    parts = (f"lpad(cast({micros} div {unit} % {size} as string), 2, '0')" for unit, size in _CLOCK)
    rest = f"trim(trailing '0' from concat('.', lpad(cast({micros} % 1000000 as string), 6, '0')))"
    clock = ", ':', ".join(parts)
    told = f"concat({clock}, if({micros} % 1000000 = 0, '', {rest}))"
    shape = r"^\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}(:?\d{2})?)?$"
    return f"case when {micros} between 0 and 86400000000 then {told} when {t} rlike r'{shape}' then {t} end"


def _interval(t: str) -> str:
    """ISO 8601, or microseconds (``interval.handling.mode=numeric``), which are told as seconds."""
    seconds = f"cast(try_cast({t} as decimal(20,0)) * 0.000001 as decimal(26,6))"
    return (
        rf"case when {t} rlike r'^-?P(T?[-+]?\d+(\.\d+)?[YMWDHS])+$' then {t} "
        f"when try_cast({t} as bigint) is not null then concat('PT', cast({seconds} as string), 'S') end"
    )


def _array(element: Type, t: str, is_counted: bool) -> str:
    """A JSON array of which every element that is not null reads as the type."""
    parsed = f"from_json({t}, 'array<string>')"
    value = read(element, "x", is_counted=is_counted)
    reads = "true" if always_reads(element) else f"forall({parsed}, x -> x is null or {value} is not null)"
    return f"case when startswith({t}, '[') and {reads} then transform({parsed}, x -> {value}) end"


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
    return _moment(t, f"case when {_has_zone(t)} then try_cast({t} as timestamp) end", "timestamp")


def _local_timestamp(t: str) -> str:
    """Microseconds since 1970-01-01 00:00, or ISO 8601 without an offset; else as ``_timestamp``."""
    return _moment(
        t, f"case when not {_has_zone(t)} then try_cast({t} as timestamp_ntz) end", "timestamp_ntz"
    )


def _moment(t: str, of_text: str, spark_type: str) -> str:
    micros = f"try_cast({t} as bigint)"
    return (
        f"case when substr({t}, 11, 1) in ('T', ' ') then {of_text} "
        f"when {micros} between -62135596800000000 and 253402300799999999 "
        f"then cast(timestamp_micros({micros}) as {spark_type}) end"
    )


def _has_zone(t: str) -> str:
    signs = " or ".join(f"substr(substr({t}, 12), {place}, 1) in ('+', '-')" for place in (-6, -5, -3))
    return f"({t} like '%Z' or {signs})"
