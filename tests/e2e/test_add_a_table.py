"""Adding a table, or a source with several, is adding one file: all is everywhere, with the right values.

Runs in a copy of the checkout, on a stack of its own. ``tests/unit/test_render_everywhere.py`` is the fast
half: it shows that a renderer which forgets the table is noticed.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("postgres", "kafka", "kafka_controller", "connect", "trino", "mlflow")

DECLARATION = '''\
"""Points that customers collect."""

from lakehouse.contracts import (
    Array, Binary, Boolean, Column, Date, Decimal, Double, Integer, Interval, Json, LocalTimestamp, Numeric,
    Sensitivity, String, Table, Time, Timestamp, Uuid,
)
from lakehouse.tables.ledger import LEDGER

LOYALTY_ACCOUNTS = Table(
    source=LEDGER,
    name="loyalty_accounts",
    description="Points that customers collect.",
    grain="loyalty account",
    key=("account_id",),
    columns=(
        Column("account_id", Uuid(), "Identifier."),
        Column("customer_id", String(), "Whose.", references="customers.customer_id"),
        Column("tier", String(), "Rank.", values=("basic", "gold")),
        Column("points_count", Integer(32), "Points."),
        Column("level", Integer(16), "Level."),
        Column("worth_minor", Integer(), "What the points are worth."),
        Column("currency_code", String(), "Currency of the worth."),
        Column("rate", Decimal(18, 8), "Worth of a point."),
        Column("score", Double(), "Likelihood to stay.", nullable=True),
        Column("is_active", Boolean(), "Whether points can be spent."),
        Column("joined_on", Date(), "First day."),
        Column("nickname", String(), "Called by it.", nullable=True, sensitivity=Sensitivity.PERSONAL),
        Column("preferences", Json(), "Preferences.", nullable=True),
        Column("card_image", Binary(), "Picture on the card.", nullable=True),
        Column("updated_at", Timestamp(), "When it last changed."),
        Column("tags", Array(String()), "Words."),
        Column("counts", Array(Integer(32)), "Numbers."),
        Column("opened_at", LocalTimestamp(), "When, by the clock on the wall."),
        Column("quiet_time", Time(), "When not to call."),
        Column("renewal", Interval(), "How long it lasts."),
        Column("factor", Numeric(), "Any number.", source_name="Any Factor"),
    ),
)

TABLES = (LOYALTY_ACCOUNTS,)
'''

KEPT, CHANGED, GONE = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
INSERT = """
insert into loyalty_accounts values (%s, 'cus_loyal', 'basic', 10, 1, 9007199254740993, 'KWD', 0.12345678,
  0.5, true, '2024-02-29', 'Zoë "Z" O''Neil', '{"news": [1, 2.50]}', '\\x00ff', '2026-02-03 04:05:06.789+02',
  array['a', null, 'b"c'], array[1, null, -3], '2026-02-03 04:05:06.789123', '22:30:00.5',
  '1 year 2 mons -3 days 04:05:06.78', 'NaN')
"""
UPDATE = """
update loyalty_accounts set tier = 'gold', points_count = -5, rate = 1234567890.00000001, score = null,
  is_active = false, nickname = null, preferences = null, card_image = null, updated_at = '2026-03-01Z'
where account_id = %s
"""

SCALARS = """
account_id, tier, points_count, level, worth_minor, currency_code, rate, score, is_active, joined_on, nickname
"""
VALUES = [
    [KEPT, "basic", 10, 1, 9007199254740993, "KWD", "0.12345678", 0.5, True, "2024-02-29", 'Zoë "Z" O\'Neil'],
    [CHANGED, "gold", -5, 1, 9007199254740993, "KWD", "1234567890.00000001", None, False, "2024-02-29", None],
]


@dataclass(frozen=True)
class Copy:
    """A copy of the checkout with the declaration added, and its own state folder and ports."""

    root: Path
    env: dict[str, str]

    def run(self, *arguments: str) -> Any:
        """A command of the copy, and the document it prints."""
        told = subprocess.run(
            [
                sys.executable,
                "-c",
                "from lakehouse.cli.app import main; main()",
                *arguments,
                "--output",
                "json",
            ],
            cwd=self.root,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert told.returncode == 0, f"{arguments}: {told.stderr[-4000:]}{told.stdout[-2000:]}"
        return json.loads(told.stdout)

    def ask(self, engine: str, sql: str) -> list[list[Any]]:
        rows = self.run("query", "run", "--engine", engine, sql)["rows"]
        assert isinstance(rows, list)
        return rows

    @property
    def state(self) -> Path:
        return Path(self.env["LAKEHOUSE_PATHS__STATE"])


def free_ports(count: int) -> list[int]:
    """Ports that are free now, all different, and that no outgoing connection is given."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found += [port] if port not in found else []
    return found


