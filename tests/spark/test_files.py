"""Files that partners drop: every row once, by the content of its file, whatever it is called and whoever dies."""

from __future__ import annotations

import contextlib
import csv
import gzip
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from lakehouse import names, tables
from lakehouse.contracts import (
    Column,
    Date,
    Files,
    Integer,
    LocalTimestamp,
    Source,
    SourceKind,
    String,
    Table,
    Timestamp,
)
from lakehouse.contracts import Decimal as DecimalType
from lakehouse.errors import DataError, SafetyError
from lakehouse.ingest import bronze, files, lock, quarantine, status, stream
from lakehouse.settings import Settings

SOURCE = Source("acquirer", SourceKind.FILES, "tests", "Statements of an acquiring bank.")
LINES = Table(
    source=SOURCE,
    name="lines",
    description="What the bank settled.",
    grain="line of a statement",
    key=("line_id",),
    files=Files(delimiter=";", encoding="latin-1", timestamp_format="d.M.yyyy H:mm"),
    columns=(
        Column("line_id", Integer(), "Identifier."),
        Column("fee", DecimalType(12, 4), "What it cost.", nullable=True, source_name="Fee EUR"),
        Column("shop", String(), "Name of the shop.", nullable=True),
        Column("settled_at", Timestamp(), "When.", nullable=True),
        Column("booked_on", Date(), "The day.", nullable=True),
        Column("seen_at", LocalTimestamp(), "By the clock on the wall.", nullable=True),
        Column("statement", String(), "The file.", source_name="_file"),
        Column("line_number", Integer(64), "Place in the file.", source_name="_row"),
    ),
)
HEADER = "line_id;Fee EUR;shop;settled_at;booked_on;seen_at;colour"
CELLS = "fee, shop, cast(settled_at as string), cast(booked_on as string), cast(seen_at as string)"


@pytest.fixture
def own(lake: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    """A state folder of the test's own, in which only this source is declared."""
    monkeypatch.setattr(tables, "all", lambda: (LINES,))
    config = lake.config.model_copy(
        update={
            "paths": lake.config.paths.model_copy(update={"landing": tmp_path / "landing"}),
            "ingest": lake.config.ingest.model_copy(update={"file_quiet_seconds": 0.0}),
        }
    )
    yield config
    for name in (names.bronze(LINES), names.quarantine(LINES)):
        lake.spark.sql(f"DROP TABLE IF EXISTS {name}")
        shutil.rmtree(config.warehouse / name.replace(".", "/"), ignore_errors=True)
    shutil.rmtree(config.state / "spool", ignore_errors=True)
    (config.state / "run" / "files-acquirer.json").unlink(missing_ok=True)


@pytest.fixture
def drop(own: Settings) -> Callable[..., Path]:
    def dropped(name: str, content: str | bytes, at: int = 1_767_225_600) -> Path:
        path = files.folder(own, LINES) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("latin-1") if isinstance(content, str) else content)
        os.utime(path, (at, at))
        return path

    return dropped


def land(own: Settings) -> tuple[int, int]:
    report = stream.run(own, "acquirer", once=True)
    return report.rows.get("lines", 0), report.quarantined.get("lines", 0)


def rows(lake: Any, columns: str = "_offset, _file, _row, line_id") -> list[tuple[Any, ...]]:
    return [
        tuple(r)
        for r in lake.spark.sql(
            f"select {columns} from {names.bronze(LINES)} order by _offset nulls last"
        ).collect()
    ]


def refused(lake: Any) -> list[tuple[Any, ...]]:
    found = lake.spark.sql(
        f"select _offset, reason, value from {names.quarantine(LINES)} order by _offset nulls last"
    )
    return [(r[0], r[1], bytes(r[2])) for r in found.collect()]


