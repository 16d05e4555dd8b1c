"""Chance that repeats: a stream of random numbers for each thing it decides about, so that no two disturb
each other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


def stream(*parts: object) -> Random:
    """The stream of what ``parts`` name. The same parts give the same numbers on every machine and Python
    version.

    Only ``random()``, ``getrandbits`` and what is computed from them by the functions here may be used: the
    standard library promises no more than that for later versions.
    """
    digest = blake2b(":".join(map(str, parts)).encode(), digest_size=16).digest()
    return Random(int.from_bytes(digest))


def identifier(prefix: str, *parts: object) -> str:
    """An identifier that looks random and is not: ``pay_`` and 16 hexadecimal digits of a hash."""
    return f"{prefix}_{blake2b(':'.join(map(str, (prefix, *parts))).encode(), digest_size=8).hexdigest()}"


def whole(rng: Random, low: int, high: int) -> int:
    """An integer from ``low`` to ``high``, both possible."""
    return low + int(rng.random() * (high - low + 1))


def pick(rng: Random, items: Sequence[Item]) -> Item:
    """One of ``items``, each as likely."""
    return items[int(rng.random() * len(items))]


class Wheel:
    """A wheel of fortune: indexes drawn by weight. Built once, drawn from often."""

    def __init__(self, weights: Sequence[float]) -> None:
        self._sums = list(accumulate(weights))
        if not self._sums or self._sums[-1] <= 0:
            raise ValueError("a wheel needs a positive weight")

    def spin(self, rng: Random) -> int:
        return min(bisect_right(self._sums, rng.random() * self._sums[-1]), len(self._sums) - 1)


def weighted(rng: Random, items: Sequence[tuple[Item, float]]) -> Item:
    """One of ``(item, weight)``."""
    return items[Wheel([w for _, w in items]).spin(rng)][0]


def bell(rng: Random) -> float:
    """About normal, mean 0 and standard deviation 1, within -6 to 6: the sum of twelve uniform numbers
    less six.
    """
    return sum(rng.random() for _ in range(12)) - 6.0
