"""The collector as a process, on real Kafka that is stopped and killed under it: a 202 means that it is there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from lakehouse import context, names, settings, tables
from lakehouse.collect import keys, signature
from lakehouse.settings import Settings
from lakehouse.stack import services, supervise
from tests.waiting import eventually

CHECKOUT, WEBHOOK = (names.topic(tables.get(f"events.{name}")) for name in ("checkout", "webhook"))
SECRET = SecretStr("whsec_integration")


@dataclass(frozen=True)
class Collector:
    """A running collector and who may use it."""

    process: subprocess.Popen[str]
    url: str
    key: str

    def send(self, *events: Any, path: str = "/v1/events", key: str | None = None) -> requests.Response:
        headers = {"X-Api-Key": key or self.key}
        return requests.post(self.url + path, json={"events": list(events)}, headers=headers, timeout=60)

    def call_back(self, body: bytes, at: int | None = None, secret: SecretStr = SECRET) -> requests.Response:
        at = int(time.time()) if at is None else at
        headers = {"Stripe-Signature": f"t={at},v1={signature.sign(body, secret, at)}"}
        return requests.post(self.url + "/v1/webhooks/stripe", data=body, headers=headers, timeout=60)

    def end(self, by: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(by)
        out, _ = self.process.communicate(timeout=60)
        return self.process.returncode, out


def event(name: str) -> dict[str, Any]:
    return {
        "event_id": name,
        "event_name": "session_started",
        "session_id": "ses_Zoë",
        "merchant_id": "mer_1",
        "channel": "web",
        "occurred_at": "2026-02-01T10:00:00Z",
    }


def callback(name: str) -> bytes:
    about = {"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}
    whole = {"id": name, "type": "charge.succeeded", "created": 1_790_000_000, "data": {"object": about}}
    return json.dumps(whole, indent=1).encode()


@contextmanager
def serving(config: Settings, **limits: object) -> Iterator[Collector]:
    given = {f"LAKEHOUSE_COLLECT__{name.upper()}": str(value) for name, value in limits.items()}
    keys.put_stripe_secret(config, "test", SECRET)
    process = subprocess.Popen(
        [sys.executable, "-c", "from lakehouse.cli.app import main; main()", "collect", "serve", "--output", "json"],
        cwd=settings.ROOT,
        env=settings.as_environment(config) | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    url = f"http://{context.HOST}:{config.ports.collector}"
    try:
        eventually(lambda: process.poll() is not None or is_ready(url))
        yield Collector(process, url, keys.make_key(config, "test").get_secret_value())
    finally:
        process.kill()
        process.communicate()


def is_ready(url: str) -> bool:
    try:
        return requests.get(url + "/readyz", timeout=10).ok
    except requests.RequestException:
        return False


def messages(config: Settings, topic: str) -> list[tuple[bytes, dict[str, Any]]]:
    """Key and value of everything that the topic holds now."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=context.kafka_servers(config), auto_offset_reset="earliest")
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    end, found = consumer.end_offsets([place])[place], []
    while consumer.position(place) < end:
        for record in consumer.poll(timeout_ms=500).get(place, []):
            found.append((record.key, json.loads(record.value)))
    consumer.close()
    return found


def ids(config: Settings, topic: str = CHECKOUT) -> list[str]:
    return [value["event_id"] for _, value in messages(config, topic)]


def kafka_pid(config: Settings) -> int:
    pid = next(s.pid for s in services.status(config) if s.name == "kafka")
    assert pid
    return pid


@contextmanager
def held(config: Settings) -> Iterator[None]:
    """Kafka takes connections and answers nothing."""
    pid = kafka_pid(config)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def collector(kafka_aside: Settings) -> Iterator[Collector]:
    with serving(kafka_aside) as found:
        yield found


def test_what_is_accepted_is_in_kafka_as_the_simulator_would_write_it(
    kafka_aside: Settings, collector: Collector
) -> None:
    told = collector.send(event("evt_a"), event("evt_b"))
    assert (told.status_code, told.json()) == (202, {"accepted": 2, "table": "checkout"})
    assert collector.send(event("evt_c"), path="/v1/events/checkout").status_code == 202
    found = [m for m in messages(kafka_aside, CHECKOUT) if m[1]["event_id"] in ("evt_a", "evt_b", "evt_c")]
    assert found == [
        (b'{"event_id":"evt_%s"}' % name.encode(), event(f"evt_{name}")) for name in ("a", "b", "c")
    ]


