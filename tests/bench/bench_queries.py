"""How long each named query takes on each engine, side by side, on the tables of the current settings.

After a demo: ``.venv/bin/python tests/bench/bench_queries.py --engines duckdb,trino --repeat 7``.
Printed, never asserted.
"""

from __future__ import annotations

import argparse
import platform
import statistics
from datetime import UTC, datetime
from time import perf_counter

from lakehouse import settings
from lakehouse.query import engines, named
from lakehouse.settings import Settings


def measure(config: Settings, chosen: list[str], repeat: int) -> list[str]:
    """A line per query: for each engine median and spread of ``repeat`` warm runs, and the first, in seconds.

    The clock is around the whole call of ``engines.run``, so opening, translating and normalising are in it.
    """
    payments = engines.run(config, chosen[0], "select count(*) as n from gold.fct_payments").rows[0][0]
    lines = [
        f"named queries, {payments:,} payments, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, "
        f"{platform.system()} {platform.machine()}, warm median of {repeat} (least to most; first)",
        f"{'query':34}" + "".join(f"{engine:>32}" for engine in chosen),
    ]
    for query in named.all():
        cells = []
        for engine in chosen:
            first, *warm = [_seconds(config, engine, query.sql) for _ in range(repeat + 1)]
            cells.append(f"{statistics.median(warm):.3f} ({min(warm):.3f} to {max(warm):.3f}; {first:.3f})")
        lines.append(f"{query.name:34}" + "".join(f"{cell:>32}" for cell in cells))
    return lines


def _seconds(config: Settings, engine: str, sql: str) -> float:
    begun = perf_counter()
    engines.run(config, engine, sql)
    return perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default="duckdb,trino")
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    print("\n".join(measure(settings.current(), given.engines.split(","), given.repeat)))


if __name__ == "__main__":
    main()
