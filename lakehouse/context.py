"""Clients, built when first asked for and kept for the process. The only owner of a SparkSession.

``spark()`` and ``duckdb()`` need only the files of the tables; the others need their service and raise
UnavailableError with the next step when it does not answer.
"""

from __future__ import annotations

import atexit
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from lakehouse import jvm, names, secrets, settings
from lakehouse.errors import UnavailableError, first_line, lost_slot
from lakehouse.render.common import spark_literal
from lakehouse.render.debezium import is_place_lost
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import duckdb as _duckdb
    import psycopg
    from deltalake import DeltaTable
    from pyspark.sql import SparkSession

_lock = RLock()
_session: SparkSession | None = None

HOST = "127.0.0.1"


def tables(config: Settings) -> Iterator[tuple[str, str, Path]]:
    """Every Delta table in the warehouse as (schema, table, folder), by looking at the folders alone. One whose first
    commit is on its way is no table yet."""
    for schema in names.SCHEMAS:
        for log in sorted((config.warehouse / schema).glob("*/_delta_log")):
            if version(log.parent) >= 0:
                yield schema, log.parent.name, log.parent


def folder(config: Settings, name: str) -> Path:
    """Where the Delta table ``schema.table`` lies in the warehouse, whether it is there or not."""
    schema, table = name.split(".")
    return config.warehouse / schema / table


def version(folder: Path) -> int:
    """The newest version of a Delta table, by the names of its log files alone; -1 before its first commit."""
    told = (file.name.partition(".") for file in (folder / "_delta_log").glob("*.*"))
    # A checkpoint outlives the commits that it sums up.
    return max(
        (int(n) for n, _, kind in told if n.isdigit() and kind.startswith(("json", "checkpoint"))), default=-1
    )


def files(table: DeltaTable) -> list[Path]:
    """The data files of a table that delta-rs opened, at its version. It escapes paths, also those that it gives as no URI."""
    return [Path(unquote(urlparse(uri).path)) for uri in table.file_uris()]


def spark(config: Settings | None = None) -> SparkSession:
    """The Spark session of this process, with the warehouse's tables registered. Made once; thread-safe."""
    global _session
    with _lock:
        if _session is None:
            _session = _start_spark(config or settings.current())
            register_tables(config)
            atexit.register(stop_spark)
        return _session


def stop_spark() -> None:
    """Stop the session, if there is one, also one that was killed. A later ``spark()`` starts a new one."""
    global _session
    with _lock:
        ended, _session = _session, None
        if ended is not None:
            with suppress(*gone()):
                ended.stop()


def gone() -> tuple[type[Exception], ...]:
    """What a call of a Spark session raises whose process is no more."""
    from py4j.protocol import Py4JNetworkError

    return (Py4JNetworkError, ConnectionError)


@contextmanager
def while_spark_lives(config: Settings) -> Iterator[None]:
    """UnavailableError when Spark's process ended meanwhile."""
    try:
        yield
    except gone() as error:
        raise spark_ended(config) from error


def spark_ended(config: Settings) -> UnavailableError:
    """That Spark's process is no more, and what to do; each table is as of a whole commit."""
    return UnavailableError(
        "Spark ended: its process was killed, or had no memory left",
        hint=f"free memory (memory.spark is {config.memory.spark} MiB), then run again: what was committed stays",
    )


def register_tables(config: Settings | None = None) -> None:
    """Make every Delta table of the warehouse known to the session's catalog. Idempotent; reads no data."""
    config = config or settings.current()
    session = spark(config)
    for schema in names.SCHEMAS:
        session.sql(
            f"CREATE SCHEMA IF NOT EXISTS {schema} LOCATION {spark_literal(str(config.warehouse / schema))}"
        )
    # SHOW TABLES and not catalog.listTables: the latter reads each table's log.
    known = {
        (s, row.tableName) for s in names.SCHEMAS for row in session.sql(f"SHOW TABLES IN {s}").collect()
    }
    missing = [(s, t, folder) for s, t, folder in tables(config) if (s, t) not in known]

    def register(entry: tuple[str, str, Path]) -> None:
        schema, table, folder = entry
        session.sql(
            f"CREATE TABLE IF NOT EXISTS {schema}.{table} USING delta LOCATION {spark_literal(str(folder))}"
        )

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(register, missing))


