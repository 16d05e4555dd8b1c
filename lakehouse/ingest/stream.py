"""One streaming application per source: from its Kafka topics, or its files, to its bronze tables.

A continuous one has a query for each hot table and one for all others; what each lands is another's business.
"""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from tenacity import Retrying, retry_if_exception, wait_exponential

from lakehouse import context, names, tables
from lakehouse.contracts import Table
from lakehouse.errors import LakehouseError, UnavailableError
from lakehouse.ingest import broker, bronze, faults, files, lock
from lakehouse.ingest.positions import Place
from lakehouse.ingest.upgrade import Filled
from lakehouse.settings import Settings
from lakehouse.telemetry import Progress, quiet

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.streaming import StreamingQuery

_EARLIEST = -2
"""Spark's word for the first offset that Kafka still has."""
_A_READER = "50000"
"""Most messages that one reader takes of a partition, so that a busy one keeps all cores at work and a few rows only one."""
_KAFKA_PATIENCE_MS = "20000"
_AT_ONCE = {"kafka.max.poll.records": "20000", "kafka.receive.buffer.bytes": "1048576"}
"""What a reader takes from Kafka at a time: the defaults, 500 messages, took a fifth longer."""
_STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Report:
    """What one run landed: rows and quarantined messages by table name, of this run alone.

    ``drift`` names, by table, the columns that its rows had and that are not declared; ``filled``, by table and column,
    says in how many rows a column that is declared now was filled in from ``_extra``, and in how many the text there
    does not read as its type.
    """

    source: str
    batches: int
    rows: Mapping[str, int]
    quarantined: Mapping[str, int]
    seconds: float
    drift: Mapping[str, list[str]] = field(default_factory=dict)
    filled: Mapping[str, Mapping[str, Filled]] = field(default_factory=dict)


@dataclass
class _Run:
    """The state of one run: what it landed, and whether it was asked to stop."""

    config: Settings
    source: str
    tables: tuple[Table, ...]
    once: bool
    progress: Progress
    landed: int = 0
    batches: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    drift: dict[str, set[str]] = field(default_factory=dict)
    filled: dict[str, dict[str, Filled]] = field(default_factory=dict)
    interrupted: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
    counting: threading.Lock = field(default_factory=threading.Lock)
    failure: Exception | None = None


@dataclass(frozen=True)
class _Query:
    """A streaming query, and the lock that the batch at hand holds."""

    handle: StreamingQuery
    busy: threading.Lock


def run(config: Settings, source: str, *, once: bool, progress: Progress = quiet) -> Report:
    """Land what Kafka, or its landing folder, has for ``source``: all of it now and end (``once``), or until stopped.

    It starts where each bronze table says that it stands, so nothing is lost or doubled by a crash at any step, and
    Spark's checkpoint is thrown away between runs. Ctrl-C and SIGTERM let the batch at hand finish; then
    KeyboardInterrupt is raised, but for SIGTERM without ``once``. Without ``once``, Kafka going away is waited out.

    Raises UsageError for an unknown source, SafetyError when another ingest of the source runs on this state folder,
    UnavailableError when Kafka does not answer or its topics are missing, DataError when Kafka no longer has what a
    table still needs, ConfigError when the disk is full. After each, every table is as of a whole commit.
    """
    begun = monotonic()
    this = _Run(config, source, tables.of_source(source), once, progress)
    with lock.of_source(config, source), _signals(this):
        if this.tables[0].files:
            _land_files(this)
        else:
            found = _check(this)
            if not (once and _is_done(this, found)):
                _land(this, found)
    if this.interrupted:
        raise KeyboardInterrupt
    return Report(
        source,
        this.batches,
        dict(this.rows),
        dict(this.quarantined),
        round(monotonic() - begun, 3),
        {name: sorted(columns) for name, columns in sorted(this.drift.items())},
        this.filled,
    )


