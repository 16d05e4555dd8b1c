"""Lets through one statement that reads, and nothing else.

A guard against accidents on shared tables, not a security boundary: who may read what is Trino's to decide.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from lakehouse import names
from lakehouse.errors import UsageError

READING = ("select", "with", "values", "table", "from", "show", "describe", "desc", "summarize", "explain")
_WRITING = ("insert", "update", "delete", "merge")
"""What ``WITH ...`` and ``FROM ...`` may lead up to on some engine."""
_EXPLAIN_OPTIONS = ("analyze", "verbose", "formatted", "extended", "codegen", "cost")
_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|(?P<word>[^\W\d]\w*)|[^\s]""", re.DOTALL
)

_WORD = re.compile(r"[^\W\d]\w*")


def tables(sql: str) -> list[tuple[str, int]]:
    """The tables ``<schema>.<table>`` of the warehouse's schemas that the SQL names, in quotes or not, in lower case, each with
    the place behind its name. Comments and literals name none."""
    tokens = [t for t in _TOKEN.finditer(sql) if not t[0].startswith(("--", "/*", "'"))]
    words = [t[0].strip('"`').lower() for t in tokens] + [""]
    found = []
    for place, end in enumerate(t.end() for t in tokens[2:]):
        schema, dot, table, beyond = words[place : place + 4]
        if schema in names.SCHEMAS and dot == "." and beyond != "." and _WORD.fullmatch(table):
            found.append((f"{schema}.{table}", end))
    return found


def reading(sql: str) -> str:
    """The one reading statement in ``sql``, without a final semicolon; UsageError for anything else."""
    words: list[str] = []
    depth, end = 0, None
    for token in _TOKEN.finditer(sql):
        text = token[0]
        if text.startswith(("--", "/*")) or (end is not None and text == ";"):
            continue
        if end is not None:
            raise UsageError("more than one statement", hint="run one statement at a time")
        if text == ";":
            end = token.start()
        elif text in ("(", ")"):
            depth += 1 if text == "(" else -1
        elif not words or (token["word"] and depth == 0):
            words.append(text.lower())
    if not words:
        raise UsageError("there is no statement to run", hint="lakehouse query list shows the named ones")
    _require_reading(words)
    return sql[:end].strip()


def _require_reading(words: list[str]) -> None:
    """``words`` are those outside parentheses, and the first one wherever it is."""
    first, *rest = words
    guilty: str | None = None
    if first == "explain":
        while rest and rest[0] in _EXPLAIN_OPTIONS:
            rest = rest[1:]
        if rest:
            _require_reading(rest)
    elif first in ("with", "from"):
        guilty = next((w for w in rest if w in _WRITING), None)
    elif first not in READING:
        guilty = first
    if guilty:
        meant = get_close_matches(guilty, READING, n=1, cutoff=0.7)
        raise UsageError(
            f"refused {guilty.upper()}: a query starts with SELECT or WITH and changes nothing"
            + (f", did you mean {meant[0].upper()}?" if meant else ""),
            hint="tables change by lakehouse ingest and lakehouse transform only",
            word=guilty,
        )
