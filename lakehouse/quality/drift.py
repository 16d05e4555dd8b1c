"""Where a source, its declaration and its bronze table have come apart, and what to do about each.

Three witnesses are heard, none of which needs Spark: the bronze table as it is, what the messages were that were
landed in it or set aside (``drift_seen``), and the tables of PostgreSQL (``drift_source``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from lakehouse import tables as declared
from lakehouse.contracts import Source, SourceKind, Table
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings


class Kind(StrEnum):
    """What became of a column, or of the table as a whole."""

    NEW_COLUMN = "new column"
    GONE_COLUMN = "gone column"
    LIKELY_RENAME = "likely rename"
    TYPE_CHANGED = "type changed"
    NULLABILITY_CHANGED = "nullability changed"
    KEY_CHANGED = "key changed"
    NOT_UPGRADED = "not upgraded"
    VERSION_NOT_RAISED = "version not raised"
    UNREAD_VALUES = "unread values"
    GONE_TABLE = "gone table"


class Impact(StrEnum):
    """``ADDITIVE``: all that is declared is still there and can be read. ``BREAKING``: some of it is not, or will not be."""

    ADDITIVE = "additive"
    BREAKING = "breaking"


@dataclass(frozen=True)
class Finding:
    """One difference. ``column`` is the name in the declaration, or in the source if it is not declared; None is the
    table as a whole. ``needs_attention`` is false for what does no harm and may stay as it is."""

    table: str
    column: str | None
    kind: Kind
    impact: Impact
    why: str
    next_step: str
    needs_attention: bool = True


@dataclass(frozen=True)
class Report:
    """All that was found, as of ``at``, this machine's clock. ``not_asked`` says of which sources the tables themselves
    could not be looked at, and why: of these only what was landed is known."""

    at: datetime
    tables: tuple[str, ...]
    findings: tuple[Finding, ...]
    not_asked: Mapping[str, str]

    @property
    def urgent(self) -> tuple[Finding, ...]:
        """The findings that need attention."""
        return tuple(f for f in self.findings if f.needs_attention)


def check(config: Settings, tables: tuple[Table, ...]) -> Report:
    """Compare the declarations of ``tables`` with the three witnesses. Changes nothing, needs no Spark.

    PostgreSQL is asked where it is ours to ask, and need not answer. DataError if a bronze table cannot be read.
    """
    from lakehouse.quality import drift_judge, drift_seen, drift_source

    asked: dict[str, drift_source.Tables] = {}
    not_asked: dict[str, str] = {}
    for source in {t.source.name: t.source for t in tables}.values():
        if source.kind is not SourceKind.POSTGRES:
            continue
        if problem := _out_of_reach(source):
            not_asked[source.name] = problem
            continue
        try:
            mine = tuple(t for t in tables if t.source == source)
            asked[source.name] = drift_source.read(config, source, mine)
        except LakehouseError as error:
            not_asked[source.name] = error.message
    findings: list[Finding] = []
    for table in tables:
        found = asked.get(table.source.name)
        columns = found.get(table.place, {}) if found is not None else None
        findings += drift_judge.judge(table, drift_seen.read(config, table), columns)
    return Report(
        datetime.now(UTC), tuple(f"{t.source.name}.{t.name}" for t in tables), tuple(findings), not_asked
    )


def _out_of_reach(source: Source) -> str | None:
    if source in declared.captured():
        return None
    return "somebody else's Debezium captures it; only its messages are known here"
