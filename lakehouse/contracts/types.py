"""The logical types a column may have. ``lakehouse.render`` maps them; nothing here knows an engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Type:
    """Base of every logical type."""


@dataclass(frozen=True)
class Boolean(Type):
    """True or false."""


@dataclass(frozen=True)
class Integer(Type):
    """A signed whole number of ``bits`` bits: 16, 32 or 64."""

    bits: int = 64

    def __post_init__(self) -> None:
        if self.bits not in (16, 32, 64):
            raise ValueError(f"an integer has 16, 32 or 64 bits, not {self.bits}")


@dataclass(frozen=True)
class Decimal(Type):
    """An exact number of ``precision`` digits, ``scale`` of them after the point. Money is ``Integer``."""

    precision: int
    scale: int

    def __post_init__(self) -> None:
        if not 1 <= self.precision <= 38 or not 0 <= self.scale <= self.precision:
            raise ValueError(
                f"decimal({self.precision},{self.scale}): precision is 1 to 38, scale 0 to precision"
            )


@dataclass(frozen=True)
class Numeric(Type):
    """An exact number of any precision, NaN and infinities too, kept as the text of its digits."""


@dataclass(frozen=True)
class Double(Type):
    """A 64-bit float. Never money."""


@dataclass(frozen=True)
class String(Type):
    """Unicode text of any length."""


@dataclass(frozen=True)
class Uuid(Type):
    """An RFC 9562 identifier, kept as lower-case text."""


@dataclass(frozen=True)
class Json(Type):
    """A JSON document, kept as its text."""


@dataclass(frozen=True)
class Binary(Type):
    """Bytes."""


@dataclass(frozen=True)
class Timestamp(Type):
    """An instant, in UTC, to the microsecond."""


@dataclass(frozen=True)
class LocalTimestamp(Type):
    """A date and time of day without a time zone, to the microsecond.

    ``precision`` is that of the source, 0 to 6 digits of a second: where a message does not say its unit, Debezium
    counts milliseconds up to 3 digits and microseconds beyond.
    """

    precision: int = 6

    def __post_init__(self) -> None:
        _require_precision(self.precision)


@dataclass(frozen=True)
class Date(Type):
    """A calendar day without a time zone."""


@dataclass(frozen=True)
class Time(Type):
    """A time of day, kept as text: ``13:37:00`` or ``13:37:00.000001``; with a zone, as it was sent.

    ``precision`` as of ``LocalTimestamp``, for sources that other people capture.
    """

    precision: int = 6

    def __post_init__(self) -> None:
        _require_precision(self.precision)


@dataclass(frozen=True)
class Interval(Type):
    """A span of time, kept as ISO 8601 text: ``P1Y2M3DT4H5M6.78S``."""


@dataclass(frozen=True)
class Array(Type):
    """A list of values of one type, in order; a value in it may be null. Arrays of arrays are declared as ``Json``."""

    element: Type

    def __post_init__(self) -> None:
        if isinstance(self.element, (Array, Json)):
            raise ValueError("an array of arrays or of documents is declared as Json()")


def _require_precision(digits: int) -> None:
    if not 0 <= digits <= 6:
        raise ValueError(f"the precision of a time is 0 to 6 digits of a second, not {digits}")
