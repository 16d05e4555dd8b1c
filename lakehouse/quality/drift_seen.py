"""What bronze and quarantine tell of the messages that came: names nobody declared, columns that stopped, what does
not read. And what the bronze table itself is. Read by DuckDB and delta-rs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lakehouse import context, names
from lakehouse.contracts import Table
from lakehouse.errors import DataError, first_line
from lakehouse.render import delta
from lakehouse.settings import Settings

_EXTRA = """
with log as (select * from delta_scan($folder) where _extra is not null)
select name, count(*), min(_kafka_at), max(_kafka_at), arg_max(_partition || '/' || _offset, _kafka_at)
from (select unnest(map_keys(_extra)) as name, * from log)
where list_contains($declared, name) or _contract_version = (select max(_contract_version) from delta_scan($folder))
group by name order by name
"""
_NEWEST = """
select _unchanged, _kafka_at from delta_scan($folder) where _op in ('c', 'r') and _contract_version = $version
order by _ingested_at desc, _kafka_at desc, _partition, _offset desc limit 1
"""
"""An insert or a read has every column. An update leaves out those that are stored out of line and did not change."""
_REFUSED = """
select reason, count(*), max(_kafka_at) from delta_scan($folder) where _contract_version = $version group by reason
"""


@dataclass(frozen=True)
class Sighting:
    """How often something was seen; first and newest by Kafka's clock, ``place`` of the newest: partition/offset."""

    rows: int
    newest_at: datetime
    first_at: datetime | None = None
    place: str | None = None


@dataclass(frozen=True)
class Seen:
    """One table. ``types`` and ``properties`` are those of bronze, None without one.

    ``extra`` is by name in the source: of names not declared what came under the newest version in bronze, of declared
    ones all that was left. ``absent``: declared columns that the newest insert did not have, and when that was.
    ``unread`` and ``missing``: declared columns because of which messages of the declared version were set aside.
    """

    types: Mapping[str, str] | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Sighting] = field(default_factory=dict)
    absent: Mapping[str, datetime] = field(default_factory=dict)
    unread: Mapping[str, Sighting] = field(default_factory=dict)
    missing: Mapping[str, Sighting] = field(default_factory=dict)


def read(config: Settings, table: Table) -> Seen:
    """What is known of a table; all empty where nothing was landed. DataError if a table cannot be read."""
    folder = context.folder(config, names.bronze(table))
    types, properties = _structure(config, names.bronze(table))
    unread, missing = _refused(_rows(config, names.quarantine(table), _REFUSED, version=table.version))
    if types is None or context.version(folder) < 0:
        return Seen(unread=unread, missing=missing)
    extra: dict[str, Sighting] = {}
    if "_extra" in types:
        found = _rows(config, names.bronze(table), _EXTRA, declared=[c.sent_as for c in table.columns])
        extra = {
            name: Sighting(rows, newest.astimezone(UTC), first.astimezone(UTC), place)
            for name, rows, first, newest, place in found
        }
    absent: dict[str, datetime] = {}
    if table.source.has_states:
        for unchanged, at in _rows(config, names.bronze(table), _NEWEST, version=table.version):
            absent = {name: at.astimezone(UTC) for name in unchanged or ()}
    return Seen(types, properties, extra, absent, unread, missing)


def _structure(config: Settings, name: str) -> tuple[dict[str, str] | None, dict[str, str]]:
    """Columns with their Spark SQL types, and the properties."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    folder = context.folder(config, name)
    if context.version(folder) < 0:
        return None, {}
    try:
        found = DeltaTable(str(folder))
        fields = json.loads(found.schema().to_json())["fields"]
        return {f["name"]: delta.spark_type(f["type"]) for f in fields}, dict(found.metadata().configuration)
    except DeltaError as error:
        raise _unreadable(name, error) from error


def _rows(config: Settings, name: str, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    import duckdb

    folder = context.folder(config, name)
    if context.version(folder) < 0:
        return []
    try:
        with context.duckdb() as connection:
            return connection.execute(sql, {"folder": str(folder), **values}).fetchall()
    except duckdb.Error as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(
        f"{name} cannot be read: {first_line(error)}",
        hint=f"lakehouse query run 'select count(*) from {name}'",
        table=name,
    )


def _refused(reasons: list[tuple[Any, ...]]) -> tuple[dict[str, Sighting], dict[str, Sighting]]:
    """Columns that did not read, and columns that had no value, by the words of ``ingest.decode``."""
    unread: dict[str, Sighting] = {}
    missing: dict[str, Sighting] = {}
    for reason, rows, at in reasons:
        if reason.startswith("missing: "):
            found, columns = missing, reason.removeprefix("missing: ").split(", ")
        else:
            found, columns = unread, re.findall(r"(?:^|, )([a-z0-9_]+) is no [A-Z]", reason)
        for column in columns:
            before = found.get(column, Sighting(0, at.astimezone(UTC)))
            found[column] = Sighting(before.rows + rows, max(before.newest_at, at.astimezone(UTC)))
    return unread, missing
