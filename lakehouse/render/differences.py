"""Spark SQL that compares two tables row by row."""

from __future__ import annotations

from collections.abc import Iterable

from lakehouse.render.common import backticked

ONLY_LEFT, ONLY_RIGHT, CHANGED = "only there", "only rebuilt", "changed"


def differences(left: str, right: str, key: Iterable[str], columns: Iterable[str]) -> str:
    """One row per row that is not the same: the key, ``_found`` (one of the words above) and ``_columns``, the names of
    those that differ. ``left`` and ``right`` are tables or subqueries. The second row of a key is a row of its own.
    """
    keys = [backticked(c) for c in key]
    nth = f"row_number() over (partition by {', '.join(keys)} order by {', '.join(f'{k} nulls last' for k in keys)})"
    wrong = ", ".join(f"if(l.{backticked(c)} <=> r.{backticked(c)}, null, '{c}')" for c in columns)
    return f"""
        select * from (
            select {", ".join(f"coalesce(l.{k}, r.{k}) as {k}" for k in keys)}
                , case when r._nth is null then '{ONLY_LEFT}' when l._nth is null then '{ONLY_RIGHT}' else '{CHANGED}' end as _found
                , if(l._nth is null or r._nth is null, array(), array_compact(array({wrong}))) as _columns
            from (select *, {nth} as _nth from {left}) as l
            full outer join (select *, {nth} as _nth from {right}) as r
                on {" and ".join(f"l.{k} <=> r.{k}" for k in keys)} and l._nth = r._nth
        ) where _found <> '{CHANGED}' or size(_columns) > 0
    """
