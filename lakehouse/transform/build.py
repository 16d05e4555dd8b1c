"""Silver and gold, by dbt in this process, on this process's Spark session. Needs no service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from lakehouse import compatibility, context, names, tables
from lakehouse.contracts import Table
from lakehouse.errors import ConfigError, DataError, DriftError, SafetyError
from lakehouse.render import delta, files
from lakehouse.settings import ROOT, Settings
from lakehouse.telemetry import Progress, quiet
from lakehouse.transform import changes, dbt
from lakehouse.transform.report import Report, checked

Cut = Callable[[Settings, Table], datetime | None]
"""Tells the known time before which retention deleted rows of a bronze table (``maintenance.retain.cut``)."""
_LONG_AGO = "1970-01-01 00:00:00"
"""Before anything was ingested."""


def build(
    config: Settings,
    *,
    select: str | None = None,
    full_refresh: bool = False,
    tests: bool = True,
    cut: Cut | None = None,
    progress: Progress = quiet,
) -> Report:
    """Bring silver and gold to what bronze holds now, testing each table before what depends on it is built.

    Only what is made from bronze tables with something new is looked at. ``select`` is dbt's (names, tags,
    paths, ``+``); everything that a chosen model is made from is built with it, so that no table is ever made
    from inputs of different moments. ``full_refresh`` computes all rows anew and replaces the tables. A
    second call with nothing new changes no table and reports no node. ``cut`` tells what retention deleted: silver that
    lacks a column is made anew from bronze, but not from one that lost its beginning unless ``full_refresh`` is said.

    After a crash each table is as before its commit or after it; the next call goes on from there.
    Raises DriftError when a data test found rows or a declared table is not rendered, DataError when a model
    could not be built or nothing is ingested, ConfigError when the disk is full, SafetyError when another build of
    the same state folder is running, or a table got a feature that not every reader reads, UnavailableError when Spark was
    killed.
    """
    began = monotonic()
    refuse_unrendered()
    with alone(config):
        if not full_refresh:
            _refuse_other_currency(config)
        make_missing(config)
        listed = changes.versions(config)
        compatibility.require(config, changes.altered(config, listed))
        chosen = [with_inputs(part) for part in select.split()] if select else None
        if not select and not full_refresh and changes.sources_to_read(config, listed) == []:
            return Report((), round(monotonic() - began, 3))
        before = {} if full_refresh else changes.read_before(config, listed)
        until = ingested_until(config, before)
        if not select and not full_refresh:
            # Listed again: what ingest wrote before `until` was known must be read up to there too.
            chosen = changes.sources_to_read(config, changes.versions(config))
        arguments = ["build", "--exclude-resource-type", "unit_test"] if tests else ["run"]
        arguments += ["--full-refresh"] if full_refresh else []
        arguments += ["--select", *chosen] if chosen else []
        variables: dict[str, Any] = {"ingested_until": until, "read_before": before}
        if cut and not full_refresh and not before:
            variables |= cut_before(config, cut)
        try:
            nodes = dbt.invoke(config, arguments, variables, progress)
            report = checked(config, Report(nodes, round(monotonic() - began, 3)), select)
        except (DataError, DriftError):
            # What else is raised came before a table was touched, or changed its version.
            changes.forget(config)
            raise
        if not select:
            changes.remember(config, listed, until, tested=tests)
    return report


def test(config: Settings, *, select: str | None = None, progress: Progress = quiet) -> Report:
    """Run the data tests on the tables as they are, and the unit tests of the models. Changes no table.

    Raises as ``build`` does.
    """
    began = monotonic()
    with alone(config):
        arguments = ["test", *(["--select", *select.split()] if select else [])]
        context.register_tables(config)
        nodes = dbt.invoke(config, arguments, {}, progress)
        return checked(config, Report(nodes, round(monotonic() - began, 3)), select)


def compiled(config: Settings, select: str) -> dict[str, str]:
    """The SQL with which the chosen models are built anew, as dbt compiled it, by name of the model. Changes no table.

    Raises as ``build`` does.
    """
    began = monotonic()
    with alone(config):
        make_missing(config)
        nodes = dbt.invoke(config, ["compile", "--full-refresh", "--select", select], {}, quiet)
        report = checked(config, Report(nodes, round(monotonic() - began, 3)), select)
    return {n.name: Path(n.compiled).read_text() for n in report.nodes if n.kind == "model" and n.compiled}


def with_inputs(part: str) -> str:
    """dbt's selector for the same nodes and all that they are made from."""
    return ",".join(p if p.startswith(("+", "@")) else f"+{p}" for p in part.split(","))


