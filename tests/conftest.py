"""Shared by all tiers: a state folder and ports of their own, one Spark session and one stack per run.

Nothing here touches a demo that is up: the folder is ``.lakehouse-test/<pid>`` and the ports are free
ones. Both are in the environment, so that commands started by a test find the same.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import psutil
import pytest

from lakehouse import context, names, settings
from lakehouse.settings import Ports, Settings
from tests import gold_by_hand as gold

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TESTS = Path(__file__).parent
STATES = TESTS.parent / ".lakehouse-test"
OUTSIDE_EPHEMERAL = (20_000, 32_000)
"""Ports that no outgoing connection is given, so what is free now is still free when the stack starts."""


hypothesis.settings.register_profile("ours", deadline=None)  # a slow machine is no failure
hypothesis.settings.load_profile("ours")


def free_ports(count: int) -> list[int]:
    """Ports that can be listened on now, all different."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(*OUTSIDE_EPHEMERAL)
        with socket.socket() as probe:
            try:
                probe.bind((context.HOST, port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--logs", type=int, default=200, help="generated logs that silver is tried with, by 200")
    parser.addoption("--long", action="store_true", help="also what takes minutes: four kills, a second demo")


def pytest_configure(config: pytest.Config) -> None:
    _tidy()
    ours = dict(zip(Ports.model_fields, free_ports(len(Ports.model_fields)), strict=True))
    for name in [
        n for n in os.environ if n.startswith("LAKEHOUSE_") and not n.startswith("LAKEHOUSE_JAVA__")
    ]:
        del os.environ[name]
    os.environ.update({f"LAKEHOUSE_PORTS__{name.upper()}": str(port) for name, port in ours.items()})
    os.environ.update(LAKEHOUSE_ENV="test", LAKEHOUSE_PATHS__STATE=str(STATES / str(os.getpid())))
    settings.current.cache_clear()
    # `kill` ends a run as Ctrl-C does: fixtures are torn down.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def _tidy() -> None:
    """Stop and delete what earlier runs that were killed left behind."""
    for folder in STATES.glob("*"):
        if folder.name.isdigit() and not psutil.pid_exists(int(folder.name)):
            _end(folder)


def _end(folder: Path) -> None:
    from lakehouse.stack import services

    services.down(settings.load({"paths.state": str(folder)}, environ={}).settings)
    shutil.rmtree(folder, ignore_errors=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    state = STATES / str(os.getpid())
    if state.exists():
        _end(state)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: make bench runs it, and pytest --long"))
        tier = item.path.relative_to(TESTS).parts[0]
        if tier in ("spark", "integration", "e2e"):
            item.add_marker(tier)


@pytest.fixture(scope="session")
def config() -> Settings:
    """Settings of this run: environment ``test``, state and ports of its own."""
    return settings.current()


@pytest.fixture(scope="session")
def spark(config: Settings) -> Iterator[SparkSession]:
    """The one Spark session of the run, on the warehouse of ``config``."""
    yield context.spark(config)
    context.stop_spark()


@pytest.fixture(scope="module")
def own_catalog(config: Settings) -> Iterator[SparkSession]:
    """The session without the tables of the run, for a module with a warehouse of its own."""
    session = context.spark(config)  # not the fixture's: an earlier module may have stopped that one
    _forget_tables(session)
    yield session
    _forget_tables(session)
    # Delta keeps 2 MB of each table that was read within the hour, and modules have 90 each: the heap would fill.
    session._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    context.register_tables(config)


def _forget_tables(spark: SparkSession) -> None:
    for schema in names.SCHEMAS:
        for table in spark.catalog.listTables(schema):
            # What a test has deleted the files of has no type. Dropping an external table keeps its files.
            if table.tableType in ("EXTERNAL", None):
                spark.sql(f"DROP TABLE {schema}.{table.name}")


@pytest.fixture(scope="session")
def gold_by_hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every table of gold, made by hand and not to be written to."""
    folder = tmp_path_factory.mktemp("by-hand") / "warehouse" / "gold"
    gold.write(folder)
    return folder


@pytest.fixture(scope="session")
def stack(config: Settings) -> Iterator[Settings]:
    """All services up and provisioned, on the ports of ``config``; taken down at the end of the run."""
    from lakehouse.stack import services

    def tell(task: str, done: int, total: int | None = None) -> None:
        print(f"{task} {done}/{total}", file=sys.stderr)

    try:
        services.up(config, None, tell)
        yield config
    finally:
        services.down(config)


@pytest.fixture
def aside(config: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a second stack, beside that of the run; whatever a test starts of it is stopped."""
    from lakehouse.stack import services

    ours = dict(zip(Ports.model_fields, free_ports(len(Ports.model_fields)), strict=True))
    found = settings.load(
        {"paths.state": str(tmp_path / "state")} | {f"ports.{k}": v for k, v in ours.items()}
    )
    try:
        yield found.settings
    finally:
        services.down(found.settings)


@pytest.fixture(scope="module")
def kafka_aside(config: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a Kafka beside the stack of the run, up, for a module that stops and kills it."""
    from lakehouse.stack import services

    ours = dict(zip(Ports.model_fields, free_ports(len(Ports.model_fields)), strict=True))
    state = tmp_path_factory.mktemp("kafka") / "state"
    found = settings.load({"paths.state": str(state)} | {f"ports.{k}": v for k, v in ours.items()}).settings
    try:
        services.up(found, ["kafka"])
        yield found
    finally:
        services.down(found)


@pytest.fixture
def cli(config: Settings) -> Any:
    """Run the ``lakehouse`` command as another program would; the environment is that of the run."""
    import subprocess

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from lakehouse.cli.app import main; main()", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=settings.ROOT, **options)

    return run
