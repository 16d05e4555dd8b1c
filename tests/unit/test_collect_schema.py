"""Events are held against the declaration: what ingest would set aside, or read as something else, is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lakehouse import tables
from lakehouse.collect import body
from lakehouse.collect.kinds import check
from lakehouse.collect.schema import Schema
from lakehouse.contracts import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Double,
    Integer,
    Json,
    String,
    Timestamp,
    Type,
    Uuid,
)
from lakehouse.errors import Refused

CHECKOUT = Schema.of(tables.get("events.checkout"))
GOOD = {
    "event_id": "evt_1",
    "event_name": "session_started",
    "session_id": "ses_1",
    "customer_id": None,
    "merchant_id": "mer_1",
    "channel": "web",
    "occurred_at": "2026-02-01T10:00:00Z",
}


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        (String(), ["", "Zoë", "💶"], [1, True, [], {}, "\ud83d"]),
        (Boolean(), [True, False], [0, 1, "true"]),
        (Integer(16), [-32768, 32767, 0], [-32769, 32768, 1.0, True, "1"]),
        (Integer(64), [-(2**63), 2**63 - 1], [2**63, -(2**63) - 1, 1e3]),
        (Decimal(5, 2), ["1", "-999.99", "+0.10", "00012.3400"], [1.5, 1, "1000", "0.001", "1e2", "", ".", "٣"]),
        (Double(), [1, 1.5, -0.0], ["1", True, [1]]),
        (Uuid(), ["6fa459ea-ee8a-3ca4-894e-db77e160355e", "6FA459EA-EE8A-3CA4-894E-DB77E160355E"], ["6fa4", 5]),
        (Json(), [{}, [1, {"a": None}], '{"a":1}', "5"], ["{", "", "NaN", 5, True, ["\ud83d"]]),
        (Binary(), ["", "AAE="], ["A", "%%%%", 5]),
        (Date(), ["2026-02-28", "2024-02-29"], ["2026-02-29", "20260228", "2026-2-8", 20000, "2026-02-28T00:00:00Z"]),
        (
            Timestamp(),
            ["2026-02-01T10:00:00Z", "2026-02-01 10:00:00.123456789+05:30", "0001-01-02T00:00:00Z"],
            ["2026-02-01T10:00:00", "2026-02-01", "2026-02-30T10:00:00Z", 1_790_000_000, "2026-02-01T10:00:00+19:00",
             "2026-02-01T25:00:00Z", "0001-01-01T00:00:00+01:00", "2026-02-01T10:00:00z", "２026-02-01T10:00:00Z"],
        ),
    ],
)  # fmt: skip
def test_each_type_takes_its_values_and_no_others(type_: Type, good: list[Any], bad: list[Any]) -> None:
    is_kind, allowed = check(type_)
    assert [v for v in good if not is_kind(v)] == []
    assert [v for v in bad if is_kind(v)] == []
    assert allowed


def problems(*events: Any) -> list[dict[str, Any]]:
    with pytest.raises(Refused) as caught:
        CHECKOUT.check(list(events))
    assert caught.value.status == 422
    found: list[dict[str, Any]] = caught.value.fields["problems"]
    return found


def test_what_is_declared_passes() -> None:
    CHECKOUT.check([GOOD, GOOD | {"customer_id": "cus_1", "country_code": "DE"}])


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"channel": "fax"}, "channel", "closed list"),
        ({"event_id": None}, "event_id", "is null"),
        ({"event_id": ""}, "event_id", "empty"),
        ({"session_id": 5}, "session_id", "wrong type"),
        ({"occurred_at": "yesterday"}, "occurred_at", "wrong type"),
        ({"colour": "red"}, "colour", "unknown"),
    ],
)
def test_a_problem_names_event_field_and_what_is_allowed(
    change: dict[str, Any], field: str, problem: str
) -> None:
    (found,) = problems(GOOD, GOOD | change)
    assert (found["index"], found["field"]) == (1, field)
    assert problem in found["problem"]
    assert found["allowed"]


def test_what_is_missing_is_named() -> None:
    (found,) = problems({k: v for k, v in GOOD.items() if k != "channel"})
    assert found == {
        "index": 0,
        "field": "channel",
        "problem": "is missing",
        "allowed": "one of web, mobile",
    }


@pytest.mark.parametrize("event", [None, 5, "text", []])
def test_what_is_no_object_is_refused(event: Any) -> None:
    assert problems(event)[0]["field"] is None


def test_a_refusal_holds_no_value_of_the_event() -> None:
    secret = "zoe@example.org"
    with pytest.raises(Refused) as caught:
        CHECKOUT.check([{**dict.fromkeys(GOOD, secret), secret: secret, "session_id": [secret]}])
    assert secret not in json.dumps(caught.value.as_dict())


def test_a_refusal_lists_twenty_problems_and_counts_all() -> None:
    with pytest.raises(Refused, match="50 problems in 50 of 50 events") as caught:
        CHECKOUT.check([GOOD | {"channel": "fax"}] * 50)
    assert len(caught.value.fields["problems"]) == 20


def test_the_key_is_the_declared_one_as_the_simulator_writes_it() -> None:
    assert body.text(CHECKOUT.key(GOOD)) == b'{"event_id":"evt_1"}'


async def chunks(*parts: bytes) -> Any:
    for part in parts:
        yield part


def read(limit: int, *parts: bytes) -> bytes:
    import asyncio

    return asyncio.run(body.read(chunks(*parts), limit))


def test_a_body_up_to_the_limit_is_read_whole() -> None:
    assert read(6, b"abc", b"", b"def") == b"abcdef"


@pytest.mark.parametrize("parts", [(b"abcdefg",), (b"abc", b"defg"), (b"x",) * 1000])
def test_a_longer_body_is_refused(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(Refused) as caught:
        read(6, *parts)
    assert caught.value.status == 413
    assert caught.value.fields == {"limit": 6}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"{} {}", b"\xff", b'{"a":NaN}', b'{"a":1e999}', b"-Infinity", b"1" * 5000, b"[" * 100_000],
)
def test_what_is_not_json_is_refused_without_being_shown(raw: bytes) -> None:
    with pytest.raises(Refused) as caught:
        body.parse(raw)
    assert caught.value.status == 422
