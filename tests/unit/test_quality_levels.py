"""Assurance levels: each word that is missing costs its level, and what dbt knows of the real models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse import names, settings, tables
from lakehouse.quality.levels import NEEDED, Level, assured, grade
from lakehouse.transform.project import Model, models

ALL = [word for needed in NEEDED.values() for word in needed]
FRESH = {f"{t.source.name}.{t.name}": True for t in tables.all()}
FACT = Model(
    "gold", "fct_x", "Described.", "finance", "x", {"x_id": "Identifier."}, True, ("a", "b"), ("b",), frozenset({"ledger.payments"})
)  # fmt: skip


def test_a_table_of_which_everything_holds_is_gold() -> None:
    found = assured("gold.x", dict.fromkeys(ALL, True))
    assert (found.level, found.missing, found.has) == (Level.GOLD, (), tuple(ALL))


@pytest.mark.parametrize("word", ALL)
def test_what_is_missing_costs_its_level_and_is_named(word: str) -> None:
    found = assured("gold.x", dict.fromkeys(ALL, True) | {word: False})
    reached = [Level.NONE, Level.BRONZE, Level.SILVER]
    (place,) = (i for i, needed in enumerate(NEEDED.values()) if word in needed)
    assert (found.level, found.missing) == (reached[place], (word,))


@pytest.mark.parametrize(
    ("spoilt", "missing"),
    [
        (replace(FACT, description=""), "described"),
        (replace(FACT, columns={"x_id": ""}), "described"),
        (replace(FACT, owner=None), "owned"),
        (replace(FACT, tests=(), compared=()), "tested"),
        (replace(FACT, sources=frozenset({"ledger.refunds"})), "fresh"),
        (replace(FACT, is_contract_enforced=False), "contract enforced"),
        (replace(FACT, compared=()), "reconciled"),
    ],
)
def test_a_model_is_graded_by_what_it_says_and_what_tests_it(spoilt: Model, missing: str) -> None:
    fresh = FRESH | {"ledger.refunds": False}
    graded = {a.table: a for a in grade([FACT], {"gold.fct_x"}, fresh, is_built=True)}
    assert graded["gold.fct_x"].level is Level.GOLD
    graded = {a.table: a for a in grade([spoilt], {"gold.fct_x"}, fresh, is_built=True)}
    assert missing in graded["gold.fct_x"].missing


def test_what_is_not_there_or_not_built_is_said() -> None:
    assert grade([FACT], set(), FRESH, is_built=True)[-1].missing == ("present",)
    assert grade([FACT], {"gold.fct_x"}, FRESH, is_built=False)[-1].missing == ("fresh",)
    staging = replace(FACT, schema="silver", name="stg_ledger__payments")
    graded = grade([staging], {"bronze.ledger__payments"}, FRESH, is_built=True)
    (bronze,) = (a for a in graded if a.table == "bronze.ledger__payments")
    assert (bronze.table, bronze.level) == (names.bronze(tables.get("payments")), Level.GOLD)


def test_dbt_tells_of_every_model_what_it_is_made_from_and_what_looks_at_it(tmp_path: Path) -> None:
    config = settings.load({"paths.state": str(tmp_path)}).settings
    known = {f"{m.schema}.{m.name}": m for m in models(config)}
    payments = known["gold.fct_payments"]
    assert {"fct_payments_is_as_declared", "fct_payments_has_the_rows_of_staging"} <= set(payments.tests)
    assert "payments_carry_their_refunds_and_disputes" in payments.compared
    assert "fct_payments_is_as_declared" not in payments.compared
    assert {"ledger.payments", "ledger.merchants", "ledger.fx_rates"} <= payments.sources
    assert "ledger.refunds" in known["gold.agg_daily_merchant_revenue"].sources, (
        "through a model that is no table"
    )
    assert known["gold.agg_daily_merchant_revenue"].compared == (
        "cubes_equal_their_facts",
        "daily_revenue_equals_the_facts",
    )
    assert not known["gold.dim_channels"].compared
    assert not any(name.split(".")[1].startswith("int_") for name in known)
    assert not known["silver.stg_ledger__payments"].is_contract_enforced
    assert all(m.owner and m.grain and m.description for m in known.values())
