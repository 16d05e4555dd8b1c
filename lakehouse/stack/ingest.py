"""A continuous ingest of each source, kept up by the supervisor: started only when asked for by name."""

from __future__ import annotations

import sys
from functools import partial

from lakehouse import context, settings, tables
from lakehouse.contracts import Source, SourceKind
from lakehouse.errors import UnavailableError
from lakehouse.settings import ROOT, Settings
from lakehouse.stack import supervise
from lakehouse.stack.service import Program, Service


def name(source: str) -> str:
    """Name of the service that lands a source."""
    return f"ingest-{source}"


def services() -> dict[str, Service]:
    """The ingests of all declared sources, by name. They have no port."""
    return {name(s.name): _service(s) for s in tables.sources()}


def _service(source: Source) -> Service:
    needs = () if source.kind is SourceKind.FILES else ("kafka",)
    return Service(
        name(source.name), (), partial(_render, source.name), partial(_probe, source.name), needs=needs
    )


def _render(source: str, config: Settings) -> Program:
    # The module and not the command beside the interpreter: that one is not there where tests run from a folder alone.
    command = (sys.executable, "-m", "lakehouse.cli.app", "ingest", "run", "--source", source)
    return Program(command, ROOT, environment=settings.ours(config), stop_seconds=60, stops_as_group=False)


def _probe(source: str, config: Settings) -> None:
    """Its queries run."""
    pid = next((p.pid for p in supervise.processes(config) if p.name == name(source)), 0)
    if not context.is_landing(config, source, pid):
        raise UnavailableError(
            f"the ingest of {source} does not land yet", hint=f"lakehouse logs {name(source)}"
        )