_JVM = (
    "-XX:+UseParallelGC -XX:Tier4InvocationThreshold=20000 -XX:Tier4MinInvocationThreshold=5000"
    " -XX:Tier4CompileThreshold=40000 -XX:Tier4BackEdgeThreshold=160000 -XX:-DontCompileHugeMethods"
)
"""For a process that lives for minutes on two cores; why: docs/adr/0012."""

_LOGS = settings.ROOT / "conf" / "spark-log4j2.properties"


def _start_spark(config: Settings) -> SparkSession:
    from pyspark.sql import SparkSession

    # A call of a JVM that was killed raises, and py4j prints its trace as well.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(_is_not_of_py4j)
    home = jvm.spark_java_home(config)
    settings.export({"JAVA_HOME": str(home), "SPARK_LOCAL_IP": HOST, "PYSPARK_PYTHON": _python()})
    config.warehouse.mkdir(parents=True, exist_ok=True)
    scratch = config.state / "run" / "spark"
    scratch.mkdir(parents=True, exist_ok=True)
    paths = (
        f"-Dderby.system.home={scratch}",
        f"-Djava.io.tmpdir={scratch}",
        f"-Dlog4j2.configurationFile={_LOGS}",
    )
    options: dict[str, Any] = {
        "spark.jars": ",".join(str(p) for p in jvm.jars(config, "spark")),
        "spark.driver.memory": f"{config.memory.spark}m",
        "spark.driver.extraJavaOptions": " ".join((_JVM, "-Duser.timezone=UTC", *map(_quoted, paths))),
        "spark.driver.bindAddress": HOST,
        "spark.driver.host": HOST,
        "spark.ui.enabled": "false",
        # Kept for the UI all the same, with the text of each plan.
        "spark.sql.ui.retainedExecutions": "10",
        "spark.ui.retainedJobs": "10",
        "spark.ui.retainedStages": "10",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(config.warehouse),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # its INT96 is no type of Iceberg: docs/adr/0019
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.databricks.delta.writeChecksumFile.enabled": "false",
        # A build runs more kinds of statement than the 100 whose code Spark keeps; see docs/adr/0012.
        "spark.sql.codegen.cache.maxEntries": "2000",
        "spark.buffer.pageSize": "2m",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    builder = SparkSession.builder.master("local[2]").appName("lakehouse")
    for key, value in options.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _is_not_of_py4j(record: logging.LogRecord) -> bool:
    return "py4j" not in record.pathname


def _quoted(option: str) -> str:
    """An option for the JVM as one, whatever is in it."""
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _python() -> str:
    import sys

    return sys.executable


def duckdb(database: Path | None = None, *, reads_delta: bool = True) -> _duckdb.DuckDBPyConnection:
    """A DuckDB connection, in UTC: in memory, or ``database`` opened read-only. It can read Delta tables, unless
    ``reads_delta`` is off, which saves the half second that loading the reader takes."""
    import duckdb

    connection = duckdb.connect(str(database) if database else ":memory:", read_only=database is not None)
    connection.execute(
        "SET enable_progress_bar = false"
    )  # else drawn on stdout, into a command's JSON document
    if reads_delta:
        import duckdb_extension_delta

        place = Path(duckdb_extension_delta.__file__).parent
        connection.execute(f"LOAD '{next(place.glob('extensions/*/delta.duckdb_extension'))}'")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")  # global, or its cursors would use the machine's
    return connection


def trino(config: Settings | None = None) -> Any:
    """A DB-API connection to Trino, catalog ``lake``."""
    import trino

    config = config or settings.current()
    return trino.dbapi.connect(
        host=HOST, port=config.ports.trino, user="lakehouse", catalog=names.TRINO_CATALOG, timezone="UTC"
    )


def postgres(
    config: Settings | None = None, *, user: str = "ledger", database: str = "payments"
) -> psycopg.Connection[Any]:
    """A connection to the source database as ``user``, by SCRAM with the generated password."""
    import psycopg

    config = config or settings.current()
    password = secrets.read(config, f"postgres-{user}").get_secret_value()
    try:
        return psycopg.connect(
            host=HOST,
            port=config.ports.postgres,
            user=user,
            password=password,
            dbname=database,
            connect_timeout=10,
            options="-c timezone=UTC",
        )
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"PostgreSQL on port {config.ports.postgres} did not answer: {str(error).strip()}",
            hint="lakehouse up, then lakehouse status",
        ) from None


