"""What all commands share: one JSON document, exit codes, messages with the next step."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lakehouse.cli import output

ROOT = Path(__file__).resolve().parents[2]


def lakehouse(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    import os

    code = "from lakehouse.cli.app import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        timeout=60,
    )


def document(told: subprocess.CompletedProcess[str]) -> Any:
    assert len(told.stdout.splitlines()) == 1, told.stdout + told.stderr
    return json.loads(told.stdout)


def test_config_show_is_one_document_and_names_origins(tmp_path: Path) -> None:
    env = {"LAKEHOUSE_ENV": "local", "LAKEHOUSE_PORTS__TRINO": "28080"}
    rows = document(lakehouse("config", "show", "--origin", "--output", "json", env=env))
    found = {row["key"]: (row["value"], row["origin"]) for row in rows}
    assert found["ports.trino"] == (28080, "environment")
    assert found["memory.trino"] == (768, "default")


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"LAKEHOUSE_PORTS__TRINOO": "1"}, "did you mean 'ports.trino'?"),
        ({"LAKEHOUSE_PORTS__TRINO": "70000"}, "ports.trino"),
        ({"LAKEHOUSE_PORTS__TRINO": "many"}, "ports.trino"),
        ({"LAKEHOUSE_ENV": "locl"}, "did you mean 'local'?"),
    ],
)
def test_a_wrong_setting_is_named(env: dict[str, str], message: str) -> None:
    told = lakehouse("config", "show", "--output", "json", env=env)
    assert told.returncode == 1
    assert message in document(told)["message"]
    assert document(told)["hint"]


def test_a_table_shows_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_rows(["a [b]"], [["values [abc] gone"], ["[/a]"], [r"\[c]"], [None], [5]], title="of [d]")
    told = capsys.readouterr().out
    assert all(text in told for text in ("of [d]", "a [b]", "values [abc] gone", "[/a]", r" \[c] ", "5"))
    assert "None" not in told


def test_an_unknown_table_is_a_usage_error_with_a_suggestion() -> None:
    told = lakehouse("tables", "show", "paymets", "--output", "json")
    assert told.returncode == 2
    assert "payments" in document(told)["message"]


def test_an_unknown_command_is_a_usage_error() -> None:
    assert lakehouse("tabels", "list").returncode == 2


def test_a_negative_number_of_payments_is_a_usage_error() -> None:
    assert lakehouse("demo", "--payments", "-1").returncode == 2
