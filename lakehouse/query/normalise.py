"""One form for what three engines return: type names, and cells ready for JSON."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

TYPES = (
    "boolean",
    "integer",
    "decimal",
    "double",
    "string",
    "binary",
    "date",
    "time",
    "timestamp",
    "timestamp_ntz",
    "interval",
    "array",
    "map",
    "struct",
    "null",
)
"""``integer`` is a whole number of any width; ``timestamp`` an instant; ``timestamp_ntz`` one without zone.

Width, precision and scale are left out: each engine widens sums in its own way.
"""

_ALIASES = {
    "boolean": "boolean bool",
    "integer": "tinyint smallint int integer bigint hugeint utinyint usmallint uinteger ubigint uhugeint",
    "decimal": "decimal numeric",
    "double": "double float real",
    "string": "varchar char string text uuid json enum ipaddress",
    "binary": "varbinary binary blob",
    "date": "date",
    "time": "time",
    "timestamp_ntz": "timestamp timestamp_s timestamp_ms timestamp_ns timestamp_ntz",
    "interval": "interval",
    "array": "array list",
    "map": "map",
    "struct": "struct row",
    "null": "null unknown void",
}
_BY_ALIAS = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}


def type_name(engine_type: str) -> str:
    """The name in ``TYPES`` for an engine's type name.

    A type that has none (a sketch, a bit string) keeps the engine's own name, and its cells are text.
    """
    text = engine_type.strip().lower()
    if re.search(r"\[\d*\]$", text):
        return "array"
    word = re.split(r"[^a-z0-9_]", text, maxsplit=1)[0]
    if word.startswith("timestamp") and text.endswith("with time zone"):
        return "timestamp"
    return _BY_ALIAS.get(word, text)


def value(cell: Any) -> Any:
    """A cell ready for JSON. What JSON has no number for is text: ``NaN``, ``Infinity``, ``-Infinity``."""
    match cell:
        case None | bool() | int() | str():
            return cell
        case float():
            return cell if math.isfinite(cell) else _not_finite(cell)
        case Decimal():
            return format(cell, "f") if cell.is_finite() else _not_finite(float(cell))
        case datetime():
            return instant(cell) if cell.tzinfo else cell.isoformat()
        case date() | time():
            return cell.isoformat()
        case bytes() | bytearray() | memoryview():
            return b64encode(bytes(cell)).decode()
        case Mapping():
            return {str(value(k)): value(v) for k, v in cell.items()}
        case tuple() if names := getattr(cell, "__annotations__", None):
            return dict(zip(names["names"], map(value, cell), strict=True))
        case list() | tuple() | set() | frozenset():
            return [value(item) for item in cell]
    return str(cell)


def instant(moment: datetime) -> str:
    """ISO 8601 in UTC, ending in ``Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def comparable(cell: Any, type_: str) -> Any:
    """A cell of a result in a form that is equal where engines mean the same, and can be a key of a dict.

    Instants and clock readings are rounded to milliseconds, as Trino reads them; decimals forget trailing zeros; a
    double differs from a whole number of the same value by its type, which is compared apart.
    """
    if cell is None:
        return None
    if type_ in ("timestamp", "timestamp_ntz"):
        return value(_to_milliseconds(datetime.fromisoformat(cell)))
    if type_ == "decimal":
        number = Decimal(cell)
        return number.normalize() if number else Decimal(0)
    if isinstance(cell, (list, dict)):
        return repr(cell)
    return cell


def _to_milliseconds(moment: datetime) -> datetime:
    with suppress(OverflowError):  # the last half millisecond that Python knows
        moment += timedelta(microseconds=500)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _not_finite(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"
