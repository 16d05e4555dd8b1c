"""What the row of a file has beside its cells: where it was, and dates as its partner writes them. As SQL text.

The key of such a row's message is a JSON object: ``file``, ``sha256``, ``row`` (from 1), and ``problem`` if the row is
none. A column that is declared with ``source_name="_file"`` or ``"_row"`` gets that: a line of a file without a key of
its own is told by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.contracts import Column, Date, LocalTimestamp, Table, Timestamp
from lakehouse.render.common import spark_literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PLACE = ("'_file'", "'_row'")
_ISO = {
    Timestamp: "yyyy-MM-dd\\'T\\'HH:mm:ss.SSSSSS\\'Z\\'",
    LocalTimestamp: "yyyy-MM-dd\\'T\\'HH:mm:ss.SSSSSS",
    Date: "yyyy-MM-dd",
}


def with_place(parsed: DataFrame, table: Table) -> DataFrame:
    """Adds ``at``, the parsed key; the row ``r`` gets the members that are declared of it."""
    placed = parsed.selectExpr(
        "*", "from_json(cast(key as string), 'file string, sha256 string, row bigint, problem string') as at"
    )
    if not {c.sent_as for c in table.columns} & {"_file", "_row"}:
        return placed
    own = f"map_filter(r, (k, _) -> k not in ({', '.join(PLACE)}))"
    row = f"map_concat({own}, map('_file', at.file, '_row', cast(at.row as string)))"
    return placed.selectExpr(*(c for c in placed.columns if c != "r"), f"{row} as r")


def plain(column: Column, table: Table, text: str) -> str:
    """SQL of a cell's text; of a date or an instant in the partner's format, as ISO 8601."""
    pattern = _ISO.get(type(column.type))
    if table.files is None or table.files.timestamp_format is None or pattern is None:
        return text
    moment = f"try_to_timestamp({text}, {spark_literal(table.files.timestamp_format)})"
    return f"coalesce(date_format({moment}, '{pattern}'), {text})"