def _land_files(this: _Run) -> None:
    """Land the files that wait, and with ``once`` those that are still young; else look again after each pause."""
    seen = files.Seen.load(this.config, this.source)
    landing = None
    while not this.stopping.is_set():
        waits = [files.waiting(this.config, table, seen) for table in this.tables]
        total = this.batches + sum(len(found) for found, _ in waits)
        if any(found for found, _ in waits) or not bronze.is_ready(this.config, this.tables):
            if landing is None:
                landing = _open(this)
            _land_waiting(this, landing, seen, total)
        seen.save()
        young = max(seconds for _, seconds in waits)
        if this.once and not young:
            return
        this.stopping.wait(young if this.once else this.config.ingest.trigger_seconds)


def _land_waiting(this: _Run, landing: bronze.Landing, seen: files.Seen, total: int) -> None:
    try:
        for table in this.tables:
            for rows in files.land(this.config, landing, table, seen):
                this.batches, this.landed = this.batches + 1, this.landed + rows
                this.progress(f"ingest {this.source} (files)", this.batches, max(total, this.batches))
                if this.stopping.is_set():
                    return
    except Exception as error:
        if isinstance(error, LakehouseError):
            raise
        raise faults.translate(this.config, this.source, error) from error
    finally:
        _count(this, landing)


def _open(this: _Run) -> bronze.Landing:
    session = context.spark(this.config)
    _listen(this)  # Spark put a handler of its own in place when it started
    lock.remember_children(this.config, this.source)
    landing = bronze.open_landing(this.config, session, this.tables)
    this.filled.update(landing.filled)
    return landing


def _count(this: _Run, landing: bronze.Landing) -> None:
    """Take over what a landing counted, which starts at nothing again."""
    this.rows.update(landing.rows)
    this.quarantined.update(landing.quarantined)
    for counted in (landing.rows, landing.quarantined):
        counted.clear()
    for name, columns in landing.drift.items():
        this.drift.setdefault(name, set()).update(columns)


def _check(this: _Run) -> dict[Place, broker.Held]:
    found = broker.held(this.config, [names.topic(t) for t in this.tables])
    broker.check(this.source, found, bronze.stand(this.config, this.tables))
    broker.check_identity(this.config, this.source, found, bronze.marks(this.config, this.tables))
    return found


def _is_done(this: _Run, found: dict[Place, broker.Held]) -> bool:
    """Whether there is nothing to do, which is told in a moment; starting Spark takes ten."""
    if not bronze.is_ready(this.config, this.tables):
        return False
    stand = bronze.stand(this.config, this.tables)
    return not broker.has_messages(
        this.config, found, {place: stand.get(place, held.begin) for place, held in found.items()}
    )


def _land(this: _Run, found: dict[Place, broker.Held]) -> None:
    """Run the query; when Kafka goes away in a run without end, wait and go on from where the tables stand."""
    if this.once:
        _consume(this, found)
        return

    def say(state: Any) -> None:
        this.progress(f"ingest {this.source}: waiting for Kafka", state.attempt_number)

    attempts = Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, UnavailableError) and not this.stopping.is_set()),
        wait=wait_exponential(min=1, max=5),
        sleep=_pause(this.stopping),
        before_sleep=say,
        reraise=True,
    )
    try:
        for attempt in attempts:
            with attempt:
                if not this.stopping.is_set():
                    _consume(this, found if attempt.retry_state.attempt_number == 1 else _check(this))
    except UnavailableError:
        if not this.stopping.is_set():
            raise


def _pause(stopping: threading.Event) -> Callable[[float], None]:
    """Sleep that a request to stop ends."""

    def pause(seconds: float) -> None:
        stopping.wait(seconds)

    return pause


def _consume(this: _Run, found: dict[Place, broker.Held]) -> None:
    landing = _open(this)
    stand = landing.next
    waiting = sum(held.end - stand.get(place, held.begin) for place, held in found.items())
    total = this.landed + waiting if this.once else None
    shutil.rmtree(this.config.state / "checkpoints" / this.source, ignore_errors=True)
    this.progress(f"ingest {this.source} (messages)", this.landed, total)
    this.failure = None
    queries: list[_Query] = []
    try:
        for name, pairs in _parts(this, landing):
            queries.append(_start(this, name, replace(landing, pairs=pairs), found, total))
        lock.remember_children(this.config, this.source, is_landing=True)
        _await(this, queries)
    finally:
        for query in queries:
            query.handle.stop()
        _count(this, landing)