def test_one_wrong_event_keeps_all_of_its_request_out(kafka_aside: Settings, collector: Collector) -> None:
    told = collector.send(event("evt_good"), event("evt_bad") | {"channel": "fax"})
    assert told.status_code == 422
    assert [(p["index"], p["field"]) for p in told.json()["fields"]["problems"]] == [(1, "channel")]
    assert not {"evt_good", "evt_bad"} & set(ids(kafka_aside))


@pytest.mark.parametrize(
    "body", ["[]", "{}", '{"events":[]}', '{"events":{}}', '{"events":[{}],"more":1}', "no"]
)
def test_another_shape_is_refused(collector: Collector, body: str) -> None:
    told = requests.post(
        collector.url + "/v1/events", data=body, headers={"X-Api-Key": collector.key}, timeout=60
    )
    assert (told.status_code, told.json()["error"]) == (422, "Refused")


def test_without_a_known_key_nothing_is_taken(kafka_aside: Settings, collector: Collector) -> None:
    assert collector.send(event("evt_nobody"), key="unknown").status_code == 401
    assert requests.post(collector.url + "/v1/events", json={}, timeout=60).status_code == 401
    assert "evt_nobody" not in ids(kafka_aside)


def test_only_declared_tables_take_events_and_callbacks_only_signed_ones(collector: Collector) -> None:
    unknown = collector.send(event("evt_x"), path="/v1/events/chekout")
    assert (unknown.status_code, "did you mean 'checkout'" in unknown.json()["message"]) == (404, True)
    unsigned = collector.send({"event_id": "x"}, path="/v1/events/webhook")
    assert (unsigned.status_code, unsigned.json()["hint"]) == (404, "POST /v1/webhooks/stripe")


def test_a_body_over_the_limit_is_refused(collector: Collector) -> None:
    for size in (300_000, 3_000_000):
        told = collector.send(event("evt_" + "x" * size))
        assert (told.status_code, told.json()["fields"]) == (413, {"limit": 262_144})


def test_a_quota_is_kept_for_each_key(kafka_aside: Settings, collector: Collector) -> None:
    collector.end()
    with serving(kafka_aside, quota_events_per_second=0.01, quota_burst_events=3) as slow:
        assert slow.send(*[event("evt_quota")] * 3).status_code == 202
        over = slow.send(event("evt_over"))
        assert (over.status_code, int(over.headers["Retry-After"]) > 1) == (429, True)
        assert slow.send(*[event("evt_over")] * 4).status_code == 413
        other = keys.make_key(kafka_aside, "other").get_secret_value()
        assert slow.send(event("evt_other"), key=other).status_code == 202
    found = ids(kafka_aside)
    assert (found.count("evt_quota"), found.count("evt_over"), found.count("evt_other")) == (3, 0, 1)


@pytest.fixture
def fresh(kafka_aside: Settings) -> Iterator[Collector]:
    """A collector of its own, which a test may end."""
    with serving(kafka_aside) as found:
        yield found


def test_a_callback_is_a_row_and_its_replay_is_not_sent(kafka_aside: Settings, fresh: Collector) -> None:
    body, now = callback("evt_hook"), int(time.time())
    answers = [fresh.call_back(body, now) for _ in range(3)]
    assert [a.status_code for a in answers] == [202, 200, 200]
    assert answers[1].json() == {"duplicate": True}
    found = [m for m in messages(kafka_aside, WEBHOOK) if m[1]["event_id"] == "evt_hook"]
    assert found == [
        (
            b'{"event_id":"evt_hook"}',
            {
                "event_id": "evt_hook",
                "provider": "stripe",
                "event_type": "charge.succeeded",
                "payment_id": "pi_1",
                "payload": body.decode(),
                "occurred_at": "2026-09-21T14:13:20Z",
            },
        )
    ]


