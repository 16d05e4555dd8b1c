"""A source or a declaration that changes: what each kind of change comes to, on real tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse import context, names, settings
from lakehouse.contracts import (
    Array,
    Boolean,
    Column,
    Date,
    Decimal,
    Event,
    Integer,
    Json,
    LocalTimestamp,
    Source,
    SourceKind,
    String,
    Table,
    Timestamp,
)
from lakehouse.errors import ContractError
from lakehouse.ingest import bronze, upgrade
from lakehouse.quality import drift
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT = datetime(2026, 3, 1, tzinfo=UTC)
UNAVAILABLE = "__debezium_unavailable_value"
SOURCE = Source("evolving", SourceKind.POSTGRES, "tests", "A source of these tests.")
KEY, NOTE = Column("id", Integer(), "Key."), Column("note", String(), "Note.", nullable=True)
COUNT, LABEL = Column("count", Integer(32), "Count."), Column("label", String(), "Label.", nullable=True)
THINGS = Table(
    source=SOURCE,
    name="things",
    description="Things that change.",
    grain="thing",
    key=("id",),
    columns=(KEY, NOTE),
)
TYPES = {
    "day": Date(), "at": Timestamp(), "local": LocalTimestamp(), "coarse": LocalTimestamp(3), "amount": Decimal(20, 4),
    "flag": Boolean(), "doc": Json(), "tags": Array(Integer(32)),
}  # fmt: skip
GAINED = tuple(
    Column(f"new_{name}", type_, "Gained.", nullable=True, source_name=name) for name, type_ in TYPES.items()
)
WIDER = replace(THINGS, version=2, columns=(*THINGS.columns, *GAINED))
FEW = replace(
    WIDER, columns=tuple(c for c in WIDER.columns if c.name in ("id", "note", "new_day", "new_doc"))
)
"""Quicker to plan than all types."""
SENT: dict[str, Any] = {
    "day": 20_512, "at": "2026-02-28T23:59:59.123456Z", "local": 1_500_000, "coarse": 1_500, "flag": True,
    "amount": "1234567890123456.7890", "doc": {"b": [1, 2]}, "tags": [1, None, -3],
}  # fmt: skip
READ = ["2026-02-28", "2026-02-28 23:59:59.123456", "1970-01-01 00:00:01.5", "1970-01-01 00:00:01.5",
        "1234567890123456.7890", "true", '{"b":[1,2]}', "[1, null, -3]"]  # fmt: skip


class Lake:
    """One bronze table at a time in a warehouse of its own; each ``land`` is a run of its own."""

    def __init__(self, config: Settings, spark: SparkSession) -> None:
        self.config, self.spark, self.offset = config, spark, 0

    def open(self, table: Table) -> bronze.Landing:
        return bronze.open_landing(self.config, self.spark, (table,))

    def land(self, table: Table, *rows: dict[str, Any], op: str = "c") -> bronze.Landing:
        """Each row as the row after a change, or as an event; a row may bring its own ``op``."""
        messages = []
        for row in rows:
            change = {"op": row.pop("op", op), "after": row} if table.event is None else row
            messages.append((b"{}", json.dumps(change).encode(), names.topic(table), 0, self.offset, AT))
            self.offset += 1
        landing = self.open(table)
        schema = "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp"
        landing.land(self.spark.createDataFrame(messages, schema))
        return landing

    def rows(self, table: Table, *columns: str) -> list[list[Any]]:
        shown = ", ".join(columns)
        return [
            list(r)
            for r in self.spark.sql(f"select {shown} from {names.bronze(table)} order by _offset").collect()
        ]

    def reasons(self, table: Table) -> list[str]:
        name = names.quarantine(table)
        if not self.spark.catalog.tableExists(name):
            return []
        return [r["reason"] for r in self.spark.table(name).orderBy("_offset").collect()]

    def diff(self, table: Table) -> list[tuple[str | None, str, str]]:
        """What ``lakehouse tables diff`` finds that needs attention."""
        return [(f.column, str(f.kind), str(f.impact)) for f in drift.check(self.config, (table,)).urgent]

    def version(self, table: Table) -> int:
        return context.version(context.folder(self.config, names.bronze(table)))


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Iterator[Lake]:
    made = Lake(settings.load({"paths.state": str(tmp_path)}).settings, spark)
    yield made
    for schema in (names.BRONZE, names.OPS):
        for row in spark.sql(f"SHOW TABLES IN {schema}").collect():
            if row.tableName.startswith(("evolving__", "clicking__")):
                spark.sql(f"DROP TABLE {schema}.{row.tableName}")


def before_it_is_declared(lake: Lake) -> bronze.Landing:
    """Rows from before the columns were in the source, with them, and of every kind that there is of them."""
    lake.land(THINGS, {"id": 1, "note": "older"})
    return lake.land(
        THINGS,
        {"id": 2, "note": "has all", **SENT, "more": "undeclared"},
        {"id": 3, "note": "nulls", **dict.fromkeys(SENT)},
        {"id": 4, "note": "wrong", "day": "soon", "amount": "1"},
        {"id": 2, "note": "out of line", **SENT, "doc": UNAVAILABLE, "op": "u"},
        {"id": 2, "note": "dropped meanwhile", "op": "u"},
    )


def test_a_new_column_is_kept_reported_and_filled_when_it_is_declared(lake: Lake) -> None:
    seen = before_it_is_declared(lake)
    assert seen.drift == {"things": {*SENT, "more"}}
    new = [(name, "new column", "additive") for name in sorted({*SENT, "more"})]
    assert [f for f in lake.diff(THINGS) if f[0] != "note"] == new
    assert {f[1] for f in lake.diff(WIDER)} == {"not upgraded", "new column"}
    opened = lake.open(WIDER)
    shown = [f"cast(new_{n} as string)" for n in TYPES]
    nothing = [None] * len(TYPES)
    without_doc = [*READ[:6], None, READ[7]]
    assert lake.rows(THINGS, "id", *shown) == [
        [1, *nothing],
        [2, *READ],
        [3, *nothing],
        [4, *nothing[:4], "1.0000", *nothing[5:]],
        [2, *without_doc],
        [2, *nothing],
    ]
    assert lake.rows(THINGS, "_extra") == [
        [None], [{"more": "undeclared"}], [None], [{"day": "soon"}], [None], [None],
    ]  # fmt: skip
    of_all = [f"new_{n}" for n in TYPES]
    lacking = [n for n in of_all if n not in ("new_day", "new_amount")]
    assert [sorted(r[0]) for r in lake.rows(THINGS, "_unchanged")] == [
        [], [], [], sorted(lacking), ["new_doc"], sorted(of_all),
    ]  # fmt: skip
    filled = {n: upgrade.Filled(3, 0) for n in of_all} | {
        "new_day": upgrade.Filled(3, 1),
        "new_amount": upgrade.Filled(4, 0),
    }
    assert opened.filled == {"things": filled}
    assert opened.next == {(names.topic(THINGS), 0): 6}
    version = lake.version(THINGS)
    again = lake.open(WIDER)
    assert (lake.version(THINGS), again.filled, again.next) == (version, {}, opened.next)
    landed = lake.land(WIDER, {"id": 5, "note": "since", **SENT})
    assert (lake.rows(THINGS, *shown)[-1], landed.drift) == (READ, {})
    assert lake.diff(WIDER) == [("new_day", "unread values", "breaking")]


@pytest.mark.parametrize("step", ["_fill", "mark"])
def test_killed_at_any_step_the_next_run_does_the_rest(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Killed once the column is there and empty, and once it is filled and not noted."""
    before_it_is_declared(lake)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="power"):
        if step == "_fill":
            patch.setattr(upgrade, "_fill", lambda *_: _die())
        else:
            patch.setattr(upgrade, "_filled", lambda *_: _die())
            patch.setattr(upgrade.delta, "mark_bronze", lambda *_: ("select raise_error('the power went')",))
            patch.setattr(lake.spark, "sql", _dies_on(lake.spark.sql, "raise_error"))
        lake.open(FEW)
    assert (
        upgrade.noted(context.folder(lake.config, names.bronze(THINGS)))["lakehouse.contract.version"] == "1"
    )
    assert not bronze.is_ready(lake.config, (FEW,))
    lake.open(FEW)
    assert bronze.is_ready(lake.config, (FEW,))
    assert lake.rows(THINGS, "cast(new_day as string)", "new_doc")[1] == ["2026-02-28", '{"b":[1,2]}']
    assert [len(r[0]) for r in lake.rows(THINGS, "_unchanged")] == [0, 0, 0, 1, 1, 2]
    assert lake.rows(THINGS, "map_contains_key(_extra, 'day')") == [
        [None],
        [False],
        [False],
        [True],
        [False],
        [None],
    ]


