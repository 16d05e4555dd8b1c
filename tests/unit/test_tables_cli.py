"""``lakehouse tables``, as a user and as a program calls it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lakehouse import tables
from lakehouse.cli.tables import app
from lakehouse.errors import ContractError

ROOT = Path(__file__).resolve().parents[2]


def here(*arguments: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(app, arguments)


def lakehouse(*arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    code = "from lakehouse.cli.app import main; main()"
    env = os.environ | {"PYTHONPATH": str(root), "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, "tables", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
    )


def document(told: subprocess.CompletedProcess[str] | Result) -> Any:
    assert len(told.stdout.splitlines()) == 1, told.stdout + told.stderr
    return json.loads(told.stdout)


SKIPPED = shutil.ignore_patterns("__pycache__", "target", "logs")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The parts of the checkout that `tables` reads, to be spoilt."""
    for folder in ("catalog", "lakehouse", "conf", "dbt_project", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=SKIPPED)
    return tmp_path


def test_list() -> None:
    rows = document(here("list", "--output", "json"))
    assert len(rows) == 12
    assert {r["table"]: r for r in rows}["ledger.fx_rates"] == {
        "table": "ledger.fx_rates",
        "grain": "base currency, quote currency and day",
        "key": ["base_currency_code", "quote_currency_code", "rate_on"],
        "columns": 5,
        "owner": "payments-platform",
        "topic": "ledger.public.fx_rates",
        "bronze": "bronze.ledger__fx_rates",
        "staging": "silver.stg_ledger__fx_rates",
    }
    assert [r["table"] for r in document(here("list", "--source", "events", "--output", "json"))] == [
        "events.checkout",
        "events.webhook",
    ]
    assert "ledger.payments" in here("list").stdout


def test_show() -> None:
    told = document(here("show", "payments", "--output", "json"))
    assert told["quarantine"] == "ops.ledger__payments__quarantine"
    assert told["freshness"] == {"warn_seconds": 300, "fail_seconds": 3600}
    assert told["columns"][5] == {
        "name": "amount_minor",
        "type": "BIGINT",
        "nullable": False,
        "sensitivity": "internal",
        "values": [],
        "references": None,
        "description": "Amount asked for.",
    }
    assert "amount_minor" in here("show", "payments").stdout


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("spark", "`payment_id` STRING"),
        ("delta", "CREATE TABLE IF NOT EXISTS `bronze`.`ledger__payments`"),
        ("postgres", 'CREATE TABLE IF NOT EXISTS "public"."payments"'),
        ("debezium", '"table.include.list": "public.payments"'),
        ("kafka", '"name": "ledger.public.payments"'),
        ("dbt", "source('ledger', 'payments')"),
        ("trino", "table_location => 'local:///silver/stg_ledger__payments'"),
        ("duckdb", 'CREATE OR REPLACE VIEW "silver"."stg_ledger__payments"'),
        ("docs", "# ledger.payments"),
    ],
)
def test_show_as(target: str, told: str) -> None:
    found = document(here("show", "payments", "--as", target, "--output", "json"))
    assert (found["table"], found["target"]) == ("ledger.payments", target)
    assert told in found["text"]


def test_show_as_something_unknown_is_a_usage_error_that_lists_the_known() -> None:
    told = here("show", "checkout", "--as", "postgres", "--output", "json")
    assert told.exit_code == 2
    assert (
        document(told)["hint"] == "targets of events.checkout: spark, delta, kafka, dbt, trino, duckdb, docs"
    )
    told = here("show", "payments", "--as", "duckbd", "--output", "json")
    assert told.exit_code == 2
    assert "did you mean 'duckdb'?" in document(told)["message"]


def test_check_is_green_on_the_tree() -> None:
    told = here("render", "--check", "--output", "json")
    assert told.exit_code == 0, told.output
    assert document(told) == {"added": [], "changed": [], "removed": [], "unchanged": 42}


def test_check_is_red_after_a_rendered_file_was_touched_and_render_repairs_it(copy: Path) -> None:
    page = "docs/reference/tables/ledger__payments.md"
    with (copy / page).open("a") as file:
        file.write("\nBy hand.\n")
    told = lakehouse("render", "--check", "--output", "json", root=copy)
    assert told.returncode == 3
    assert document(told)["error"] == "DriftError"
    assert document(told)["fields"] == {"added": [], "changed": [page], "removed": []}
    assert page in told.stderr
    assert document(lakehouse("render", "--output", "json", root=copy))["changed"] == [page]
    assert lakehouse("render", "--check", root=copy).returncode == 0


def test_a_table_that_is_not_declared_any_more_leaves_no_file(copy: Path) -> None:
    events = copy / "lakehouse/tables/events.py"
    events.write_text(events.read_text().replace("TABLES = (CHECKOUT, WEBHOOK)", "TABLES = (CHECKOUT,)"))
    removed = document(lakehouse("render", "--output", "json", root=copy))["removed"]
    assert removed == [
        "dbt_project/models/silver/staging/events/stg_events__webhook.sql",
        "docs/reference/tables/events__webhook.md",
    ]
    assert not any((copy / path).exists() for path in removed)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no attribute 'TABLES'"),
        ("TABLES = []", "TABLES of lakehouse/tables/extra.py is not a tuple of Table"),
        ("TABLES = (MERCHANTS,)", "table ledger.merchants is declared twice"),
        ("TABLES = (replace(MERCHANTS, name='Shops'),)", "'Shops' is not lower snake case"),
        ("TABLES = (replace(MERCHANTS, nam='shops'),)", "unexpected keyword argument 'nam'"),
        (
            "TABLES = (replace(PRODUCTS, name='offers', source=replace(LEDGER, name='shop')),)",
            "shop.offers.merchant_id references merchants.merchant_id, but source shop has no table",
        ),
    ],
)
def test_a_wrong_declaration_is_told_to_its_author(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    imports = (
        "from dataclasses import replace\nfrom lakehouse.tables.ledger import LEDGER, MERCHANTS, PRODUCTS\n"
    )
    (tmp_path / "extra.py").write_text(imports + text)
    monkeypatch.setattr(tables, "__path__", [*tables.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "lakehouse.tables.extra", raising=False)
    tables.all.cache_clear()
    try:
        with pytest.raises(ContractError, match=re.escape(told)) as error:
            tables.all()
    finally:
        tables.all.cache_clear()
        sys.modules.pop("lakehouse.tables.extra", None)
    assert error.value.hint
