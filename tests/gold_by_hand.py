"""Gold without a build: a few facts by hand (``data/gold``), the other columns null, and cubes that DuckDB sums up."""

from __future__ import annotations

from pathlib import Path

import deltalake
import jinja2
import yaml

from lakehouse import context, metrics
from lakehouse.render import cubes
from lakehouse.settings import ROOT

BY_HAND = Path(__file__).parent / "data" / "gold"
MODELS = ROOT / "dbt_project" / "models" / "gold"
FIRST = ("fct_payments", "dim_dates")
"""Those that others are made from."""
OF_FACTS = ("fct_sessions",)
"""Facts made from other facts alone: their own SQL makes them here."""


def contracts() -> dict[str, dict[str, str]]:
    """Column to type, for each table of gold."""
    models = [m for f in MODELS.rglob("*__models.yml") for m in yaml.safe_load(f.read_text())["models"]]
    return {m["name"]: {c["name"]: c["data_type"] for c in m["columns"]} for m in models if "columns" in m}


def sql_of(text: str) -> str:
    """The SQL of a model, as dbt would compile it to build it anew, for a schema without a name."""
    macros = "".join((ROOT / "dbt_project" / "macros" / f"{m}.sql").read_text() for m in ("news", "touched"))
    known = {"ref": str, "config": lambda **_: "", "reporting_currency": lambda: "EUR"}
    anew = {"execute": False, "is_incremental": lambda: False, "nothing_new": str, "a_part": str}
    return jinja2.Environment(extensions=["jinja2.ext.do"]).from_string(macros + text).render(known | anew)


def write(folder: Path) -> None:
    """Write every table of gold as a Delta table below ``folder``. Its SQL is what the cubes are made from in Spark."""
    connection = context.duckdb(reads_delta=False)
    catalog, wanted, made = metrics.current(), contracts(), set()

    def make(name: str, sql: str) -> None:
        made.add(name)
        connection.execute(f"create temp table made as {sql}")
        have = {row[0] for row in connection.execute("describe made").fetchall()}
        columns = ", ".join(
            f"cast({column if column in have else 'null'} as {_type(type_)}) as {column}"
            for column, type_ in wanted[name].items()
        )
        assert have <= wanted[name].keys(), f"{name} has no {have - wanted[name].keys()}"
        connection.execute(f"create table {name} as select {columns} from made")
        connection.execute("drop table made")
        deltalake.write_deltalake(folder / name, connection.table(name).to_arrow_table())

    by_hand = {file.stem: file for file in sorted(BY_HAND.glob("*.sql"))}
    for name in (*FIRST, *(n for n in by_hand if n not in FIRST)):
        make(name, by_hand[name].read_text())
    for file in MODELS.rglob("int_*.sql"):
        connection.execute(f"create view {file.stem} as {sql_of(file.read_text())}")
    for name in OF_FACTS:
        make(name, sql_of(next(MODELS.rglob(f"{name}.sql")).read_text()))
    for name, cube in catalog.cubes.items():
        make(name, sql_of(cubes.model(catalog, cube)))
    for name in sorted(wanted.keys() - made):
        make(name, f"select null as {next(iter(wanted[name]))} where 1 = 0")


def _type(type_: str) -> str:
    return "timestamp with time zone" if type_ == "timestamp" else {"string": "varchar"}.get(type_, type_)