def test_a_csv_is_read_as_its_partner_writes_it(own: Settings, lake: Any, drop: Any) -> None:
    lines = [
        HEADER,
        '1;2.5000;"Café; ""du"" coin\nParis";1.2.2026 9:05;28.2.2026 0:00;2026-03-01 08:00:00;red',
        "2;;;2026-02-01T10:00:00+01:00;2026-02-28;;",
        "",
        "3;0.00001;Kiosk;;;;",
        "x;1;Kiosk;;;;",
        "4;1",
        '5;"1"0;Kiosk;;;;',
        "6;1.5;Größe;;;;",
    ]
    drop("2026-02.csv", "\r\n".join(lines))
    assert land(own) == (3, 4)
    assert rows(lake, f"line_id, statement, line_number, {CELLS}, _extra, _unchanged") == [
        (1, "2026-02.csv", 1, Decimal("2.5000"), 'Café; "du" coin\nParis', "2026-02-01 09:05:00", "2026-02-28",
         "2026-03-01 08:00:00", {"colour": "red"}, []),
        (2, "2026-02.csv", 2, None, None, "2026-02-01 09:00:00", "2026-02-28", None, {"colour": None}, []),
        (6, "2026-02.csv", 7, Decimal("1.5000"), "Größe", None, None, None, {"colour": None}, []),
    ]  # fmt: skip
    found = refused(lake)
    assert [(offset, reason.split(":")[0]) for offset, reason, _ in found] == [
        (2, "fee is no DECIMAL(12,4)"),
        (3, "line_id is no BIGINT"),
        (4, "2 cells, the first line has 7"),
        (5, "no line of CSV"),
    ]
    assert found[2][2] == b"4;1\r\n"
    assert found[3][2] == b'5;"1"0;Kiosk;;;;\r\n'


def test_a_file_lands_once_whatever_it_is_called(own: Settings, lake: Any, drop: Any) -> None:
    content = f"{HEADER}\n1;1;a;;;;\n2;1;b;;;;\n"
    path = drop("monday.csv", content)
    assert land(own) == (2, 0)
    assert land(own) == (0, 0)
    drop("monday again.csv", content)
    (own.state / "run" / "files-acquirer.json").unlink()
    assert land(own) == (0, 0)
    path.unlink()
    assert land(own) == (0, 0)
    drop("monday.csv", content + "3;1;c;;;;\n")
    assert land(own) == (3, 0), "another content is another file"
    assert rows(lake) == [
        (0, "monday.csv", 1, 1),
        (1, "monday.csv", 2, 2),
        (2, "monday.csv", 1, 1),
        (3, "monday.csv", 2, 2),
        (4, "monday.csv", 3, 3),
    ]


def test_files_are_known_when_the_log_of_their_commits_is_gone(own: Settings, lake: Any, drop: Any) -> None:
    drop("a.csv", f"{HEADER}\n1;1;a;;;;\n")
    drop("b.csv", f"{HEADER}\n2;1;a;;;;\n", 1_767_225_700)
    assert land(own) == (2, 0)
    folder = own.warehouse / names.bronze(LINES).replace(".", "/")
    DeltaTable(str(folder)).create_checkpoint()
    for entry in sorted((folder / "_delta_log").glob("*.json"))[:-1]:
        entry.unlink()
    (own.state / "run" / "files-acquirer.json").unlink()
    assert files.waiting(own, LINES, files.Seen.load(own, "acquirer")) == ([], 0.0)


