"""Drill of docs/runbooks/poison-burst.md: messages that nobody can read, in great number, hold up none that can be read."""

from __future__ import annotations

from typing import Any

from lakehouse.ingest import broker, bronze

POISON = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'{"event_id": 1',
    b"\xff\xfe",
    b'{"event_id": null}',
    b"{}{}",
    b"x" * 100_000,
]


def test_good_messages_land_and_the_others_are_kept(drill: Any) -> None:
    good = drill.events(100)
    last, _ = drill.send([value for event in good for value in (*POISON * 2, event)])
    report = drill.land()
    assert (report.rows["checkout"], report.quarantined["checkout"]) == (100, 1800)
    assert sorted(drill.ids().values()) == [1] * 100
    assert drill.offsets() + drill.offsets(drill.quarantine) == dict.fromkeys(range(last + 1), 1)
    kept = [(value, reason) for value, reason in drill.rows("value, reason", drill.quarantine)]
    assert {bytes(value) for value, _ in kept} == set(POISON)
    assert all(reason for _, reason in kept)


def test_a_burst_of_nothing_else_is_passed(drill: Any) -> None:
    before = drill.made
    drill.send(POISON * 100)
    assert drill.land().quarantined["checkout"] == 900
    drill.send(drill.events(1))
    assert drill.land().rows["checkout"] == 1
    assert drill.ids()[f"evt_drill_{before}"] == 1
    found = broker.held(drill.config, [drill.topic])
    stand = bronze.stand(drill.config, (drill.table,))
    assert stand == {place: held.end for place, held in found.items()}
