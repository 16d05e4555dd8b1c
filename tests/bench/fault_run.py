"""Kill what runs, at random moments, while changes are written; then count what was lost and what was doubled.

Kafka, Kafka Connect, PostgreSQL and the driver of a continuous ingest are killed with SIGKILL, in an order and at moments
that ``--seed`` decides. A writer changes rates of the currency XTS (ISO 4217's code for tests) all the while, and notes each
change in a table that is not captured, in the same transaction: what that table holds was committed, and nothing else.

Needs the services: ``lakehouse up``, then ``.venv/bin/python tests/bench/fault_run.py --kills 50``. It ends what it started.
``--write FILE`` keeps the result as a page. The rows that it wrote stay.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import psycopg

from lakehouse import context, names, settings, tables
from lakehouse.errors import UnavailableError
from lakehouse.ingest import capture
from lakehouse.settings import Settings
from lakehouse.stack import catalog, services, supervise

RATES = tables.get("ledger.fx_rates")
BRONZE, QUARANTINE, STAGING = names.bronze(RATES), names.quarantine(RATES), names.staging(RATES)
SERVICES = ("kafka", "connect", "postgres")
TARGETS = ("driver", *SERVICES)
PATIENCE = 240
"""Seconds after which the run gives up on a recovery."""
KEYS = 50
PAUSE = 0.01


@dataclass(frozen=True)
class Kill:
    """One kill: seconds until the process was back, and from then until a change committed after that was in bronze."""

    target: str
    back: float
    fresh: float


@dataclass(frozen=True)
class Result:
    """``lost``: committed changes that bronze has not. ``invented``: changes in bronze that were not committed.
    ``doubled``: places of Kafka that are in bronze or quarantine more than once. ``missing``: messages of Kafka that are in
    neither. ``repeated``: changes that Debezium wrote more than once. ``wrong``: rows of silver that are not PostgreSQL's.
    """

    kills: tuple[Kill, ...]
    committed: int
    lost: int
    invented: int
    doubled: int
    missing: int
    repeated: int
    wrong: int
    seconds: float


class Writer(Thread):
    """Changes rows until told to stop, with numbers above those of earlier runs; ``newest`` is surely committed."""

    def __init__(self, config: Settings, seed: int, number: int) -> None:
        super().__init__(daemon=True)
        self.config, self.random, self.newest, self.number = config, random.Random(seed), number, number
        self.stopping = Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                with context.postgres(self.config, user="postgres") as connection:
                    while not self.stopping.wait(PAUSE):
                        self._write(connection)
            except (
                psycopg.Error,
                UnavailableError,
            ):  # PostgreSQL was killed: whether it took the last transaction, its table tells
                self.stopping.wait(0.5)

    def _write(self, connection: psycopg.Connection[Any]) -> None:
        newest = self.newest
        with connection.transaction():
            for _ in range(self.random.randint(1, 6)):
                self.number += 1
                key = ("XTS", f"K{self.random.randrange(KEYS):02}", "2026-01-01")
                if self.random.random() < 0.15:
                    connection.execute(
                        "delete from fx_rates where (base_currency_code, quote_currency_code, rate_on) = (%s, %s, %s)",
                        key,
                    )
                    continue
                connection.execute(
                    "insert into fx_rates values (%s, %s, %s, %s, now())"
                    " on conflict (base_currency_code, quote_currency_code, rate_on) do update set rate = excluded.rate",
                    (*key, self.number),
                )
                connection.execute("insert into fault_run values (%s)", (self.number,))
                newest = self.number
        self.newest = newest


def driver(*arguments: str) -> subprocess.Popen[bytes]:
    """``lakehouse ingest run --source ledger``, in a process group of its own."""
    code = "from lakehouse.cli.app import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "ingest", "run", "--source", "ledger", *arguments],
        cwd=settings.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def run(config: Settings, kills: int, seed: int) -> Result:
    """Kill ``kills`` times, each target as often as any other; then let everything arrive, and compare."""
    begun, rng = monotonic(), random.Random(seed)
    with context.postgres(config, user="postgres") as connection:
        connection.execute("drop table if exists fault_run")
        connection.execute("create table fault_run (n bigint primary key)")
        connection.execute("delete from fx_rates where base_currency_code = 'XTS'")
        first = (
            _scalar(config, f"select coalesce(max(_offset), -1) + 1 from {BRONZE}")
            if _is_there(config)
            else 0
        )
    landed = Landed(config)
    before = landed()
    writer, process, found = Writer(config, seed, before), driver(), []
    writer.start()
    try:
        _until(lambda: landed() > before, "the first change is in bronze")
        order = [TARGETS[i % len(TARGETS)] for i in range(kills)]
        rng.shuffle(order)
        for number, target in enumerate(order, 1):
            sleep(rng.uniform(0.5, 5))
            at = monotonic()
            if target == "driver":
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                process = driver()
            else:
                _kill(config, target)
            back, wanted = monotonic(), writer.newest
            if target == "postgres":
                _until(lambda wanted=wanted: writer.newest > wanted, "PostgreSQL takes changes")
                back, wanted = monotonic(), writer.newest
            _until(lambda wanted=wanted: landed() >= wanted, f"bronze is fresh after a kill of {target}")
            found.append(Kill(target, round(back - at, 1), round(monotonic() - back, 1)))
            print(
                f"{number}/{kills} {target}: back {found[-1].back} s, fresh {found[-1].fresh} s",
                file=sys.stderr,
            )
            if process.poll() is not None:
                raise RuntimeError(f"the driver ended by itself, exit {process.returncode}")
        writer.stopping.set()
        writer.join()
        capture.wait(config, "ledger", timeout_seconds=PATIENCE)
    finally:
        writer.stopping.set()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=PATIENCE)
    if driver("--once").wait(timeout=PATIENCE):
        raise RuntimeError("lakehouse ingest run --once failed")
    return _compared(config, tuple(found), first, round(monotonic() - begun, 1))


def _kill(config: Settings, name: str) -> None:
    """Kill a service and wait until its supervisor has it running and it answers."""
    before = next(p.pid for p in supervise.processes(config) if p.name == name)
    os.kill(before, signal.SIGKILL)
    _until(
        lambda: all(p.pid not in (0, before) for p in supervise.processes(config) if p.name == name),
        f"{name} is restarted",
    )
    services.await_ready(config, catalog.get(name))


def _compared(config: Settings, kills: tuple[Kill, ...], first: int, seconds: float) -> Result:
    from lakehouse.transform import build

    build.build(config, select=names.staging_model(RATES), tests=False)
    with context.postgres(config, user="postgres") as connection:
        committed = {int(n) for (n,) in connection.execute("select n from fault_run").fetchall()}
        there = {
            (k, int(n))
            for k, n in connection.execute(
                "select quote_currency_code, rate from fx_rates where base_currency_code = 'XTS'"
            ).fetchall()
        }
    changes = Counter(
        int(n)
        for (n,) in _rows(
            config,
            f"select rate from {BRONZE} where {_OURS} and _op in ('c', 'u', 'r') and _offset >= {first}",
        )
    )
    places = Counter(_rows(config, f"select _partition, _offset from {BRONZE}"))
    if context.version(context.folder(config, QUARANTINE)) >= 0:
        places += Counter(_rows(config, f"select _partition, _offset from {QUARANTINE}"))
    silver = {
        (k, int(n))
        for k, n in _rows(
            config, f"select quote_currency_code, rate from {STAGING} where {_OURS} and not _is_deleted"
        )
    }
    return Result(
        kills, len(committed), len(committed - changes.keys()), len(changes.keys() - committed),
        sum(1 for n in places.values() if n > 1), len(_messages(config) - places.keys()),
        sum(1 for n in changes.values() if n > 1), len(silver ^ there), seconds,
    )  # fmt: skip


_OURS = "base_currency_code = 'XTS'"


def _messages(config: Settings) -> set[tuple[int, int]]:
    """Partition and offset of every committed message of the topic."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        bootstrap_servers=context.kafka_servers(config),
        isolation_level="read_committed",
        enable_auto_commit=False,
    )
    try:
        places = [
            TopicPartition(names.topic(RATES), p)
            for p in sorted(consumer.partitions_for_topic(names.topic(RATES)))
        ]
        consumer.assign(places)
        consumer.seek_to_beginning()
        ends, found = consumer.end_offsets(places), set()
        while any(consumer.position(p) < ends[p] for p in places):
            for records in consumer.poll(timeout_ms=500).values():
                found |= {(r.partition, r.offset) for r in records}
        return found
    finally:
        consumer.close()


