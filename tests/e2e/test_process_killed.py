"""Drill of docs/runbooks/process-killed.md: each process is killed once while rows are changed; nothing is lost or doubled.

The long run of the same script, with 50 kills, is docs/reference/fault-run.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from lakehouse import settings
from lakehouse.settings import Settings

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def result(stack: Settings) -> dict[str, Any]:
    script = settings.ROOT / "tests" / "bench" / "fault_run.py"
    told = subprocess.run(
        [sys.executable, str(script), "--kills", "4"],
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    document = json.loads(told.stdout.splitlines()[-1])
    assert isinstance(document, dict)
    return document


def test_after_kills_nothing_is_lost_doubled_or_wrong(result: dict[str, Any]) -> None:
    assert {k["target"] for k in result["kills"]} == {"driver", "kafka", "connect", "postgres"}
    assert result["committed"] > 100
    wrong = {k: result[k] for k in ("lost", "invented", "doubled", "missing", "wrong")}
    assert wrong == dict.fromkeys(wrong, 0)