def test_json_and_parquet_keep_every_digit(own: Settings, lake: Any, drop: Any, tmp_path: Path) -> None:
    drop("a.json", '[{"line_id": 1, "Fee EUR": 12345678.1000}, {"line_id": 2, "shop": {"name": "x"}}]', 1)
    drop("b.jsonl.gz", gzip.compress(b'{"line_id": 3}\n\n{"line_id": 4, "Fee EUR": "0.0001"}\nnot json\n'), 2)
    table = pa.table({"line_id": [5], "Fee EUR": pa.array([Decimal("99999999.9999")])})
    pq.write_table(table, tmp_path / "c.parquet")
    drop("c.parquet", (tmp_path / "c.parquet").read_bytes(), 3)
    assert land(own) == (5, 1)
    assert rows(lake, "line_id, fee, shop, _file, _row") == [
        (1, Decimal("12345678.1000"), None, "a.json", 1),
        (2, None, '{"name":"x"}', "a.json", 2),
        (3, None, None, "b.jsonl.gz", 1),
        (4, Decimal("0.0001"), None, "b.jsonl.gz", 2),
        (5, Decimal("99999999.9999"), None, "c.parquet", 1),
    ]
    assert refused(lake) == [(4, "the value is not one JSON object", b"not json")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.parquet", b"PAR1 and no more", "not Parquet"),
        ("a.xlsx", b"PK\x03\x04", "not a format that is read"),
        ("a.csv.gz", gzip.compress(b"line_id\n" + b"1\n" * 9000)[:-20], "broken gzip"),
        ("a.json", b'[{"line_id": 1},', "not a JSON array"),
        ("a.csv", b"line_id;line_id\n1;2\n", "does not name the columns"),
    ],
)
def test_a_file_that_cannot_be_read_is_set_aside_whole_and_once(
    own: Settings, lake: Any, drop: Any, name: str, content: bytes, reason: str
) -> None:
    drop(name, content)
    drop("zzz.csv", f"{HEADER}\n7;1;a;;;;\n", 1_767_225_700)
    assert land(own)[1] >= 1
    assert land(own) == (0, 0)
    *_, (_, told, value) = refused(lake)
    assert reason in told
    assert value == content
    assert rows(lake)[-1][1:] == ("zzz.csv", 1, 7), "the next file is not held up"


def test_files_that_are_not_whole_wait(own: Settings, lake: Any, drop: Any) -> None:
    for name in (".hidden.csv", "_tmp/a.csv", "a.csv.part", "b.csv.tmp"):
        drop(name, f"{HEADER}\n1;1;a;;;;\n")
    drop("empty.csv", HEADER + "\n")
    drop("nothing.csv", "")
    assert land(own) == (0, 0)
    young = own.model_copy(update={"ingest": own.ingest.model_copy(update={"file_quiet_seconds": 3600.0})})
    path = drop("young.csv", f"{HEADER}\n1;1;a;;;;\n")
    path.touch()
    found, seconds = files.waiting(young, LINES, files.Seen.load(young, "acquirer"))
    assert not [d.name for _, d in found if d.name == "young.csv"]
    assert 3500 < seconds <= 3600