def _die() -> Any:
    raise RuntimeError("the power went")


def _dies_on(sql: Any, word: str) -> Any:
    return lambda text: _die() if word in text else sql(text)


def test_bytes_of_decimals_are_filled_as_the_source_says(lake: Lake) -> None:
    """12.30 as another's Debezium writes it, its schema gone: the scale is that of the declaration."""
    theirs = replace(SOURCE, is_managed=False, has_decimal_bytes=True)
    before = replace(THINGS, source=theirs)
    lake.land(before, {"id": 1, "amount": "BM4="})
    column = Column("amount", Decimal(10, 2), "Amount.", nullable=True)
    lake.open(replace(before, version=2, columns=(*before.columns, column)))
    assert lake.rows(before, "cast(amount as string)", "_extra") == [["12.30", None]]


def test_numbers_that_json_may_have_rounded_are_not_taken_for_exact(lake: Lake) -> None:
    source = Source("clicking", SourceKind.EVENTS, "tests", "Events of these tests.")
    event = {"event_id": "e", "at": "2026-03-01T00:00:00Z"}
    clicks = Table(
        source=source,
        name="clicks",
        description="Clicks.",
        grain="click",
        key=("event_id",),
        event=Event("event_id", "at"),
        columns=(Column("event_id", String(), "Key."), Column("at", Timestamp(), "When.")),
    )
    sent = [0.125, "12345678901234.567", 12345678901234.567]
    lake.land(clicks, *({**event, "price": price} for price in sent))
    price = Column("price", Decimal(20, 4), "Price.", nullable=True)
    opened = lake.open(replace(clicks, version=2, columns=(*clicks.columns, price)))
    assert lake.rows(clicks, "cast(price as string)") == [["0.1250"], ["12345678901234.5670"], [None]]
    assert opened.filled == {"clicks": {"price": upgrade.Filled(2, 1)}}


