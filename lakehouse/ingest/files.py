"""Files that partners drop in ``<landing>/<source>/<table>/``: each file's rows land once, by the file's content.

A file is known by the SHA-256 of its bytes. The commit that has its rows names it as a transaction of Delta
(``txn``: the hash, and the offset of its first row), so the table itself tells which files it has, for ever, whatever
they are called and however often they are dropped. A file whose content changed is a new file. Files are read in the
order in which they were written, and nothing is done to them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from lakehouse import context, names
from lakehouse.contracts import Table
from lakehouse.errors import ConfigError, DataError
from lakehouse.ingest import bronze, spool
from lakehouse.ingest.spool import Drop
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame, SparkSession

_UNFINISHED = (".part", ".partial", ".tmp", ".filepart", ".crdownload", ".swp", ".crc")
"""Suffixes under which programs write what they rename once it is whole; so are names that begin with . or _."""


@dataclass
class Seen:
    """The digests of files that did not change since, and which files have no rows: a cache, losing it costs time."""

    path: Path
    digests: dict[str, list[int | str]] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, config: Settings, source: str) -> Seen:
        path = config.state / "run" / f"files-{source}.json"
        try:
            told = json.loads(path.read_text())
            return cls(path, dict(told["digests"]), set(told["empty"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path)

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({"digests": self.digests, "empty": sorted(self.empty)}))

    def digest(self, file: Path) -> Drop:
        stat = file.stat()
        known = self.digests.get(str(file))
        if known is None or known[:2] != [stat.st_mtime_ns, stat.st_size]:
            known = self.digests[str(file)] = [stat.st_mtime_ns, stat.st_size, spool.digest(file)]
        return Drop(file.name, str(known[2]), stat.st_mtime_ns, stat.st_size)


def folder(config: Settings, table: Table) -> Path:
    """Where the files of a table are dropped."""
    return config.landing / table.source.name / (table.source_name or table.name)


def waiting(config: Settings, table: Table, seen: Seen) -> tuple[list[tuple[Path, Drop]], float]:
    """The files that are not landed, or not to the end, oldest first, and for how many seconds one is too young yet.

    Raises ConfigError for a folder or a file that cannot be read. Needs no Spark.
    """
    root, now, young = folder(config, table), time(), 0.0
    found: dict[str, tuple[Path, Drop]] = {}
    try:
        root.mkdir(parents=True, exist_ok=True)
        for file in sorted(root.rglob("*")):
            if not _is_whole(file, root):
                continue
            quiet = now - file.stat().st_mtime
            if abs(quiet) < config.ingest.file_quiet_seconds:
                young = max(young, config.ingest.file_quiet_seconds - quiet)
                continue
            drop = seen.digest(file)
            name = str(file.relative_to(root))
            found.setdefault(drop.sha256, (file, Drop(name, drop.sha256, drop.written_at, drop.size)))
    except OSError as error:
        raise ConfigError(
            f"a file of {table.source.name}.{table.name} cannot be read: {error}",
            hint=f"let this user read what is below {root}",
        ) from error
    done = _landed(config, table)
    waits = [(p, d) for p, d in found.values() if d.sha256 not in seen.empty and not done(d.sha256)]
    return sorted(waits, key=lambda each: (each[1].written_at, each[1].name)), young


def _is_whole(file: Path, root: Path) -> bool:
    parts = file.relative_to(root).parts
    is_ours = not any(part.startswith((".", "_")) for part in parts) and file.suffix not in _UNFINISHED
    return is_ours and file.is_file()


class _landed:  # noqa: N801 - called like a function
    """Whether all rows of a file are in bronze or quarantine, and where its first row is or would be."""

    def __init__(self, config: Settings, table: Table) -> None:
        (self.pair,) = bronze.pairs(config, (table,))
        self.place = (names.topic(table), 0)
        folders = (self.pair.bronze.folder, self.pair.quarantine.folder)
        self.tables = [found for f in folders if (found := _delta(f)) is not None]

    def first(self, sha256: str) -> int | None:
        """The offset of the file's first row, None if no commit has rows of it."""
        told = [t.transaction_version(sha256) for t in self.tables]
        return next((int(at) for at in told if at is not None), None)

    def __call__(self, sha256: str) -> bool:
        first = self.first(sha256)
        behind = self.pair.unsettled.get(self.place)
        return first is not None and (behind is None or first < behind)


def _delta(folder: Path) -> DeltaTable | None:
    from deltalake import DeltaTable

    return DeltaTable(str(folder), without_files=True) if context.version(folder) >= 0 else None


def land(config: Settings, landing: bronze.Landing, table: Table, seen: Seen) -> Iterator[int]:
    """Land what waits of one table, a file a commit; yields the rows of each file. Safe to repeat after any crash."""
    assert table.files is not None
    spools = config.state / "spool" / f"{table.source.name}__{table.name}"
    yield from _finish(config, landing, table, spools)
    for path, drop in waiting(config, table, seen)[0]:
        own = spools / drop.sha256
        count = spool.write(path, drop, table.files, own)
        if count == 0:
            seen.empty.add(drop.sha256)
        elif count:
            yield _land(config, landing, table, drop, own)
        shutil.rmtree(own, ignore_errors=True)


def _finish(config: Settings, landing: bronze.Landing, table: Table, spools: Path) -> Iterator[int]:
    """What a killed run left of its last file: its refused rows are in no table yet, and its copy is still here."""
    landed = _landed(config, table)
    for own in sorted(spools.glob("*")):
        drop = spool.found(own)
        if drop and landed.first(drop.sha256) is not None and not landed(drop.sha256):
            yield _land(config, landing, table, drop, own)
        shutil.rmtree(own)


def _land(config: Settings, landing: bronze.Landing, table: Table, drop: Drop, own: Path) -> int:
    landed = _landed(config, table)
    known = landed.first(drop.sha256)
    first = landing.next.get(landed.place, 0) if known is None else known
    behind = landed.pair.unsettled.get(landed.place)
    if behind is not None and behind != known:
        raise DataError(
            f"rows of a file that was landed in {names.bronze(table)} are in no quarantine, and the file is gone",
            hint=f"drop the file again whose first row has _offset {behind} there (_file names it)",
        )
    landing.transaction = (drop.sha256, first)
    return landing.land(_messages(landing.session, table, drop, own, first))


def _messages(session: SparkSession, table: Table, drop: Drop, own: Path, first: int) -> DataFrame:
    from pyspark.sql import functions as f

    said = {"file": f.lit(drop.name), "sha256": f.lit(drop.sha256)}
    place = f.struct(*(v.alias(k) for k, v in said.items()), "row", "problem")
    return (
        session.read.schema("row bigint, value binary, problem string")
        .parquet(str(own / "rows.parquet"))
        .select(
            f.to_json(place).cast("binary").alias("key"),
            "value",
            f.lit(names.topic(table)).alias("topic"),
            f.lit(0).alias("partition"),
            (f.col("row") + (first - 1)).alias("offset"),
            f.timestamp_micros(f.lit(drop.written_at // 1000)).alias("timestamp"),
        )
    )
