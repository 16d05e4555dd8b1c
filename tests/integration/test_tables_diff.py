"""``lakehouse tables diff`` beside the PostgreSQL of the stack, and without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lakehouse import context, tables
from lakehouse.quality import drift
from lakehouse.settings import Settings

FX = tables.get("ledger.fx_rates")


def alter(config: Settings, *changes: str) -> None:
    with context.postgres(config) as connection:
        for change in changes:
            connection.execute(f"alter table fx_rates {change}".encode())


@pytest.fixture
def altered(stack: Settings) -> Iterator[Settings]:
    """A column is added, one is wider, and one may be null; put right afterwards."""
    assert drift.check(stack, (FX,)).findings == ()
    alter(
        stack,
        "add column provider varchar(20) not null default 'ecb'",
        "alter column rate type numeric(20,8)",
        "alter column created_at drop not null",
    )
    try:
        yield stack
    finally:
        alter(
            stack,
            "drop column provider",
            "alter column rate type numeric(18,8)",
            "alter column created_at set not null",
        )
        assert drift.check(stack, (FX,)).findings == ()


def test_what_was_altered_in_postgresql_is_found(altered: Settings, cli: Any) -> None:
    told = cli("tables", "diff", "fx_rates", "--output", "json")
    assert told.returncode == 3, told.stderr
    document = json.loads(told.stdout)
    found = {f["column"]: (f["kind"], f["impact"]) for f in document["findings"]}
    assert found == {
        "provider": ("new column", "additive"),
        "rate": ("type changed", "breaking"),
        "created_at": ("nullability changed", "breaking"),
    }
    (rate,) = (f for f in document["findings"] if f["column"] == "rate")
    assert "PostgreSQL has numeric(20,8), declared DECIMAL(18,8): it is wider" in rate["why"]
    assert "fx_rates.provider: new column, additive" in cli("tables", "diff", "--source", "ledger").stdout


def test_a_renamed_column_is_taken_for_one(stack: Settings) -> None:
    alter(stack, "rename column rate to price")
    try:
        (found,) = drift.check(stack, (FX,)).findings
    finally:
        alter(stack, "rename column price to rate")
    assert (found.column, str(found.kind), str(found.impact)) == ("rate", "likely rename", "breaking")
    assert "source_name='price'" in found.next_step


def test_all_declared_tables_are_as_declared(stack: Settings, cli: Any) -> None:
    told = cli("tables", "diff", "--source", "ledger", "--output", "json")
    assert (told.returncode, json.loads(told.stdout)["not_asked"]) == (0, {}), told.stdout


def test_a_postgresql_that_does_not_answer_is_said_to(aside: Settings) -> None:
    found = drift.check(aside, (FX,))
    assert (found.findings, list(found.not_asked)) == ((), ["ledger"])
