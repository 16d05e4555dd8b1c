"""Finds and ends what a stack started and lost sight of: children of a supervisor that was killed, say.

A process belongs to a stack if it carries the stack's mark in its environment. PostgreSQL overwrites its
own; it is known by its working folder, which is the stack's data folder.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import psutil

from lakehouse.settings import Settings
from lakehouse.stack import postgres
from lakehouse.stack.service import MARK
from lakehouse.stack.supervise import mark


def find(config: Settings) -> list[psutil.Process]:
    """Every living process of this stack, the supervisor included; never this one or its parents."""
    wanted, data = mark(config), os.path.realpath(postgres.data(config))
    own = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid in own or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if _environment(process).get(MARK) == wanted or (
                process.name() == "postgres" and process.cwd() == data
            ):
                found.append(process)
    return found


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def sweep(config: Settings, seconds: float = 15) -> int:
    """End every process that ``find`` finds: politely, then by force. Returns how many there were."""
    found = find(config)
    for process in found:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(found, timeout=seconds)
    for process in [*stubborn, *find(config)]:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    return len(found)
