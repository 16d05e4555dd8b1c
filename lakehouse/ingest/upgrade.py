"""A bronze table of an earlier declaration -> the present one, with the past values of columns that it gained.

What the source sent before a column was declared is text in ``_extra``. An upgrade has four steps:

1. ``_unchanged`` of later rows that lack such a column names it, as if it had been declared when they were landed;
2. the column is added (ALTER TABLE);
3. each text that reads as the declared type is put into the column and taken out of ``_extra``. One that stands for
   "not sent" (a value out of line in PostgreSQL) is named in ``_unchanged`` instead. One that does not read stays in
   ``_extra``, the column stays NULL in its row, and it is counted;
4. the declaration is noted on the table (``delta.mark_bronze``).

Killed anywhere, the next call does the rest: until step 4 the note is of another declaration, and steps 1 and 3 leave
as it is what they have changed. A table whose note is right costs the reading of its log, and no Spark.

Rows from before the source had the column keep NULL in it and are not named in step 1: nothing older can be
overwritten by them. Only rows after the first one that had it are, of the versions in which it was not declared: say
that it was sent, dropped and made again. A column that is declared *again* is filled too, without step 1, for its
rows of the time before cannot be told from those that lack it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse import names
from lakehouse.contracts import Column, Decimal, Numeric, SourceKind, Table
from lakehouse.errors import DataError, first_line
from lakehouse.ingest import encodings, envelope, values
from lakehouse.ingest.positions import Place
from lakehouse.render import delta
from lakehouse.render.common import backticked, spark_literal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Filled:
    """Of one column: rows whose value was filled in from ``_extra``, and rows whose text there does not read."""

    rows: int
    unread: int


@dataclass(frozen=True)
class _Sent:
    """What ``_extra`` has of one name: in how many rows and which versions, and from where on in each partition."""

    rows: int
    versions: tuple[int, ...]
    first: Mapping[Place, int]


def upgrade(session: SparkSession, table: Table, folder: Path) -> dict[str, Filled]:
    """Bring an existing bronze table to the declaration; what was filled in, by column. Idempotent, safe to be killed.

    Raises ContractError, with nothing changed, for another type of a column, another key, or other columns without a
    higher version (``delta.refusals``). Its commits carry no position, so where the table stands in Kafka stays known.
    """
    has = noted(folder)
    existing = {f.name: f.dataType.simpleString() for f in session.table(names.bronze(table)).schema}
    add = delta.upgrade_bronze(table, existing, has)
    mark = delta.mark_bronze(table, has)
    is_same = has.get(delta.FINGERPRINT_PROPERTY) == table.fingerprint
    sent = _sent(table, folder) if "_extra" in existing and not is_same else {}
    gained = [c for c in table.columns if c.sent_as in sent and c.name not in table.key]
    fresh = [c for c in gained if c.name not in existing]
    if fresh and table.source.has_states:
        session.sql(_name_absent(table, fresh, sent))
    for statement in add:
        session.sql(statement)
    if gained:
        session.sql(_fill(table, gained))
    left = _sent(table, folder) if gained else {}
    for statement in mark:
        session.sql(statement)
    return {c.name: _filled(sent[c.sent_as], left.get(c.sent_as)) for c in gained}


def noted(folder: Path) -> dict[str, str]:
    """The properties of the Delta table in ``folder``; none if it is not there. Milliseconds, no Spark."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        return dict(DeltaTable(str(folder)).metadata().configuration)
    except TableNotFoundError:
        return {}
    except DeltaError as error:
        raise DataError(
            f"table {folder.name} cannot be read: {first_line(error)}",
            hint=f"see whether DuckDB reads it: select count(*) from delta_scan('{folder}'); nothing was written",
            table=folder.name,
        ) from error


def _filled(before: _Sent, after: _Sent | None) -> Filled:
    left = after.rows if after else 0
    return Filled(before.rows - left, left)


def _sent(table: Table, folder: Path) -> dict[str, _Sent]:
    """Of the declared columns, those that stand in ``_extra``, by their name in the source."""
    import duckdb

    from lakehouse import context

    sql = """
        select name, _contract_version, _topic, _partition, min(_offset), count(*)
        from (select unnest(map_keys(_extra)) as name, * from delta_scan($folder) where _extra is not null)
        where list_contains($names, name) group by all
    """
    try:
        with context.duckdb() as connection:
            found = connection.execute(
                sql, {"folder": str(folder), "names": [c.sent_as for c in table.columns]}
            ).fetchall()
    except duckdb.Error as error:
        raise DataError(
            f"{names.bronze(table)} cannot be read: {first_line(error)}",
            hint=f"nothing was changed; lakehouse query run 'select count(*) from {names.bronze(table)}'",
            table=names.bronze(table),
        ) from error
    return {name: _told([row[1:] for row in found if row[0] == name]) for name in {row[0] for row in found}}


