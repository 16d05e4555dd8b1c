"""What an engine must do, asked of all alike; then what holds between them: registry and comparison."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lakehouse import context, metrics
from lakehouse.errors import DataError, UsageError
from lakehouse.query import as_of, compare, engines, iceberg, named, sync
from lakehouse.settings import ROOT, Settings

PROBE = """
select * from values
  (1, 9007199254740993, cast(1.50 as decimal(10,2)), double('NaN'), 'Ölß ☃', x'00ff', true,
   date '2026-02-28', timestamp '2026-02-28 23:59:59.999999', array(1, null), named_struct('a', 1, 'b', 'x'),
   map('k', 1)),
  (2, -1, cast(-0.01 as decimal(10,2)), double('Infinity'), '', x'', false,
   date '1970-01-01', timestamp '1969-12-31 23:59:59.001', array(), named_struct('a', null, 'b', null),
   map()),
  (3, null, null, null, null, null, null, null, null, null, null, null)
as t(id, big, dec, dbl, txt, bin, flag, day, at, arr, str, dict)
"""


@pytest.fixture(scope="module")
def lake(stack: Settings, gold_by_hand: Path) -> Iterator[Settings]:
    """The stack, with ``gold.query_probe`` and ``gold.query_empty``, and gold by hand where there is none."""
    write(stack, "gold.query_probe", PROBE)
    write(stack, "gold.query_empty", "select cast(1 as bigint) as n, current_timestamp() as at where 1 = 0")
    made = []
    for table in sorted(gold_by_hand.iterdir()):
        if not (stack.warehouse / "gold" / table.name).exists():
            rows = context.spark(stack).read.format("delta").load(str(table))
            rows.write.format("delta").save(str(stack.warehouse / "gold" / table.name))
            made.append(f"gold.{table.name}")
    context.register_tables(stack)
    yield stack
    for table in ["gold.query_probe", "gold.query_empty", *made]:
        drop(stack, table)
    sync.sync(stack)


def write(config: Settings, table: str, sql: str) -> None:
    """Make or replace a Delta table."""
    folder = config.warehouse.joinpath(*table.split("."))
    context.spark(config).sql(
        f"CREATE OR REPLACE TABLE {table} USING delta LOCATION '{folder}' "
        f"TBLPROPERTIES ('delta.enableDeletionVectors' = 'false') AS {sql}"
    )


def drop(config: Settings, table: str) -> None:
    context.spark(config).sql(f"DROP TABLE IF EXISTS {table}")
    shutil.rmtree(config.warehouse.joinpath(*table.split(".")))


def ask(config: Settings, engine: str, sql: str) -> list[list[Any]]:
    return engines.run(config, engine, sql).rows


@pytest.mark.parametrize("engine", engines.NAMES)
class TestEngine:
    """The behaviour of every engine."""

    def test_values_of_every_type_come_in_one_form(self, lake: Settings, engine: str) -> None:
        result = engines.run(lake, engine, "select * from gold.query_probe order by id")
        assert [c["type"] for c in result.columns] == [
            "integer", "integer", "decimal", "double", "string", "binary", "boolean", "date", "timestamp",
            "array", "struct", "map",
        ]  # fmt: skip
        at = "2026-03-01T00:00:00Z" if engine == "trino" else "2026-02-28T23:59:59.999999Z"
        first, second, third = result.rows
        assert first[:8] == [1, 9007199254740993, "1.50", "NaN", "Ölß ☃", "AP8=", True, "2026-02-28"]
        assert first[8:] == [at, [1, None], {"a": 1, "b": "x"}, {"k": 1}]
        assert second[:8] == [2, -1, "-0.01", "Infinity", "", "", False, "1970-01-01"]
        assert second[8:] == ["1969-12-31T23:59:59.001000Z", [], {"a": None, "b": None}, {}]
        assert third == [3, *[None] * 11]
        json.dumps(result.document(), allow_nan=False)

    def test_no_rows_still_have_columns(self, lake: Settings, engine: str) -> None:
        result = engines.run(lake, engine, "select * from gold.query_empty")
        assert (result.rows, [c["type"] for c in result.columns]) == ([], ["integer", "timestamp"])

    def test_a_limit_says_whether_there_is_more(self, lake: Settings, engine: str) -> None:
        sql = "select id from gold.query_probe order by id desc"
        cut, whole = engines.run(lake, engine, sql, limit=2), engines.run(lake, engine, sql, limit=3)
        assert (cut.rows, cut.truncated) == ([[3], [2]], True)
        assert (len(whole.rows), whole.truncated) == (3, False)

    def test_nulls_are_last_where_the_query_says_so(self, lake: Settings, engine: str) -> None:
        assert ask(lake, engine, "select id from gold.query_probe order by big nulls last") == [[2], [1], [3]]

    def test_new_rows_columns_and_tables_are_seen_by_the_next_query(
        self, lake: Settings, engine: str
    ) -> None:
        table = f"gold.query_fresh_{engine}"
        write(lake, table, "select 1 as n")
        try:
            assert ask(lake, engine, f"select * from {table}") == [[1]], "a table made a moment ago"
            context.spark(lake).sql(f"INSERT INTO {table} VALUES (2)")
            assert ask(lake, engine, f"select n from {table} order by n") == [[1], [2]]
            context.spark(lake).sql(f"DELETE FROM {table} WHERE n = 1")
            assert ask(lake, engine, f"select n from {table} order by n") == [[2]]
            write(lake, table, "select 'x' as text, 3 as n")
            assert ask(lake, engine, f"select * from {table}") == [["x", 3]]
        finally:
            drop(lake, table)

    @pytest.mark.parametrize(
        "sql", ["select 1 +", "select 1 from (", "select id id2 id3 from gold.query_probe"]
    )
    def test_sql_that_does_not_parse_is_refused(self, lake: Settings, engine: str, sql: str) -> None:
        with pytest.raises(UsageError, match=f"{engine} does not take this SQL"):
            ask(lake, engine, sql)

    def test_an_unknown_column_is_placed(self, lake: Settings, engine: str) -> None:
        with pytest.raises(UsageError, match="nope") as error:
            ask(lake, engine, "select id,\n  nope from gold.query_probe")
        assert (error.value.fields["line"], error.value.fields["column"]) == (2, 3)

    @pytest.mark.parametrize("name", ["gold.query_prob", "query_probe", "golld.query_probe"])
    def test_an_unknown_table_is_told_with_the_closest(self, lake: Settings, engine: str, name: str) -> None:
        with pytest.raises(UsageError, match=r"did you mean 'gold\.query_probe'\?") as error:
            ask(lake, engine, f"select * from {name}")
        assert error.value.fields["table"] == name

    def test_what_fails_on_the_data_is_a_data_error(self, lake: Settings, engine: str) -> None:
        with pytest.raises(DataError, match=engine):
            ask(lake, engine, "select cast(txt as integer) from gold.query_probe where id = 1")

    def test_a_statement_that_writes_changes_nothing(self, lake: Settings, engine: str) -> None:
        for sql in (
            "drop table gold.query_probe",
            "delete from gold.query_probe",
            "with t as (select 1) insert into gold.query_empty select * from t",
        ):
            with pytest.raises(UsageError, match="refused"):
                ask(lake, engine, sql)
        assert ask(lake, engine, "select count(*) from gold.query_probe") == [[3]]

    def test_comments_and_a_final_semicolon_are_no_matter(self, lake: Settings, engine: str) -> None:
        assert ask(lake, engine, "-- who\nselect /* what */ 1 as one; -- why") == [[1]]


@pytest.mark.parametrize("name", [q.name for q in named.all()])
def test_all_engines_answer_a_named_query_alike(lake: Settings, name: str) -> None:
    found = compare.compare(lake, name)
    assert (found.equal, found.differences) == (True, [])
    assert set(found.engines) == set(engines.NAMES)
    assert found.tables, "it says which versions it read"


@pytest.fixture
def misled(lake: Settings) -> Iterator[Settings]:
    """Trino's ``gold.fct_payments`` is another folder, with one minor unit more in each captured payment."""
    other = lake.warehouse / "ops" / "query_misled"
    payments = context.spark(lake).table("gold.fct_payments").drop("captured_minor")
    dearer = context.spark(lake).sql(
        "select payment_id, captured_minor + case when is_captured then 1 else 0 end as captured_minor "
        "from gold.fct_payments"
    )
    payments.join(dearer, "payment_id").write.format("delta").save(str(other))
    point_trino_at(lake, "local:///ops/query_misled")
    yield lake
    point_trino_at(lake, "local:///gold/fct_payments")
    shutil.rmtree(other)
    sync.sync(lake)


