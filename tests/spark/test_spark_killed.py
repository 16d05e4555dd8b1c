"""What a build, or an ingest, says when Spark's process is killed under it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse import settings

KILL = """
import psutil
from lakehouse import context, settings
from lakehouse.ingest import lock
from lakehouse.transform.build import alone
from lakehouse.transform.session import on_our_session
config = settings.current()
with {held}:
    spark = context.spark(config)
    {where}
        for process in psutil.Process().children(recursive=True):
            process.kill()
            process.wait()
    spark.sql("select 1")
"""


@pytest.mark.parametrize(
    ("held", "where"),
    [
        ("alone(config)", "if True:"),
        ("alone(config)", "with on_our_session(config):"),
        ("lock.of_source(config, 'ledger')", "if True:"),
    ],
)
def test_spark_that_was_killed_is_told_as_such(held: str, where: str, tmp_path: Path) -> None:
    env = os.environ | {"LAKEHOUSE_PATHS__STATE": str(tmp_path / "a state")}
    told = subprocess.run(
        [sys.executable, "-c", KILL.format(held=held, where=where)],
        cwd=settings.ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 1
    assert told.stderr.rstrip().splitlines()[-1].startswith("lakehouse.errors.UnavailableError: Spark ended")
