"""Whether Kafka answers, asked on a thread of its own, and not more often than once a second."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from lakehouse import context
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

_PATIENCE_MS = 2_000
_KEPT_SECONDS = 1.0


class Probe:
    """Asks over one connection, which is made anew after a failure."""

    def __init__(self, config: Settings) -> None:
        self._servers = context.kafka_servers(config)
        self._client: KafkaAdminClient | None = None
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._answers = False

    async def answers(self) -> bool:
        """Whether Kafka named a broker, now or within the last second."""
        async with self._lock:
            if monotonic() - self._asked_at > _KEPT_SECONDS:
                self._answers = await asyncio.to_thread(self._ask)
                self._asked_at = monotonic()
        return self._answers

    def close(self) -> None:
        """Let the connection go. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _ask(self) -> bool:
        from kafka import KafkaAdminClient

        try:
            if self._client is None:
                self._client = KafkaAdminClient(
                    bootstrap_servers=self._servers,
                    request_timeout_ms=_PATIENCE_MS,
                    bootstrap_timeout_ms=_PATIENCE_MS,
                )
            return bool(self._client.describe_cluster()["brokers"])
        except Exception:  # noqa: BLE001 - whatever the client raises, Kafka did not answer
            self.close()
            return False