def _rows(config: Settings, sql: str) -> list[tuple[Any, ...]]:
    with context.duckdb() as connection:
        for name in (BRONZE, QUARANTINE, STAGING):
            sql = sql.replace(f"from {name}", f"from delta_scan('{context.folder(config, name)}')")
        return connection.execute(sql).fetchall()


def _scalar(config: Settings, sql: str) -> int:
    return int(_rows(config, sql)[0][0] or 0)


def _is_there(config: Settings) -> bool:
    return context.version(context.folder(config, BRONZE)) >= 0


class Landed:
    """The number of the newest change in bronze; 0 if there is none. Reads what came since it was last asked: it is
    asked twice a second, and bronze has a file a second."""

    def __init__(self, config: Settings) -> None:
        self.config, self.newest, self.since = config, 0, datetime(1970, 1, 1, tzinfo=UTC)
        self.connection = context.duckdb()

    def __call__(self) -> int:
        if _is_there(self.config):
            sql = (
                f"select max(rate), max(_ingested_at) from delta_scan(?) where {_OURS} and _ingested_at >= ?"
            )
            place = str(context.folder(self.config, BRONZE))
            number, at = self.connection.execute(sql, [place, self.since]).fetchall()[0]
            self.newest, self.since = max(self.newest, int(number or 0)), at or self.since
        return self.newest


