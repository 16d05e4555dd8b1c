"""What every declaration must keep to: alone, and beside the others. Problems are texts for the author."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lakehouse.contracts.types import (
    Array,
    Binary,
    Boolean,
    Date,
    Double,
    Integer,
    Interval,
    Json,
    LocalTimestamp,
    Numeric,
    String,
    Timestamp,
    Type,
)

if TYPE_CHECKING:
    from lakehouse.contracts.table import Column, Table

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_NAME = 63
"""PostgreSQL cuts longer identifiers, silently."""

_SUFFIXES: dict[str, tuple[type[Type], ...]] = {
    "_at": (Timestamp, LocalTimestamp),
    "_on": (Date,),
    "_minor": (Integer,),
}
_PREFIXES: dict[str, tuple[type[Type], ...]] = {"is_": (Boolean,), "has_": (Boolean,)}
_LEAST_LOG_DAYS = 7
"""Delta's ``delta.deletedFileRetentionDuration``, which its log may not fall below."""
_MOST_CLUSTERS = 3
"""With each further column, files are told apart less well by the others."""
_NO_KEYS = (Array, Binary, Double, Json, Numeric)
"""Types of which equal values may differ byte for byte: as a key they would part a row's history."""


def of_table(table: Table) -> list[str]:
    """What is wrong with one declaration; empty if nothing is."""
    return [*_names(table), *_key(table), *_event(table), *_files(table), *_limits(table), *_columns(table)]


def between(tables: Iterable[Table]) -> list[str]:
    """What is wrong with declarations beside each other; empty if nothing is."""
    by_name = {(t.source.name, t.name): t for t in tables}
    return [
        *_shared(by_name.values()),
        *_dangling(by_name),
    ]


def _shared(tables: Iterable[Table]) -> Iterator[str]:
    """Two tables fed by one place: a topic, or a table that two connectors would capture."""
    from lakehouse.contracts.table import SourceKind

    seen: dict[tuple[str, ...], Table] = {}
    for table in tables:
        topic = (table.source.topic_prefix or table.source.name, *table.place)
        captured = ("postgres", table.source.database, *table.place)
        is_captured = table.source.kind is SourceKind.POSTGRES and table.source.is_managed
        for place in (topic, captured) if is_captured else (topic,):
            other = seen.setdefault(place, table)
            if other is not table:
                told = ".".join(place[-2:])
                yield (
                    f"{table.source.name}.{table.name} and {other.source.name}.{other.name} both come from {told}: "
                    "give the source its own database= or schema=, or is_managed=False if its Debezium is not ours"
                )


def _dangling(by_name: dict[tuple[str, str], Table]) -> list[str]:
    return [
        f"{table.source.name}.{table.name}.{column.name} references {column.references}, {problem}"
        for table in by_name.values()
        for column in table.columns
        if column.references and (problem := _reference(by_name, table, column))
    ]


def _reference(by_name: dict[tuple[str, str], Table], table: Table, column: Column) -> str | None:
    name, field = str(column.references).split(".")
    target = by_name.get((table.source.name, name))
    if target is None:
        return f"but source {table.source.name} has no table {name!r}"
    if target.key != (field,):
        return f"but the key of {name} is {', '.join(target.key)}"
    if target.column(field).type != column.type:
        return f"which is {target.column(field).type}, not {column.type}"
    return None


def _names(table: Table) -> Iterator[str]:
    names = [c.name for c in table.columns]
    for name in (table.source.name, table.name, *names):
        if not _NAME.fullmatch(name):
            yield f"{name!r} is not lower snake case: what a source calls otherwise is its source_name"
        if len(name) > _LONGEST_NAME:
            yield f"{name!r} is longer than {_LONGEST_NAME} characters"
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"column {name!r} is declared twice"
    sent = [c.sent_as for c in table.columns]
    for name in sorted({n for n in sent if sent.count(n) > 1} - set(names)):
        yield f"two columns have the source_name {name!r}"
    for what, text in [("description", table.description), ("grain", table.grain)]:
        if not text.strip() or "\n" in text:
            yield f"its {what} is not one line of text"


def _key(table: Table) -> Iterator[str]:
    declared = {c.name: c for c in table.columns}
    if not table.key:
        yield "a table has a key"
    if len(set(table.key)) != len(table.key):
        yield "its key names a column twice"
    for name in table.key:
        if name not in declared:
            yield f"key column {name!r} is not declared"
        elif declared[name].nullable:
            yield f"key column {name!r} is nullable"
        elif isinstance(declared[name].type, _NO_KEYS):
            yield f"key column {name!r} cannot be a {type(declared[name].type).__name__}"


