"""What a build did, and what its findings mean for the caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from lakehouse import context
from lakehouse.errors import ConfigError, DataError, DriftError, UsageError
from lakehouse.settings import Settings

_SHOWN = 5
"""Rows of a failed test that the error carries."""


DISK_FULL = "the disk is full"
"""Message of a node that failed for it."""


@dataclass(frozen=True)
class Node:
    """One model or test: ``kind`` is dbt's resource type.

    ``status`` is dbt's: success, pass, warn, fail, error, skipped. ``rows``: written by a model, found by
    a test. ``compiled``: file of its SQL.
    """

    name: str
    kind: str
    status: str
    seconds: float
    rows: int | None
    message: str | None
    compiled: str | None = None


@dataclass(frozen=True)
class Report:
    """Every node of the invocation, in the order in which they ended."""

    nodes: tuple[Node, ...]
    seconds: float


def checked(config: Settings, report: Report, select: str | None) -> Report:
    """The report, if everything is well; else the error of the family of who must act."""
    if not report.nodes:
        raise UsageError(
            f"no model or test matches {select!r}",
            hint="names are those of dbt_project/models, e.g. fct_payments",
        )
    skipped = [n.name for n in report.nodes if n.status == "skipped"]
    broken = [n for n in report.nodes if n.status == "error"]
    if broken:
        first = broken[0]
        if full := next((n for n in broken if n.message == DISK_FULL), None):
            raise ConfigError(
                f"the disk is full; {full.kind} {full.name} is as it was before this build",
                hint=f"free space under {config.warehouse} and {config.state}, then run again: what is built stays",
                failed=[n.name for n in broken],
                skipped=skipped,
            )
        raise DataError(
            f"{first.kind} {first.name} failed: {first.message}",
            hint=f"its SQL is in {first.compiled}"
            if first.compiled
            else f"log: {config.state / 'log' / 'dbt' / 'dbt.log'}",
            failed=[n.name for n in broken],
            skipped=skipped,
        )
    failed = [n for n in report.nodes if n.status == "fail"]
    if failed:
        found = [_finding(config, node) for node in failed]
        told = "; ".join(f"{f['test']}: {f['rows']} rows, first {f['first'][:1]}" for f in found)
        raise DriftError(
            f"{len(failed)} data tests found rows that may not be: {told}",
            hint="the tables hold them, and what depends on them is as before: correct the source, ingest, and run again; "
            "--output json has each test's SQL: docs/how-to/when-a-data-test-fails.md",
            findings=found,
            skipped=skipped,
        )
    return report


def _finding(config: Settings, node: Node) -> dict[str, Any]:
    from pathlib import Path

    first: list[dict[str, Any]] = []
    if node.compiled and node.kind == "test":
        sql = Path(node.compiled).read_text()
        found = context.spark(config).sql(f"select * from (\n{sql}\n) limit {_SHOWN}")
        # by Arrow, because collect() turns instants into the time zone of this machine and drops it
        rows = found.toArrow().to_pylist(maps_as_pydicts="lossy")
        first = [{name: _cell(cell) for name, cell in row.items()} for row in rows]
    return {"test": node.name, "rows": node.rows, "first": first, "sql": node.compiled}


def _cell(cell: Any) -> Any:
    """Instants as ISO 8601 UTC with ``Z``, days likewise; all else as it is."""
    return cell.isoformat().replace("+00:00", "Z") if isinstance(cell, date) else cell


def refused(message: str, log: str) -> ConfigError:
    """The error when dbt ended without telling what became of its nodes."""
    return ConfigError(f"dbt stopped: {message}", hint=f"log: {log}")
