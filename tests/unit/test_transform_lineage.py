"""Lineage: what a column's value is made from, as the SQL and the declarations say, and no table that engines do not read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lakehouse import context, metrics, tables
from lakehouse.query import named, statement
from lakehouse.render import cubes
from lakehouse.transform import lineage
from tests.gold_by_hand import contracts, sql_of

KNOWN = {f"gold.{name}": tuple(columns) for name, columns in contracts().items()}


def test_values_are_followed_through_expressions_and_subqueries_and_filters_are_not() -> None:
    known = {"gold.a": ("x", "y", "z"), "gold.b": ("x", "w")}
    sql = """
    with t as (select a.x, case when a.y > 0 then a.y else b.w end as v from gold.a as a join gold.b as b on a.x = b.x)
    select x, sum(v) as total, count(*) as n, 1 as one from t where x <> 'no' group by x
    """
    assert lineage.of_sql(sql, known, "duckdb") == {
        "x": ("gold.a.x",),
        "total": ("gold.a.y", "gold.b.w"),
        "n": (),
        "one": (),
    }


def test_a_column_of_silver_is_that_of_the_source() -> None:
    known = lineage.declared(tables.all())
    assert [c for _, c in lineage.upstream("silver.stg_ledger__payments.amount_minor", known)] == [
        "silver.stg_ledger__payments.amount_minor",
        "bronze.ledger__payments.amount_minor",
        "ledger.public.payments.amount_minor",
    ]
    assert known["silver.hist_ledger__merchants.display_name"] == ("bronze.ledger__merchants.display_name",)
    assert known["silver.stg_ledger__payments._offset"] == ("bronze.ledger__payments._offset",)
    assert known["silver.stg_ledger__payments._is_deleted"] == ()


@pytest.mark.parametrize("cube", metrics.current().cubes.values(), ids=lambda c: c.name)
def test_a_cube_is_made_from_the_columns_that_its_metrics_name(cube: metrics.Cube) -> None:
    catalog = metrics.current()
    relation = catalog.facts[cube.fact].relation
    if relation not in contracts():
        pytest.skip("its fact is a part of the model: followed in Spark's test")
    sql = sql_of(cubes.model(catalog, cube)).replace(f"from {relation}", f"from gold.{relation}")
    found = lineage.of_sql(sql, KNOWN, "spark")
    for name in cube.metrics:
        metric = catalog.metrics[name]
        told = " ".join(str(catalog.metrics[m].expression) for m in metric.per or (name,))
        named_there = {
            f"gold.{relation}.{c}"
            for c in contracts()[relation]
            if c in told.replace("(", " ").replace(")", " ").split()
        }
        assert set(found[name]) == named_there, name


@pytest.mark.parametrize("query", named.all(), ids=lambda q: q.name)
def test_a_named_query_is_made_from_what_duckdb_reads(query: named.Query) -> None:
    """DuckDB's plan says which columns each scan reads: those of the lineage are among them, and no other table is."""
    found = lineage.of_sql(query.sql, KNOWN, "duckdb")
    named_tables = {table for table, _ in statement.tables(query.sql)}
    told = {c for of in found.values() for c in of}
    assert {c.rpartition(".")[0] for c in told} <= named_tables
    assert told, "an answer is made from something"

    connection = context.duckdb(reads_delta=False)
    connection.execute("create schema gold")
    connection.execute(
        "set disabled_optimizers = 'statistics_propagation'"
    )  # which sees that there is no row
    for table in sorted(named_tables):
        name = table.removeprefix("gold.")
        types = {"string": "varchar", "timestamp": "timestamp with time zone"}
        of = ", ".join(f"{c} {types.get(t, t)}" for c, t in contracts()[name].items())
        connection.execute(f"create table {table} ({of})")
    plan = json.loads(connection.execute(f"explain (format json) {query.sql}").fetchall()[0][1])
    read = {f"gold.{scan}.{column}" for scan, column in scanned(plan)}
    assert told <= read


def scanned(nodes: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Table and column of everything that a plan scans."""
    found = set()
    for node in nodes:
        told = node.get("extra_info", {})
        if "Table" in told:
            columns = told.get("Projections") or []
            columns = [columns] if isinstance(columns, str) else columns
            found |= {(told["Table"].rpartition(".")[2], c) for c in columns}
        found |= scanned(node.get("children", []))
    return found
