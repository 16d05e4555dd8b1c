"""Measures are defined once: what a definition must be, what is made from it, and that nobody defines one elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp

from lakehouse import metrics, tables
from lakehouse.errors import ContractError
from lakehouse.metrics import Catalog
from lakehouse.query import named
from lakehouse.render import files
from lakehouse.settings import ROOT
from tests.gold_by_hand import sql_of

CATALOG = metrics.current()
Document = dict[str, Any]


def changed(tmp_path: Path, change: Callable[[Document], object]) -> Catalog:
    """The catalog of the checkout with one thing changed in its file."""
    document = yaml.safe_load(metrics.FILE.read_text())
    change(document)
    file = tmp_path / "metrics.yml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return metrics.read(file)


def test_a_ratio_is_divided_from_its_parts() -> None:
    assert CATALOG.sql("revenue_minor") == "sum(captured_minor)"
    assert CATALOG.total("revenue_minor") == "sum(revenue_minor)"
    one, other = CATALOG.sql("refunded_count"), CATALOG.sql("captured_count")
    assert CATALOG.sql("refund_rate") == f"cast({one} as double) / cast(nullif({other}, 0) as double)"
    assert CATALOG.total("refund_rate") == (
        "cast(sum(refunded_count) as double) / cast(nullif(sum(captured_count), 0) as double)"
    )


def test_what_is_not_additive_is_not_summed() -> None:
    with pytest.raises(ContractError, match="customer_count is not additive"):
        CATALOG.expanded("select total(customer_count) as customer_count from gold.agg_hourly_payments")
    assert CATALOG.total("net_reporting_minor") == (
        "case when count(*) = count(net_reporting_minor) then sum(net_reporting_minor) end"
    ), "a part must not pass for the whole"


@pytest.mark.parametrize("how", ["metric", "total"])
def test_an_average_of_money_is_left_to_the_cubes(how: str) -> None:
    with pytest.raises(ContractError, match="not exact on every engine"):
        CATALOG.expanded(f"select {how}(average_basket_minor) as average_basket_minor from gold.f")


def test_an_unknown_metric_is_told_with_the_closest() -> None:
    with pytest.raises(ContractError, match=r"unknown metric 'revenue', did you mean 'revenue_minor'\?"):
        CATALOG.expanded("select metric(revenue) as revenue_minor from gold.fct_payments")


def of(metric: str, **values: object) -> Callable[[Document], object]:
    return lambda document: document["metrics"][metric].update(values)


def cube(name: str, **values: object) -> Callable[[Document], object]:
    return lambda document: document["cubes"][name].update(values)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (of("refund_rate", per=["refunded_count", "customers"]), "refund_rate: unknown 'customers'"),
        (of("refund_rate", per=["dispute_rate", "captured_count"]), "dispute_rate is divided itself"),
        (of("refund_rate", per=["completed_count", "captured_count"]), "completed_count is divided itself, or of other"),
        (of("refund_rate", additive="all"), "its values may not be summed"),
        (of("refund_rate", expression="sum(x)"), "either an expression or per"),
        (of("revenue_minor", unit="count"), "another unit than count"),
        (of("revenue_minor", additive=["weather"]), "unknown dimensions: weather"),
        (of("revenue_minor", ownr="x"), "ownr"),
        (of("revenue_minor", facts=["payment"]), "did you mean 'payments'"),
        (cube("agg_daily_funnel", metrics=["session_count", "fee_minor"]), "fee_minor is not measured over sessions"),
        (cube("agg_hourly_payments", by=["channel"]), "amounts need by"),
        (cube("agg_periodic_payments", metrics=["customer_count"]), "customer_count is not additive"),
        (cube("agg_daily_funnel", metrics=["session_conversion_rate"]), "summed up without completed_count, session_count"),
        (cube("agg_product_performance", periods=["fortnight"]), "agg_product_performance"),
        (cube("agg_periodic_payments", periods=["month", "week"]), "the first must be day"),
    ],
)  # fmt: skip
def test_a_definition_that_is_wrong_is_named(
    tmp_path: Path, change: Callable[[Document], object], told: str
) -> None:
    with pytest.raises(ContractError, match=told):
        changed(tmp_path, change)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="is not there"):
        metrics.read(tmp_path / "metrics.yml")
    (tmp_path / "metrics.yml").write_text("metrics: [")
    with pytest.raises(ContractError, match="is no YAML"):
        metrics.read(tmp_path / "metrics.yml")


def test_a_metric_changed_in_its_file_changes_everywhere(tmp_path: Path) -> None:
    """Refunds are now to count only when all was given back: tables, page and named queries say so, by themselves."""
    other = "sum(case when refunded_minor >= captured_minor then 1 else 0 end)"
    catalog = changed(tmp_path, of("refunded_count", expression=other))
    before, after = files.of_metrics(CATALOG), files.of_metrics(catalog)
    differing = {Path(path).name for path in before if before[path] != after[path]}
    shown_by = {
        f"{c.name}.sql" for c in CATALOG.cubes.values() if {"refunded_count", "refund_rate"} & set(c.metrics)
    }
    assert differing == shown_by | {"_cubes__models.yml", "cubes_equal_their_facts.sql", "metrics.md"}
    assert all(other in " ".join(after[p].split()) for p in after if Path(p).name in differing)

    queries = {f.stem: f.read_text() for f in named.LIBRARY.glob("*.sql")}
    measuring = {
        name
        for name, sql in queries.items()
        if "metric(refunded_count)" in sql or "metric(refund_rate)" in sql
    }
    assert measuring
    for name in measuring:
        assert other in named.parse(name, queries[name], catalog).sql
        assert other not in named.parse(name, queries[name], CATALOG).sql


@pytest.mark.parametrize("cube", metrics.current().cubes.values(), ids=lambda c: c.name)
def test_facts_keep_what_tells_the_parts_of_a_cube(cube: metrics.Cube) -> None:
    """What a build replaced in a fact is known by these columns alone."""
    for table, rows in metrics.current().facts[cube.fact].tables.items():
        (model,) = (ROOT / "dbt_project" / "models" / "gold").rglob(f"{table}.sql")
        kept = re.search(r"'ordered_by': '(\w+)'(?:, 'summed_by': \[(.*?)\])?", model.read_text())
        assert kept, f"{table} says no ordered_by"
        told = (rows.where, rows.time if cube.periods else cube.by[0])
        asked = {c.name for sql in told for c in sqlglot.parse_one(sql).find_all(exp.Column)}
        assert asked <= {kept[1], *re.findall(r"\w+", kept[2] or "")}, table


def test_movements_are_the_rows_at_the_times_that_the_catalog_says() -> None:
    """Each is said twice: by the model, and for a build that asks which days it touched."""
    model = ROOT / "dbt_project" / "models" / "gold" / "payments" / "int_movements.sql"
    branches = list(sqlglot.parse_one(sql_of(model.read_text()), dialect="spark").find_all(exp.Select))
    told = metrics.current().facts["movements"].of
    assert len(branches) == len(told)
    for branch in branches:
        rows = told[branch.find(exp.Table).name]
        times = [sqlglot.parse_one(sql, dialect="spark") for sql in (rows.time, f"cast({rows.time} as date)")]
        assert branch.expressions[2].unalias() in times
        assert branch.args["where"].this == sqlglot.parse_one(rows.where, dialect="spark")


def test_the_committed_models_are_as_defined() -> None:
    rendered = files.rendered(tables.all(), CATALOG)
    assert files.of_metrics(CATALOG).items() <= rendered.items()


def by_hand(sql: str) -> list[str]:
    """What a query calls by the name of a metric, and computes itself."""
    found = []
    for alias in sqlglot.parse_one(sql, dialect="duckdb").find_all(exp.Alias):
        asked = alias.this
        if alias.alias not in CATALOG.metrics or isinstance(asked, exp.Column):
            continue
        if not (isinstance(asked, exp.Anonymous) and asked.name in ("metric", "total") and len(asked.expressions) == 1
                and asked.expressions[0].name == alias.alias):  # fmt: skip
            found.append(alias.sql())
    return found


@pytest.mark.parametrize("file", sorted(named.LIBRARY.glob("*.sql")), ids=lambda f: f.stem)
def test_a_named_query_computes_no_measure_by_hand(file: Path) -> None:
    assert by_hand(file.read_text()) == []


def test_a_measure_computed_by_hand_is_noticed() -> None:
    assert by_hand("select sum(x) as revenue_minor from f group by currency_code")
    assert by_hand("select metric(fee_minor) as revenue_minor from f group by currency_code")
    assert not by_hand("select metric(fee_minor) as fee_minor, revenue_minor from f group by currency_code")