def _told(rows: list[tuple[Any, ...]]) -> _Sent:
    first: dict[Place, int] = {}
    for _, topic, partition, offset, _ in rows:
        first[topic, partition] = min(offset, first.get((topic, partition), offset))
    return _Sent(sum(row[-1] for row in rows), tuple(sorted({row[0] for row in rows})), first)


def _name_absent(table: Table, columns: list[Column], sent: Mapping[str, _Sent]) -> str:
    """Step 1. ``_unchanged`` names a column in each row of the log, after the first that had it, which lacks it."""
    lacking = {c.name: _lacks(c, sent[c.sent_as]) for c in columns}
    named = ", ".join(f"if({lacks}, '{name}', null)" for name, lacks in lacking.items())
    return (
        f"UPDATE {names.bronze(table)} SET _unchanged = array_union(_unchanged, array_compact(array({named}))) "
        f"WHERE {' or '.join(lacking.values())}"
    )


def _lacks(column: Column, sent: _Sent) -> str:
    after = " or ".join(
        f"(_topic = {spark_literal(topic)} and _partition = {partition} and _offset > {offset})"
        for (topic, partition), offset in sent.first.items()
    )
    return (
        f"(_op in ('c', 'u', 'r') and _contract_version in ({', '.join(map(str, sent.versions))}) and ({after}) "
        f"and not {_has(column)} and not array_contains(_unchanged, '{column.name}'))"
    )


def _fill(table: Table, columns: list[Column]) -> str:
    """Step 3. The condition is a cheap one: Delta works it out once for each column of the table."""
    is_captured = table.source.kind is SourceKind.POSTGRES
    out_of_line = {c.name: _is_out_of_line(c) if is_captured else "false" for c in columns}
    sets = []
    for c in columns:
        name, is_value = backticked(c.name), f"{_has(c)} and not {out_of_line[c.name]}"
        sets.append(f"{name} = if({is_value}, coalesce({_value(table, c)}, {name}), {name})")
    if is_captured:
        unsent = ", ".join(f"if({out_of_line[c.name]}, '{c.name}', null)" for c in columns)
        sets.append(f"_unchanged = array_union(_unchanged, array_compact(array({unsent})))")
    gone = ", ".join(
        f"if({_has(c)} and ({out_of_line[c.name]} or {_reads(table, c)}), {spark_literal(c.sent_as)}, null)"
        for c in columns
    )
    rest = f"map_filter(_extra, (k, _) -> not array_contains(array_compact(array({gone})), k))"
    sets.append(f"_extra = {_bound(rest, 'm', 'if(size(m) > 0, m, null)')}")
    where = f"_extra is not null and ({' or '.join(_has(c) for c in columns)})"
    return f"UPDATE {names.bronze(table)} SET {', '.join(sets)} WHERE {where}"


def _has(column: Column) -> str:
    return f"coalesce(map_contains_key(_extra, {spark_literal(column.sent_as)}), false)"


def _text(column: Column) -> str:
    return f"_extra[{spark_literal(column.sent_as)}]"


def _is_out_of_line(column: Column) -> str:
    forms = ", ".join(spark_literal(form) for form in envelope.UNAVAILABLE_FORMS)
    return f"coalesce({_text(column)} in ({forms}), false)"


def _reads(table: Table, column: Column) -> str:
    is_null = f"{_text(column)} is null"
    return f"({is_null if column.nullable else 'false'} or {_value(table, column)} is not null)"


def _value(table: Table, column: Column) -> str:
    """SQL of the typed value of the text; NULL where it does not read. Each step binds its text to a name."""
    plain = _bound(_text(column), "t", encodings.untold(column.type, table.source, "t"))
    value = values.read(column.type, "t", is_counted=table.source.kind is SourceKind.POSTGRES)
    return _bound(plain, "t", f"if({_may_be_rounded(table, column)}, null, {value})")


def _may_be_rounded(table: Table, column: Column) -> str:
    """A number in JSON became a double on its way into ``_extra``, which holds 15 digits for sure. Our own capture
    sends decimals as strings."""
    is_exact = table.source.kind is SourceKind.POSTGRES and table.source.is_managed
    if is_exact or not isinstance(column.type, (Decimal, Numeric)):
        return "false"
    digits = "length(regexp_replace(split_part(lower(t), 'e', 1), '[^0-9]', ''))"
    return f"coalesce({digits} > 15 and cast(try_cast(t as double) as string) = t, false)"


def _bound(value: str, name: str, body: str) -> str:
    """SQL of ``body`` in which ``name`` is ``value``, worked out once."""
    return f"element_at(transform(array({value}), {name} -> {body}), 1)"
