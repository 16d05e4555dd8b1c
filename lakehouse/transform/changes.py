"""What a build need not look at: the tables whose files are those of the last build that ended well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from lakehouse import context, names, tables
from lakehouse.settings import ROOT, Settings

Versions = Mapping[str, int]
"""Newest Delta version of each table, by ``schema.table``."""


def versions(config: Settings) -> dict[str, int]:
    """The newest version of every table of the warehouse, by the names of its log files alone."""
    return {f"{schema}.{name}": context.version(folder) for schema, name, folder in context.tables(config)}


def rows_of_last_commit(folder: Path) -> int | None:
    """How many rows the newest commit of a table wrote, as its log says; None if it does not."""
    commit = folder / "_delta_log" / f"{context.version(folder):020}.json"
    if not commit.exists():  # no table yet, or a checkpoint alone is left of its log
        return None
    for line in commit.read_text().splitlines():
        if info := json.loads(line).get("commitInfo"):
            written = info.get("operationMetrics", {}).get("numOutputRows")
            return int(written) if written is not None else None
    return None


def sources_to_read(config: Settings, now: Versions) -> list[str] | None:
    """dbt selectors of the sources that have something new; None if everything must be looked at.

    That is so unless silver and gold, and the models, are as the last complete build left them.
    """
    before = _built(config)
    if before is None or _of(before, names.SILVER, names.GOLD) != _of(now, names.SILVER, names.GOLD):
        return None
    new = [t for t in tables.all() if before.get(names.bronze(t)) != now.get(names.bronze(t))]
    return [f"source:{t.source.name}.{t.name}+" for t in new]


def altered(config: Settings, now: Versions) -> list[str]:
    """The tables of silver and gold that are not as the last complete build left them; without one, all."""
    before = _built(config) or {}
    return [t for t, version in _of(now, names.SILVER, names.GOLD).items() if before.get(t) != version]


def remember(config: Settings, read: Versions) -> None:
    """Note that silver and gold are complete for bronze as of ``read``; losing the note costs only time."""
    found = {**_of(read, names.BRONZE), **_of(versions(config), names.SILVER, names.GOLD)}
    record = _record(config)
    partial = record.with_suffix(".partial")
    partial.write_text(
        json.dumps({"models": _fingerprint(), "warehouse": str(config.warehouse), "tables": found})
    )
    partial.replace(record)


def _built(config: Settings) -> Versions | None:
    """The versions that ``remember`` noted; None unless they are of these models in this warehouse."""
    try:
        noted = json.loads(_record(config).read_text())
    except (OSError, ValueError):
        return None
    match noted:
        case {"models": models, "warehouse": place, "tables": dict(found)}:
            return found if (models, place) == (_fingerprint(), str(config.warehouse)) else None
    return None


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