def kafka_servers(config: Settings | None = None) -> str:
    """Kafka's bootstrap servers."""
    return f"{HOST}:{(config or settings.current()).ports.kafka}"


def connect_url(config: Settings | None = None) -> str:
    """Kafka Connect's REST address."""
    return f"http://{HOST}:{(config or settings.current()).ports.connect}"


def capture_state(config: Settings, source: str) -> tuple[str, str | None]:
    """What Kafka Connect says of a source's connector (``running``, ``failed``, ``restarting``, ...) and, of a failed
    one, why; ``lost`` when it failed for PostgreSQL no longer has what comes next for it, ``missing`` when Connect has
    no such connector, ``unknown`` when it does not answer."""
    import requests

    url = f"{connect_url(config)}/connectors/{names.connector(source)}/status"
    try:
        answer = requests.get(url, timeout=5)
        if answer.status_code != 200:
            return ("missing" if answer.status_code == 404 else "unknown"), None
        told = answer.json()
    except requests.RequestException:
        return "unknown", None
    parts = [told["connector"], *told["tasks"]]
    for part in parts:
        if part["state"] == "FAILED":
            trace = part.get("trace") or "no reason given"
            return ("lost", str(lost_slot(source))) if is_place_lost(trace) else ("failed", first_line(trace))
    return str(parts[-1]["state"]).lower(), None


def capture_step(config: Settings, source: str, state: str) -> str | None:
    """What to do about a capture in this state (``capture_state``); None if it runs."""
    resume = f"curl -X PUT {connect_url(config)}/connectors/{names.connector(source)}/resume"
    return {
        "lost": "docs/runbooks/slot-lost.md",
        "failed": "lakehouse up starts it again; lakehouse logs connect says more",
        "missing": "lakehouse up waits for it, and makes it if need be",
        "unknown": "lakehouse up --only connect; lakehouse logs connect says more",
        "stopped": f"lakehouse ingest recapture --source {source} if one did not end, else {resume}",
        "paused": resume,
    }.get(state)


def ingest_note(config: Settings, source: str) -> Path:
    """Where the ingest of a source notes who it is."""
    return config.state / "run" / f"ingest-{source}.json"


def is_landing(config: Settings, source: str, pid: int) -> bool:
    """Whether the process ``pid`` is the ingest of the source, and its queries run."""
    try:
        noted = json.loads(ingest_note(config, source).read_text())
    except (OSError, ValueError):
        return False
    return noted.get("pid") == pid and bool(noted.get("is_landing"))


def mlflow_url(config: Settings | None = None) -> str:
    """Address of the MLflow pages."""
    return f"http://{HOST}:{(config or settings.current()).ports.mlflow}"


def mlflow_store(config: Settings | None = None) -> str:
    """Where MLflow keeps runs and models. A file, so that notebooks work with the server stopped."""
    return f"sqlite:///{(config or settings.current()).state / 'mlflow' / 'mlflow.db'}"
