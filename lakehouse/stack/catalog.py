"""The services there are, in the order in which they are shown, and which of them a request means."""

from __future__ import annotations

from lakehouse.errors import UsageError, suggest
from lakehouse.stack import connect, ingest, kafka, mlflow, postgres, trino
from lakehouse.stack.service import Service

SERVICES: dict[str, Service] = {
    s.name: s for s in (postgres.SERVICE, kafka.SERVICE, connect.SERVICE, trino.SERVICE, mlflow.SERVICE)
}
ON_REQUEST = ingest.services()
"""Started only when asked for by name."""
KNOWN = SERVICES | ON_REQUEST


def get(name: str) -> Service:
    """The service called ``name``; UsageError naming those there are."""
    if name not in KNOWN:
        known = list(KNOWN)
        raise UsageError(
            f"unknown service {name!r}{suggest(name, known)}", hint="services: " + ", ".join(known)
        )
    return KNOWN[name]


def chosen(only: list[str] | None) -> list[Service]:
    """The services asked for and those they need; when ``only`` is None, all but those on request."""
    wanted: set[str] = set()
    queue = list(SERVICES) if only is None else list(only)
    while queue:
        service = get(queue.pop())
        if service.name not in wanted:
            wanted.add(service.name)
            queue += service.needs
    return [s for s in KNOWN.values() if s.name in wanted]
