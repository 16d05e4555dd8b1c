"""One declaration more is found on every target; a target that forgets it, or is gone, is noticed.

``tests/e2e/test_add_a_table.py`` does the same on the real services.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lakehouse import tables
from lakehouse.contracts import Table
from lakehouse.render import debezium, kafka, postgres, targets
from lakehouse.tables.ledger import LEDGER

HOW_TO = Path(__file__).resolve().parents[2] / "docs/how-to/add-a-table.md"


def declared_in_the_how_to() -> Table:
    """The table that the how-to declares: its first Python block, run as it stands."""
    (block,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    scope: dict[str, Any] = {}
    exec(block, scope)
    (table,) = scope["TABLES"]
    assert isinstance(table, Table)
    return table


LOYALTY = declared_in_the_how_to()

ALONE = {
    "spark": "`points_count` INT",
    "delta": "CREATE TABLE IF NOT EXISTS `ops`.`ledger__loyalty_accounts__quarantine`",
    "postgres": '"customer_id" text NOT NULL REFERENCES "public"."customers" ("customer_id")',
    "debezium": "public.loyalty_accounts",
    "kafka": "ledger.public.loyalty_accounts",
    "dbt": "source('ledger', 'loyalty_accounts')",
    "trino": "local:///silver/stg_ledger__loyalty_accounts",
    "duckdb": "delta_scan('/data/bronze/ledger__loyalty_accounts')",
    "docs": "`silver.stg_ledger__loyalty_accounts`",
}
"""Target to what of the table must be in its text."""

Whole = Callable[[Sequence[Table]], str]
WHOLE: dict[str, tuple[Whole, str]] = {
    "database": (lambda t: "\n".join(postgres.create_all(t)), 'EXISTS "public"."loyalty_accounts" ('),
    "grants": (lambda t: "\n".join(postgres.grants(t)), 'SELECT ON TABLE "public"."loyalty_accounts"'),
    "publication": (lambda t: postgres.publication(LEDGER, t), '"public"."loyalty_accounts"'),
    "connector": (
        lambda t: debezium.connector(LEDGER, t, host="h", port=1, password="p")["table.include.list"],
        "public.loyalty_accounts",
    ),
    "topics": (lambda t: " ".join(x.name for x in kafka.topics(LEDGER, t)), "ledger.public.loyalty_accounts"),
}
"""What the stack makes for all tables of a source, and what of the table must be in it."""


def forgotten_alone() -> set[str]:
    """Targets that do not hold the table."""
    there = targets.TARGETS
    return {t for t, mark in ALONE.items() if t not in there or mark not in there[t](LOYALTY, "/data")}


def forgotten_whole(whole: dict[str, tuple[Whole, str]]) -> set[str]:
    declared = [*tables.of_source("ledger"), LOYALTY]
    return {name for name, (render, mark) in whole.items() if mark not in render(declared)}


def test_the_table_is_on_every_target() -> None:
    assert ALONE.keys() == targets.TARGETS.keys()
    assert forgotten_alone() == set()


@pytest.mark.parametrize("gone", ALONE)
def test_a_target_that_is_gone_or_empty_is_noticed(monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    rest = {name: render for name, render in targets.TARGETS.items() if name != gone}
    monkeypatch.setattr(targets, "TARGETS", rest)
    assert forgotten_alone() == {gone}
    monkeypatch.setattr(targets, "TARGETS", rest | {gone: lambda table, warehouse: ""})
    assert forgotten_alone() == {gone}


def test_the_table_is_in_all_that_the_stack_makes() -> None:
    assert forgotten_whole(WHOLE) == set()


@pytest.mark.parametrize("forgetful", WHOLE)
def test_a_part_of_the_stack_that_forgets_it_is_noticed(forgetful: str) -> None:
    render, mark = WHOLE[forgetful]
    broken = WHOLE | {forgetful: (lambda t: render([x for x in t if x is not LOYALTY]), mark)}
    assert forgotten_whole(broken) == {forgetful}
