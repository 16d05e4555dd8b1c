"""Kafka topics of the declarations, and the JSON in which a value travels in an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lakehouse import names
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
    Source,
    SourceKind,
    String,
    Table,
    Time,
    Timestamp,
    Type,
    Uuid,
)
from lakehouse.render.common import unknown_type

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Largest message: Kafka's default of 1 MiB would stop capture at the first large JSON document."""

_DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Topic:
    """A topic to have: ``config`` is Kafka's topic configuration, all values text."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def topic_config(table: Table) -> dict[str, str]:
    """Kafka's configuration of the table's topic. Messages go by age, never by compaction: it is a log."""
    for column in table.columns:
        json_form(column.type)
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(table.retention.topic_days * _DAY_MS),
        "retention.bytes": "-1",
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "min.insync.replicas": "1",
    }


def topic(table: Table) -> Topic:
    """The topic of one table."""
    return Topic(names.topic(table), table.topic_partitions, topic_config(table))


def topics(source: Source, tables: Sequence[Table]) -> tuple[Topic, ...]:
    """Every topic that a source needs, for the broker makes none: one per table, and those of capture: its
    heartbeat, what it is told, and what it tells of its reading."""
    if source.kind is SourceKind.FILES:
        return ()
    found = tuple(topic(t) for t in tables)
    if source.kind is SourceKind.POSTGRES and source.is_managed:
        day = {"cleanup.policy": "delete", "retention.ms": str(_DAY_MS)}
        month = {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY_MS)}
        found += (
            Topic(names.heartbeat_topic(source), 1, day),
            Topic(names.signals_topic(source), 1, day),
            Topic(names.notifications_topic(source), 1, month),
        )
    return found


def json_form(type_: Type) -> str:
    """How an event carries a value of the type, in words for whoever writes events."""
    match type_:
        case Boolean():
            return "true or false"
        case Integer():
            return "number"
        case Decimal():
            return "string of digits"
        case Numeric():
            return "string of digits, or NaN, Infinity or -Infinity"
        case Double():
            return "number, or NaN, Infinity or -Infinity as a string"
        case String() | Uuid():
            return "string"
        case Json():
            return "string holding a JSON document"
        case Binary():
            return "string, base64"
        case Timestamp():
            return "string, ISO 8601 with offset"
        case LocalTimestamp():
            return "string, ISO 8601 without offset"
        case Date() | Time() | Interval():
            return "string, ISO 8601"
        case Array(element=element):
            return f"array, each element: {json_form(element)}"
    raise unknown_type(type_, "kafka")