def copy_checkout(to: Path) -> None:
    told = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, f"the test copies what git tracks: {told.stderr}"
    for name in filter(None, told.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    root = tmp_path_factory.mktemp("add_a_table")
    copy_checkout(root)
    (root / "lakehouse/tables/loyalty.py").write_text(DECLARATION)
    (block,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/how-to/add-a-source.md").read_text(), re.DOTALL
    )
    (root / "lakehouse/tables/northwind.py").write_text(block)
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    env = os.environ | {f"LAKEHOUSE_PORTS__{s.upper()}": str(p) for s, p in ports.items()}
    env |= {
        "PYTHONPATH": str(root),
        "LAKEHOUSE_PATHS__STATE": str(root / ".lakehouse"),
        "LAKEHOUSE_ENV": "test",
    }
    made = Copy(root, env)
    try:
        yield made
    finally:
        made.run("down")
        shutil.rmtree(root, ignore_errors=True)


def change(key: dict[str, Any], op: str, after: dict[str, Any] | None) -> tuple[bytes, bytes]:
    return json.dumps(key).encode(), json.dumps({"op": op, "before": key, "after": after}).encode()


ORDER = {"OrderID": 7, "OrderDate": 1_500, "Freight": {"scale": 30, "value": "AQ=="}, "Labels": ["a", None]}
LATER = ORDER | {"OrderDate": 2_500, "DeliveryTime": "P1D", "ShippedBy": "sea", "Freight": "NaN"}
LINE = {"OrderID": 7, "ProductCode": "x", "UnitPrice": "0.1000"}
SENT_BY_OTHERS = {
    "erp.Sales.Orders": [
        change({"OrderID": 7}, "c", ORDER | {"DeliveryTime": "P3D"}),
        change({"OrderID": 7}, "u", {k: v for k, v in LATER.items() if k != "Labels"}),
        change({"OrderID": 8}, "c", ORDER | {"OrderID": 8, "OrderDate": "infinity"}),
    ],
    "erp.Sales.Order_Details": [
        change({"OrderID": 7, "ProductCode": "x"}, "c", LINE),
        change({"OrderID": 7, "ProductCode": "y"}, "c", LINE | {"ProductCode": "y"}),
        change({"OrderID": 7, "ProductCode": "y"}, "d", None),
    ],
}
"""What another Debezium has written, in the order of its offsets: Freight's digits are 10 to the power of -30."""


def publish(copy: Copy, topics: dict[str, list[tuple[bytes, bytes]]]) -> None:
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=f"127.0.0.1:{copy.env['LAKEHOUSE_PORTS__KAFKA']}", acks="all")
    for topic, messages in topics.items():
        for key, value in messages:
            producer.send(topic, key=key, value=value).get(timeout=30)
    producer.close()


@pytest.fixture(scope="module")
def landed(copy: Copy) -> Copy:
    """Rows were written to the new table, changed and deleted, and everything ran once."""
    copy.run("tables", "render")
    copy.run("up", "--only", "connect,trino")
    secret = (copy.state / "secrets/postgres-ledger").read_text()
    with psycopg.connect(
        host="127.0.0.1",
        port=int(copy.env["LAKEHOUSE_PORTS__POSTGRES"]),
        user="ledger",
        password=secret,
        dbname="payments",
        autocommit=True,
    ) as database:
        database.execute(
            "insert into customers values ('cus_loyal', 'Zoë Example', 'zoe@example.test', null, null, 'KW', "
            "'2026-01-01Z', '2026-01-01Z')"
        )
        for account in (KEPT, CHANGED, GONE):
            database.execute(INSERT, [account])
        database.execute(UPDATE, [CHANGED])
        database.execute("delete from loyalty_accounts where account_id = %s", [GONE])
    copy.run("ingest", "run", "--source", "ledger", "--once")
    publish(copy, SENT_BY_OTHERS)
    copy.run("ingest", "run", "--source", "northwind", "--once")
    built = "stg_ledger__customers stg_ledger__loyalty_accounts stg_northwind__orders stg_northwind__order_details"
    copy.run("transform", "run", "--select", built)
    copy.run("query", "sync")
    return copy


def test_the_declaration_is_the_only_file_that_was_written_by_hand(landed: Copy) -> None:
    assert landed.run("tables", "render", "--check")["changed"] == []
    committed = {p.relative_to(ROOT) for p in (ROOT / "lakehouse").rglob("*.py")}
    copied = {p.relative_to(landed.root) for p in (landed.root / "lakehouse").rglob("*.py")}
    assert copied - committed == {
        Path("lakehouse/tables/loyalty.py"),
        Path("lakehouse/tables/northwind.py"),
    }
    assert "ledger.loyalty_accounts" in [t["table"] for t in landed.run("tables", "list")]


def test_it_is_in_postgresql_with_its_constraints(landed: Copy) -> None:
    secret = (landed.state / "secrets/postgres-ledger").read_text()
    port = landed.env["LAKEHOUSE_PORTS__POSTGRES"]
    address = {"host": "127.0.0.1", "port": port, "user": "ledger", "password": secret, "dbname": "payments"}
    with psycopg.connect(**address, autocommit=True) as database:  # type: ignore[arg-type]
        assert database.execute("select count(*) from loyalty_accounts").fetchone() == (2,)
        with pytest.raises(psycopg.errors.CheckViolation):
            database.execute("update loyalty_accounts set tier = 'silver'")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            database.execute("update loyalty_accounts set customer_id = 'cus_nobody'")
        with pytest.raises(psycopg.errors.UniqueViolation):
            database.execute(INSERT, [KEPT])


