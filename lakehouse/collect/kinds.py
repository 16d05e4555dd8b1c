"""Whether a JSON value is one of a declared type. No laxer than ``lakehouse.ingest.values``, which reads it later."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lakehouse.collect import body
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
from lakehouse.errors import ContractError, Refused

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DIGITS = re.compile(r"[+-]?([0-9]+)(?:\.([0-9]+))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_WIDEST_OFFSET = timedelta(hours=18)
"""As java.time has it, and so Spark."""

Check = Callable[[Any], bool]


def check(type_: Type) -> tuple[Check, str]:
    """What tells a value of the type from any other (null aside), and the words for what is allowed."""
    match type_:
        case String():
            return _is_text, "text"
        case Boolean():
            return lambda v: isinstance(v, bool), "true or false"
        case Integer(bits=bits):
            end = 1 << (bits - 1)
            return lambda v: type(v) is int and -end <= v < end, f"a whole number of {bits} bits"
        case Decimal(precision=precision, scale=scale):
            told = f"text of at most {precision - scale} digits before and {scale} after the point"
            return lambda v: _is_decimal(v, precision, scale), told
        case Double():
            return lambda v: type(v) in (int, float), "a number"
        case Uuid():
            return lambda v: isinstance(v, str) and _UUID.fullmatch(v) is not None, "a UUID with hyphens"
        case Json():
            return _is_json, "JSON: an object, an array, or text that holds JSON"
        case Binary():
            return _is_base64, "bytes as base64"
        case Date():
            return _is_date, "a day such as 2026-02-01"
        case Timestamp():
            return _is_instant, "an instant with its offset, such as 2026-02-01T10:00:00.123456Z"
    raise ContractError(
        f"type {type(type_).__name__} cannot be checked in JSON", hint="add it to lakehouse/collect/kinds.py"
    )


def _is_text(value: Any) -> bool:
    """Half a character, which JSON can escape, is no text: UTF-8 cannot hold it."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_decimal(value: Any, precision: int, scale: int) -> bool:
    found = _DIGITS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return False
    whole, fraction = found[1].lstrip("0"), (found[2] or "").rstrip("0")
    return len(whole) <= precision - scale and len(fraction) <= scale


def _is_json(value: Any) -> bool:
    if isinstance(value, str):
        try:
            body.parse(value.encode())
        except (Refused, UnicodeEncodeError):
            return False
        return True
    return isinstance(value, (dict, list)) and _has_text(value)


def _has_text(value: Any) -> bool:
    try:
        body.text(value)
    except ValueError:
        return False
    return True


def _is_base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and base64.b64decode(value, validate=True) is not None
    except (binascii.Error, ValueError):
        return False


def _is_date(value: Any) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_instant(value: Any) -> bool:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return False
    try:
        at = datetime.fromisoformat(value)
        at.astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return abs(at.utcoffset() or timedelta()) <= _WIDEST_OFFSET