def test_an_engine_that_reads_other_data_is_found_out_cell_by_cell(misled: Settings, cli: Any) -> None:
    counts = dict(
        ask(
            misled,
            "duckdb",
            "select currency_code, count(*) from gold.fct_payments where is_captured group by 1",
        )
    )
    assert counts, "there are captured payments to mislead about"
    assert compare.compare(misled, "revenue_by_currency", ("duckdb", "spark")).equal
    found = compare.compare(misled, "revenue_by_currency")
    assert not found.equal
    assert {(d.kind, d.key["currency_code"], d.column) for d in found.differences} == {
        ("cell", currency, column) for currency in counts for column in ("revenue_minor", "net_minor")
    }
    for difference in found.differences:
        assert difference.values["duckdb"] == difference.values["spark"]
        assert (
            difference.values["trino"] - difference.values["duckdb"]
            == counts[difference.key["currency_code"]]
        )

    told = cli("query", "compare", "revenue_by_currency", "--engines", "duckdb,trino", "--output", "json")
    assert told.returncode == 3, told.stderr
    document = json.loads(told.stdout)
    assert document["equal"] is False
    assert {d["column"] for d in document["differences"]} == {"revenue_minor", "net_minor"}
    assert cli("query", "compare", "refunds_by_reason", "--engines", "duckdb,trino").returncode == 0


