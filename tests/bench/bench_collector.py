"""The HTTP collector under load: how long from a request's due time to its 202, at a steady rate of events.

``.venv/bin/python tests/bench/bench_collector.py --rate 2000 --seconds 20``. Starts a Kafka and a collector of its own
in a folder that is deleted after it. The load is an open loop: requests are due by a schedule that does not wait for
answers, and a request that could not be sent in time has waited since it was due, so that a stall of the server counts
for every request that fell into it. Printed, never asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import psutil
import requests

from lakehouse import context, settings
from lakehouse.collect import keys
from lakehouse.settings import Settings
from lakehouse.stack import services

CONNECTIONS = 64


@dataclass(frozen=True)
class Run:
    """One stretch of load. Latencies in milliseconds, of the requests answered 202; ``achieved`` in events a second."""

    p50: float
    p99: float
    worst: float
    achieved: float
    others: Counter[int]
    server_cpu: float


class Connection(asyncio.Protocol):
    """A kept-alive connection that has one request on its way at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def ask(self, request: bytes) -> int:
        if self._transport.is_closing():
            return 0
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)  # type: ignore[attr-defined]
        return await self._answer

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        if blank and len(body) >= int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
            self._buffer = b""
            if self._answer is not None:
                self._answer.set_result(int(head.split(b" ", 2)[1]))


def request(key: str, number: int, per_request: int) -> bytes:
    """A whole HTTP request of so many events."""
    events = [
        {
            "event_id": f"evt_bench_{number}_{i}",
            "event_name": "product_viewed",
            "session_id": f"ses_{number}",
            "customer_id": "cus_1",
            "merchant_id": "mer_1",
            "product_id": "prd_1",
            "channel": "web",
            "country_code": "DE",
            "occurred_at": "2026-02-01T10:00:00.123456Z",
        }
        for i in range(per_request)
    ]
    body = json.dumps({"events": events}).encode()
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: bench\r\nX-Api-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def load(port: int, bodies: list[bytes], per_second: float) -> tuple[list[float], Counter[int], float]:
    """Milliseconds of each request answered 202, how many were answered otherwise (0: not at all), and seconds in all."""
    loop = asyncio.get_running_loop()
    # First in, first out: the server closes a connection that is idle for five seconds.
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait((await loop.create_connection(Connection, context.HOST, port))[1])
    taken: list[float] = []
    others: Counter[int] = Counter()

    async def one(body: bytes, due: float) -> None:
        connection = await idle.get()
        status = await connection.ask(body)
        idle.put_nowait(connection)
        if status == 202:
            taken.append((perf_counter() - due) * 1000)
        else:
            others[status] += 1

    begun = perf_counter()
    tasks = []
    for number, body in enumerate(bodies):
        due = begun + number / per_second
        if (wait := due - perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(body, due)))
    await asyncio.gather(*tasks)
    return taken, others, perf_counter() - begun


def measure(config: Settings, server: psutil.Process, key: str, given: argparse.Namespace, size: int) -> Run:
    per_second = given.rate / size
    bodies = [request(key, n, size) for n in range(int(per_second * given.seconds))]
    before = server.cpu_times()
    taken, others, seconds = asyncio.run(load(config.ports.collector, bodies, per_second))
    after = server.cpu_times()
    cpu = (after.user + after.system - before.user - before.system) / seconds
    cuts = statistics.quantiles(taken, n=100)
    return Run(cuts[49], cuts[98], max(taken), len(taken) * size / seconds, others, cpu)


@contextmanager
def collector(config: Settings) -> Iterator[psutil.Process]:
    """A collector process, once Kafka answers to it."""
    code = "from lakehouse.cli.app import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "collect", "serve"],
        cwd=settings.ROOT,
        env=settings.as_environment(config) | {"PYTHONPATH": str(settings.ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        url = f"http://{context.HOST}:{config.ports.collector}/readyz"
        while process.poll() is None:
            try:
                if requests.get(url, timeout=5).ok:
                    break
            except requests.RequestException:
                continue
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@contextmanager
def kafka() -> Iterator[Settings]:
    """Settings of a stack of its own, of which Kafka runs, and quotas that no load meets."""
    with tempfile.TemporaryDirectory() as folder:
        first = random.randint(20_000, 31_000)
        ports = {f"ports.{name}": first + i for i, name in enumerate(settings.Ports.model_fields)}
        quota = {
            "collect.quota_events_per_second": 1e6,
            "collect.quota_burst_events": 1_000_000,
            "paths.state": folder,
        }
        given = {k: v for k, v in os.environ.items() if k.startswith("LAKEHOUSE_COLLECT__")}
        config = settings.load(ports | quota, environ=given).settings
        try:
            services.up(config, ["kafka"])
            yield config
        finally:
            services.down(config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=2_000, help="events a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 100], help="events a request")
    given = parser.parse_args()
    print(
        f"{given.rate:,} events/s for {given.seconds} s, acks=all, {CONNECTIONS} connections, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, "
        f"load before {Path('/proc/loadavg').read_text().split()[0]}; medians of {given.repeat}"
    )
    with kafka() as config:
        key = keys.make_key(config, "bench").get_secret_value()
        with collector(config) as server:
            warm = argparse.Namespace(rate=given.rate, seconds=3)
            for size in given.sizes:
                measure(config, server, key, warm, size)
                show(size, [measure(config, server, key, given, size) for _ in range(given.repeat)])


def show(size: int, runs: list[Run]) -> None:
    def middle(name: str) -> str:
        values = [getattr(run, name) for run in runs]
        return f"{statistics.median(values):,.1f} ({min(values):,.1f} to {max(values):,.1f})"

    others = sum((run.others for run in runs), Counter())
    print(
        f"{size:>4} a request: p50 {middle('p50')} ms, p99 {middle('p99')} ms, worst {middle('worst')} ms, "
        f"{middle('achieved')} events/s, server {middle('server_cpu')} cores"
        + (f", not 202: {dict(others)}" if others else "")
    )


if __name__ == "__main__":
    main()
