"""DuckDB on Delta tables: views that follow the folders, errors with the next step, the file for analysts."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest

from lakehouse import context, settings
from lakehouse.errors import ContractError, DataError, UnavailableError, UsageError
from lakehouse.query import as_of, compare, duckdb_engine, engines, named, sync
from lakehouse.settings import Settings

NOT_BY_HAND = ("customers_with_several_disputes", "more_given_back_than_taken")
"""Named queries to which the hand-made tables hold no answer."""


def at(state: Path) -> Settings:
    return settings.load({"paths.state": str(state)}, environ={"LAKEHOUSE_PORTS__TRINO": "1"}).settings


@pytest.fixture(scope="module")
def module_config(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One warehouse for the module: a DuckDB that can read Delta takes half a second to make."""
    return at(tmp_path_factory.mktemp("lake"))


@pytest.fixture
def config(module_config: Settings) -> Settings:
    """The module's warehouse, with no table."""
    shutil.rmtree(module_config.warehouse, ignore_errors=True)
    return module_config


def write(config: Settings, table: str, columns: dict[str, Any], mode: str = "append") -> None:
    folder = config.warehouse.joinpath(*table.split("."))
    deltalake.write_deltalake(
        folder, pa.table(columns), mode=mode, schema_mode="overwrite" if mode == "overwrite" else "merge"
    )


def ask(config: Settings, sql: str) -> list[list[Any]]:
    return engines.run(config, "duckdb", sql).rows


@pytest.fixture(scope="module")
def gold(gold_by_hand: Path) -> Settings:
    """The hand-made gold tables of tests/data/gold."""
    return at(gold_by_hand.parent.parent)


def test_a_query_needs_no_table(config: Settings) -> None:
    result = engines.run(config, "duckdb", "select 1 as one, 'ß' as text")
    assert result.document().keys() == {"engine", "columns", "rows", "seconds", "tables"}
    assert result.columns == [{"name": "one", "type": "integer"}, {"name": "text", "type": "string"}]
    assert result.rows == [[1, "ß"]]


def test_new_rows_columns_and_tables_are_seen_at_once_and_gone_tables_are_gone(config: Settings) -> None:
    write(config, "gold.a", {"n": [1]})
    assert ask(config, "select * from gold.a") == [[1]]
    write(config, "gold.a", {"n": [2], "more": ["x"]})
    assert ask(config, "select * from gold.a order by n") == [[1, None], [2, "x"]]
    write(config, "ops.b", {"n": [3]})
    assert ask(config, "select * from ops.b") == [[3]]
    write(config, "gold.a", {"n": ["now a text"]}, mode="overwrite")
    assert ask(config, "select * from gold.a") == [["now a text"]]
    shutil.rmtree(config.warehouse / "gold" / "a")
    with pytest.raises(UsageError, match=r"unknown table 'gold\.a'"):
        ask(config, "select * from gold.a")


@pytest.mark.parametrize("engine", ["duckdb", "deltalake"])
def test_a_query_opens_no_file_but_those_of_the_warehouse(
    config: Settings, engine: str, tmp_path: Path
) -> None:
    write(config, "gold.a", {"n": [1]})
    (private := tmp_path / "private.csv").write_text("secret\n1\n")
    for file in (private, config.warehouse / ".." / private.relative_to("/")):
        with pytest.raises(UsageError, match="private") as refused:
            engines.run(config, engine, f"select * from read_csv('{file}')")
        assert "disabled" in refused.value.message
    assert engines.run(config, engine, "select n from gold.a").rows == [[1]]


def test_what_has_no_room_in_memory_is_in_the_state_folder_while_it_is_asked(tmp_path: Path) -> None:
    config, spill = at(tmp_path), tmp_path / "run" / "duckdb"
    with context.duckdb(reads_delta=False) as connection:
        connection.execute("SET memory_limit = '60MB'")
        duckdb_engine._fence(config, connection)
        connection.execute("CREATE TABLE t AS SELECT uuid()::varchar AS id FROM range(2000000)")
        assert list(spill.glob("*/duckdb_temp_storage*"))
    assert not list(spill.iterdir())