def test_sync_registers_what_is_new_and_forgets_what_is_gone(lake: Settings) -> None:
    write(lake, "gold.query_new", "select 1 as n")
    report = sync.sync(lake)
    assert (report.trino, report.failed) == (True, {})
    assert "gold.query_new" in report.registered
    assert sync.sync(lake).registered == [], "a second call has nothing to do"
    drop(lake, "gold.query_new")
    assert sync.sync(lake).unregistered == ["gold.query_new"]
    with pytest.raises(UsageError, match="unknown table"):
        ask(lake, "trino", "select * from gold.query_new")


def test_sync_makes_trino_forget_a_folder_that_was_deleted_and_written_anew(lake: Settings) -> None:
    write(lake, "gold.query_anew", "select 1 as n")
    try:
        assert ask(lake, "trino", "select n from gold.query_anew") == [[1]]
        drop(lake, "gold.query_anew")
        write(lake, "gold.query_anew", "select 2 as n")
        sync.sync(lake)
        assert ask(lake, "trino", "select n from gold.query_anew") == [[2]]
    finally:
        drop(lake, "gold.query_anew")


def test_the_command_prints_one_document(lake: Settings, cli: Any, tmp_path: Path) -> None:
    told = cli("query", "run", "--engine", "trino", "--name", "revenue_by_currency", "--output", "json")
    assert told.returncode == 0, told.stderr
    assert set(json.loads(told.stdout)) == {"engine", "columns", "rows", "seconds", "tables"}
    unknown = cli("query", "run", "--engine", "trino", "select * from gold.fct_paymets", "--output", "json")
    assert unknown.returncode == 2
    assert "gold.fct_payments" in json.loads(unknown.stdout)["message"]