def test_a_callback_that_was_not_signed_or_long_ago_is_refused(
    kafka_aside: Settings, fresh: Collector
) -> None:
    forged = fresh.call_back(callback("evt_forged"), secret=SecretStr("whsec_theirs"))
    late = fresh.call_back(callback("evt_late"), at=int(time.time()) - 400)
    bare = requests.post(fresh.url + "/v1/webhooks/stripe", data=callback("evt_bare"), headers={}, timeout=60)
    assert [forged.status_code, late.status_code, bare.status_code] == [400, 400, 400]
    assert not {"evt_forged", "evt_late", "evt_bare"} & set(ids(kafka_aside, WEBHOOK))


def waits(pool: ThreadPoolExecutor, running: Collector, name: str) -> Future[requests.Response]:
    return pool.submit(running.send, event(name))


def test_nothing_is_accepted_before_kafka_has_it_and_too_much_is_turned_away(kafka_aside: Settings) -> None:
    with (
        serving(kafka_aside, max_waiting_requests=2, delivery_seconds=60) as narrow,
        ThreadPoolExecutor() as pool,
    ):
        with held(kafka_aside):
            waiting = [waits(pool, narrow, f"evt_wait_{n}") for n in range(2)]
            refused: list[requests.Response] = []

            def is_full() -> bool:
                # Refused for its schema as long as there is room, so that it never waits itself.
                refused.append(narrow.send({}))
                return refused[-1].status_code == 429

            eventually(is_full)
            assert refused[-1].headers["Retry-After"] == "1"
            assert requests.get(narrow.url + "/healthz", timeout=60).status_code == 200
            eventually(lambda: not is_ready(narrow.url))
            assert not any(w.done() for w in waiting)
        assert [w.result().status_code for w in waiting] == [202, 202]
        assert narrow.send(event("evt_room")).status_code == 202
    assert {"evt_wait_0", "evt_wait_1", "evt_room"} <= set(ids(kafka_aside))


def test_a_kafka_that_does_not_answer_in_time_is_unavailable(kafka_aside: Settings) -> None:
    with serving(kafka_aside, delivery_seconds=0.5) as hasty:
        with held(kafka_aside):
            told = hasty.send(event("evt_hasty"))
            assert (told.status_code, told.headers["Retry-After"]) == (503, "1")
            failed = hasty.call_back(callback("evt_hasty_hook"))
            assert failed.status_code == 503
        eventually(lambda: hasty.call_back(callback("evt_hasty_hook")).status_code == 202)
    assert "evt_hasty_hook" in ids(kafka_aside, WEBHOOK)


def test_what_was_on_its_way_at_sigterm_is_answered_and_there(
    kafka_aside: Settings, fresh: Collector
) -> None:
    with ThreadPoolExecutor() as pool:
        with held(kafka_aside):
            waiting = [waits(pool, fresh, f"evt_term_{n}") for n in range(3)]
            eventually(lambda: fresh_waits(fresh, waiting))
            fresh.process.send_signal(signal.SIGTERM)
            eventually(lambda: not listens(fresh))
            assert fresh.process.poll() is None
        answers = [w.result().status_code for w in waiting]
    code, out = fresh.end()
    assert (answers, code) == ([202] * 3, 0)
    assert json.loads(out)["events"] == 3
    assert {f"evt_term_{n}" for n in range(3)} <= set(ids(kafka_aside))


def fresh_waits(running: Collector, waiting: list[Future[requests.Response]]) -> bool:
    """Whether the collector took up as many connections as there are requests; they came before this one's answer."""
    import psutil

    port = int(running.url.rsplit(":", 1)[1])
    taken = psutil.Process(running.process.pid).net_connections("tcp")
    here = [c for c in taken if c.laddr.port == port and c.status == psutil.CONN_ESTABLISHED]
    requests.get(running.url + "/healthz", timeout=60)
    return len(here) >= len(waiting)


def listens(running: Collector) -> bool:
    try:
        return requests.get(running.url + "/healthz", timeout=60).ok
    except requests.RequestException:
        return False


@dataclass
class Stream:
    """Events sent one after the other by some clients until told to stop, with what they were answered."""

    ended: Event
    answers: dict[str, int]

    def run(self, running: Collector, client: int) -> None:
        number = 0
        while not self.ended.is_set():
            name, number = f"evt_stream_{running.process.pid}_{client}_{number}", number + 1
            try:
                self.answers[name] = running.send(event(name)).status_code
            except requests.RequestException:
                self.answers[name] = 0

    def count(self, status: int) -> int:
        return list(self.answers.values()).count(status)