def test_a_warehouse_may_be_a_link_and_have_any_name(tmp_path: Path) -> None:
    (tmp_path / (name := "it's ours, é")).mkdir()
    (tmp_path / "link").symlink_to(name)
    for state in (name, "link"):
        write(config := at(tmp_path / state), "gold.a", {"n": [1]}, mode="overwrite")
        assert ask(config, "select n from gold.a") == [[1]]
        versions = as_of.resolve(config, "select n from gold.a", "0")
        assert engines.run(config, "duckdb", "select n from gold.a", versions=versions).rows == [[1]]


def test_a_table_whose_first_commit_is_being_written_is_in_nobodys_way(config: Settings) -> None:
    write(config, "gold.a", {"n": [1]})
    (config.warehouse / "gold" / "unborn" / "_delta_log").mkdir(parents=True)
    assert ask(config, "select * from gold.a") == [[1]]
    write(config, "gold.unborn", {"n": [2]})
    assert ask(config, "select * from gold.unborn") == [[2]]


def test_measures_may_be_named_in_any_query(gold: Settings) -> None:
    asked = "select currency_code, metric(captured_count) as n from gold.fct_payments group by 1 order by 1"
    counted = (
        "select currency_code, count(*) as n from gold.fct_payments where is_captured group by 1 order by 1"
    )
    found = [row for row in ask(gold, asked) if row[1]]
    assert found
    assert found == ask(gold, counted)
    with pytest.raises(ContractError, match="capture_count"):
        ask(gold, "select metric(capture_count) from gold.fct_payments")


def test_no_rows_still_have_columns(config: Settings) -> None:
    write(config, "gold.a", {"n": pa.array([], pa.int64()), "at": pa.array([], pa.timestamp("us", "UTC"))})
    result = engines.run(config, "duckdb", "select * from gold.a")
    assert (result.rows, [c["type"] for c in result.columns]) == ([], ["integer", "timestamp"])


@pytest.mark.parametrize(
    ("limit", "rows", "truncated"), [(0, 0, True), (2, 2, True), (3, 3, False), (None, 3, False)]
)
def test_a_limit_says_whether_there_is_more(
    config: Settings, limit: int | None, rows: int, truncated: bool
) -> None:
    result = engines.run(config, "duckdb", "values (1), (2), (3)", limit=limit)
    assert (len(result.rows), result.truncated) == (rows, truncated)


def test_sql_that_does_not_parse_is_placed(config: Settings) -> None:
    with pytest.raises(UsageError, match="syntax error") as error:
        ask(config, "select 1\n  fro x y z")
    assert (error.value.fields["line"], error.value.fields["column"]) == (2, 7)


def test_an_unknown_column_is_placed(config: Settings) -> None:
    write(config, "gold.a", {"n": [1]})
    with pytest.raises(UsageError, match="nope") as error:
        ask(config, "select nope from gold.a")
    assert (error.value.fields["line"], error.value.fields["column"]) == (1, 8)


@pytest.mark.parametrize("name", ["gold.payment", "payments", "gld.payments"])
def test_an_unknown_table_is_told_with_the_closest(config: Settings, name: str) -> None:
    write(config, "gold.payments", {"n": [1]})
    with pytest.raises(UsageError, match=r"did you mean 'gold\.payments'\?") as error:
        ask(config, f"select * from {name}")
    assert error.value.fields["table"] == name


def test_without_any_table_the_hint_is_to_make_them(config: Settings) -> None:
    with pytest.raises(UsageError, match="no tables") as error:
        ask(config, "select * from gold.fct_payments")
    assert "lakehouse demo" in str(error.value.hint)


def test_what_fails_on_the_data_is_a_data_error(config: Settings) -> None:
    write(config, "gold.a", {"text": ["x"]})
    with pytest.raises(DataError, match="'x'"):
        ask(config, "select cast(text as integer) from gold.a")


def test_an_unknown_engine_is_told_with_the_closest(config: Settings) -> None:
    with pytest.raises(UsageError, match=r"did you mean 'duckdb'\?"):
        engines.run(config, "dukdb", "select 1")


def test_a_trino_that_is_not_up_is_unavailable(config: Settings) -> None:
    with pytest.raises(UnavailableError, match="Trino on port 1 did not answer") as error:
        engines.run(config, "trino", "select 1")
    assert "lakehouse up --only trino" in str(error.value.hint)