def _parts(this: _Run, landing: bronze.Landing) -> list[tuple[str, tuple[bronze.Pair, ...]]]:
    """What each query lands: with ``once`` one lands all, else every hot table has its own."""
    hot = {p.table.name: (p,) for p in landing.pairs if p.table.is_hot and not this.once}
    rest = tuple(p for p in landing.pairs if p.table.name not in hot)
    return [*([("all", rest)] if rest else []), *hot.items()]


def _start(
    this: _Run, name: str, landing: bronze.Landing, found: dict[Place, broker.Held], total: int | None
) -> _Query:
    busy = threading.Lock()

    def land(batch: DataFrame, _: int) -> None:
        with busy:
            if this.stopping.is_set():
                raise InterruptedError("stopped before the batch began")
            try:
                landed = landing.land(batch)
            except Exception as error:
                this.failure = error
                raise
            with this.counting:
                this.landed, this.batches = this.landed + landed, this.batches + 1
                this.progress(f"ingest {this.source} (messages)", this.landed, total)

    tables, stand = tuple(p.table for p in landing.pairs), landing.next
    topics = {names.topic(t) for t in tables}
    start = {place: stand.get(place, _EARLIEST) for place in found if place[0] in topics}
    pause = 0.0 if all(t.is_hot for t in tables) else this.config.ingest.trigger_seconds
    pace: dict[str, Any] = {"availableNow": True} if this.once else {"processingTime": f"{pause} seconds"}
    handle = (
        landing.session.readStream.format("kafka")
        .options(**_reader(this, start))
        .load()
        .writeStream.foreachBatch(land)
        .option("checkpointLocation", str(this.config.state / "checkpoints" / this.source / name))
        .queryName(f"ingest_{this.source}_{name}")
        .trigger(**pace)
        .start()
    )
    return _Query(handle, busy)


def _reader(this: _Run, start: dict[Place, int]) -> dict[str, str]:
    offsets: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in start.items():
        offsets.setdefault(topic, {})[str(partition)] = offset
    return {
        "kafka.bootstrap.servers": context.kafka_servers(this.config),
        "kafka.isolation.level": "read_committed",
        "kafka.default.api.timeout.ms": _KAFKA_PATIENCE_MS,
        "kafka.request.timeout.ms": _KAFKA_PATIENCE_MS,
        "subscribe": ",".join(sorted(offsets)),
        "startingOffsets": json.dumps(offsets),
        "maxOffsetsPerTrigger": str(this.config.ingest.max_offsets_per_batch),
        "maxRecordsPerPartition": _A_READER,
        "failOnDataLoss": "true",
        **_AT_ONCE,
    }


def _await(this: _Run, queries: list[_Query]) -> None:
    """Until one query ends, or a stop is asked for and no batch is under way."""
    running = list(queries)
    while running:
        for query in list(running):
            if _has_ended(this, query, 1 / len(running)) and not this.stopping.is_set():
                return
            if this.stopping.is_set() and not query.busy.locked():
                query.handle.stop()
                running.remove(query)


def _has_ended(this: _Run, query: _Query, seconds: float) -> bool:
    from pyspark.errors import StreamingQueryException

    try:
        return bool(query.handle.awaitTermination(seconds))
    except StreamingQueryException as error:
        if this.stopping.is_set() and this.failure is None:
            return True  # its next batch did not begin
        cause = this.failure if isinstance(this.failure, LakehouseError) else error
        raise faults.translate(this.config, this.source, cause) from error


@contextmanager
def _signals(this: _Run) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask for a stop after the batch; a second one stops at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _STOPS}
    _listen(this)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(this: _Run) -> None:
    if threading.current_thread() is not threading.main_thread():
        return

    def on_stop(number: int, _: object) -> None:
        if this.stopping.is_set():
            raise KeyboardInterrupt
        this.stopping.set()
        # A run that was to land everything did not; one without end ends well when the system asks it to.
        this.interrupted = number == signal.SIGINT or this.once
        this.progress(f"ingest {this.source}: stopping after this batch", this.landed)

    for number in _STOPS:
        signal.signal(number, on_stop)
