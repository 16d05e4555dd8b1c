"""Deletes bronze rows that are older than their declaration keeps them. Silver and gold stay as they are.

Age is known time, ``_ingested_at``, in whole days of UTC: what was landed on a day goes together. Rows that silver has
not read stay, and with them all that was landed since the first of these. So does the newest row of each partition of
the topic, for ever: where Delta's log no longer tells where the table stands in Kafka, its rows must.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakehouse import context, names
from lakehouse.contracts import Table
from lakehouse.errors import DataError, first_line
from lakehouse.maintenance.tables import Kept, hooks, opened, told
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import duckdb as _duckdb
    from deltalake import CommitProperties

_CUT = "lakehouse.retain"


@dataclass(frozen=True)
class Plan:
    """One bronze table: ``rows`` landed before ``before`` would go, the oldest landed on ``oldest_on`` (UTC).

    ``bronze_days`` None keeps all, for ever. ``rows_unread`` are old enough and stay, for silver has not read them, or
    later ones of their batch. ``newest`` (topic, partition, offset) are old enough and tell where the table stands.
    What a rebuild of silver from bronze (``transform run --full-refresh``) would then miss:
    ``keys_lost`` have no row left, ``keys_cut`` would be told differently by those that are left.
    """

    table: str
    bronze_days: int | None
    before: datetime | None = None
    rows: int = 0
    oldest_on: date | None = None
    rows_unread: int = 0
    keys_lost: int = 0
    keys_cut: int = 0
    newest: tuple[tuple[str, int, int], ...] = ()


def plan(config: Settings, table: Table, now: datetime | None = None) -> Plan:
    """What ``apply`` would delete. DataError if bronze or silver cannot be read. Needs no Spark."""
    import duckdb

    name, days = names.bronze(table), table.retention.bronze_days
    folder = context.folder(config, name)
    if days is None or context.version(folder) < 0:
        return Plan(name, days)
    limit = _midnight(now or datetime.now(UTC)) - timedelta(days=days)
    try:
        with context.duckdb() as connection:
            connection.execute(f"create view bronze as from delta_scan('{_quoted(folder)}')")
            return _plan(connection, config, table, limit)
    except duckdb.Error as error:
        raise DataError(
            f"{name} or {names.staging(table)} cannot be read: {first_line(error)}",
            hint="nothing was deleted; see lakehouse query run",
            table=name,
        ) from error


def apply(config: Settings, table: Table, now: datetime | None = None) -> int:
    """Delete those rows in one commit; how many. A second call on the same day deletes nothing.

    The files that held them stay until ``vacuum``, and old versions of the table with them. Where the table stands in
    Kafka stays known: the commit tells no position, so that of the newest batch holds, be it told by its commit or,
    once that is gone, by the newest row. Safe beside a running ingest, whose rows are newer. Raises UnavailableError
    when another writer changed the same files; the table is then as it was.
    """
    found = plan(config, table, now)
    if not found.rows or found.before is None:
        return 0
    kept = Kept(found.table, context.folder(config, found.table))
    delta = opened(kept)
    with told(kept):
        instant = f"arrow_cast('{found.before.isoformat()}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
        stays = "".join(
            f" and not (_topic = '{_quoted(t)}' and _partition = {p} and _offset = {o})"
            for t, p, o in found.newest
        )
        done = delta.delete(
            f"_ingested_at < {instant}{stays}",
            commit_properties=_cut(found.before),
            post_commithook_properties=hooks(),
        )
        return int(done["num_deleted_rows"])


def cut(config: Settings, table: Table) -> datetime | None:
    """The known time before which rows of the bronze table were deleted; None if it has all that was ever landed."""
    kept = Kept(names.bronze(table), context.folder(config, names.bronze(table)))
    if context.version(kept.folder) < 0:
        return None
    with told(kept):
        micros = opened(kept).transaction_version(_CUT)
    return None if micros is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)


def _cut(before: datetime) -> CommitProperties:
    """Note in the commit, as a transaction of Delta, up to when it deletes: a table never forgets those."""
    from deltalake import CommitProperties, Transaction

    micros = (before - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    return CommitProperties(app_transactions=[Transaction(_CUT, micros)])


def _plan(connection: _duckdb.DuckDBPyConnection, config: Settings, table: Table, limit: datetime) -> Plan:
    first_unread = _one(
        connection, f"select min(_ingested_at) from bronze where {_unread(connection, config, table)}"
    )[0]
    before = min(limit, first_unread.astimezone(UTC)) if first_unread else limit
    connection.execute(
        "create table newest as select _topic, _partition, max(_offset) from bronze group by all"
    )
    connection.execute(
        f"create view aged as select *, _ingested_at >= timestamptz '{before.isoformat()}' as is_young,"
        " is_young or coalesce((_topic, _partition, _offset) in (from newest), false) as stays from bronze"
    )
    rows, oldest = _one(connection, "select count(*), min(_ingested_at) from aged where not stays")
    unread = _one(connection, "select count(*) from aged where is_young and _ingested_at < ?", limit)[0]
    newest = connection.execute(
        "select _topic, _partition, _offset from aged where stays and not is_young order by all"
    )
    told = tuple(newest.fetchall())
    lost, cut = _keys(connection, table)
    oldest_on = oldest.astimezone(UTC).date() if oldest else None
    return Plan(
        names.bronze(table), table.retention.bronze_days, before, rows, oldest_on, unread, lost, cut, told
    )


def _unread(connection: _duckdb.DuckDBPyConnection, config: Settings, table: Table) -> str:
    """Which rows of bronze silver has not read, by silver's own rule (macro ``unread``)."""
    silver = context.folder(config, names.staging(table))
    if context.version(silver) < 0:
        return "true"
    connection.execute(
        f"create view read as select max(_ingested_at) as at from delta_scan('{_quoted(silver)}')"
    )
    return "not exists (from read where read.at >= bronze._ingested_at)"


def _keys(connection: _duckdb.DuckDBPyConnection, table: Table) -> tuple[int, int]:
    """How many keys would have no row left, and how many some that do not tell all.

    Of a captured table those are keys of which a later change left out a column (``_unchanged``); of events, where the
    first message counts, all that have a later one.
    """
    key = ", ".join(f'"{column}"' for column in table.key)
    partial = "count_if(stays and len(_unchanged) > 0) > 0" if table.source.has_states else "true"
    lost, cut = _one(
        connection,
        f"""
        select count_if(not is_left), count_if(is_left and is_partial)
        from (
            select bool_or(stays) as is_left, {partial} as is_partial
            from aged
            where ({key}) is not null
            group by {key}
            having not bool_and(stays)
        )
        """,
    )
    return lost, cut


def _one(connection: _duckdb.DuckDBPyConnection, sql: str, *values: Any) -> tuple[Any, ...]:
    row = connection.execute(sql, list(values)).fetchone()
    assert row is not None
    return row


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _quoted(path: object) -> str:
    return str(path).replace("'", "''")