def test_a_column_that_the_source_drops(lake: Lake) -> None:
    """Nullable: named in ``_unchanged``, and the rest lands. Not null: set aside."""
    table = replace(THINGS, columns=(KEY, NOTE, COUNT))
    lake.land(table, {"id": 1, "count": 1}, {"id": 2, "note": "x"})
    assert lake.rows(table, "id", "note", "count", "_unchanged") == [[1, None, 1, ["note"]]]
    assert lake.reasons(table) == ["missing: count"]
    assert lake.diff(table) == [
        ("count", "nullability changed", "breaking"),
        ("note", "gone column", "breaking"),
    ]
    lake.land(table, {"id": 1, "count": 1, "note": "back"}, {"id": 1, "count": 2, "op": "u"})
    assert lake.rows(table, "_unchanged")[-1] == [["note"]]
    assert lake.diff(table) == [("count", "nullability changed", "breaking")], (
        "an update may leave out what it likes"
    )


def test_a_type_that_the_source_widens_narrows_or_replaces(lake: Lake) -> None:
    price = Column("price", Decimal(6, 2), "Price.", nullable=True)
    table = replace(THINGS, columns=(KEY, NOTE, COUNT, price))
    fine = {"id": 1, "note": "x" * 10_000, "count": 7, "price": "1.5"}
    lake.land(
        table,
        fine,
        {**fine, "count": 2**31},
        {**fine, "price": "12345.67"},
        {**fine, "price": "1.234"},
        {**fine, "count": "seven"},
    )
    assert lake.rows(table, "length(note)", "count", "cast(price as string)") == [[10_000, 7, "1.50"]]
    assert lake.reasons(table) == [
        "count is no INT", "price is no DECIMAL(6,2)", "price is no DECIMAL(6,2)", "count is no INT",
    ]  # fmt: skip
    assert lake.diff(table) == [("count", "type changed", "breaking"), ("price", "type changed", "breaking")]


def test_a_column_that_the_source_renames(lake: Lake) -> None:
    landing = lake.land(THINGS, {"id": 1, "note": "old name"}, {"id": 2, "remark": "new name"})
    assert lake.rows(THINGS, "note", "_unchanged", "_extra") == [
        ["old name", [], None],
        [None, ["note"], {"remark": "new name"}],
    ]
    assert landing.drift == {"things": {"remark"}}
    assert lake.diff(THINGS) == [("note", "likely rename", "breaking")]
    known = replace(NOTE, source_name="remark")
    lake.open(replace(THINGS, version=2, columns=(KEY, known)))
    assert lake.rows(THINGS, "note", "_extra") == [["old name", None], ["new name", None]]


def test_a_column_that_the_declaration_drops_and_takes_back(lake: Lake) -> None:
    lake.land(THINGS, {"id": 1, "note": "first"})
    without = replace(THINGS, version=2, columns=(KEY, LABEL))
    lake.land(without, {"id": 2, "note": "second", "label": "x"})
    assert lake.rows(THINGS, "note", "_extra") == [["first", None], [None, {"note": "second"}]]
    lake.open(replace(THINGS, version=3, columns=(KEY, LABEL, NOTE)))
    assert lake.rows(THINGS, "note", "_extra") == [["first", None], ["second", None]]


def test_what_a_declaration_may_not_change_is_refused_before_anything_is_written(lake: Lake) -> None:
    lake.land(THINGS, {"id": 1, "note": "x"})
    version = lake.version(THINGS)
    more = replace(THINGS, columns=(*THINGS.columns, LABEL))
    for refused, why in [
        (
            replace(THINGS, version=2, columns=(KEY, replace(NOTE, type=Date()))),
            "'note' of .* is STRING, declared DATE",
        ),
        (
            replace(more, version=2, key=("id", "label"), columns=(KEY, replace(LABEL, nullable=False))),
            "the key of",
        ),
        (more, "both are version 1"),
    ]:
        assert not bronze.is_ready(lake.config, (refused,))
        assert {"type changed", "key changed", "version not raised"} & {
            kind for _, kind, _ in lake.diff(refused)
        }
        with pytest.raises(ContractError, match=why):
            lake.open(refused)
    assert lake.version(THINGS) == version
