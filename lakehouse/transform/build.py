"""Silver and gold, by dbt in this process, on this process's Spark session. Needs no service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from lakehouse import context, names, tables
from lakehouse.errors import DataError, SafetyError
from lakehouse.render import delta
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet
from lakehouse.transform import dbt
from lakehouse.transform.report import Report, checked


def build(
    config: Settings,
    *,
    select: str | None = None,
    full_refresh: bool = False,
    tests: bool = True,
    progress: Progress = quiet,
) -> Report:
    """Bring silver and gold to what bronze holds now, testing each table before what depends on it is built.

    ``select`` is dbt's (names, tags, paths, ``+``); everything that a chosen model is made from is built with it, so
    that no table is ever made from inputs of different moments. ``full_refresh`` computes all rows anew and
    replaces the tables. A second call with nothing new in bronze changes no table.

    After a crash each table is as before its commit or after it; the next call goes on from there.
    Raises DriftError when a data test found rows, DataError when a model could not be built or nothing is ingested,
    SafetyError when another build of the same state folder is running.
    """
    began = monotonic()
    with _alone(config):
        until = _ingested_until(config)
        arguments = ["build" if tests else "run"]
        if tests:
            arguments += ["--exclude-resource-type", "unit_test"]
        if full_refresh:
            arguments += ["--full-refresh"]
        if select:
            arguments += ["--select", *(with_inputs(part) for part in select.split())]
        nodes = dbt.invoke(config, arguments, {"ingested_until": until}, progress)
    return checked(config, Report(nodes, round(monotonic() - began, 3)), select)


def test(config: Settings, *, select: str | None = None, progress: Progress = quiet) -> Report:
    """Run the data tests on the tables as they are, and the unit tests of the models. Changes no table.

    Raises as ``build`` does.
    """
    began = monotonic()
    with _alone(config):
        arguments = ["test", *(["--select", *select.split()] if select else [])]
        context.register_tables(config)
        nodes = dbt.invoke(config, arguments, {}, progress)
    return checked(config, Report(nodes, round(monotonic() - began, 3)), select)


def with_inputs(part: str) -> str:
    """dbt's selector for the same nodes and all that they are made from."""
    return ",".join(p if p.startswith(("+", "@")) else f"+{p}" for p in part.split(","))


def _ingested_until(config: Settings) -> dict[str, str]:
    """For each source, the newest ``_ingested_at`` in its bronze tables; missing tables are made, empty.

    Models read up to there. What is ingested while they are built waits for the next build: two models that read
    the log seconds apart would otherwise see different moments, and incremental ones would miss rows for good.
    """
    context.register_tables(config)
    spark = context.spark(config)
    there = {f"{schema}.{name}" for schema, name, _ in context.tables(config)}
    if not there & {names.bronze(t) for t in tables.all()}:
        raise DataError(
            f"nothing is ingested in {config.warehouse} yet",
            hint="lakehouse ingest run --source ledger --once",
        )
    for table in tables.all():
        if names.bronze(table) not in there:
            schema, name = names.bronze(table).split(".")
            spark.sql(delta.create_bronze(table, str(config.warehouse / schema / name)))
    newest = " union all ".join(
        f"select '{t.source.name}' as source, _ingested_at from {names.bronze(t)}" for t in tables.all()
    )
    found = spark.sql(
        f"select source, cast(max(_ingested_at) as string) from ({newest}) group by source"
    ).collect()
    return {source: instant for source, instant in found if instant is not None}


@contextmanager
def _alone(config: Settings) -> Iterator[None]:
    from filelock import FileLock, Timeout

    file = config.state / "run" / "transform.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(file, timeout=0):
            yield
    except Timeout:
        raise SafetyError(
            f"another transform is running on {config.state}; two would write the same tables",
            hint="wait until it ends; the lock ends with its process",
            lock=str(file),
        ) from None
