"""Who may send, and how much: buckets by a given clock, keys that come and go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from lakehouse import secrets, settings
from lakehouse.collect import keys
from lakehouse.collect.once import Once
from lakehouse.collect.quota import Quota
from lakehouse.errors import Refused, UsageError
from lakehouse.settings import Settings


def refused(quota: Quota, count: int, now: float, client: str = "a") -> Refused:
    with pytest.raises(Refused) as caught:
        quota.take(client, count, now)
    return caught.value


def test_a_bucket_is_full_at_first_and_then_fills_at_its_rate() -> None:
    quota = Quota(rate=10, burst=50)
    quota.take("a", 50, now=100.0)
    error = refused(quota, 25, now=100.0)
    assert (error.status, error.retry_after) == (429, 3)
    assert refused(quota, 25, now=102.4).retry_after == 1
    quota.take("a", 25, now=102.5)


def test_after_the_told_seconds_the_same_is_taken() -> None:
    quota = Quota(rate=3, burst=100)
    quota.take("a", 100, now=0.0)
    after = refused(quota, 100, now=0.0).retry_after
    assert after is not None
    quota.take("a", 100, now=float(after))


def test_a_refusal_takes_nothing() -> None:
    quota = Quota(rate=1, burst=10)
    quota.take("a", 5, now=0.0)
    refused(quota, 6, now=0.0)
    quota.take("a", 5, now=0.0)


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    quota = Quota(rate=10, burst=50)
    quota.take("a", 1, now=0.0)
    quota.take("a", 50, now=1e6)
    assert refused(quota, 1, now=1e6).status == 429


def test_what_could_never_fit_is_not_told_to_try_again() -> None:
    error = refused(Quota(rate=10, burst=50), 51, now=0.0)
    assert (error.status, error.retry_after) == (413, None)


def test_each_client_has_a_bucket_of_its_own() -> None:
    quota = Quota(rate=1, burst=5)
    quota.take("a", 5, now=0.0)
    quota.take("b", 5, now=0.0)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 60)), max_size=60))
def test_no_more_than_burst_and_rate_passes(steps: list[tuple[float, int]]) -> None:
    quota, now, passed = Quota(rate=10, burst=50), 0.0, 0
    for wait, count in steps:
        now += wait
        try:
            quota.take("a", count, now)
        except Refused:
            continue
        passed += count
    assert passed <= 50 + 10 * now + 1e-6


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return settings.load({"paths.state": str(tmp_path)}, environ={}).settings


def test_a_key_is_its_clients_until_it_is_taken_away(here: Settings) -> None:
    known = keys.Keys(here)
    shop = keys.make_key(here, "shop").get_secret_value()
    assert known.client(shop) == "shop"
    assert keys.make_key(here, "shop").get_secret_value() == shop
    other = keys.make_key(here, "other").get_secret_value()
    assert known.client(other) == "other"
    assert keys.drop_key(here, "shop")
    with pytest.raises(Refused) as caught:
        known.client(shop)
    assert caught.value.status == 401
    assert not keys.drop_key(here, "shop")


@pytest.mark.parametrize("given", [None, "", "unknown", "ÿ"])
def test_any_other_key_is_refused(here: Settings, given: str | None) -> None:
    keys.make_key(here, "shop")
    keys.put_stripe_secret(here, "live", SecretStr("unknown"))
    with pytest.raises(Refused) as caught:
        keys.Keys(here).client(given)
    assert caught.value.status == 401


def test_secrets_of_stripe_hold_side_by_side(here: Settings) -> None:
    known = keys.Keys(here)
    with pytest.raises(Refused) as caught:
        known.stripe()
    assert caught.value.status == 503
    keys.put_stripe_secret(here, "old", SecretStr("whsec_1"))
    keys.put_stripe_secret(here, "new", SecretStr("whsec_2"))
    assert {s.get_secret_value() for s in known.stripe()} == {"whsec_1", "whsec_2"}
    keys.drop_stripe_secret(here, "old")
    assert [s.get_secret_value() for s in known.stripe()] == ["whsec_2"]
    assert secrets.path(here, "collect-stripe-new").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["", "../postgres-ledger", "Shop", "a b", "-a", "a" * 41])
def test_a_name_of_a_key_is_no_path(here: Settings, name: str) -> None:
    with pytest.raises(UsageError):
        keys.make_key(here, name)
    with pytest.raises(UsageError):
        keys.put_stripe_secret(here, name, SecretStr("s"))


def test_the_same_is_sent_once_also_while_it_is_under_way() -> None:
    async def run() -> tuple[list[str], list[bool]]:
        once, sent = Once(10), list[str]()

        async def send() -> None:
            await asyncio.sleep(0)
            sent.append("a")

        return sent, [
            *await asyncio.gather(*(once.send("a", send) for _ in range(5))),
            await once.send("a", send),
        ]

    sent, answers = asyncio.run(run())
    assert sent == ["a"]
    assert sorted(answers) == [False] * 5 + [True]


def test_what_failed_is_sent_again_and_what_is_long_ago_forgotten() -> None:
    async def run() -> list[bool]:
        once = Once(2)

        async def fail() -> None:
            raise Refused(503, "away")

        async def send() -> None:
            return None

        with pytest.raises(Refused):
            await once.send("a", fail)
        return [await once.send(name, send) for name in ("a", "b", "a", "c", "a")]

    assert asyncio.run(run()) == [True, True, False, True, True]
