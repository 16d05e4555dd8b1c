"""All of silver and gold built anew by dbt, beside the sum of the same SQL, as dbt compiled it, run bare in the same session.

On a copy of the tables of the last demo: ``python -m tests.bench.bench_build --repeat 3``. Printed, never asserted.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from lakehouse import context, settings
from lakehouse.settings import Settings
from lakehouse.transform import build
from tests.bench.machine import described

EVERYTHING = "resource_type:model"


def bare(config: Settings, compiled: dict[str, str]) -> float:
    """Seconds of writing each model's rows to a table of its own, one after another."""
    session, total = context.spark(config), 0.0
    for name, sql in compiled.items():
        place = config.state / "bare" / name
        began = perf_counter()
        session.sql(sql).write.format("delta").mode("overwrite").save(str(place))
        total += perf_counter() - began
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    demo = settings.current()
    with TemporaryDirectory(dir=demo.state) as scratch:
        config = demo.model_copy(update={"paths": demo.paths.model_copy(update={"state": Path(scratch)})})
        shutil.copytree(demo.warehouse, config.warehouse)
        build.build(config, full_refresh=True, tests=False)
        compiled = build.compiled(config, EVERYTHING)
        bare(config, compiled)
        by_dbt, by_hand = [], []
        for _ in range(given.repeat):
            began = perf_counter()
            build.build(config, full_refresh=True, tests=False)
            by_dbt.append(perf_counter() - began)
            by_hand.append(bare(config, compiled))
            print(f"dbt {by_dbt[-1]:.1f} s, bare {by_hand[-1]:.1f} s", flush=True)
        one, other = statistics.median(by_dbt), statistics.median(by_hand)
        print(
            f"{len(compiled)} models, warm, medians of {given.repeat}: dbt {one:.1f} s, bare {other:.1f} s, {one / other:.2f} times"
        )
        print(described())
        context.stop_spark()


if __name__ == "__main__":
    main()
