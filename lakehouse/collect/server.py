"""The collector as a process: its socket, its signals, its end."""

from __future__ import annotations

import math
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import uvicorn

from lakehouse import context
from lakehouse.collect import app
from lakehouse.errors import ConfigError
from lakehouse.settings import Settings

_SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter: the producer's is not to wait Python's 5 ms for each of its steps."""


@dataclass(frozen=True)
class Report:
    """What a run of the collector did: events and callbacks that Kafka acknowledged, callbacks that had come before,
    requests that were refused."""

    events: int
    callbacks: int
    duplicates: int
    refused: int
    seconds: float


def serve(config: Settings, told: Callable[[str], None]) -> Report:
    """Answer requests on 127.0.0.1 until SIGTERM, or Ctrl-C, which is raised as KeyboardInterrupt.

    Either ends it gracefully: no new connection is taken, requests that were read are answered, what Kafka has not
    acknowledged by then was not answered 202. ``told`` is given the address once it listens. ConfigError for a taken
    port, UnavailableError without Kafka or the topics.
    """
    with _listen(config.ports.collector) as listener:
        collector = app.Collector.open(config)
        begun = monotonic()
        try:
            server = uvicorn.Server(_configure(config, collector))
            # uvicorn raises the signal again after it has shut down; by then there is nothing left to end.
            signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
            sys.setswitchinterval(_SWITCH_SECONDS)
            told(f"http://{context.HOST}:{config.ports.collector}")
            server.run(sockets=[listener])
        finally:
            collector.close()
    counts = collector.counts
    return Report(
        counts.events, counts.callbacks, counts.duplicates, counts.refused, round(monotonic() - begun, 1)
    )


def _configure(config: Settings, collector: app.Collector) -> uvicorn.Config:
    return uvicorn.Config(
        app.create(collector),
        http="httptools",
        loop="auto",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=config.collect.max_connections,
        timeout_graceful_shutdown=math.ceil(config.collect.delivery_seconds) + 5,
    )


def _listen(port: int) -> socket.socket:
    # With the protocol named, for asyncio sets TCP_NODELAY only then; without it, an answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((context.HOST, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"port {port}, wanted for the collector, cannot be listened on: {error.strerror}",
            hint="set LAKEHOUSE_PORTS__COLLECTOR to a free port",
            port=port,
        ) from None
    return listener
