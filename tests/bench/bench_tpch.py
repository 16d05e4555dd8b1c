"""The 22 queries of TPC-H by DuckDB on Delta, beside the same on the same files read as plain Parquet.

Tables are made by DuckDB's generator and written by delta-rs: ``python -m tests.bench.bench_tpch --scale 1 --repeat 5``.
Nothing is audited; the numbers are a comparison of two ways to open files. Printed, never asserted.
"""

from __future__ import annotations

import argparse
import math
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import deltalake
import duckdb
import duckdb_extension_tpch

from lakehouse import context
from tests.bench.bench_scale import medians, write
from tests.bench.machine import described


def load_tpch(connection: duckdb.DuckDBPyConnection) -> None:
    place = Path(duckdb_extension_tpch.__file__).parent
    connection.execute(f"LOAD '{next(place.glob('extensions/*/tpch.duckdb_extension'))}'")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        made = context.duckdb(reads_delta=False)
        load_tpch(made)
        made.execute(f"CALL dbgen(sf = {given.scale})")
        names = [
            row[0] for row in made.execute("select table_name from duckdb_tables() order by 1").fetchall()
        ]
        queries = made.execute("select query_nr, query from tpch_queries() order by 1").fetchall()
        for name in names:
            write(made, f"from {name}", Path(folder) / name)
        made.close()
        delta, parquet = context.duckdb(), context.duckdb(reads_delta=False)
        for name in names:
            delta.execute(f"create view {name} as select * from delta_scan('{folder}/{name}')")
            files = [str(f) for f in context.files(deltalake.DeltaTable(f"{folder}/{name}"))]
            parquet.execute(f"create view {name} as select * from read_parquet({files})")
        print(
            f"TPC-H scale {given.scale:g}, DuckDB {duckdb.__version__}, {described()}; medians of {given.repeat}, warm, in turn"
        )
        print(f"{'query':8}{'delta ms':>10}{'parquet ms':>12}{'ratio':>8}")
        ratios = []
        for number, sql in queries:
            assert delta.execute(sql).fetchall() == parquet.execute(sql).fetchall(), number
            found = medians(
                {
                    "delta": lambda sql=sql: delta.execute(sql).fetchall(),
                    "parquet": lambda sql=sql: parquet.execute(sql).fetchall(),
                },
                given.repeat,
            )
            ratios.append(found["delta"] / found["parquet"])
            print(f"{number:<8}{found['delta'] * 1000:10.1f}{found['parquet'] * 1000:12.1f}{ratios[-1]:8.2f}")
        print(f"geometric mean of the ratios {math.exp(statistics.fmean(map(math.log, ratios))):.2f}")


if __name__ == "__main__":
    main()
