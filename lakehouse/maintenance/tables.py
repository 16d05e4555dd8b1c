"""The Delta tables that are kept in order, opened by delta-rs; what it says of other writers, in our words.

Why delta-rs and not Spark's OPTIMIZE: docs/adr/0014.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import context, names, tables
from lakehouse.errors import DataError, UnavailableError, UsageError, first_line, is_disk_full, suggest
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from deltalake import DeltaTable, PostCommitHookProperties


@dataclass(frozen=True)
class Kept:
    """A Delta table of the warehouse: its name with its schema, its folder, and the columns that it is clustered by."""

    name: str
    folder: Path
    cluster_by: tuple[str, ...] = ()


def chosen(config: Settings, name: str | None) -> tuple[Kept, ...]:
    """Every table of the warehouse, or the one called ``schema.table``; UsageError if it is not there."""
    clusters = {names.staging(t): t.cluster_by for t in tables.all()}
    found = tuple(
        Kept(f"{schema}.{table}", folder, clusters.get(f"{schema}.{table}", ()))
        for schema, table, folder in context.tables(config)
    )
    if name is None:
        return found
    one = tuple(table for table in found if table.name == name)
    if not one:
        known = [table.name for table in found]
        raise UsageError(
            f"no table {name!r} in {config.warehouse}{suggest(name, known)}",
            hint="known: " + (", ".join(known) or "none yet"),
        )
    return one


def opened(table: Kept) -> DeltaTable:
    """The newest version of the table; DataError if its log cannot be read."""
    from deltalake import DeltaTable

    with told(table):
        return DeltaTable(str(table.folder))


def hooks() -> PostCommitHookProperties:
    """Checkpoints and the cleaning of the log are left to the table's own writer: positions are read from the log."""
    from deltalake import PostCommitHookProperties

    return PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


@contextmanager
def told(table: Kept) -> Iterator[None]:
    """delta-rs's errors as ours. Whatever is raised, the table is as of a whole commit."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    try:
        yield
    except CommitFailedError as error:
        raise UnavailableError(
            f"another writer changed {table.name} meanwhile: {first_line(error)}",
            hint="nothing was changed; run again",
            table=table.name,
        ) from error
    except (DeltaError, OSError) as error:
        is_full = is_disk_full(str(error))
        raise DataError(
            f"{table.name} could not be kept in order: {first_line(error)}",
            hint="free disk space, then run again; the table is as it was"
            if is_full
            else f"see whether it can be read: lakehouse query run 'select count(*) from {table.name}'",
            table=table.name,
        ) from error