def test_the_file_has_a_view_for_each_table_and_follows_new_rows(config: Settings) -> None:
    write(config, "gold.a", {"n": [1]})
    report = sync.sync(config)
    assert (report.views, report.trino, report.duckdb) == (1, False, config.state / "lakehouse.duckdb")
    with context.duckdb(report.duckdb) as reader:
        assert reader.execute(
            "select schema_name from duckdb_schemas() where not internal and schema_name <> 'main'"
        ).fetchall() == [(s,) for s in ("bronze", "gold", "ops", "silver")]
        write(config, "gold.a", {"n": [2]})
        assert reader.execute("select sum(n) from gold.a").fetchall() == [(3,)]


def test_readers_never_block_the_next_file(config: Settings) -> None:
    import subprocess

    write(config, "gold.a", {"n": [1]})
    file = sync.sync(config).duckdb
    code = (
        "import sys; from pathlib import Path; from lakehouse import context\n"
        f"c = context.duckdb(Path({str(file)!r})); print(c.execute('from gold.a').fetchall(), flush=True)\n"
        "sys.stdin.readline(); print(c.execute('from gold.a').fetchall(), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=settings.ROOT,
    ) as reader:
        assert reader.stdout and reader.stdin
        assert reader.stdout.readline() == "[(1,)]\n"
        write(config, "gold.b", {"n": [2]})
        assert sync.sync(config).views == 2
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "[(1,)]\n", "who has the old file open keeps it"
    with context.duckdb(file) as later:
        assert later.execute("from gold.b").fetchall() == [(2,)]


def test_what_a_crashed_sync_left_is_cleared(config: Settings) -> None:
    config.state.mkdir(exist_ok=True)
    (config.state / "lakehouse.duckdb.123.partial").write_text("half a file")
    sync.sync(config)
    assert [p.name for p in config.state.glob("lakehouse.duckdb*")] == ["lakehouse.duckdb"]


@pytest.mark.parametrize("query", named.all(), ids=lambda q: q.name)
def test_a_named_query_has_one_row_per_grain_and_an_order_without_ties(
    gold: Settings, query: named.Query
) -> None:
    result = engines.run(gold, "duckdb", query.sql)
    assert bool(result.rows) == (query.name not in NOT_BY_HAND), "the hand-made tables hold something for it"
    assert compare.differences([result, result], query.grain) == []
    assert not [c for c in result.columns if c["type"] == "double" and "minor" in c["name"]], (
        "no float is money"
    )
    assert "order by" in query.sql


def test_revenue_by_currency_counts_captured_money_only(gold: Settings) -> None:
    assert ask(gold, named.get("revenue_by_currency").sql) == [
        ["EUR", 4049, 90, 1499, 0, 2460, 3],
        ["JPY", 125001, 90, 0, 120000, 4911, 3],
        ["KWD", 370368, 90, 1, 0, 370277, 3],
        ["USD", 9007199254740993, 30, 0, 0, 9007199254740963, 1],
    ]


def test_top_merchants_ranks_within_a_currency(gold: Settings) -> None:
    places = [row[:3] for row in ask(gold, named.get("top_merchants").sql) if row[0] == "KWD"]
    assert places == [["KWD", 1, "mer_3"], ["KWD", 2, "mer_4"]]


def test_dispute_rate_is_by_the_month_of_capture(gold: Settings) -> None:
    assert ask(gold, named.get("dispute_rate_by_month").sql) == [
        [2026, 1, 1, 0, 0, 0.0, 0.0],
        [2026, 2, 9, 2, 1, 2 / 9, 1 / 9],
    ]


def test_versions_are_those_of_the_tables_that_a_query_names(gold: Settings) -> None:
    assert as_of.newest(gold, named.get("dispute_rate_by_month").sql) == {
        "gold.dim_dates": 0,
        "gold.fct_payments": 0,
    }


@pytest.mark.parametrize("names", [(), ("duckdb",), ("duckdb", "duckdb")])
def test_a_comparison_needs_two_engines(config: Settings, names: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="two engines"):
        compare.compare(config, "revenue_by_currency", names)
