"""The collector's routes. Every answer is JSON; what is not 2xx is an error as ``--output json`` prints it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from lakehouse import names, tables
from lakehouse.collect import body, signature, stripe
from lakehouse.collect.keys import Keys
from lakehouse.collect.once import Once
from lakehouse.collect.probe import Probe
from lakehouse.collect.publisher import Publisher
from lakehouse.collect.quota import Quota
from lakehouse.collect.schema import Schema
from lakehouse.contracts import SourceKind, Table
from lakehouse.errors import Refused, suggest
from lakehouse.settings import Settings

PRIMARY = "checkout"
"""The table of ``POST /v1/events``."""
WEBHOOK = "webhook"
"""The table of callbacks, which come by their own route only: what is in it was signed."""


@dataclass
class Counts:
    """What was answered since the start. Duplicates are callbacks that had been accepted before."""

    events: int = 0
    callbacks: int = 0
    duplicates: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Collector:
    """What the routes work with."""

    config: Settings
    publisher: Publisher
    probe: Probe
    keys: Keys
    quota: Quota
    once: Once
    schemas: Mapping[str, Schema]
    counts: Counts = field(default_factory=Counts)

    @classmethod
    def open(cls, config: Settings) -> Collector:
        """Connected to Kafka; UnavailableError when it does not answer or lacks the topic of an event table."""
        limits, declared = config.collect, event_tables()
        return cls(
            config,
            Publisher(config, [names.topic(table) for table in declared.values()]),
            Probe(config),
            Keys(config),
            Quota(limits.quota_events_per_second, limits.quota_burst_events),
            Once(limits.remembered_callbacks),
            {name: Schema.of(table) for name, table in declared.items()},
        )

    def close(self) -> None:
        """Flush, and let go of Kafka."""
        self.probe.close()
        self.publisher.close()

    async def events(self, request: Request, table: str) -> Response:
        """Take all events of a request, or none."""
        client = self.keys.client(request.headers.get("x-api-key"))
        schema = self._schema(table)
        self.publisher.check_room()
        events = _events(body.parse(await body.read(request.stream(), self.config.collect.max_body_bytes)))
        self.quota.take(client, len(events), monotonic())
        schema.check(events)
        await self._publish(schema, events)
        self.counts.events += len(events)
        return answer(202, {"accepted": len(events), "table": table})

    async def callback(self, request: Request) -> Response:
        """Take a signed callback; the second time the same one is only confirmed."""
        secrets, limits = self.keys.stripe(), self.config.collect
        self.publisher.check_room()
        raw = await body.read(request.stream(), limits.max_body_bytes)
        header = request.headers.get("stripe-signature")
        signature.verify(header, raw, secrets, time(), limits.signature_tolerance_seconds)
        row, schema = stripe.row(raw), self.schemas[WEBHOOK]
        schema.check([row])
        if not await self.once.send(row["event_id"], lambda: self._publish(schema, [row])):
            self.counts.duplicates += 1
            return answer(200, {"duplicate": True})
        self.counts.callbacks += 1
        return answer(202, {"accepted": 1, "table": WEBHOOK})

    def _schema(self, table: str) -> Schema:
        known = [name for name in self.schemas if name != WEBHOOK]
        if table in known:
            return self.schemas[table]
        if table == WEBHOOK:
            raise Refused(404, "callbacks are not taken unsigned", hint="POST /v1/webhooks/stripe")
        raise Refused(404, f"no such event table{suggest(table, known)}", hint="known: " + ", ".join(known))

    async def _publish(self, schema: Schema, events: list[dict[str, Any]]) -> None:
        messages = [(body.text(schema.key(event)), body.text(event)) for event in events]
        await self.publisher.send(names.topic(schema.table), messages)


def event_tables() -> dict[str, Table]:
    """The declared tables whose rows arrive as events, by name."""
    return {t.name: t for t in tables.all() if t.source.kind is SourceKind.EVENTS}


def create(collector: Collector) -> FastAPI:
    """The application around a collector."""
    telemetry: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
    app = FastAPI(title="Ledgerlake collector", docs_url=None, redoc_url=None, telemetry=telemetry)

    @app.post("/v1/events", status_code=202, summary=f"Send events of the table {PRIMARY}")
    async def primary(request: Request) -> Response:
        return await collector.events(request, PRIMARY)

    @app.post("/v1/events/{table}", status_code=202, summary="Send events of a declared table")
    async def events(request: Request, table: str) -> Response:
        return await collector.events(request, table)

    @app.post("/v1/webhooks/stripe", status_code=202, summary="Signed callbacks of Stripe")
    async def callback(request: Request) -> Response:
        return await collector.callback(request)

    @app.get("/healthz", summary="Whether the process answers")
    async def healthz() -> Response:
        return answer(200, {"alive": True})

    @app.get("/readyz", summary="Whether Kafka answers")
    async def readyz() -> Response:
        if not await collector.probe.answers():
            raise Refused(503, "Kafka does not answer", hint="lakehouse status", retry_after=1)
        return answer(200, {"ready": True})

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        collector.counts.refused += 1
        after = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        return answer(error.status, error.as_dict(), after)

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        told = {"error": "Refused", "message": error.detail, "hint": "GET /openapi.json", "fields": {}}
        return answer(error.status_code, told, error.headers)

    return app


def answer(status: int, document: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    content = json.dumps(document, separators=(",", ":")).encode()
    return Response(content, status, headers, "application/json")


def _events(document: Any) -> list[Any]:
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list) or not events or set(document) != {"events"}:
        raise Refused(422, 'the body is not {"events": [...]} with at least one event')
    return events
