"""Named queries by DuckDB on Delta beside the same SQL on the same files read as plain Parquet, or by Trino, on gold made larger.

The gold tables of the last demo are multiplied (each payment, its refunds, disputes, entries and sessions K times, with
identifiers of their own and customers of their own; merchants and products stay), and the cubes are summed anew by DuckDB from
the same definitions: ``python -m tests.bench.bench_scale --payments 10000000 --repeat 5``;
``--against trino`` starts Trino on them, on the port of the settings. Printed, never asserted.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import deltalake
import duckdb

from lakehouse import context, metrics, settings
from lakehouse.errors import DataError
from lakehouse.query import engines, named, registry
from lakehouse.render import cubes
from lakehouse.settings import Settings
from lakehouse.stack import services
from tests.bench.machine import described
from tests.gold_by_hand import MODELS, contracts, sql_of

OWN = ("payment_id", "refund_id", "dispute_id", "event_id", "session_id", "customer_id", "transaction_id")
"""Identifiers that each copy has for itself."""
GROWING = ("fct_payments", "fct_refunds", "fct_disputes", "fct_events", "fct_sessions", "fct_ledger_entries")
ROWS = 500_000
"""Rows handed to delta-rs at a time."""


def grow(demo: Settings, to: Path, copies: int) -> None:
    """Write every gold table below ``to``, facts ``copies`` times over."""
    connection = context.duckdb()
    connection.execute("set preserve_insertion_order = false")
    tables = contracts()
    for name in tables.keys() - metrics.current().cubes.keys():
        source = f"delta_scan('{context.folder(demo, f'gold.{name}')}')"
        sql = f"select * from {source}"
        if name in GROWING:
            own = [c for c in tables[name] if c in OWN]
            changed = ", ".join(f"{c} || '_' || k as {c}" for c in own)
            sql = f"select * exclude k replace ({changed}) from {source} cross join range({copies}) as copies(k)"
        write(connection, sql, to / name)
        connection.execute(f"create view {name} as select * from delta_scan('{to / name}')")
    for file in MODELS.rglob("int_*.sql"):
        connection.execute(f"create view {file.stem} as {sql_of(file.read_text())}")
    for name, cube in metrics.current().cubes.items():
        columns = ", ".join(
            f"cast({c} as {'timestamptz' if t == 'timestamp' else {'string': 'varchar'}.get(t, t)}) as {c}"
            for c, t in tables[name].items()
        )
        write(
            connection, f"select {columns} from ({sql_of(cubes.model(metrics.current(), cube))})", to / name
        )


def write(connection: duckdb.DuckDBPyConnection, sql: str, folder: Path) -> None:
    """Write the answer of a query as a Delta table."""
    deltalake.write_deltalake(folder, connection.execute(sql).to_arrow_reader(ROWS))


def on_parquet(config: Settings) -> duckdb.DuckDBPyConnection:
    """The same tables, by the list of their files and without Delta's log."""
    connection = context.duckdb(reads_delta=False)
    connection.execute("create schema gold")
    for folder in sorted((config.warehouse / "gold").iterdir()):
        files = [str(f) for f in context.files(deltalake.DeltaTable(folder))]
        connection.execute(f"create view gold.{folder.name} as select * from read_parquet({files})")
    return connection


@contextmanager
def other(config: Settings, name: str) -> Iterator[Callable[[str], object]]:
    """What DuckDB on Delta is measured beside: asks it one query."""
    if name == "parquet":
        with on_parquet(config) as connection:
            yield lambda sql: connection.execute(sql).fetchall()
        return
    services.up(config, [name])
    try:
        registry.register(config, context.trino(config))
        yield lambda sql: engines.run(config, name, sql)
    finally:
        services.down(config)


def medians(run: Mapping[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """Seconds of each of the things to run, in turn: the first round is not counted."""
    seen: dict[str, list[float]] = {name: [] for name in run}
    for _ in range(repeat + 1):
        for name, call in run.items():
            began = perf_counter()
            call()
            seen[name].append(perf_counter() - began)
    return {name: statistics.median(times[1:]) for name, times in seen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--against", choices=("parquet", "trino"), default="parquet")
    given = parser.parse_args()
    demo = settings.current()
    with TemporaryDirectory(dir=demo.state) as scratch:
        config = demo.model_copy(update={"paths": demo.paths.model_copy(update={"state": Path(scratch)})})
        count = "select count(*) as n from gold.fct_payments"
        before = engines.run(demo, "duckdb", count).rows[0][0]
        began = perf_counter()
        grow(demo, config.warehouse / "gold", max(1, round(given.payments / before)))
        payments = engines.run(config, "duckdb", count).rows[0][0]
        size = sum(f.stat().st_size for f in (config.warehouse / "gold").rglob("*.parquet")) / 2**20
        print(
            f"{payments:,} payments, {size:,.0f} MiB of gold, made in {perf_counter() - began:.0f} s; {described()};"
            f" medians of {given.repeat}, warm, in turn"
        )
        print(f"{'query':34}{'delta ms':>10}{given.against + ' ms':>12}{'ratio':>8}")
        ratios, aggregates, facts, theirs = [], [], [], []
        with other(config, given.against) as ask:
            for query in named.all():
                try:
                    found = medians(
                        {
                            "delta": partial(engines.run, config, "duckdb", query.sql),
                            given.against: partial(ask, query.sql),
                        },
                        given.repeat,
                    )
                except DataError as error:
                    print(f"{query.name:34} not answered: {error.message}", flush=True)
                    continue
                ours, beside = found["delta"] * 1000, found[given.against] * 1000
                ratios.append(ours / beside)
                theirs.append(beside)
                (facts if "gold.fct_" in query.sql else aggregates).append(ours)
                print(f"{query.name:34}{ours:10.1f}{beside:12.1f}{ratios[-1]:8.2f}", flush=True)
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        print(
            f"geometric mean of the ratios {mean:.2f} (the other way {1 / mean:.1f}), longest by {given.against} {max(theirs):.0f} ms;"
            f" p95 {_p95(facts + aggregates):.0f} ms,"
        )
        print(
            f"of queries of facts {_p95(facts):.0f} ms, of those of cubes and dimensions alone {_p95(aggregates):.0f} ms"
        )


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


if __name__ == "__main__":
    main()
