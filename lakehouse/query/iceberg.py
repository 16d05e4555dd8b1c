"""Gold as Iceberg: metadata of its own over the same Parquet files, for readers that know no Delta. No data is copied.

A catalog in SQLite (``<state>/iceberg/catalog.db``, named ``lakehouse``) has a table for each Delta table of gold. Each of
its snapshots names the Delta version that it is, in ``lakehouse.delta.version``: so what is stale is seen, and a past
version is found. Metadata holds paths and counts of rows, and no value of a row. Why: docs/adr/0019.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse import context, names
from lakehouse.errors import first_line
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

_VERSION = "lakehouse.delta.version"
_FILE = "file://"
"""And then a path as it is, not ``as_uri``: pyiceberg takes %20 for three characters of a name."""
_PROPERTIES = {
    "write.metadata.metrics.default": "none",  # else the least and the greatest value of each column
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "10",
}


@dataclass(frozen=True)
class Published:
    """Tables of which a new version was published, with that version; and why others could not be."""

    versions: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def catalog(config: Settings) -> SqlCatalog:
    """The catalog, made when it is not there. A client elsewhere opens the same by this ``uri`` and ``warehouse``."""
    from pyiceberg.catalog.sql import SqlCatalog

    folder = _folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    found = SqlCatalog("lakehouse", uri=f"sqlite:///{folder / 'catalog.db'}", warehouse=_uri(folder))
    found.create_namespace_if_not_exists(names.GOLD)
    return found


def publish(config: Settings, only: Collection[str] | None = None) -> Published:
    """Bring the tables of gold, or ``only`` these, to their newest Delta version, and forget tables that are gone.

    Costs the footers of files that are new. Each table is one commit; stopped between, the others wait for the next call,
    which does nothing for a table that is up to date. A table that Iceberg or its library cannot represent is named in
    ``failed``. Snapshots live as long as vacuum keeps the files of former versions.
    """
    there = {f"{schema}.{name}" for schema, name, _ in context.tables(config) if schema == names.GOLD}
    published = Published()
    if not there and not _folder(config).exists():
        return published
    with _alone(config):
        known, behind = catalog(config), stale(config)
        for table in sorted(behind if only is None else behind.keys() & set(only)):
            try:
                published.versions[table] = _publish(config, known, table)
            except _refusals() as error:
                published.failed[table] = f"cannot be read as Iceberg: {first_line(error)}"
        for identifier in known.list_tables(names.GOLD):
            if (name := ".".join(identifier)) not in there:
                _forget(config, known, name)
    return published


def stale(config: Settings) -> dict[str, int | None]:
    """Tables of gold whose newest version is not published, with the one that is (None: none is). Of Delta it
    looks at the names of log files alone."""
    known = catalog(config)
    newest = {
        f"{s}.{n}": context.version(folder) for s, n, folder in context.tables(config) if s == names.GOLD
    }
    found = {table: _published(_load(config, known, table)) for table in newest}
    return {table: version for table, version in found.items() if version != newest[table]}


def dataset(config: Settings, table: str, version: int) -> Dataset | None:
    """The files and the schema that a Delta version has as Iceberg; None if it was not published, or is kept no more."""
    from pyarrow import dataset

    found = _load(config, catalog(config), table)
    of_version = [s for s in found.metadata.snapshots if _version(s) == version] if found else []
    if not (found and of_version):
        return None
    tasks = found.scan(snapshot_id=of_version[-1].snapshot_id).plan_files()
    files = [task.file.file_path.removeprefix(_FILE) for task in tasks]
    return dataset.dataset(files, schema=found.schema().as_arrow(), format="parquet")


def _publish(config: Settings, known: SqlCatalog, name: str) -> int:
    """The version that was published."""
    import pyarrow as pa
    from deltalake import DeltaTable
    from pyiceberg.io.pyarrow import parquet_files_to_data_files

    delta = DeltaTable(context.folder(config, name))
    table = _load(config, known, name)
    schema = pa.schema(delta.schema().to_arrow())
    if table is None or table.metadata.properties.get("lakehouse.delta.schema") != str(schema):
        _forget(config, known, name)  # a table with other columns has another history
        told = _PROPERTIES | {"lakehouse.delta.schema": str(schema)}
        table = known.create_table(name, schema, location=_uri(_place(config, name)), properties=told)
    before = {task.file.file_path: task.file for task in table.scan().plan_files()}
    now = set(map(_uri, context.files(delta)))
    with table.transaction() as transaction:
        # Delta's files know their columns by name.
        mapping = transaction.table_metadata.schema().name_mapping.model_dump_json()
        transaction.set_properties({"schema.name-mapping.default": mapping})
        update = transaction.update_snapshot({_VERSION: str(delta.version())})
        with update.overwrite() as files:
            for path in before.keys() - now:
                files.delete_data_file(before[path])
            added = iter(sorted(now - before.keys()))
            for file in parquet_files_to_data_files(table.io, transaction.table_metadata, added):
                files.append_data_file(file)
    _expire(table, timedelta(hours=config.maintenance.vacuum_hours))
    return int(delta.version())


def _expire(table: Table, kept: timedelta) -> None:
    """Forget snapshots whose files vacuum may have removed, and delete the metadata that they alone had."""
    until = datetime.now(UTC) - kept
    current = table.metadata.current_snapshot_id
    if all(_at(s) >= until for s in table.metadata.snapshots if s.snapshot_id != current):
        return
    table.maintenance.expire_snapshots().older_than(until.replace(tzinfo=None)).commit()
    table.refresh()
    needed = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    for one in table.metadata.snapshots:
        needed |= {one.manifest_list, *(m.manifest_path for m in one.manifests(table.io))}
    for file in Path(table.location().removeprefix(_FILE), "metadata").iterdir():
        if _uri(file) not in needed and file.stat().st_mtime < until.timestamp():
            file.unlink()


def _forget(config: Settings, known: SqlCatalog, name: str) -> None:
    from pyiceberg.exceptions import NoSuchTableError

    with suppress(NoSuchTableError):
        known.drop_table(name)
    shutil.rmtree(_place(config, name), ignore_errors=True)


def _load(config: Settings, known: SqlCatalog, name: str) -> Table | None:
    """The table; None if it is not there, or its paths are of a state folder that was moved."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        found = known.load_table(name)
    except (NoSuchTableError, FileNotFoundError):
        return None
    return found if found.location() == _uri(_place(config, name)) else None


def _published(table: Table | None) -> int | None:
    current = table.metadata.current_snapshot() if table else None
    return _version(current) if current else None


def _version(one: Snapshot) -> int | None:
    told = one.summary.additional_properties.get(_VERSION) if one.summary else None
    return int(told) if told else None


def _at(one: Snapshot) -> datetime:
    return datetime.fromtimestamp(one.timestamp_ms / 1000, UTC)


def _uri(path: Path) -> str:
    return f"{_FILE}{path}"


def _refusals() -> tuple[type[Exception], ...]:
    """What pyiceberg raises of a schema or a file that it cannot take."""
    from pyiceberg.io.pyarrow import UnsupportedPyArrowTypeException

    return (UnsupportedPyArrowTypeException, NotImplementedError, LookupError, TypeError, ValueError, OSError)


def _folder(config: Settings) -> Path:
    return config.state / "iceberg"


def _place(config: Settings, name: str) -> Path:
    return _folder(config) / name.replace(".", "/")


@contextmanager
def _alone(config: Settings) -> Iterator[Any]:
    """One publisher at a time; a second one waits, for the first is done in seconds. The lock ends with its process."""
    from filelock import FileLock

    file = config.state / "run" / "iceberg.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file):
        yield
