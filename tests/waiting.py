"""Waiting for what services do in their own time."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(true: Callable[[], bool]) -> None:
    """Waits as long as it takes; the runner's own limit ends what hangs."""
    while not true():
        time.sleep(0.1)
