"""Signatures of callbacks: what is signed is taken, whatever was touched is not."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from lakehouse import settings, tables
from lakehouse.collect import signature, stripe
from lakehouse.collect.schema import Schema
from lakehouse.errors import Refused

OURS, OLD, THEIRS = (SecretStr(f"whsec_{name}") for name in ("ours", "old", "theirs"))
NOW, TOLERANCE = 1_790_000_000, 300
BODY = '{"id":"evt_1","customer":"Zoë"}'.encode()
FIXTURES = settings.ROOT.parent / "shared" / "data" / "stripe_fixtures" / "fixtures3.json"


def header(at: int = NOW, body: bytes = BODY, secret: SecretStr = OURS) -> str:
    return f"t={at},v1={signature.sign(body, secret, at)}"


def verify(given: str | None, body: bytes = BODY, secrets: tuple[SecretStr, ...] = (OURS,)) -> None:
    signature.verify(given, body, secrets, float(NOW), TOLERANCE)


def refused(given: str | None, body: bytes = BODY, secrets: tuple[SecretStr, ...] = (OURS,)) -> str:
    with pytest.raises(Refused) as caught:
        verify(given, body, secrets)
    assert caught.value.status == 400
    return caught.value.message


def test_the_signature_is_the_one_that_stripe_describes() -> None:
    """Spelled out with openssl: printf '1790000000.{}' | openssl dgst -sha256 -hmac whsec_ours"""
    wanted = "c166c05fb69a2ce1e234e32bfd135419dc11526bc7d99d33eb594e0d6aae6cd3"
    assert signature.sign(b"{}", OURS, NOW) == wanted


def test_what_is_signed_is_taken() -> None:
    verify(header())


def test_another_secret_is_refused() -> None:
    assert "no signature" in refused(header(secret=THEIRS))


@given(place=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_one_bit_of_the_body_is_enough(place: int, bit: int) -> None:
    touched = bytearray(BODY)
    touched[place] ^= 1 << bit
    refused(header(), bytes(touched))


def test_one_digit_of_the_signature_or_the_instant_is_enough() -> None:
    good = header()
    last = "0" if good[-1] != "0" else "1"
    refused(good[:-1] + last)
    refused(good.replace(f"t={NOW}", f"t={NOW + 1}"))


@pytest.mark.parametrize("off", [-TOLERANCE, TOLERANCE, 0])
def test_within_the_tolerance_is_taken(off: int) -> None:
    verify(header(NOW + off))


@pytest.mark.parametrize("off", [-TOLERANCE - 1, TOLERANCE + 1])
def test_too_old_and_too_new_is_refused(off: int) -> None:
    assert "300 s" in refused(header(NOW + off))


def test_one_valid_signature_of_several_is_enough() -> None:
    wrong = "0" * 64
    verify(f"t={NOW},v1={wrong},v1={signature.sign(BODY, OURS, NOW)},v0={wrong}")
    refused(f"t={NOW},v1={wrong},v1={wrong}")


def test_while_a_secret_is_replaced_both_hold() -> None:
    for secret in (OURS, OLD):
        verify(header(secret=secret), secrets=(OURS, OLD))
    refused(header(secret=OLD), secrets=(OURS,))


def test_a_signature_of_another_scheme_is_none() -> None:
    refused(header().replace("v1=", "v0="))


@pytest.mark.parametrize(
    "given",
    [None, "", "nonsense", "t=,v1=", f"t={NOW}", "v1=abc", "t=soon,v1=abc", "t=-5,v1=abc", "t=1,t=2,v1=abc",
     f"t={'9' * 40},v1=abc", "t=١٢,v1=abc", f"t={NOW},v1=ÿ"],
)  # fmt: skip
def test_a_malformed_header_is_refused(given: str | None) -> None:
    refused(given)


def test_a_refusal_says_nothing_of_what_it_saw() -> None:
    told = refused(header(secret=THEIRS))
    assert "Zoë" not in told
    assert header(secret=THEIRS).split("v1=")[1] not in told


def fixtures() -> dict[str, Any]:
    if not FIXTURES.exists():
        pytest.skip(f"{FIXTURES} is not there: Stripe's fixtures are not part of the checkout")
    resources: dict[str, Any] = json.loads(FIXTURES.read_text())["resources"]
    return resources


def callback(about: Any, number: int = 1) -> bytes:
    event = {"id": f"evt_{number}", "object": "event", "type": "thing.updated", "created": NOW}
    return json.dumps(event | {"data": {"object": about}}, indent=2).encode()


def test_every_object_of_stripe_becomes_a_row_of_the_table() -> None:
    schema = Schema.of(tables.get("events.webhook"))
    for number, about in enumerate(fixtures().values()):
        body = callback(about, number)
        verify(header(body=body), body)
        row = stripe.row(body)
        schema.check([row])
        assert row["payload"].encode() == body
        assert row["event_id"] == f"evt_{number}"


@pytest.mark.parametrize(
    ("kind", "payment"),
    [
        ("charge", "ch_1PgafuB7WZ01zgkWXYmPNZs8"),
        ("payment_intent", "pi_1PgafyB7WZ01zgkWSjxsAJo3"),
        ("refund", "ch_1PgafuB7WZ01zgkWXYmPNZs8"),
        ("dispute", "ch_1PgafuB7WZ01zgkWXYmPNZs8"),
        ("customer", None),
    ],
)
def test_the_payment_that_an_object_of_stripe_concerns(kind: str, payment: str | None) -> None:
    assert stripe.payment({"object": fixtures()[kind]}) == payment


@pytest.mark.parametrize(
    ("about", "payment"),
    [
        ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, "pi_1"),
        ({"object": "refund", "id": "re_1", "payment_intent": {"id": "pi_2"}, "charge": "ch_1"}, "pi_2"),
        ({"object": "refund", "id": "re_1", "payment_intent": None, "charge": "ch_1"}, "ch_1"),
        ({"object": "payment_intent", "id": "pi_1", "metadata": {"payment_id": "pay_7"}}, "pay_7"),
        ({"object": "payment_intent", "id": "pi_1", "metadata": {"payment_id": ""}}, "pi_1"),
        ({"object": "customer", "id": "cus_1"}, None),
        ("text", None),
        (None, None),
    ],
)
def test_the_payment_that_a_callback_concerns(about: Any, payment: str | None) -> None:
    assert stripe.payment({"object": about}) == payment


def test_the_instant_is_the_sender_s() -> None:
    at = datetime.fromisoformat(stripe.row(callback({}))["occurred_at"])
    assert at == datetime.fromtimestamp(NOW, UTC)


@pytest.mark.parametrize(
    "event",
    ["[]", "{}", '{"id":"evt_1"}', '{"id":5,"type":"a","created":1}', '{"id":"","type":"a","created":1}',
     '{"id":"evt_1","type":"a"}', '{"id":"evt_1","type":"a","created":"1"}', '{"id":"e","type":"a","created":true}',
     '{"id":"evt_1","type":"a","created":99999999999999}', "nonsense"],
)  # fmt: skip
def test_what_is_signed_but_no_event_is_refused(event: str) -> None:
    with pytest.raises(Refused) as caught:
        stripe.row(event.encode())
    assert caught.value.status == 422


def test_every_signature_is_compared_in_constant_time_also_after_one_that_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    digest = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return digest(one, other)

    monkeypatch.setattr(signature.hmac, "compare_digest", watched)
    verify(f"{header()},v1=wrong", secrets=(OURS, OLD))
    assert len(compared) == 4, "two signatures, each with two secrets"
