"""As of a past moment: which versions a query reads, on readers that need no service, and what is refused."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest

from lakehouse import context, settings
from lakehouse.errors import DataError, UsageError
from lakehouse.query import as_of, compare, engines, named, statement
from lakehouse.query.named import Query
from lakehouse.settings import Settings

SUM = "select sum(n) as n from gold.a"
READERS = ("duckdb", "deltalake")


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    """``gold.a`` with the rows 1, 2 and 3, each a commit of its own; ``gold.b`` with one. Its folder's name needs
    an escape in a URI."""
    ports = {"LAKEHOUSE_PORTS__TRINO": "1"}
    made = settings.load({"paths.state": str(tmp_path / "a lake")}, environ=ports).settings
    for n in (1, 2, 3):
        write(made, "gold.a", n)
    write(made, "gold.b", 10)
    return made


def write(config: Settings, table: str, n: int) -> None:
    deltalake.write_deltalake(context.folder(config, table), pa.table({"n": [n]}), mode="append")


def ask(config: Settings, moment: str, sql: str = SUM) -> dict[str, Any]:
    versions = as_of.resolve(config, sql, moment)
    found = {engine: engines.run(config, engine, sql, versions=versions) for engine in READERS}
    assert {e: r.tables for e, r in found.items()} == dict.fromkeys(READERS, versions)
    return {engine: r.rows[0][0] for engine, r in found.items()}


def committed(config: Settings, version: int) -> datetime:
    (at,) = (c["timestamp"] for c in table(config).history() if c["version"] == version)
    return datetime.fromtimestamp(at / 1000, UTC)


def table(config: Settings) -> deltalake.DeltaTable:
    return deltalake.DeltaTable(context.folder(config, "gold.a"))


def test_a_version_is_read_as_it_was(config: Settings) -> None:
    assert [ask(config, str(v)) for v in (0, 1, 2)] == [dict.fromkeys(READERS, n) for n in (1, 3, 6)]


def test_an_instant_is_the_newest_commit_that_is_not_later(config: Settings) -> None:
    at = committed(config, 1)
    assert as_of.resolve(config, SUM, at.isoformat()) == {"gold.a": 1}
    if committed(config, 0) < at:
        assert as_of.resolve(config, SUM, (at - timedelta(microseconds=1)).isoformat()) == {"gold.a": 0}
    assert as_of.resolve(config, SUM, at.replace(tzinfo=None).isoformat()) == {"gold.a": 1}, (
        "without a zone: UTC"
    )


def test_every_answer_names_what_it_was_computed_from(config: Settings) -> None:
    found = engines.run(config, "duckdb", SUM)
    assert found.document()["tables"] == {"gold.a": 2}
    assert engines.run(config, "duckdb", "select 1 as one -- gold.a").tables == {}


def test_answers_survive_compaction_and_a_vacuum_within_retention(config: Settings) -> None:
    table(config).optimize.compact()
    table(config).vacuum(retention_hours=168, dry_run=False)
    assert [ask(config, str(v)) for v in (0, 1, 2, 3)] == [dict.fromkeys(READERS, n) for n in (1, 3, 6, 6)]


def test_a_version_whose_files_are_gone_is_refused_and_not_guessed(config: Settings) -> None:
    table(config).optimize.compact()
    table(config).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    with pytest.raises(DataError, match=r"version 1 of gold\.a cannot be read any more"):
        as_of.resolve(config, "select count(*) as n from gold.a", "1")
    assert ask(config, "3") == dict.fromkeys(READERS, 6)


def test_several_tables_are_each_given_their_version(config: Settings) -> None:
    both = "select a.n + b.n as n from gold.a as a cross join GOLD.B as b where a.n = 1"
    assert ask(config, "gold.a=0, gold.b=0", both) == dict.fromkeys(READERS, 11)
    with pytest.raises(UsageError, match="of which table"):
        as_of.resolve(config, both, "0")
    with pytest.raises(UsageError, match=r"its version, and no other: gold\.b"):
        as_of.resolve(config, both, "gold.a=0")


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2999-01-01T00:00:00Z", "is in the future"),
        ("today", "is in the future"),
        ("2001-01-01", "has no version as of 2001-01-01T23:59:59.999999"),
        ("9", "has no version 9"),
        ("-1", "neither an instant nor a version"),
        ("yesterday", "neither an instant nor a version"),
        ("", "neither an instant nor a version"),
        ("gold.x=1", "its version, and no other"),
    ],
)
def test_a_moment_that_cannot_be_answered_is_refused(config: Settings, moment: str, told: str) -> None:
    if moment == "today":  # told when the test runs: a run over midnight would else ask for a day that ended
        moment = datetime.now(UTC).date().isoformat()
    with pytest.raises(UsageError, match=told):
        as_of.resolve(config, SUM, moment)


def test_a_query_without_a_table_has_no_past(config: Settings) -> None:
    with pytest.raises(UsageError, match="names no table"):
        as_of.resolve(config, "select 'gold.a' as text", "1")


@pytest.mark.parametrize(
    ("sql", "pinned"),
    [
        ("select * from gold.a as x join Gold.A", "select * from gold.a AT 1 as x join Gold.A AT 1"),
        ("select 'gold.a' /* gold.a */ from lake.gold.a -- gold.a", "select 'gold.a' /* gold.a */ from lake.gold.a AT 1 -- gold.a"),
        ("select gold.a.n from gold.a, gold.b", "select gold.a.n from gold.a AT 1, gold.b"),
        ("select x.gold from silver.a as x", "select x.gold from silver.a as x"),
        ("select n from (select n from gold . a)", "select n from (select n from gold . a AT 1)"),
    ],
)  # fmt: skip
def test_only_names_of_tables_are_pinned(sql: str, pinned: str) -> None:
    assert as_of.pinned(sql, {"gold.a": 1}, "AT") == pinned


@pytest.mark.parametrize("name", ['"gold".a', "`gold`.`A`", 'GOLD."a"', 'lake."gold" . "a"'])
def test_a_quoted_name_is_pinned_too_for_it_would_read_the_newest(name: str) -> None:
    assert [table for table, _ in statement.tables(f"select 1 from {name} as x")] == ["gold.a"]
    assert as_of.pinned(f"select 1 from {name}", {"gold.a": 1}, "AT") == f"select 1 from {name} AT 1"


def test_a_quoted_name_is_read_and_told_as_any_other(config: Settings) -> None:
    assert ask(config, "0", 'select sum(n) as n from "gold"."a"') == dict.fromkeys(READERS, 1)
    assert engines.run(config, "deltalake", 'select sum(n) as n from "gold".a').tables == {"gold.a": 2}


def test_a_name_in_escapes_is_refused(config: Settings) -> None:
    with pytest.raises(UsageError, match="escapes"):
        as_of.resolve(config, 'select n from gold.a union all select n from U&"\\0067old".b', "1")


def test_a_reader_that_is_behind_is_found_out(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """delta-rs is made to read the version before the newest, as from a stale cache: each row that it lacks is named."""
    query = Query("q", "t", "q?", ("n",), "o", "select n from gold.a order by n")
    monkeypatch.setattr(named, "get", lambda name: query)
    assert compare.compare(config, "q", READERS).equal
    opened = deltalake.DeltaTable
    monkeypatch.setattr(deltalake, "DeltaTable", lambda folder, version: opened(folder, version=version - 1))
    found = compare.compare(config, "q", READERS)
    assert [(d.kind, d.key, d.values) for d in found.differences] == [
        ("row", {"n": 3}, {"duckdb": {"n": 3}, "deltalake": None})
    ]
    assert not found.moved


def test_a_day_is_its_end(config: Settings) -> None:
    today = datetime.now(UTC).date()
    log = context.folder(config, "gold.a") / "_delta_log"
    yesterday = datetime(today.year, today.month, today.day, tzinfo=UTC) - timedelta(hours=1)
    old = log / f"{0:020}.json"
    stamp = str(int(committed(config, 0).timestamp() * 1000))
    text = old.read_text()
    assert stamp in text
    old.write_text(text.replace(stamp, str(int(yesterday.timestamp() * 1000))))
    assert as_of.resolve(config, SUM, (today - timedelta(days=1)).isoformat()) == {"gold.a": 0}


def test_a_table_made_anew_in_its_place_is_another(config: Settings) -> None:
    shutil.rmtree(context.folder(config, "gold.a"))
    write(config, "gold.a", 7)
    with pytest.raises(UsageError, match="has no version 2"):
        as_of.resolve(config, SUM, "2")
    assert ask(config, "0") == dict.fromkeys(READERS, 7)
