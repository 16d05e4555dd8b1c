"""One streaming application per source: from its Kafka topics, or its files, to its bronze tables."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
_READERS = "4"
"""Least number of ranges that a batch is read in, so that one busy partition keeps all cores at work."""
_KAFKA_PATIENCE_MS = "20000"
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
    busy: threading.Lock = field(default_factory=threading.Lock)
    failure: Exception | None = None


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

    def land(batch: DataFrame, _: int) -> None:
        with this.busy:
            if this.stopping.is_set():
                raise InterruptedError("stopped before the batch began")
            try:
                this.landed += landing.land(batch)
            except Exception as error:
                this.failure = error
                raise
            this.batches += 1
            this.progress(f"ingest {this.source} (messages)", this.landed, total)

    checkpoint = this.config.state / "checkpoints" / this.source
    shutil.rmtree(checkpoint, ignore_errors=True)
    start = {place: stand.get(place, _EARLIEST) for place in found}
    reader = landing.session.readStream.format("kafka").options(**_reader(this, start)).load()
    pace: dict[str, Any] = (
        {"availableNow": True}
        if this.once
        else {"processingTime": f"{this.config.ingest.trigger_seconds} seconds"}
    )
    this.progress(f"ingest {this.source} (messages)", this.landed, total)
    this.failure = None
    query = (
        reader.writeStream.foreachBatch(land)
        .option("checkpointLocation", str(checkpoint))
        .queryName(f"ingest_{this.source}")
        .trigger(**pace)
        .start()
    )
    try:
        _await(this, query)
    finally:
        query.stop()
        _count(this, landing)


def _reader(this: _Run, start: dict[Place, int]) -> dict[str, str]:
    offsets: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in start.items():
        offsets.setdefault(topic, {})[str(partition)] = offset
    return {
        "kafka.bootstrap.servers": context.kafka_servers(this.config),
        "kafka.isolation.level": "read_committed",
        "kafka.default.api.timeout.ms": _KAFKA_PATIENCE_MS,
        "kafka.request.timeout.ms": _KAFKA_PATIENCE_MS,
        "subscribe": ",".join(names.topic(t) for t in this.tables),
        "startingOffsets": json.dumps(offsets),
        "maxOffsetsPerTrigger": str(this.config.ingest.max_offsets_per_batch),
        "minPartitions": _READERS,
        "failOnDataLoss": "true",
    }


def _await(this: _Run, query: StreamingQuery) -> None:
    """Until the query ends, or a stop is asked for and no batch is under way."""
    from pyspark.errors import StreamingQueryException

    try:
        while not query.awaitTermination(1):
            if this.stopping.is_set() and not this.busy.locked():
                query.stop()
                return
    except StreamingQueryException as error:
        if this.stopping.is_set() and this.failure is None:
            return
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