def _event(table: Table) -> Iterator[str]:
    from lakehouse.contracts.table import SourceKind

    if (table.event is not None) != (table.source.kind is SourceKind.EVENTS):
        yield "tables of an event source, and only they, declare event=Event(...)"
    if table.event is not None and table.history:
        yield "an event has no history: it happened once"
    if table.event is None:
        return
    declared = {c.name: c for c in table.columns}
    if table.key != (table.event.id_column,):
        yield f"the key of an event table is its id column, {table.event.id_column!r}"
    if table.event.time_column not in declared:
        yield f"event column {table.event.time_column!r} is not declared"
    elif declared[table.event.time_column].type != Timestamp():
        yield f"event column {table.event.time_column!r} is not a Timestamp"
    if table.event.horizon_hours < 1:
        yield f"horizon_hours {table.event.horizon_hours} is less than 1"
    if (
        table.retention.bronze_days is not None
        and table.retention.bronze_days * 24 < table.event.horizon_hours
    ):
        yield "bronze_days is less than horizon_hours: silver built anew could not tell a repeat"


def _files(table: Table) -> Iterator[str]:
    from lakehouse.contracts.table import SourceKind

    if (table.files is not None) != (table.source.kind is SourceKind.FILES):
        yield "tables of a file source, and only they, declare files=Files(...)"
    if table.files is None:
        return
    if len(table.files.delimiter) != 1 or table.files.delimiter in '"\r\n':
        yield f"delimiter {table.files.delimiter!r} is not one character, or one that CSV needs itself"
    try:
        codecs.lookup(table.files.encoding)
    except LookupError:
        yield f"encoding {table.files.encoding!r} is not one that Python knows"


def _limits(table: Table) -> Iterator[str]:
    kept, fresh = table.retention, table.freshness
    if table.version < 1:
        yield f"version {table.version} is less than 1"
    if table.topic_partitions < 1:
        yield f"topic_partitions {table.topic_partitions} is less than 1"
    if kept.log_days < _LEAST_LOG_DAYS:
        yield f"log_days {kept.log_days} is less than {_LEAST_LOG_DAYS}: Delta's log must tell of the files that it keeps"
    if kept.topic_days < 1 or (kept.bronze_days is not None and kept.bronze_days < 1):
        yield "what is kept less than a day is not kept: see its retention"
    if not 0 < fresh.warn_seconds <= fresh.fail_seconds:
        yield "freshness warns after 0 seconds at the earliest, and not after it fails"
    comparable = {c.name for c in table.columns if not isinstance(c.type, (*_NO_KEYS, Interval))}
    for name in table.cluster_by:
        if name not in comparable:
            yield f"it cannot be clustered by {name!r}: no column of a type that has an order"
    if len(set(table.cluster_by)) != len(table.cluster_by) or len(table.cluster_by) > _MOST_CLUSTERS:
        yield f"it is clustered by at most {_MOST_CLUSTERS} columns, each named once"


def _columns(table: Table) -> Iterator[str]:
    for column in table.columns:
        for affix, wanted in [*_SUFFIXES.items(), *_PREFIXES.items()]:
            named = column.name.startswith(affix) if affix in _PREFIXES else column.name.endswith(affix)
            fits = isinstance(column.type, wanted) and column.type not in (Integer(16), Integer(32))
            if named and not fits:
                words = " or ".join(t.__name__ for t in wanted)
                yield (
                    f"column {column.name!r} is a {type(column.type).__name__}, by its name a {words}; "
                    "give it another name, and source_name= what the source calls it"
                )
        if not column.description.strip() or "\n" in column.description:
            yield f"the description of column {column.name!r} is not one line of text"
        if column.values and column.type != String():
            yield f"column {column.name!r} lists values, but is not a String"
        if len(set(column.values)) != len(column.values):
            yield f"column {column.name!r} lists a value twice"
        if column.references and not re.fullmatch(rf"{_NAME.pattern}\.{_NAME.pattern}", column.references):
            yield f"column {column.name!r} references {column.references!r}, which is not <table>.<column>"
    money = [c.name for c in table.columns if c.name.endswith("_minor")]
    if money and not any(c.name.endswith("currency_code") for c in table.columns):
        yield f"column {money[0]!r} is money, but no column is a currency_code"
