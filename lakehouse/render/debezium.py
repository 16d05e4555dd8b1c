"""Debezium connector of a PostgreSQL source, and the JSON in which a captured value travels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lakehouse import names
from lakehouse.contracts import (
    Array,
    Binary,
    Boolean,
    Date,
    Decimal,
    Double,
    Integer,
    Interval,
    Json,
    LocalTimestamp,
    Numeric,
    Source,
    SourceKind,
    String,
    Table,
    Time,
    Timestamp,
    Type,
    Uuid,
)
from lakehouse.errors import ContractError
from lakehouse.render.common import require_kind, unknown_type
from lakehouse.render.kafka import MAX_MESSAGE_BYTES
from lakehouse.render.postgres import CAPTURE_ROLE

UNAVAILABLE = "__debezium_unavailable_value"
"""Stands for a value that PostgreSQL did not send because it did not change (TOAST)."""

HEARTBEAT = "lakehouse-heartbeat"
"""Prefix of the logical messages by which capture moves its slot forward."""


_NO_LONGER_THERE = "no longer available on the server"


def is_place_lost(told: str) -> bool:
    """Whether the words of a failed connector say that PostgreSQL no longer has the changes that come next for it."""
    return _NO_LONGER_THERE in told


def secret(folder: Path, name: str) -> str:
    """A reference that Connect resolves itself, so that no password lies in its config topic.

    The worker needs ``config.providers=directory`` and
    ``config.providers.directory.class=org.apache.kafka.common.config.provider.DirectoryConfigProvider``.
    """
    return f"${{directory:{folder}:{name}}}"


def connector(
    source: Source, tables: Sequence[Table], *, host: str, port: int, password: str, user: str = CAPTURE_ROLE
) -> dict[str, str]:
    """Configuration of the connector ``names.connector(source.name)``, for ``PUT /connectors/<name>/config``.

    ``password`` is the password, or better ``secret(...)``. A first start snapshots the tables; a later one
    goes on where the connector stood. Records and source offsets are one Kafka transaction per poll.
    """
    for table in tables:
        require_kind(table, SourceKind.POSTGRES, "debezium")
        for column in table.columns:
            json_form(column.type)
    if not tables:
        raise ContractError(
            f"source {source.name!r} has no table to capture", hint="declare one in lakehouse/tables"
        )
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": host,
        "database.port": str(port),
        "database.user": user,
        "database.password": password,
        "database.dbname": source.database,
        "topic.prefix": source.topic_prefix or source.name,
        "table.include.list": ",".join(".".join(re.escape(part) for part in t.place) for t in tables),
        "plugin.name": "pgoutput",
        "slot.name": names.replication_slot(source.name),
        "publication.name": names.publication(source.name),
        "publication.autocreate.mode": "disabled",
        # A slot that was dropped and made again has lost what was committed in between: stop, do not go on.
        "offset.mismatch.strategy": "trust_offset",
        "snapshot.mode": "initial",
        # A row in its own table tells it to read tables again, in chunks, while changes go on: ingest snapshot.
        "signal.enabled.channels": "source",
        "signal.data.collection": ".".join(names.signals(source)),
        # It tells when it begins to read tables, which, and how that ended: ingest/readings.py looks there.
        "notification.enabled.channels": "sink",
        "notification.sink.topic.name": names.notifications_topic(source),
        "incremental.snapshot.chunk.size": "2048",
        "incremental.snapshot.watermarking.strategy": "insert_delete",
        "exactly.once.support": "required",
        "transaction.boundary": "poll",
        # How long Debezium waits for further changes; each poll that finds some is a transaction of Kafka.
        "poll.interval.ms": "50",
        "heartbeat.interval.ms": "1000",
        # A message in the log each second, which goes to no topic. By it the slot confirms also what is not ours
        # to capture: else PostgreSQL keeps its log, and nobody can tell idle from behind. Leaving that to the
        # driver (lsn.flush.mode) would confirm more than Kafka Connect knows of, and no restart would be possible.
        "heartbeat.action.query": f"select pg_logical_emit_message(false, '{HEARTBEAT}', '')",
        "status.update.interval.ms": "1000",
        "decimal.handling.mode": "string",
        "time.precision.mode": "adaptive_time_microseconds",
        "interval.handling.mode": "string",
        "binary.handling.mode": "bytes",
        "unavailable.value.placeholder": UNAVAILABLE,
        "tombstones.on.delete": "true",
        # Truncates are changes too; without this Debezium leaves them out.
        "skipped.operations": "none",
        # pg_logical_emit_message() would go to a topic that is not there, and stop capture.
        "message.prefix.exclude.list": ".*",
        "max.batch.size": "8192",
        "max.queue.size": "32768",
        "max.queue.size.in.bytes": str(64 * 1024 * 1024),
        "producer.override.max.request.size": str(MAX_MESSAGE_BYTES),
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    }


def json_form(type_: Type) -> str:
    """How a captured value of the type looks in the message, in words."""
    match type_:
        case Boolean():
            return "true or false"
        case Integer():
            return "number"
        case Decimal():
            return "string of digits"
        case Numeric():
            return "string of digits, or NaN, Infinity or -Infinity"
        case Double():
            return "number, or NaN, Infinity or -Infinity as a string"
        case String() | Uuid():
            return "string"
        case Json():
            return "string holding a JSON document"
        case Binary():
            return "string, base64"
        case Timestamp():
            return "string, ISO 8601 in UTC"
        case LocalTimestamp(precision=precision):
            return f"number, {'milli' if precision <= 3 else 'micro'}seconds since 1970-01-01"
        case Date():
            return "number, days since 1970-01-01"
        case Time():
            return "number, microseconds since midnight"
        case Interval():
            return "string, ISO 8601"
        case Array(element=element):
            return f"array, each element: {json_form(element)}"
    raise unknown_type(type_, "debezium")