@pytest.mark.parametrize("is_gone", [False, True], ids=["the file is there", "the file is gone"])
def test_a_crash_between_bronze_and_quarantine_loses_nothing(
    own: Settings, lake: Any, drop: Any, monkeypatch: pytest.MonkeyPatch, is_gone: bool
) -> None:
    path = drop("a.csv", f"{HEADER}\n1;1;a;;;;\nx;1;b;;;;\n2;1;c;;;;\n")
    append = bronze.Target.append

    def dying(target: bronze.Target, *arguments: Any) -> int:
        if target.name == names.quarantine(LINES):
            raise KeyboardInterrupt
        return append(target, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(bronze.Target, "append", dying)
        patched.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(BaseException):  # noqa: B017
            land(own)
    if is_gone:
        path.unlink()
    drop("b.csv", f"{HEADER}\n3;1;a;;;;\n", 1_767_225_700)
    assert land(own) == (1, 1)
    assert land(own) == (0, 0)
    assert [r[3] for r in rows(lake)] == [1, 2, 3]
    assert [(r[0], r[1]) for r in refused(lake)] == [(1, "line_id is no BIGINT")]
    assert rows(lake)[-1][0] == 3


def test_a_crash_that_left_nothing_to_read_stops_with_what_to_do(
    own: Settings, drop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop("a.csv", f"{HEADER}\n1;1;a;;;;\nx;1;b;;;;\n")
    monkeypatch.setattr(bronze.Landing, "_set_aside", lambda *_, **__: 1)
    assert land(own)[0] == 1
    monkeypatch.undo()
    monkeypatch.setattr(tables, "all", lambda: (LINES,))
    content = path.read_bytes()
    path.unlink()
    drop("b.csv", f"{HEADER}\n3;1;a;;;;\n")
    with pytest.raises(DataError, match="the file is gone"):
        land(own)
    drop("a.csv", content, 1)
    assert land(own) == (1, 1)


def test_two_ingests_of_one_folder_are_refused(own: Settings, drop: Any) -> None:
    drop("a.csv", f"{HEADER}\n1;1;a;;;;\n")
    with lock.of_source(own, "acquirer"), pytest.raises(SafetyError):
        land(own)


def test_what_became_readable_is_replayed_with_its_place(own: Settings, lake: Any, drop: Any) -> None:
    drop("a.csv", f"{HEADER}\n1;1;a;;;;\n2;0.00001;b;;;;\n3;1\n")
    assert land(own) == (1, 2)
    text = replace(
        LINES,
        version=2,
        columns=tuple(
            replace(c, name="fee_text", type=String()) if c.name == "fee" else c for c in LINES.columns
        ),
    )
    done = quarantine.apply(own, text)
    assert (done.readable, sum(done.refused.values())) == (1, 1)
    assert rows(lake)[-1] == (1, "a.csv", 2, 2)


RETAIL = Path(__file__).resolve().parents[3] / "shared/data/online_retail"


def test_real_invoices_land_as_the_how_to_declares_them(
    own: Settings, lake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five days of a UK retailer: cancellations, customers that are not known, exact duplicates."""
    if not RETAIL.exists():
        pytest.skip(f"third-party data is not at {RETAIL}")
    text = (Path(__file__).resolve().parents[2] / "docs/how-to/land-files.md").read_text()
    scope: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], scope)
    (declared,) = scope["TABLES"]
    monkeypatch.setattr(tables, "all", lambda: (declared,))
    folder = files.folder(own, declared)
    folder.mkdir(parents=True)
    (packed,) = RETAIL.glob("*.tar.xz")
    with tarfile.open(packed) as archive:
        days = sorted(n for n in archive.getnames() if n.endswith(".csv"))[:5]
        for day in days:
            member = archive.extractfile(day)
            assert member is not None
            (folder / Path(day).name).write_bytes(member.read())
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(f.open(newline="")) for f in sorted(folder.iterdir())]
        lines = [line for f in opened for line in csv.DictReader(f)]
    report = stream.run(own, "retail", once=True)
    assert (report.rows, report.quarantined) == ({"invoice_lines": len(lines)}, {})
    (found,) = lake.spark.sql(
        "select count(distinct _file), sum(quantity), sum(quantity * unit_price), count(customer_code)"
        f" from {names.bronze(declared)}"
    ).collect()
    assert tuple(found) == (
        5,
        sum(int(line["Quantity"]) for line in lines),
        sum(int(line["Quantity"]) * Decimal(line["UnitPrice"]) for line in lines),
        sum(1 for line in lines if line["CustomerID"]),
    )
    lake.spark.sql(f"DROP TABLE {names.bronze(declared)}")


def test_status_says_how_many_files_wait(own: Settings, drop: Any) -> None:
    drop("a.csv", f"{HEADER}\n1;1;a;;;;\nx;1;;;;;\n")
    (before,) = status.read(own).tables
    assert (before.waiting_files, before.topic, before.problem) == (1, None, None)
    assert before.waiting_seconds
    land(own)
    (after,) = status.read(own).tables
    assert (after.waiting_files, after.waiting_seconds, after.quarantined) == (0, 0, 1)
