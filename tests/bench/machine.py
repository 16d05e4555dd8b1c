"""What a measurement says of where and when it was made."""

from __future__ import annotations

import platform
from datetime import UTC, datetime

import psutil


def described() -> str:
    """Time, system, cores, and the load of the last minute."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}, "
        f"{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}"
    )
