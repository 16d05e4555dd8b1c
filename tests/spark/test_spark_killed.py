"""What a build says when Spark's process is killed under it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lakehouse import settings

KILL = """
import psutil
from lakehouse import context, settings
from lakehouse.transform.session import on_our_session
config = settings.current()
with on_our_session(config):
    for process in psutil.Process().children(recursive=True):
        process.kill()
        process.wait()
"""


def test_spark_that_was_killed_is_told_as_such(tmp_path: Path) -> None:
    env = os.environ | {"LAKEHOUSE_PATHS__STATE": str(tmp_path / "state")}
    told = subprocess.run(
        [sys.executable, "-c", KILL], cwd=settings.ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 1
    assert told.stderr.rstrip().splitlines()[-1].startswith("lakehouse.errors.UnavailableError: Spark ended")