def refuse_unrendered() -> None:
    """Refuse to build without the models of a table: dbt only warns of a source that selects nothing."""
    absent = [
        f"{t.source.name}.{t.name}"
        for t in tables.all()
        if not all((ROOT / file).exists() for file in files.dbt_staging((t,)))
    ]
    if absent:
        raise DriftError(
            f"declared, but not rendered for dbt: {', '.join(absent)}",
            hint="lakehouse tables render, then commit the files",
            tables=absent,
        )


def _refuse_other_currency(config: Settings) -> None:
    """Gold is reported in one currency: rows of another would stay where nothing changed."""
    rates, wanted = context.folder(config, "gold.dim_fx_rates"), config.transform.reporting_currency
    if context.version(rates) < 0:
        return
    with context.duckdb() as connection:
        sql = "select max(reporting_currency_code) from delta_scan(?)"
        found = connection.execute(sql, [str(rates)]).fetchone()
    if found and found[0] not in (None, wanted):
        raise ConfigError(
            f"gold is reported in {found[0]}, and the setting transform.reporting_currency says {wanted}",
            hint="lakehouse transform run --full-refresh builds it anew",
        )


def make_missing(config: Settings) -> None:
    """Make the bronze tables that ingest has not made yet, empty, so that models can name them."""
    there = {f"{schema}.{name}" for schema, name, _ in context.tables(config)}
    if not there & {names.bronze(t) for t in tables.all()}:
        raise DataError(
            f"nothing is ingested in {config.warehouse} yet",
            hint="lakehouse ingest run --source ledger --once",
        )
    context.register_tables(config)
    for table in tables.all():
        if names.bronze(table) not in there:
            schema, name = names.bronze(table).split(".")
            context.spark(config).sql(delta.create_bronze(table, str(config.warehouse / schema / name)))


def ingested_until(config: Settings, before: Mapping[str, str] | None = None) -> dict[str, str]:
    """For each bronze table, by its name, the newest ``_ingested_at`` of its rows; long ago if it has none.

    Models read up to there. What is landed while they are built waits for the next build: two models that read the log
    seconds apart would otherwise see different moments, and incremental ones miss rows for good. ``before`` is what an
    earlier call found, of tables that only grew since: then no older file is read.
    """
    known = dict.fromkeys((names.bronze(t).split(".")[1] for t in tables.all()), _LONG_AGO) | dict(
        before or {}
    )
    newest = " union all ".join(
        f"select '{name}' as name, cast(max(_ingested_at) as string) as at from {names.BRONZE}.{name}"
        f" where _ingested_at > timestamp '{at}'"
        for name, at in known.items()
    )
    found = context.spark(config).sql(f"select name, at from ({newest}) where at is not null")
    return known | dict(found.collect())


def cut_before(config: Settings, cut: Cut) -> dict[str, Any]:
    """dbt's variable that tells of bronze tables, by name, the known time before which retention deleted rows."""
    found = {names.bronze(t).split(".")[1]: cut(config, t) for t in tables.all()}
    return {"cut_before": {name: f"{at:%Y-%m-%d %H:%M}Z" for name, at in found.items() if at}}


@contextmanager
def alone(config: Settings) -> Iterator[None]:
    """Hold the lock of silver and gold; SafetyError when another has it. It ends with its process. UnavailableError when Spark's
    process ended meanwhile."""
    from filelock import FileLock, Timeout

    file = config.state / "run" / "transform.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(file, timeout=0), context.while_spark_lives(config):
            yield
    except Timeout:
        raise SafetyError(
            f"another transform is running on {config.state}, and changes the tables until it ends",
            hint="wait until it ends; the lock ends with its process",
            lock=str(file),
        ) from None
