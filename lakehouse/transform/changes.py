"""What a build need not look at: the tables whose files are those of the last build that ended well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter

from lakehouse import context, names, tables
from lakehouse.settings import ROOT, Settings

Versions = Mapping[str, int]
"""Newest Delta version of each table, by ``schema.table``."""


def versions(config: Settings) -> dict[str, int]:
    """The newest version of every table of the warehouse, by the names of its log files alone."""
    return {f"{schema}.{name}": context.version(folder) for schema, name, folder in context.tables(config)}


def rows_of_last_commit(folder: Path) -> int | None:
    """How many rows the newest commit of a table wrote, as its log says; None if it does not."""
    commit = _commit(folder, context.version(folder))
    if not commit.exists():  # no table yet, or a checkpoint alone is left of its log
        return None
    for line in commit.read_text().splitlines():
        if info := json.loads(line).get("commitInfo"):
            written = info.get("operationMetrics", {}).get("numOutputRows")
            return int(written) if written is not None else None
    return None


def sources_to_read(config: Settings, now: Versions) -> list[str] | None:
    """dbt selectors of the sources that have something new; None if everything must be looked at.

    That is so unless silver and gold, and the models, are as the last complete build left them, and tested by it.
    """
    note = _note(config)
    if note is None or not note.tested or not note.is_still_built(config, now):
        return None
    new = [t for t in tables.all() if note.tables.get(names.bronze(t)) != now.get(names.bronze(t))]
    return [f"source:{t.source.name}.{t.name}+" for t in new]


def read_before(config: Settings, now: Versions) -> dict[str, str]:
    """Up to which ``_ingested_at`` the last complete build read each bronze table, by its name; nothing unless silver,
    gold and the models are as it left them."""
    note = _note(config)
    return dict(note.read) if note and note.is_still_built(config, now) else {}


def altered(config: Settings, now: Versions) -> list[str]:
    """The tables of silver and gold that are not as the last complete build left them; without one, all."""
    note = _note(config)
    before = note.tables if note else {}
    return [t for t, version in _of(now, names.SILVER, names.GOLD).items() if before.get(t) != version]


def remember(config: Settings, listed: Versions, read: Mapping[str, str], *, tested: bool) -> None:
    """Note that silver and gold are complete for the versions of bronze that are ``listed``, and for what was ingested
    up to ``read``, by bronze table. Losing the note costs only time."""
    found = {**_of(listed, names.BRONZE), **_of(versions(config), names.SILVER, names.GOLD)}
    record = _record(config)
    partial = record.with_suffix(".partial")
    note = _Note(_fingerprint(), str(config.warehouse), found, dict(read), tested)
    partial.write_text(json.dumps(asdict(note)))
    partial.replace(record)


def forget(config: Settings) -> None:
    """Take nothing for complete any more: the next build looks at everything."""
    _record(config).unlink(missing_ok=True)


@dataclass(frozen=True)
class _Note:
    """What ``remember`` noted; see there."""

    models: str
    warehouse: str
    tables: Versions
    read: Mapping[str, str]
    tested: bool

    def is_still_built(self, config: Settings, now: Versions) -> bool:
        """Whether the rows of silver and gold are those of then."""
        before, there = (_of(found, names.SILVER, names.GOLD) for found in (self.tables, now))
        return before.keys() == there.keys() and all(
            _has_same_rows(context.folder(config, table), version, there[table])
            for table, version in before.items()
        )


def _note(config: Settings) -> _Note | None:
    """What was noted; None unless it is of these models in this warehouse."""
    try:
        note = TypeAdapter(_Note).validate_json(_record(config).read_text())
    except (OSError, ValueError):
        return None
    return note if (note.models, note.warehouse) == (_fingerprint(), str(config.warehouse)) else None


def _has_same_rows(folder: Path, before: int, now: int) -> bool:
    """Whether all commits of a table after version ``before`` up to ``now`` only moved rows from file to file, as OPTIMIZE does."""
    if now < before:
        return False
    for version in range(before + 1, now + 1):
        try:
            actions = [json.loads(line) for line in _commit(folder, version).read_text().splitlines()]
        except (OSError, ValueError):
            return False
        if any(a.get(kind, {}).get("dataChange") for a in actions for kind in ("add", "remove")):
            return False
    return True


def _commit(folder: Path, version: int) -> Path:
    return folder / "_delta_log" / f"{version:020}.json"


def _of(found: Versions, *schemas: str) -> dict[str, int]:
    return {table: version for table, version in found.items() if table.split(".")[0] in schemas}


def _record(config: Settings) -> Path:
    return config.state / "run" / "dbt" / "built.json"


def _fingerprint() -> str:
    digest = sha256()
    for file in sorted((ROOT / "dbt_project").rglob("*")):
        if file.suffix in (".sql", ".yml"):
            digest.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return digest.hexdigest()