def _until(reached: Callable[[], bool], what: str) -> None:
    deadline = monotonic() + PATIENCE
    while not reached():
        if monotonic() > deadline:
            raise RuntimeError(f"gave up after {PATIENCE} s: {what}")
        sleep(0.5)


def page(result: Result, seed: int) -> str:
    """The result as a page of the reference."""
    rows = []
    for target in TARGETS:
        of = [k for k in result.kills if k.target == target]
        if of:
            back, fresh = [k.back for k in of], [k.fresh for k in of]
            rows.append(
                f"| {target} | {len(of)} | {statistics.median(back)} ({max(back)}) | {statistics.median(fresh)} ({max(fresh)}) |"
            )
    return "\n".join([
        "# Fault run", "",
        "Written by `tests/bench/fault_run.py`, which says what it does. Processes are killed with SIGKILL while rows are changed.", "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, seed {seed}, "
        f"{len(result.kills)} kills in {result.seconds:,.0f} s, {result.committed:,} changes committed.", "",
        "| killed | times | back after, s: median (longest) | fresh after that, s |", "|---|---|---|---|", *rows, "",
        "| | |", "|---|---|",
        f"| committed changes that bronze has not | {result.lost} |",
        f"| changes in bronze that were not committed | {result.invented} |",
        f"| messages of Kafka landed more than once | {result.doubled} |",
        f"| messages of Kafka not landed | {result.missing} |",
        f"| rows of silver that differ from PostgreSQL | {result.wrong} |",
        f"| changes that Debezium wrote to Kafka more than once | {result.repeated} |", "",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=20260301)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    result = run(settings.current(), given.kills, given.seed)
    if given.write:
        given.write.write_text(page(result, given.seed))
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
