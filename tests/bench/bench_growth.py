"""How long a build takes that finds 10,000 changes, on silver and gold of ever more payments.

The tables of the last demo are multiplied: each payment and what belongs to it K times, with identifiers of its own, in files
of as many rows as 100 MiB of the demo's have (copies are alike, and Parquet keeps them in a fraction of that). Customers,
merchants and products stay, bronze stays what it is, the cubes are summed anew by dbt. Then changes are written to bronze, of
the newest payments or, with ``--spread``, of payments of all times, and silver and gold are built, without data tests unless
``--tests`` is said. ``python -m tests.bench.bench_growth --payments 1000000,3000000,10000000 --batches 3``. Printed, never
asserted.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import deltalake
import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse import context, names, settings, tables
from lakehouse.contracts import Table
from lakehouse.render import spark
from lakehouse.settings import Settings
from lakehouse.telemetry import quiet
from lakehouse.transform import build, dbt
from lakehouse.transform import changes as changes_
from tests.bench.machine import described

OWN = ("payment_id", "refund_id", "dispute_id", "event_id", "session_id", "transaction_id")
"""Identifiers that each copy has for itself; ``entry_id`` is a number."""
GROWING = (
    "stg_ledger__payments", "stg_ledger__refunds", "stg_ledger__disputes", "stg_ledger__ledger_entries", "stg_events__checkout",
    "fct_payments", "fct_refunds", "fct_disputes", "fct_ledger_entries", "fct_events", "fct_sessions",
)  # fmt: skip
"""Tables that have a row or several per payment."""
TIMES = ("requested_at", "occurred_at", "posted_at", "opened_at", "refunded_at", "started_at", "created_at")
"""The first of these that a table has is the time by which its files are in order."""
ROWS = 500_000
"""Of a table, from which the size of a row is told."""
FILE = 100 * 2**20
"""Bytes of a file, as maintenance makes them."""
CHANGES = (
    ("ledger.payments", "payment_id", "u", {"fee_minor": "fee_minor + 1"}, 0.4),
    ("ledger.payments", "payment_id", "c", {"payment_id": "concat(payment_id, '_', {batch})"}, 0.3),
    ("ledger.refunds", "refund_id", "c", {"refund_id": "concat(refund_id, '_', {batch})"}, 0.1),
    ("events.checkout", "event_id", None, {"event_id": "concat(event_id, '_', {batch})"}, 0.2),
)
"""A table, its key, how it changes, the columns that do, and its share of the changes."""


def grow(demo: Settings, to: Settings, copies: int) -> None:
    """The warehouse of ``demo`` with ``copies`` of each payment, in the folder of ``to``."""
    connection = context.duckdb()
    for schema, name, folder in context.tables(demo):
        place = to.warehouse / schema / name
        if name not in GROWING:
            shutil.copytree(folder, place)
            continue
        delta = deltalake.DeltaTable(folder)
        columns = [f.name for f in delta.schema().fields]
        changed = [f"md5({c} || '_' || k) as {c}" for c in columns if c in OWN]
        changed += ["entry_id + k * 1000000000 as entry_id"] * ("entry_id" in columns)
        time = next(c for c in TIMES if c in columns)
        sql = f"""select * exclude k replace ({", ".join(changed)})
            from delta_scan('{folder}') cross join range({copies}) as copies(k) order by {time}"""
        with TemporaryDirectory(dir=to.state) as sample:
            _write(connection, f"{sql} limit {ROWS}", Path(sample), FILE)
            size = FILE * _bytes_per_row(Path(sample)) / _bytes_per_row(folder)
        _write(connection, sql, place, round(size))


def _write(connection: duckdb.DuckDBPyConnection, sql: str, folder: Path, size: int) -> None:
    reader = connection.execute(sql).to_arrow_reader(ROWS // 10)
    deltalake.write_deltalake(folder, reader, target_file_size=size)


def _bytes_per_row(folder: Path) -> float:
    files = pa.table(deltalake.DeltaTable(folder).get_add_actions())
    return float(pc.sum(files["size_bytes"]).as_py() / pc.sum(files["num_records"]).as_py())


def land(config: Settings, changes: int, batch: int, *, spread: bool) -> int:
    """Write a batch of changes to bronze, as ingest would; how many they are."""
    written = 0
    for name, key, op, values, share in CHANGES:
        count = round(changes * share)
        table = tables.get(name)
        time = next(t for t in TIMES if any(c.name == t for c in table.columns))
        order = f"xxhash64({key}, {batch})" if spread else f"{time} desc, {key}"
        changed = {c: v.format(batch=batch) for c, v in values.items()}
        rows = f"select * from {names.staging(table)} where not {_gone(table)} order by {order} limit {count}"
        session = context.spark(config)
        session.sql(
            f"insert into {names.bronze(table)} select {_columns(table, op, batch, changed)} from ({rows}) as s"
        )
        written += count
    return written


def _gone(table: Table) -> str:
    return "_is_deleted" if table.source.name == "ledger" else "false"


def _columns(table: Table, op: str | None, batch: int, changed: Mapping[str, str]) -> str:
    """The columns of bronze: those declared as they are in silver or changed, and what ingest adds."""
    declared = {c.name for c in table.columns}
    after = f"cast({batch}000000000000 as bigint) + monotonically_increasing_id()"
    added = {
        "_op": f"'{op}'", "_topic": f"'{names.topic(table)}'", "_partition": "0", "_offset": after, "_source_lsn": after,
        "_source_at": "current_timestamp()", "_kafka_at": "current_timestamp()", "_ingested_at": "current_timestamp()",
        "_contract_version": "1", "_unchanged": "array()",
    }  # fmt: skip
    found = [
        (f.name, f.type, changed.get(f.name) or (f.name if f.name in declared else added.get(f.name, "null")))
        for f in spark.bronze(table)
    ]
    return ", ".join(f"cast({sql} as {type_}) as `{name}`" for name, type_, sql in found)


def measure(demo: Settings, payments: int, batches: int, changes: int, *, spread: bool, tests: bool) -> None:
    """Grow, then a build for each batch; print."""
    with TemporaryDirectory(dir=demo.state) as scratch:
        config = demo.model_copy(update={"paths": demo.paths.model_copy(update={"state": Path(scratch)})})
        with context.duckdb() as connection:
            before = _count(connection, demo)
        began = perf_counter()
        grow(demo, config, max(1, round(payments / before)))
        with context.duckdb() as connection:
            print(
                f"{_count(connection, config):,} payments, made in {perf_counter() - began:.0f} s; {described()}"
            )
        context.register_tables(config)
        dbt.invoke(config, ["run", "--full-refresh", "--select", "agg_*"], {}, quiet)
        changes_.remember(config, changes_.versions(config), build.ingested_until(config), tested=True)
        seconds, models = [], []
        for batch in range(1, batches + 1):
            written = land(config, changes, batch, spread=spread)
            began = perf_counter()
            report = build.build(config, tests=tests)
            seconds.append(perf_counter() - began)
            models.append({n.name: n.seconds for n in report.nodes if n.kind == "model"})
            print(f"  {written:,} changes: {seconds[-1]:.1f} s; {_slowest(models[-1])}", flush=True)
        warm = seconds[1:] or seconds
        print(
            f"  warm, median of {len(warm)}: {statistics.median(warm):.1f} s ({min(warm):.1f} to {max(warm):.1f})"
        )
        context.stop_spark()


def _count(connection: duckdb.DuckDBPyConnection, config: Settings) -> int:
    folder = context.folder(config, "gold.fct_payments")
    return int(connection.execute(f"select count(*) from delta_scan('{folder}')").fetchall()[0][0])


def _slowest(models: Mapping[str, float]) -> str:
    found = sorted(models.items(), key=lambda item: -item[1])[:8]
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", default="1000000,3000000,10000000")
    parser.add_argument("--batches", type=int, default=3)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--spread", action="store_true")
    parser.add_argument("--tests", action="store_true")
    given = parser.parse_args()
    for payments in map(int, given.payments.split(",")):
        measure(
            settings.current(), payments, given.batches, given.changes, spread=given.spread, tests=given.tests
        )


if __name__ == "__main__":
    main()
