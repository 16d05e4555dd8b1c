"""What a Delta table may be made of, so that every reader that we promise can read it; refused when it is to be written.

The promise is one for all tables: Spark, DuckDB, Trino and delta-rs, and through it pyarrow (docs/adr/0009). A feature
gets into a table by a property that somebody sets, or by the defaults of another Spark, and stays for good.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lakehouse import context
from lakehouse.errors import SafetyError
from lakehouse.settings import Settings

READ_BY_ALL = frozenset(
    {"appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns", "timestampNtz"}
)
"""Features of Delta's protocol with which all of them answer alike: those that older versions of it had already, and local times."""

LOST = {
    "deletionVectors": "delta-rs does not read it",
    "columnMapping": "delta-rs does not find its columns once one is renamed",
    "typeWidening": "Trino leaves out a column that was widened, without a word",
    "variantType": "Trino does not read its values",
}
"""What is known of others; tests/spark/test_compatibility.py and docs/adr/0009 say how."""


def features(folder: Path) -> frozenset[str]:
    """The features of Delta's protocol that a table names, or has by the version of its protocol. Reads its log."""
    from deltalake import DeltaTable

    protocol = DeltaTable(folder).protocol()
    named = {*(protocol.reader_features or ()), *(protocol.writer_features or ())}
    # a preview of a feature has a name of its own: typeWidening-preview
    found = {name.removesuffix("-preview") for name in named}
    return frozenset(found | ({"columnMapping"} if protocol.min_reader_version == 2 else set()))


def require(config: Settings, tables: Iterable[str]) -> None:
    """SafetyError if one of ``tables``, ``schema.table`` and there, has a feature that not every reader is known to read."""
    for name in tables:
        folder = context.folder(config, name)
        if others := sorted(features(folder) - READ_BY_ALL):
            told = [f"{f} ({LOST.get(f, 'not every reader is known to read it')})" for f in others]
            raise SafetyError(
                f"{name} has {', '.join(told)}; nothing is written to it",
                hint="docs/how-to/keep-it-healthy.md says how to make it anew without",
                table=name,
                features=others,
            )
