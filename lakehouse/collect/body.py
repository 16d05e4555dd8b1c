"""Bytes of a request, and the JSON in them: bounded, strict, and never quoted in an error."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterable
from typing import Any

from lakehouse.errors import Refused

_DRAINED = 16
"""So many times the limit is read and thrown away, so that a client gets to read the answer while it still sends."""
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


async def read(chunks: AsyncIterable[bytes], limit: int) -> bytes:
    """The whole body; Refused (413) when it is longer than ``limit`` bytes, of which no more are kept."""
    kept, size = [], 0
    async for chunk in chunks:
        size += len(chunk)
        if size <= limit:
            kept.append(chunk)
        elif size > limit * _DRAINED:
            break
    if size > limit:
        raise Refused(
            413, f"the body is larger than {limit:,} bytes", hint="send fewer events a request", limit=limit
        )
    return b"".join(kept)


def parse(body: bytes) -> Any:
    """The JSON value of a body; Refused (422) unless it is exactly one, in UTF-8, with finite numbers only."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except UnicodeDecodeError:
        raise Refused(422, "the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Refused(422, f"the body is not JSON: line {error.lineno}, column {error.colno}") from None
    except ValueError:
        raise Refused(422, "the body holds a number that JSON has not, or one that is too large") from None
    except RecursionError:
        raise Refused(422, "the body is nested too deeply") from None


def text(value: object) -> bytes:
    """JSON as all producers of events here write it: compact, UTF-8. ValueError if it holds half a character."""
    return _ENCODER.encode(value).encode()


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError("too large")
    return value