def test_it_is_in_its_kafka_topic(landed: Copy) -> None:
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        "ledger.public.loyalty_accounts",
        bootstrap_servers=f"127.0.0.1:{landed.env['LAKEHOUSE_PORTS__KAFKA']}",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        consumer_timeout_ms=10_000,
    )
    operations = [json.loads(m.value)["op"] if m.value else "tombstone" for m in consumer]
    consumer.close()
    assert operations == ["c", "c", "c", "u", "d", "tombstone"]


@pytest.mark.parametrize("engine", ["duckdb", "trino"])
def test_bronze_has_every_change(landed: Copy, engine: str) -> None:
    sql = "select _op, account_id, points_count from bronze.ledger__loyalty_accounts order by _offset"
    assert landed.ask(engine, sql) == [
        ["c", KEPT, 10],
        ["c", CHANGED, 10],
        ["c", GONE, 10],
        ["u", CHANGED, -5],
        ["d", GONE, None],
        ["tombstone", GONE, None],
    ]


@pytest.mark.parametrize("engine", ["duckdb", "trino"])
def test_staging_has_the_current_state(landed: Copy, engine: str) -> None:
    staging = "silver.stg_ledger__loyalty_accounts"
    sql = f"select {SCALARS} from {staging} where not _is_deleted order by account_id"
    assert landed.ask(engine, sql) == VALUES
    assert landed.ask(engine, f"select account_id from {staging} where _is_deleted") == [[GONE]]
    # Bytes and instants are compared in the engine, where they have no text form to differ in.
    same = "to_hex(card_image) = '00FF' and cast(updated_at as varchar) like '2026-02-03 02:05:06.789%'"
    assert landed.ask(engine, f"select account_id from {staging} where {same} and not _is_deleted") == [
        [KEPT]
    ]
    ((document,),) = landed.ask(engine, f"select preferences from {staging} where account_id = '{KEPT}'")
    assert json.loads(document) == {"news": [1, 2.5]}


@pytest.mark.parametrize("engine", ["duckdb", "trino"])
def test_arrays_local_times_and_endless_numbers_are_as_postgresql_has_them(landed: Copy, engine: str) -> None:
    shown = "tags[1], tags[2], tags[3], counts[3], cast(opened_at as varchar), quiet_time, renewal, factor"
    sql = f"select {shown} from silver.stg_ledger__loyalty_accounts where account_id = '{KEPT}'"
    assert landed.ask(engine, sql) == [
        ["a", None, 'b"c', -3, "2026-02-03 04:05:06.789123", "22:30:00.5", "P1Y2M-3DT4H5M6.78S", "NaN"]
    ]


@pytest.mark.parametrize("engine", ["duckdb", "trino"])
def test_a_source_of_others_is_read_by_the_names_and_units_it_has(landed: Copy, engine: str) -> None:
    shown = "order_id, cast(ordered_at as varchar) like '1970-01-01 00:00:02.5%', freight, labels[1], delivery_time"
    assert landed.ask(engine, f"select {shown} from silver.stg_northwind__orders") == [
        [7, True, "NaN", "a", "P1D"]
    ]
    first = "select freight from bronze.northwind__orders where _op = 'c'"
    assert landed.ask(engine, first) == [["0." + "0" * 29 + "1"]]
    lines = "select product_code, unit_price, _is_deleted from silver.stg_northwind__order_details order by 1"
    assert landed.ask(engine, lines) == [["x", "0.1000", False], ["y", "0.1000", True]]


def test_what_was_not_declared_is_kept_and_what_does_not_fit_is_set_aside(landed: Copy) -> None:
    sql = "select _extra['ShippedBy'], _unchanged from bronze.northwind__orders where _op = 'u'"
    assert landed.ask("duckdb", sql) == [["sea", ["labels"]]]
    sql = "select _offset, reason from ops.northwind__orders__quarantine"
    assert landed.ask("duckdb", sql) == [[2, "ordered_at is no TIMESTAMP_NTZ"]]


def test_nothing_was_put_in_quarantine(landed: Copy) -> None:
    tables = landed.ask(
        "duckdb", "select table_name from information_schema.tables where table_name like 'ledger__loyalty%'"
    )
    assert ["ledger__loyalty_accounts"] in tables
    for (name,) in tables:
        if name.endswith("__quarantine"):
            assert landed.ask("duckdb", f"select count(*) from ops.{name}") == [[0]]


def test_it_is_in_the_reference(landed: Copy) -> None:
    page = (landed.root / "docs/reference/tables/ledger__loyalty_accounts.md").read_text()
    assert "| `rate` | numeric(18,8) | string of digits | DECIMAL(18,8) | decimal(18,8) |" in page
    assert "ledger__loyalty_accounts.md" in (landed.root / "docs/reference/tables/index.md").read_text()