def blocks(language: str) -> list[str]:
    """The code of one language in the how-to."""
    text = (ROOT / "docs" / "how-to" / "query-the-tables.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_how_to_is_true(lake: Settings, cli: Any, tmp_path: Path) -> None:
    sync.sync(lake)
    for line in "".join(blocks("sh")).splitlines():
        command = shlex.split(line.replace("failures.csv", str(tmp_path / "failures.csv")))
        if command[2] != "compare":  # tried above, on an engine that is misled
            told = cli(*command[1:])
            too_young = "--as-of" in command and "has no version" in told.stderr
            assert told.returncode == (2 if too_young else 0), (line, told.stderr)
    assert (tmp_path / "failures.csv").read_text().startswith("failure_code,")
    made = ("connection", "rows", "captured", "frame")  # by DuckDB, Trino, pyiceberg, in a notebook
    for block, name in zip(blocks("python"), made, strict=True):
        found: dict[str, Any] = {}
        exec(block, found)
        assert found[name] is not None
    (query,) = (named.parse("how_to", block, metrics.current()) for block in blocks("sql"))
    assert [ask(lake, engine, query.sql) for engine in engines.NAMES].count(
        ask(lake, "duckdb", query.sql)
    ) == len(engines.NAMES)


def point_trino_at(config: Settings, uri: str) -> None:
    """Register ``gold.fct_payments`` in Trino with another folder."""
    cursor = context.trino(config).cursor()
    for call in (
        "unregister_table(schema_name => 'gold', table_name => 'fct_payments')",
        f"register_table(schema_name => 'gold', table_name => 'fct_payments', table_location => '{uri}')",
    ):
        cursor.execute(f"CALL lake.system.{call}")
        cursor.fetchall()


def test_every_engine_reads_the_same_past(lake: Settings, cli: Any) -> None:
    for n in (1, 2, 3):
        write(lake, "gold.query_past", f"select {n} as n")
        assert iceberg.publish(lake, ["gold.query_past"]).versions == {"gold.query_past": n - 1}
    try:
        sql = "select n from gold.query_past as p"
        for version, expected in ((0, 1), (1, 2), (2, 3)):
            pinned = as_of.resolve(lake, sql, str(version))
            assert pinned == {"gold.query_past": version}
            told = {e: engines.run(lake, e, sql, versions=pinned) for e in engines.NAMES}
            assert {e: r.rows for e, r in told.items()} == {e: [[expected]] for e in engines.NAMES}
        told = cli("query", "run", sql, "--engine", "trino", "--as-of", "1", "--output", "json")
        document = json.loads(told.stdout)
        assert (document["rows"], document["tables"]) == ([[2]], {"gold.query_past": 1})
        assert cli("query", "run", sql, "--as-of", "3").returncode == 2
    finally:
        drop(lake, "gold.query_past")


def test_the_source_can_be_asked_and_has_no_past(lake: Settings) -> None:
    sql = """
    select 9007199254740993 as n, 1.50::numeric(10, 2) as d, 'ß'::text as t, timestamptz '2026-02-28 23:59:59.999999Z' as at,
        date '2026-02-28' as day, true as flag, array[1, null] as arr, '{"a": 1}'::jsonb as doc, '\\x00ff'::bytea as bin
    """
    result = engines.run(lake, "postgres", sql)
    assert [c["type"] for c in result.columns] == [
        "integer", "decimal", "string", "timestamp", "date", "boolean", "array", "string", "binary",
    ]  # fmt: skip
    assert result.rows[0][:6] == [
        9007199254740993,
        "1.50",
        "ß",
        "2026-02-28T23:59:59.999999Z",
        "2026-02-28",
        True,
    ]
    with pytest.raises(UsageError, match="postgres does not take this SQL"):
        ask(lake, "postgres", "select * from no_such_table")
    with pytest.raises(DataError, match="postgres stopped"):
        ask(lake, "postgres", "select 1 / 0")
    with pytest.raises(UsageError, match="refused DELETE"):
        ask(lake, "postgres", "delete from payments")
    with pytest.raises(UsageError, match="knows no past"):
        engines.run(lake, "postgres", "select 1", versions={"gold.fct_payments": 1})
    with pytest.raises(DataError, match="read-only"):
        ask(lake, "postgres", "select set_config('a.b', 'c', false), lo_create(0)")
