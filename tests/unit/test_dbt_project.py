"""The dbt project as files: what must hold of every model without running one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse import names, tables
from lakehouse.settings import ROOT, Settings
from lakehouse.transform import changes, dbt
from lakehouse.transform.build import with_inputs

PROJECT = ROOT / "dbt_project"
GOLD = sorted((PROJECT / "models" / "gold").rglob("*.sql"))
SQL = sorted(p for folder in ("models", "tests", "macros") for p in (PROJECT / folder).rglob("*.sql"))


def described() -> dict[str, dict[str, Any]]:
    files = (PROJECT / "models").rglob("*__models.yml")
    return {m["name"]: m for f in files for m in yaml.safe_load(f.read_text())["models"]}


@pytest.mark.parametrize("path", GOLD, ids=lambda p: p.stem)
def test_gold_models_say_who_what_and_which_types(path: Path) -> None:
    model = described()[path.stem]
    assert model["config"]["meta"].keys() >= {"owner", "grain", "sensitivity"}
    assert model["description"].startswith("One row per ")
    assert all(c["description"].endswith(".") and c["data_type"] for c in model["columns"])
    assert any("as_declared" in t for t in model["data_tests"]), "its key is not tested"


def test_everything_described_is_there() -> None:
    models = {p.stem for p in (PROJECT / "models").rglob("*.sql")}
    assert described().keys() == models
    assert {names.staging_model(t) for t in tables.all()} == {m for m in models if m.startswith("stg_")}


def test_facts_are_compared_with_their_staging_rows() -> None:
    for name, model in described().items():
        if name.startswith("fct_"):
            assert any("same_rows" in t for t in model["data_tests"]), name


@pytest.mark.parametrize("path", GOLD, ids=lambda p: p.stem)
def test_money_is_whole_numbers_and_nothing_personal_gets_to_gold(path: Path) -> None:
    types = {c["name"]: c["data_type"] for c in described()[path.stem]["columns"]}
    assert {t for c, t in types.items() if c.endswith("_minor")} <= {"bigint"}
    assert not {t for t in types.values() if t in ("float", "double")}
    personal = {c.name for t in tables.all() for c in t.columns if c.sensitivity in ("personal", "secret")}
    assert not personal & types.keys()


@pytest.mark.parametrize("path", SQL, ids=lambda p: p.stem)
def test_sql_reads_the_same_on_other_engines(path: Path) -> None:
    sql = re.sub(r"{#.*?#}|--[^\n]*|'[^'\n]*'", "", path.read_text(), flags=re.S)
    assert not re.search(r"[\w)]\s*/\s*[\w(]", sql), (
        "a bare division: an integer in one engine, a fraction in another"
    )
    assert not re.search(r"\bavg\(|\bdouble\b|\bfloat\b", sql, re.I), "a float is no money"
    for ordering in re.findall(r"order by [^)\n]*", sql, re.I):
        assert "nulls last" in ordering.lower(), "where nulls sort differs"


def test_what_a_model_is_made_from_is_built_with_it() -> None:
    assert with_inputs("fct_payments") == "+fct_payments"
    assert with_inputs("+fct_payments") == "+fct_payments"
    assert with_inputs("tag:ledger,gold.payments") == "+tag:ledger,+gold.payments"


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    config = Settings.model_validate({"paths": {"state": tmp_path}})
    (tmp_path / "run" / "dbt").mkdir(parents=True)
    return config


def test_only_sources_with_something_new_are_read(config: Settings) -> None:
    def version(table: str, number: int) -> None:
        log = config.warehouse / table.replace(".", "/") / "_delta_log"
        log.mkdir(parents=True, exist_ok=True)
        (log / f"{number:020}.json").touch()

    assert changes.sources_to_read(config, {}) is None, "nothing is known yet"
    version("bronze.ledger__payments", 0)
    version("bronze.ledger__refunds", 3)
    version("silver.stg_ledger__payments", 7)
    changes.remember(config, changes.versions(config))
    assert changes.sources_to_read(config, changes.versions(config)) == []
    version("bronze.ledger__refunds", 4)
    assert changes.sources_to_read(config, changes.versions(config)) == ["source:ledger.refunds+"]
    version("silver.stg_ledger__payments", 8)
    assert changes.sources_to_read(config, changes.versions(config)) is None, "somebody wrote to silver"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, None),
        ("OK", "OK"),
        (
            "Runtime Error in model a (a.sql)\n  An error occurred while calling o62.sql.\n  : java.util.concurrent."
            "ExecutionException: org.apache.spark.SparkArithmeticException: [ARITHMETIC_OVERFLOW] overflow. SQLSTATE: "
            "22003\n  \tat java.base/java.util.concurrent.CompletableFuture.wrap(CompletableFuture.java:345)",
            "[ARITHMETIC_OVERFLOW] overflow. SQLSTATE: 22003",
        ),
        (
            "Database Error\n  [TABLE_OR_VIEW_NOT_FOUND] `a` cannot be found. SQLSTATE: 42P01; line 3 pos 5;\n  'Project",
            "[TABLE_OR_VIEW_NOT_FOUND] `a` cannot be found. SQLSTATE: 42P01; line 3 pos 5",
        ),
        (
            "Compilation Error\n  depends on a node\n\tat a.b(c.java:1)\n\t... 4 more",
            "Compilation Error\n  depends on a node",
        ),
    ],
)
def test_an_error_is_told_in_the_databases_words(told: str | None, words: str | None) -> None:
    assert dbt._words(told) == words