def test_each_accepted_event_outlives_a_sigterm_under_load(kafka_aside: Settings, fresh: Collector) -> None:
    stream = Stream(Event(), {})
    with ThreadPoolExecutor() as pool:
        for client in range(4):
            pool.submit(stream.run, fresh, client)
        eventually(lambda: stream.count(202) >= 200)
        code, out = fresh.end()
        stream.ended.set()
    accepted = {name for name, status in stream.answers.items() if status == 202}
    assert code == 0
    assert json.loads(out)["events"] >= len(accepted) >= 200
    assert accepted <= set(ids(kafka_aside))
    assert set(stream.answers.values()) <= {202, 0}


def test_ctrl_c_ends_with_130(fresh: Collector) -> None:
    assert fresh.send(event("evt_int")).status_code == 202
    assert fresh.end(signal.SIGINT)[0] == 130


def test_kafka_killed_under_load_loses_nothing_that_was_accepted(
    kafka_aside: Settings, fresh: Collector
) -> None:
    stream = Stream(Event(), {})
    with ThreadPoolExecutor() as pool:
        try:
            for client in range(4):
                pool.submit(stream.run, fresh, client)
            eventually(lambda: stream.count(202) >= 100)
            os.kill(kafka_pid(kafka_aside), signal.SIGKILL)
            supervise.stop(kafka_aside, {"kafka"})
            eventually(lambda: stream.count(503) >= 8)
            assert requests.get(fresh.url + "/readyz", timeout=60).status_code == 503
            assert requests.get(fresh.url + "/healthz", timeout=60).status_code == 200
            services.up(kafka_aside, ["kafka"])
            before = stream.count(202)
            eventually(lambda: stream.count(202) >= before + 100)
        finally:
            stream.ended.set()
    eventually(lambda: is_ready(fresh.url))
    accepted = {name for name, status in stream.answers.items() if status == 202}
    assert accepted <= set(ids(kafka_aside))
    assert set(stream.answers.values()) <= {202, 429, 503}


def test_without_kafka_it_says_so_and_what_to_do(aside: Settings, cli: Any) -> None:
    told = cli("collect", "serve", "--output", "json", env=settings.as_environment(aside))
    assert told.returncode == 4
    assert "lakehouse up" in json.loads(told.stdout)["hint"]


def test_a_taken_port_is_named_with_the_setting(fresh: Collector, kafka_aside: Settings, cli: Any) -> None:
    told = cli("collect", "serve", "--output", "json", env=settings.as_environment(kafka_aside))
    assert told.returncode == 1
    assert f"port {kafka_aside.ports.collector}" in json.loads(told.stdout)["message"]
    assert "LAKEHOUSE_PORTS__COLLECTOR" in json.loads(told.stdout)["hint"]


def test_a_key_and_a_secret_are_made_used_and_taken_away(
    kafka_aside: Settings, fresh: Collector, cli: Any
) -> None:
    env = settings.as_environment(kafka_aside)
    key = cli("collect", "key", "web-shop", env=env).stdout.strip()
    assert fresh.send(event("evt_cli"), key=key).status_code == 202
    assert cli("collect", "key", "web-shop", "--remove", env=env).returncode == 0
    assert fresh.send(event("evt_cli"), key=key).status_code == 401
    assert cli("collect", "stripe-secret", "next", env=env, input="whsec_next\n").returncode == 0
    assert fresh.call_back(callback("evt_next"), secret=SecretStr("whsec_next")).status_code == 202


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_page_s_curl_is_taken(fresh: Collector) -> None:
    page = (Path(settings.ROOT) / "docs" / "how-to" / "collect-events.md").read_text()
    block = next(b for b in page.split("```") if b.startswith("sh\n") and "curl" in b)
    script = (
        block.removeprefix("sh\n").replace("http://127.0.0.1:18088", fresh.url).replace("$KEY", fresh.key)
    )
    told = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == {"accepted": 1, "table": "checkout"}
