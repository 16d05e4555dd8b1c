"""How many events an API key may send: a token bucket each."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lakehouse.errors import Refused


@dataclass
class Bucket:
    """``rate`` tokens a second flow in, ``burst`` fit; an event takes one. ``at`` is the clock of the last call."""

    rate: float
    burst: int
    tokens: float
    at: float

    def take(self, count: int, now: float) -> None:
        """Take ``count`` tokens at ``now`` (seconds of a clock that never goes back), or none: Refused, with 413 if
        the bucket could never hold so many, else with 429 and the seconds until it does."""
        if count > self.burst:
            raise Refused(
                413, f"a request holds at most {self.burst:,} events, not {count:,}", limit=self.burst
            )
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if count > self.tokens:
            raise Refused(
                429,
                f"the API key is over its quota of {self.rate:,g} events a second",
                retry_after=max(1, math.ceil((count - self.tokens) / self.rate)),
            )
        self.tokens -= count


class Quota:
    """A bucket for each client, full at first. Lives in this process: a restart fills it."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._buckets: dict[str, Bucket] = {}

    def take(self, client: str, count: int, now: float) -> None:
        """As ``Bucket.take``, from the bucket of the client."""
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = Bucket(self._rate, self._burst, self._burst, now)
        bucket.take(count, now)
