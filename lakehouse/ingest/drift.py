"""New columns of a source, seen while it is landed: the names in ``_extra`` of what was just committed.

Delta's own statistics say of a commit whether any row has something in ``_extra``. Only if so is that one column of
its files read; a source that sends what is declared costs the reading of one small file a commit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

MOST_NAMES = 50
"""Names noted of one table; a sender may make them up without end."""


def new_names(folder: Path, version: int) -> set[str]:
    """The names in ``_extra`` of the rows that a commit of the Delta table in ``folder`` added."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found: set[str] = set()
    for file in _with_extra(folder, version):
        for maps in pq.read_table(file, columns=["_extra"]).column("_extra").chunks:
            found.update(name for name in pc.unique(maps.keys).to_pylist() if name)
    return found


def _with_extra(folder: Path, version: int) -> Iterator[Path]:
    for line in (folder / "_delta_log" / f"{version:020}.json").read_text().splitlines():
        if added := json.loads(line).get("add"):
            told = json.loads(added.get("stats") or "{}")
            if told.get("nullCount", {}).get("_extra", 0) < told.get("numRecords", 1):
                yield folder / unquote(added["path"])
