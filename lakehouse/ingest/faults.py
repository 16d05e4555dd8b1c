"""What went wrong inside Spark, said as an error of ours: who must act, and that nothing was half landed."""

from __future__ import annotations

from lakehouse import context
from lakehouse.errors import ConfigError, DataError, LakehouseError, first_line, is_disk_full
from lakehouse.ingest import broker
from lakehouse.settings import Settings

_DELETED = ("OffsetOutOfRange", "KAFKA_DATA_LOSS", "data may have been lost", "are lost")
_NO_ANSWER = (
    "kafka.common.errors.TimeoutException",
    "UnknownTopicOrPartition",
    "Failed to create new KafkaAdminClient",
    "Failed to construct kafka",
    "DisconnectException",
    "CoordinatorNotAvailable",
)


def translate(config: Settings, source: str, error: Exception) -> LakehouseError:
    """The error to raise for one that Spark raised while landing ``source``."""
    if isinstance(error, LakehouseError):
        return error
    if isinstance(error, context.gone()):
        return context.spark_ended(config)
    told = str(error)
    if is_disk_full(told):
        return ConfigError(
            f"the disk is full; the batch of source {source!r} that was being landed is in no table by half",
            hint=f"free space under {config.warehouse}, then run again: docs/runbooks/disk-full.md",
        )
    if any(sign in told for sign in _DELETED):
        return DataError(
            f"Kafka no longer has messages of source {source!r} that bronze still needs",
            hint=f"the tables stay as they are; how to go on: {broker.RUNBOOK}",
            cause=told[:2000],
        )
    if any(sign in told for sign in _NO_ANSWER):
        return broker.unavailable(config, next((x for x in told.splitlines() if "Exception" in x), told))
    return LakehouseError(
        f"landing source {source!r} failed: {first_line(error)}",
        hint="--debug shows the trace; run again: it goes on where the tables stand",
        cause=told[:2000],
    )
