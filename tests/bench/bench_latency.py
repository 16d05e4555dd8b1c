"""From a commit in PostgreSQL to a row that DuckDB reads from bronze: seconds, at a steady rate, in a continuous ingest.

A writer inserts payments in transactions of ten, by a clock that does not wait for anybody. A reader looks for a new version
of the table and asks DuckDB how far it is; a row counts as read when an answer that has it is there. The clock of a row
starts before its COMMIT is sent. Payments are a hot table, in a query of its own; the other nine of the source are landed beside it.

Starts what it needs of the stack and stops what it started: ``.venv/bin/python tests/bench/bench_latency.py --warm 120 --seconds 600``.
The rows that it wrote stay: take a state folder of its own (``LAKEHOUSE_PATHS__STATE``). Printed, never asserted.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from datetime import UTC, datetime
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

from lakehouse import context, names, settings, tables
from lakehouse.settings import Settings
from lakehouse.stack import services

PAYMENTS = tables.get("ledger.payments")
A_TRANSACTION = 10
INSERT = """
    insert into payments (payment_id, customer_id, merchant_id, product_id, payment_method_id, amount_minor, currency_code,
        fee_minor, status, channel, metadata, requested_at, created_at, updated_at)
    select 'pay_bench_' || n, 'cus_' || n %% 9973, 'mer_1', 'prd_1', 'pm_1', n, 'EUR', 0, 'requested', 'web',
        '{"order": "a few words that a shop attaches"}', now(), now(), now()
    from generate_series(%s::bigint, %s::bigint) as n
"""


class Writer(Thread):
    """Commits ``rate`` rows a second; ``committed`` has (last number, instant before its COMMIT) of each transaction."""

    def __init__(self, config: Settings, rate: float, first: int) -> None:
        super().__init__(daemon=True)
        self.config, self.pause, self.first = config, A_TRANSACTION / rate, first
        self.committed: list[tuple[int, float]] = []
        self.stopping = Event()

    def run(self) -> None:
        with context.postgres(self.config, user="postgres") as connection:
            # The parents of these payments are not there, and not what is measured.
            connection.execute("set session_replication_role = replica")
            connection.commit()
            begun = monotonic()
            while not self.stopping.is_set():
                sleep(max(0.0, begun + len(self.committed) * self.pause - monotonic()))
                first = self.first + len(self.committed) * A_TRANSACTION
                last = first + A_TRANSACTION - 1
                connection.execute(INSERT, (first, last))
                at = monotonic()
                connection.commit()
                self.committed.append((last, at))


class Reader(Thread):
    """Asks DuckDB after each new version; ``seen`` has (newest number, instant of the answer)."""

    def __init__(self, config: Settings) -> None:
        super().__init__(daemon=True)
        self.folder = context.folder(config, names.bronze(PAYMENTS))
        self.seen: list[tuple[int, float]] = []
        self.versions = 0
        self.stopping = Event()

    def run(self) -> None:
        known, offset = -1, -1
        sql = (
            "select max(_offset), max(cast(payment_id[11:] as bigint)) from delta_scan(?) "
            "where _offset > ? and payment_id like 'pay_bench_%'"
        )
        with context.duckdb() as connection:
            while not self.stopping.wait(0.005):
                if (version := context.version(self.folder)) == known:
                    continue
                known, self.versions = version, self.versions + 1
                reached, number = connection.execute(sql, [str(self.folder), offset]).fetchall()[0]
                if number is not None:
                    offset = reached
                    self.seen.append((number, monotonic()))


def latencies(committed: list[tuple[int, float]], seen: list[tuple[int, float]], since: float) -> list[float]:
    """Seconds of each transaction that was committed after ``since``, sorted."""
    found, answers = [], iter(seen)
    number, read_at = next(answers)
    for last, at in committed:
        while number < last:
            number, read_at = next(answers)
        if at >= since:
            found.append(read_at - at)
    return sorted(found)


def measure(config: Settings, rate: float, warm: float, seconds: float) -> tuple[list[float], dict[str, Any]]:
    first = int(datetime.now(UTC).timestamp()) * 1_000_000
    writer, reader = Writer(config, rate, first), Reader(config)
    writer.start()
    reader.start()
    sleep(warm)
    since, versions = monotonic(), reader.versions
    sleep(seconds)
    load = os.getloadavg()[0]
    versions = reader.versions - versions
    writer.stopping.set()
    writer.join()
    deadline = monotonic() + 60
    while monotonic() < deadline and (not reader.seen or reader.seen[-1][0] < writer.committed[-1][0]):
        sleep(0.1)
    reader.stopping.set()
    reader.join()
    taken = [at for _, at in writer.committed if at >= since]
    told = {"rate": len(taken) * A_TRANSACTION / (taken[-1] - taken[0]), "versions": versions, "load": load}
    return latencies(writer.committed, reader.seen, since), told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=1000, help="rows a second")
    parser.add_argument("--warm", type=float, default=120, help="seconds before it counts")
    parser.add_argument("--seconds", type=float, default=600)
    given = parser.parse_args()
    config = settings.current()
    was_up = {s.name for s in services.status(config) if s.state == "running"}
    services.up(config, ["connect", "ingest-ledger"])
    try:
        found, told = measure(config, given.rate, given.warm, given.seconds)
    finally:
        if not was_up:
            services.down(config)
    cuts = statistics.quantiles(found, n=100)
    print(
        f"commit to readable, {told['rate']:,.0f} rows/s for {given.seconds:.0f} s after {given.warm:.0f} s, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"load {told['load']:.1f}"
    )
    print(
        f"p50 {cuts[49]:.2f} s, p90 {cuts[89]:.2f} s, p99 {cuts[98]:.2f} s, longest {found[-1]:.2f} s; "
        f"{len(found):,} transactions, {told['versions']} versions of the table, one each {given.seconds / max(1, told['versions']):.2f} s"
    )


if __name__ == "__main__":
    main()
