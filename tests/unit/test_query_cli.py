"""``lakehouse query`` as another program calls it, with every service stopped."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from lakehouse.cli.app import app


def query(*arguments: str, **options: Any) -> Result:
    """``lakehouse query ...`` in this process."""
    return CliRunner().invoke(app, ["query", *arguments], **options)


def test_run_prints_exactly_one_document() -> None:
    told = query("run", "select 9007199254740993 as n, 1.50 as d, 'nan'::double as x", "--output", "json")
    document = json.loads(told.stdout)
    assert list(document) == ["engine", "columns", "rows", "seconds", "tables"]
    assert document["rows"] == [[9007199254740993, "1.50", "NaN"]]
    assert [c["type"] for c in document["columns"]] == ["integer", "decimal", "double"]
    assert told.exit_code == 0


def test_text_never_folds_an_amount_nor_takes_data_for_markup() -> None:
    columns = ", ".join(f"90071992547409{n} as a_rather_long_name_of_a_column_{n}" for n in range(10, 20))
    told = query("run", f"select '[bold]x[/nope]' as text, {columns}")
    assert told.exit_code == 0, told.stderr
    line = next(line for line in told.stdout.splitlines() if "[bold]x[/nope]" in line)
    assert all(f"90071992547409{n}" in line for n in range(10, 20))


def test_sql_comes_from_stdin_and_rows_go_to_a_csv_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    told = query("run", "-", "--csv", str(file), input="select 'a,\"b\"' as text, null as nothing, 1 as n")
    assert (told.exit_code, told.stdout) == (0, "")
    with file.open(newline="") as handle:
        assert list(csv.reader(handle)) == [["text", "nothing", "n"], ['a,"b"', "", "1"]]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "select 1 +"], 2, "duckdb does not take this SQL"),
        (["run", "drop table gold.fct_payments"], 2, "refused DROP"),
        (["run", "select * from gold.nowhere"], 2, "unknown table 'gold.nowhere'"),
        (["run", "--engine", "trio", "select 1"], 2, "did you mean 'trino'?"),
        (["run", "--name", "revenue_by_curency"], 2, "did you mean 'revenue_by_currency'?"),
        (["run"], 2, "either SQL or --name"),
        (["compare"], 2, "--all"),
        (["compare", "revenue_by_currency", "--engines", "duckdb"], 2, "two engines"),
    ],
)
def test_what_cannot_be_done_is_one_document_with_the_next_step(
    arguments: list[str], code: int, said: str
) -> None:
    told = query(*arguments, "--output", "json")
    document = json.loads(told.stdout)
    assert (told.exit_code, said in document["message"]) == (code, True), document
    assert document["hint"]


def test_list_names_each_query_with_its_grain() -> None:
    found = {row["name"]: row for row in json.loads(query("list", "--output", "json").stdout)}
    assert found["revenue_by_currency"]["grain"] == ["currency_code"]
    assert all(row["question"] and row["owner"] for row in found.values())


def test_a_trino_that_is_not_up_is_exit_code_four(cli: Any, tmp_path: Path) -> None:
    env = {**os.environ, "LAKEHOUSE_PATHS__STATE": str(tmp_path), "LAKEHOUSE_PORTS__TRINO": "1"}
    told = cli("query", "run", "--engine", "trino", "select 1", "--output", "json", env=env)
    assert told.returncode == 4, told.stderr
    assert "Trino on port 1 did not answer" in json.loads(told.stdout)["message"]
    assert "lakehouse up --only trino" in json.loads(told.stdout)["hint"]


def test_days_do_not_depend_on_the_time_zone_of_the_machine(cli: Any) -> None:
    env = {**os.environ, "TZ": "America/New_York"}
    sql = "select cast(timestamptz '2026-07-01 02:00:00Z' as date) as day"
    told = cli("query", "run", sql, "--output", "json", env=env)
    assert json.loads(told.stdout)["rows"] == [["2026-07-01"]]


@pytest.mark.parametrize("moment", ["", "0", "yesterday"])
def test_as_of_is_never_passed_over(moment: str) -> None:
    told = query("run", "select 1 as n", "--as-of", moment)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "names no table" in told.stderr
