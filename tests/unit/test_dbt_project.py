"""The dbt project as files: what must hold of every model without running one."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pytest
import yaml

from lakehouse import context, money, names, tables
from lakehouse.errors import ConfigError, DriftError
from lakehouse.settings import ROOT, Settings
from lakehouse.transform import build, changes, dbt, report
from lakehouse.transform.build import with_inputs

PROJECT = ROOT / "dbt_project"
GOLD = sorted(p for p in (PROJECT / "models" / "gold").rglob("*.sql") if not p.stem.startswith("int_"))
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
    assert {c["config"]["meta"]["sensitivity"] for c in model["columns"]} <= {"public", "internal"}
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


def test_dbt_knows_the_currencies_that_python_knows() -> None:
    text = (PROJECT / "macros" / "money.sql").read_text()
    (told,) = re.findall(r"return\((\{.*?\})\)", text, flags=re.S)
    found = {
        code: digits
        for digits, codes in ast.literal_eval(told.replace("~", "")).items()
        for code in codes.split()
    }
    assert found == {code: money.minor_digits(code) for code in money.currencies()}


@pytest.mark.parametrize("path", SQL, ids=lambda p: p.stem)
def test_sql_reads_the_same_on_other_engines(path: Path) -> None:
    sql = re.sub(r"{#.*?#}|--[^\n]*|'[^'\n]*'", "", path.read_text(), flags=re.S)
    exact = r"as decimal\(38, 10\)\) / cast\(nullif\("  # how lakehouse.metrics divides
    assert not re.search(r"[\w)]\s*/\s*[\w(]", re.sub(exact, "", sql)), (
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
        (log / f"{number:020}.json").write_text('{"add": {"dataChange": true}}')

    assert changes.sources_to_read(config, {}) is None, "nothing is known yet"
    version("bronze.ledger__payments", 0)
    version("bronze.ledger__refunds", 3)
    version("silver.stg_ledger__payments", 7)
    changes.remember(
        config, changes.versions(config), {"ledger__refunds": "2026-03-01 12:00:00"}, tested=True
    )
    assert changes.sources_to_read(config, changes.versions(config)) == []
    version("bronze.ledger__refunds", 4)
    assert changes.sources_to_read(config, changes.versions(config)) == ["source:ledger.refunds+"]
    version("silver.stg_ledger__payments", 8)
    assert changes.sources_to_read(config, changes.versions(config)) is None, "somebody wrote to silver"
    assert changes.read_before(config, changes.versions(config)) == {}


@pytest.mark.parametrize(
    ("commit", "is_still_built"),
    [
        ('{"remove": {"dataChange": false}}\n{"add": {"dataChange": false}}\n', True),
        ('{"commitInfo": {"operation": "VACUUM END"}}\n', True),
        ('{"remove": {"dataChange": true}}\n', False),
        ('{"add": {"dataChange": true}}\n', False),
        ("{", False),
    ],
)
def test_files_put_together_leave_a_build_complete(
    config: Settings, commit: str, is_still_built: bool
) -> None:
    log = config.warehouse / "gold" / "fct_payments" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").touch()
    read = {"ledger__payments": "2026-03-01 12:00:00"}
    changes.remember(config, {}, read, tested=False)
    assert changes.read_before(config, changes.versions(config)) == read
    assert changes.sources_to_read(config, changes.versions(config)) is None, "it was not tested"
    changes.remember(config, {}, read, tested=True)
    (log / f"{1:020}.json").write_text(commit)
    assert (changes.read_before(config, changes.versions(config)) == read) == is_still_built
    assert (changes.sources_to_read(config, changes.versions(config)) == []) == is_still_built


def test_a_project_is_parsed_again_when_anything_that_it_is_made_from_changed(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = config.state / "project"
    project.mkdir()
    monkeypatch.setattr(dbt, "PROJECT", project)
    (project / "a.sql").write_text("select 1")
    seen = [dbt.fingerprint(config)]
    assert dbt.fingerprint(config) == seen[0]
    (project / "b.sql").write_text("select 2")
    seen.append(dbt.fingerprint(config))
    (project / "b.sql").write_text("select 22")
    seen.append(dbt.fingerprint(config))
    (project / "b.sql").rename(project / "c.sql")
    seen.append(dbt.fingerprint(config))
    elsewhere = config.model_copy(update={"paths": config.paths.model_copy(update={"state": project})})
    seen.append(dbt.fingerprint(elsewhere))
    assert len(set(seen)) == len(seen)
    (project / "c.sql").unlink()
    assert dbt.fingerprint(config) == seen[0]


@pytest.mark.parametrize("note", ["", "{", "{}", "[]", "null", "5", "without tables", "tables of no form"])
def test_a_note_that_cannot_be_read_costs_only_time(config: Settings, note: str) -> None:
    changes.remember(config, {}, {}, tested=True)
    record = changes._record(config)
    whole = json.loads(record.read_text())
    assert changes.sources_to_read(config, {}) == []
    older = {k: v for k, v in whole.items() if k != "tables"}
    other = {"without tables": json.dumps(older), "tables of no form": json.dumps(older | {"tables": 3})}
    record.write_text(other.get(note, note))
    assert changes.sources_to_read(config, {}) is None


def test_a_table_that_is_not_rendered_is_named(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    known = tables.get("payments")
    declared = (known, replace(known, name="loyalty_accounts"))
    monkeypatch.setattr(tables, "all", lambda: declared)
    with pytest.raises(DriftError, match=r"ledger\.loyalty_accounts$") as caught:
        build.build(config)
    assert "lakehouse tables render" in str(caught.value.hint)


class Answers:
    """Stands in for the session and for what it answers."""

    def __init__(self, rows: list[tuple[str, Any]]) -> None:
        self.rows = rows

    def sql(self, text: str) -> Answers:
        return self

    def collect(self) -> list[tuple[str, Any]]:
        return self.rows

    def toArrow(self) -> pyarrow.Table:  # noqa: N802 - as Spark calls it
        return pyarrow.table({name: [cell] for name, cell in self.rows})


def test_a_table_without_rows_has_a_limit_too(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Answers([("ledger__refunds", "2026-03-01 12:00:00.5")])
    monkeypatch.setattr(context, "spark", lambda config: session)
    found = build.ingested_until(config, {"ledger__payments": "2026-02-28 12:00:00"})
    assert found.keys() == {names.bronze(t).removeprefix("bronze.") for t in tables.all()}
    assert found["ledger__refunds"] == "2026-03-01 12:00:00.5"
    assert found["ledger__payments"] == "2026-02-28 12:00:00", "nothing newer was found"
    assert found["events__checkout"] == "1970-01-01 00:00:00"


def test_a_finding_shows_instants_in_utc(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = config.state / "test.sql"
    sql.write_text("select known_at from gold.fct_payments")
    row = [("known_at", datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)), ("day", date(2026, 3, 1)), ("n", 1)]
    monkeypatch.setattr(context, "spark", lambda config: Answers(row))
    node = report.Node("a", "test", "fail", 0.1, 1, None, str(sql))
    with pytest.raises(DriftError, match=r"2026-03-01T12:00:00\.000005Z") as caught:
        report.checked(config, report.Report((node,), 0.1), None)
    (found,) = caught.value.fields["findings"]
    assert found["first"] == [{"known_at": "2026-03-01T12:00:00.000005Z", "day": "2026-03-01", "n": 1}]


def test_a_full_disk_is_told_with_what_to_do(config: Settings) -> None:
    nodes = (report.Node("a", "model", "error", 0.1, None, report.DISK_FULL, "a.sql"),)
    with pytest.raises(ConfigError, match="disk is full; model a is as it was") as caught:
        report.checked(config, report.Report(nodes, 0.1), None)
    assert f"free space under {config.warehouse}" in str(caught.value.hint)


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
            "Runtime Error\n  [TASK_WRITE_FAILED] Task failed. SQLSTATE: 58030\n  Caused by: java.io.IOException: No space left on "
            "device\n  \tat a.b(c.java:1)",
            "the disk is full",
        ),
        (
            "Compilation Error\n  depends on a node\n\tat a.b(c.java:1)\n\t... 4 more",
            "Compilation Error\n  depends on a node",
        ),
    ],
)
def test_an_error_is_told_in_the_databases_words(told: str | None, words: str | None) -> None:
    assert dbt._words(told) == words
