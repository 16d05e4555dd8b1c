"""As of a past moment: which Delta versions a query reads, found once, so that every engine reads the same ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import context
from lakehouse.errors import DataError, UsageError
from lakehouse.query import statement
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from deltalake import DeltaTable

Versions = Mapping[str, int]
"""``schema.table`` to the number of a Delta version."""

_FORMS = "an instant (2026-03-01T12:00:00Z), a day (its end, UTC), a version (12), or gold.fct_payments=12,gold.dim_dates=3"


def newest(config: Settings, sql: str) -> dict[str, int]:
    """The newest version of each table of the warehouse that the SQL names."""
    return {table: context.version(folder) for table, folder in _tables(config, sql).items()}


def resolve(config: Settings, sql: str, as_of: str) -> dict[str, int]:
    """The versions of the tables that the SQL names, as of an instant or by number.

    Of an instant: the newest commit that is not later, by the clock of whoever wrote it. A day is its last instant,
    UTC. A number alone is for a query of one table. UsageError for what is in the future, before a table's first
    commit that can still be read, or no version; DataError when files of a version are gone. What is found stays readable
    for as long as the declaration keeps files, whatever is committed or compacted meanwhile.
    """
    tables = _tables(config, sql)
    if not tables:
        raise UsageError(
            "the query names no table that is there", hint="--as-of is about tables: gold.fct_payments"
        )
    if re.search(r"\bu&\"", sql, re.IGNORECASE):
        raise UsageError(
            "a name in escapes, U&..., cannot be asked as of", hint="write it as it is: gold.fct_payments"
        )
    at = _instant(as_of)
    found = {n: _version_at(n, f, at) for n, f in tables.items()} if at else _numbered(tables, as_of)
    for table, version in found.items():
        _require_files(table, tables[table], version)
    return found


def pinned(sql: str, versions: Versions, clause: str) -> str:
    """``sql`` with ``clause`` and the number of the version put behind the name of each table."""
    out, done = [], 0
    for name, end in statement.tables(sql):
        if name in versions:
            out += [sql[done:end], f" {clause} {versions[name]}"]
            done = end
    return "".join([*out, sql[done:]])


def _tables(config: Settings, sql: str) -> dict[str, Path]:
    named = {name: context.folder(config, name) for name, _ in statement.tables(sql)}
    return {name: folder for name, folder in named.items() if context.version(folder) >= 0}


def _instant(text: str) -> datetime | None:
    """The instant that the text says; None if it is none."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if text.strip().isdigit():  # 20260301 is a number of a version, though ISO 8601 knows it as a day
        return None
    if len(text.strip()) == len("2026-03-01"):
        at += timedelta(days=1, microseconds=-1)
    at = at.replace(tzinfo=at.tzinfo or UTC)
    if at > datetime.now(UTC):
        raise UsageError(
            f"{text} is in the future, or not over yet",
            hint="without --as-of a query reads what is there now",
        )
    return at


def _numbered(tables: Mapping[str, Path], text: str) -> dict[str, int]:
    if text.strip().isdigit():
        if len(tables) > 1:
            several = ",".join(f"{table}=N" for table in tables)
            raise UsageError(
                f"version {text} of which table? the query names {len(tables)}", hint=f"--as-of {several}"
            )
        told = dict.fromkeys(tables, text)
    else:
        told = {t.strip().lower(): v for t, _, v in (part.partition("=") for part in text.split(","))}
        if not all(v.strip().isdigit() for v in told.values()):
            raise UsageError(
                f"as of {text!r}? that is neither an instant nor a version", hint=f"one of: {_FORMS}"
            )
        if told.keys() != tables.keys():
            wanted = ", ".join(sorted(told.keys() ^ tables.keys()))
            raise UsageError(
                f"each table of the query needs its version, and no other: {wanted}", hint=f"one of: {_FORMS}"
            )
    found = {table: int(told[table]) for table in tables}
    for table, version in found.items():
        if version > (last := context.version(tables[table])):
            raise UsageError(f"{table} has no version {version}", hint=f"its newest is {last}", table=table)
    return found


def _version_at(table: str, folder: Path, at: datetime) -> int:
    commits = _open(table, folder, None).history()
    told = {
        int(c["version"]): datetime.fromtimestamp(c["timestamp"] / 1000, UTC)
        for c in commits
        if "timestamp" in c
    }
    if before := [version for version, when in told.items() if when <= at]:
        return max(before)
    first = min(told, default=0)
    since = f"version {first} of {told[first].isoformat()}" if told else "nothing"
    raise UsageError(
        f"{table} has no version as of {at.isoformat()}",
        hint=f"the first that its log still tells of is {since}",
        table=table,
    )


def _require_files(table: str, folder: Path, version: int) -> None:
    """DataError unless the files of a version are there: some engines answer a part of it from the log alone."""
    for file in context.files(_open(table, folder, version)):
        if not file.exists():
            raise DataError(
                f"version {version} of {table} cannot be read any more: vacuum has removed files of it",
                hint="ask for a newer version; how long files are kept is the table's delta.deletedFileRetentionDuration",
                table=table,
                version=version,
            )


def _open(table: str, folder: Path, version: int | None) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        return DeltaTable(folder, version=version)
    except DeltaError as error:
        raise UsageError(
            f"version {version} of {table} cannot be opened: {error}",
            hint="its log is kept for as long as the declaration says; ask for a newer version",
            table=table,
        ) from None
