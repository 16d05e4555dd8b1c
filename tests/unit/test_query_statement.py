"""What is let through to an engine, and what is not."""

from __future__ import annotations

import pytest

from lakehouse.errors import UsageError
from lakehouse.query import statement


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "  SELECT 1",
        "-- who: me\nselect 1",
        "/* why; */ select 1",
        "with a as (select 1) select * from a",
        "(select 1) union (select 2)",
        "values (1), (2)",
        "table gold.fct_payments",
        "from gold.fct_payments select 1",
        "show tables",
        "describe gold.fct_payments",
        "explain analyze select 1",
        "explain (type logical) select 1",
        "select 'drop table x; delete' as \"insert into\" from `update`",
        "select deleted, insert_count from gold.fct_payments",
    ],
)
def test_what_reads_goes_through_unchanged(sql: str) -> None:
    assert statement.reading(sql) == sql.strip()


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("drop table gold.fct_payments", "DROP"),
        ("/* select */ DELETE from gold.fct_payments", "DELETE"),
        ("-- select\ninsert into gold.x values (1)", "INSERT"),
        ("with a as (select 1) insert into gold.x select * from a", "INSERT"),
        ("with a as (select 1)\nmerge into gold.x using a on true when matched then delete", "MERGE"),
        ("from gold.a insert into gold.b select *", "INSERT"),
        ("explain analyze delete from gold.x", "DELETE"),
        ("explain analyze verbose copy (select 1) to 'x'", "COPY"),
        ("call lake.system.unregister_table('gold', 'x')", "CALL"),
        ("optimize gold.x", "OPTIMIZE"),
        ("set spark.x=1", "SET"),
        ("attach 'x' as y", "ATTACH"),
        ("'select'", "'SELECT'"),
    ],
)
def test_what_writes_is_refused_by_name(sql: str, word: str) -> None:
    with pytest.raises(UsageError, match=f"refused {word}") as refused:
        statement.reading(sql)
    assert refused.value.hint


def test_a_misspelt_select_is_recognised_and_a_drop_is_not_taken_for_one() -> None:
    with pytest.raises(UsageError, match=r"did you mean SELECT\?"):
        statement.reading("selct 1")
    with pytest.raises(UsageError) as refused:
        statement.reading("drop table x")
    assert "did you mean" not in refused.value.message


@pytest.mark.parametrize(
    ("sql", "kept"),
    [("select 1;", "select 1"), ("select 1 ; -- done\n;", "select 1"), ("select ';'", "select ';'")],
)
def test_a_final_semicolon_is_dropped(sql: str, kept: str) -> None:
    assert statement.reading(sql) == kept


@pytest.mark.parametrize("sql", ["select 1; drop table x", "select 1; select 2"])
def test_one_statement_at_a_time(sql: str) -> None:
    with pytest.raises(UsageError, match="more than one statement"):
        statement.reading(sql)


@pytest.mark.parametrize("sql", ["", "  \n", "-- nothing", ";"])
def test_nothing_is_said_to_be_nothing(sql: str) -> None:
    with pytest.raises(UsageError, match="no statement"):
        statement.reading(sql)
