"""Changes of a captured table applied to its current state, beside a MERGE of the same rows by delta-rs; then queries
before and after many applies.

Needs no service: bronze is written by Spark in a folder of its own, deleted at the end.
``.venv/bin/python tests/bench/bench_apply.py --rows 1750000 --changes 10000 --applies 20``. Printed, never asserted.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from lakehouse import context, names, settings, tables
from lakehouse.maintenance import optimize
from lakehouse.maintenance.tables import Kept
from lakehouse.render import delta, spark
from lakehouse.settings import Settings
from lakehouse.transform import build

PAYMENTS = tables.get("ledger.payments")
BRONZE, STAGING = names.bronze(PAYMENTS), names.staging(PAYMENTS)
START = "timestamp '2026-02-01 00:00:00 UTC'"
VALUES = {
    "payment_id": "concat('pay_', id)", "customer_id": "concat('cus_', id % 99991)", "merchant_id": "concat('mer_', id % 400)",
    "amount_minor": "id * 37 % 100000", "currency_code": "'EUR'", "status": "'captured'", "channel": "'web'",
    "_op": "'{op}'", "_topic": "'bench'", "_partition": "0", "_offset": "{offset} + id", "_source_lsn": "{offset} + id",
    "_source_tx": "'1'", "_source_at": f"{START} + make_interval(0, 0, 0, 0, 0, 0, {{batch}})", "_kafka_at": START,
    "_ingested_at": f"{START} + make_interval(0, 0, 0, 0, 0, {{batch}})", "_contract_version": "1", "_unchanged": "array()",
}  # fmt: skip
QUERIES = (
    "select currency_code, sum(amount_minor) from {t} where not _is_deleted group by 1",
    "select merchant_id, count(*), sum(amount_minor) from {t} group by 1 order by 3 desc limit 10",
    "select count(*) from {t} where payment_id = 'pay_4711'",
)


def land(config: Settings, op: str, ids: str, batch: int, offset: int) -> None:
    """One batch of bronze: a change of each id that the SQL ``ids`` gives."""
    columns = ", ".join(
        f"cast({VALUES[f.name].format(op=op, offset=offset, batch=batch) if f.name in VALUES else 'null'} as {f.type}) as `{f.name}`"
        for f in spark.bronze(PAYMENTS)
    )
    context.spark(config).sql(f"insert into {BRONZE} select {columns} from ({ids})")


def apply(config: Settings) -> tuple[float, float]:
    """Seconds of the whole build of the one model, and of the model alone."""
    begun = perf_counter()
    report = build.build(config, select=PAYMENTS_MODEL, tests=False)
    return perf_counter() - begun, sum(n.seconds for n in report.nodes)


PAYMENTS_MODEL = names.staging_model(PAYMENTS)


def merge(folder: Path, changes: Path, newest: datetime) -> float:
    """Seconds of the same changes merged by delta-rs into a copy of the table."""
    from deltalake import DeltaTable

    target = DeltaTable(str(folder))
    columns = ", ".join(f.name for f in target.schema().fields)
    with context.duckdb() as connection:
        rows = connection.execute(
            f"select {columns.replace('_is_deleted', 'false as _is_deleted')} from delta_scan('{changes}') where _ingested_at > ?",
            [newest],
        ).to_arrow_table()
    begun = perf_counter()
    merging = target.merge(rows, "s.payment_id = t.payment_id", source_alias="s", target_alias="t")
    merging.when_matched_update_all("s._offset > t._offset").when_not_matched_insert_all().execute()
    return perf_counter() - begun


def queries(config: Settings) -> list[float]:
    """Median seconds of each query, of five runs after one, by DuckDB."""
    folder = context.folder(config, STAGING)
    with context.duckdb() as connection:

        def timed(sql: str) -> float:
            begun = perf_counter()
            connection.execute(sql).fetchall()
            return perf_counter() - begun

        found = [[timed(q.format(t=f"delta_scan('{folder}')")) for _ in range(6)][1:] for q in QUERIES]
    return [statistics.median(f) for f in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_750_000)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--applies", type=int, default=20)
    parser.add_argument("--merges", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = settings.load({"paths.state": folder}).settings
        measure(config, given.rows, given.changes, given.applies, given.merges)
        context.stop_spark()


def measure(config: Settings, rows: int, changes: int, applies: int, merges: int) -> None:
    """Build the table, apply, merge, query; print."""
    place = context.folder(config, BRONZE)
    context.spark(config).sql(delta.create_bronze(PAYMENTS, str(place)))
    land(config, "c", f"select id from range({rows})", 0, 0)
    first = apply(config)
    copy = config.warehouse / "copy"
    shutil.copytree(context.folder(config, STAGING), copy)
    before = queries(config)
    wholes, models, theirs = [], [], []
    for batch in range(1, applies + 1):
        ids = f"select distinct pmod(xxhash64(id, {batch}), {rows}) as id from range({changes})"
        newest = _instant(batch - 1)
        land(config, "u", ids, batch, rows * batch)
        whole, model = apply(config)
        wholes.append(whole)
        models.append(model)
        if batch <= merges:
            theirs.append(merge(copy, place, newest))
    begun = perf_counter()
    optimize.apply(config, Kept(STAGING, context.folder(config, STAGING)))
    compaction = perf_counter() - begun
    after = queries(config)
    machine = f"{platform.system()} {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    print(f"{rows:,} rows, {changes:,} changes, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine}")
    print(f"first build {first[0]:.1f} s (model {first[1]:.1f} s)")
    print(f"apply, cold {wholes[0]:.2f} s (model {models[0]:.2f} s)")
    show(f"apply, warm, of {applies - 1}", wholes[1:])
    show("  the model alone", models[1:])
    show(f"delta-rs MERGE of {merges}", theirs)
    ratio = [f"{b:.3f} s, {a:.3f} s ({a / b:.2f})" for b, a in zip(before, after, strict=True)]
    print(
        f"queries before, and after {applies} applies and a compaction of {compaction:.1f} s: {'; '.join(ratio)}"
    )


def show(what: str, seconds: list[float]) -> None:
    print(f"{what}: median {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


def _instant(batch: int) -> datetime:
    return datetime(2026, 2, 1, tzinfo=UTC) + timedelta(minutes=batch)


if __name__ == "__main__":
    main()
