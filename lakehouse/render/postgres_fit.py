"""Whether what a PostgreSQL column holds fits the type that is declared for it, and how one would declare it.

Types are told as PostgreSQL's ``format_type`` names them, of a domain those it is made of: ``numeric(18,8)``,
``character varying(20)``, ``timestamp(3) without time zone``, ``integer[]``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
from lakehouse.render.common import unknown_type

_BITS = {"smallint": 16, "integer": 32, "bigint": 64}
_DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}
_ONLY: dict[type[Type], tuple[str, ...]] = {
    Boolean: ("boolean",),
    Uuid: ("uuid",),
    Binary: ("bytea",),
    Timestamp: ("timestamp with time zone",),
    Date: ("date",),
    Time: ("time without time zone", "time with time zone"),
    Interval: ("interval",),
    Json: ("json", "jsonb", "hstore", "geometry", "geography", "point"),
    Numeric: ("numeric", *_BITS, "real", "double precision"),
}
"""The names, without what is in brackets, of all that such a column can be read from."""
_ENCODED = ("date", "time", "timestamp", "bytea", "boolean", "interval", *_BITS, "real", "double")


@dataclass(frozen=True)
class Misfit:
    """How a column differs from its declaration. ``is_breaking``: some of its values cannot be read as declared."""

    is_breaking: bool
    why: str


@dataclass(frozen=True)
class _Told:
    name: str
    sizes: tuple[int, ...]


def misfit(type_: Type, told: str) -> Misfit | None:
    """How the PostgreSQL type ``told`` differs from ``type_``; None if it is what it should be.

    Narrower than declared is a difference that does no harm. ContractError for a type that PostgreSQL has no word for.
    """
    if isinstance(type_, Array):
        if not told.endswith("[]"):
            return Misfit(True, "it is no array")
        return misfit(type_.element, told.removesuffix("[]"))
    if told.endswith("[]"):
        fits = isinstance(type_, (Json, String))
        return None if fits else Misfit(True, "it is an array")
    has = _parsed(told)
    match type_:
        case Integer(bits=bits):
            return _integer(bits, has)
        case Decimal(precision=precision, scale=scale):
            return _decimal(precision, scale, has)
        case Double():
            return _double(has)
        case LocalTimestamp(precision=precision):
            return _local_timestamp(precision, has)
        case String():
            if has.name.split(" ")[0] in _ENCODED:
                return Misfit(False, "its values land as the text in which Debezium writes them")
            return None
    if type(type_) not in _ONLY:
        raise unknown_type(type_, "postgres_fit")
    if has.name in _ONLY[type(type_)]:
        return None
    if isinstance(type_, Timestamp) and has.name.startswith("timestamp"):
        return Misfit(True, "its values are of no time zone, and would be read as UTC")
    return Misfit(True, "its values do not read as that")


def declared_as(told: str) -> str:
    """How a column of the PostgreSQL type ``told`` is declared: ``Integer(32)``. What has no word of its own is text."""
    if told.endswith("[]"):
        element = declared_as(told.removesuffix("[]"))
        return "Json()" if element.startswith(("Array", "Json")) else f"Array({element})"
    has = _parsed(told)
    if has.name in _BITS:
        return f"Integer({_BITS[has.name]})"
    if has.name == "numeric" and has.sizes and 0 <= has.sizes[1] <= has.sizes[0] <= 38:
        return f"Decimal({has.sizes[0]}, {has.sizes[1]})"
    if has.name == "timestamp without time zone":
        return f"LocalTimestamp({_seconds(has)})"
    if has.name in ("real", "double precision"):
        return "Double()"
    found = (type_.__name__ for type_, known in _ONLY.items() if has.name in known)
    return f"{next(found, 'String')}()"


def _parsed(told: str) -> _Told:
    sizes = re.search(r"\(([-0-9, ]+)\)", told)
    name = re.sub(r"\([^)]*\)", "", told)
    name = "interval" if name.startswith("interval") else name
    return _Told(name, tuple(int(n) for n in sizes[1].split(",")) if sizes else ())


def _integer(bits: int, has: _Told) -> Misfit | None:
    if has.name not in _BITS:
        return Misfit(True, "it is no whole number of a size")
    if _BITS[has.name] == bits:
        return None
    if _BITS[has.name] < bits:
        return Misfit(False, "it is narrower, so every value fits")
    return Misfit(True, f"it is wider: what does not fit into {bits} bits goes to quarantine")


def _decimal(precision: int, scale: int, has: _Told) -> Misfit | None:
    if has.name in _DIGITS:
        whole, fraction = _DIGITS[has.name], 0
    elif has.name != "numeric":
        return Misfit(True, "it is no exact number")
    elif not has.sizes:
        return Misfit(True, "it has any number of digits: those beyond the declaration go to quarantine")
    else:
        # A negative scale, numeric(3,-2), counts zeros before the point.
        whole, fraction = has.sizes[0] - has.sizes[1], max(0, has.sizes[1])
    if (whole, fraction) == (precision - scale, scale):
        return None
    if whole <= precision - scale and fraction <= scale:
        return Misfit(False, "it is narrower, so every value fits")
    return Misfit(True, "it is wider: what has more digits than declared goes to quarantine")


def _double(has: _Told) -> Misfit | None:
    if has.name == "double precision":
        return None
    if has.name in ("real", "smallint", "integer"):
        return Misfit(False, "it is narrower, so every value fits")
    return Misfit(True, "a double does not hold all of its digits")


def _local_timestamp(precision: int, has: _Told) -> Misfit | None:
    if has.name != "timestamp without time zone":
        return Misfit(True, "its values are no dates and times without a zone")
    if (_seconds(has) <= 3) != (precision <= 3):
        return Misfit(
            True, "Debezium counts milliseconds up to 3 digits of a second, and microseconds beyond"
        )
    return None


def _seconds(has: _Told) -> int:
    return has.sizes[0] if has.sizes else 6
