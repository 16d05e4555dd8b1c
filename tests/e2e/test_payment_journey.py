"""One payment, written by hand, from its PostgreSQL row to the answers of three engines. Read it top to bottom."""

from __future__ import annotations

import json
import random
import re
import string
from typing import Any

import pytest

from lakehouse import context
from lakehouse.ingest import capture, stream
from lakehouse.query import engines, sync
from lakehouse.settings import ROOT, Settings
from lakehouse.telemetry import quiet
from lakehouse.transform import build

PAYMENT = "pay_journey"
THESE = "where payment_id in ('pay_journey', 'pay_mistake')"
FACTS = f"select payment_id from gold.fct_payments {THESE}"

SHOP = """
insert into merchants values ('mer_journey', 'Sakura Tea KK', 'Sakura Tea', '5499', 'JP', 'JPY', 250, 30, 'active',
  '2026-01-05Z', '2026-01-05Z', '2026-01-05Z');
insert into customers values ('cus_journey', 'Ada Example', 'ada@example.test', null, '1990-02-28', 'JP', '2026-01-06Z', '2026-01-06Z');
insert into products values ('prd_journey', 'mer_journey', 'Sencha', 'tea', 1500, 'JPY', 'active', '2026-01-05Z', '2026-01-05Z');
insert into payment_methods values ('pm_journey', 'cus_journey', 'card', 'visa', '4242', 'fp_journey', 'JP', '2028-12-31',
  '2026-01-06Z', '2026-01-06Z');
"""
REQUESTED = """
insert into payments (payment_id, customer_id, merchant_id, product_id, payment_method_id, amount_minor, currency_code, fee_minor,
  status, channel, ip_country_code, metadata, requested_at, created_at, updated_at)
values ('pay_journey', 'cus_journey', 'mer_journey', 'prd_journey', 'pm_journey', 1500, 'JPY', 0,
  'requested', 'web', 'JP', %s, '2026-01-07 10:00Z', '2026-01-07 10:00Z', '2026-01-07 10:00Z')
"""
AUTHORIZED = """
update payments set status = 'authorized', authorized_at = '2026-01-07 10:00:02.123456Z', updated_at = '2026-01-07 10:00:02.123456Z'
where payment_id = 'pay_journey'
"""
CAPTURED = """
update payments set status = 'captured', fee_minor = 68, captured_at = '2026-01-08 09:00Z', updated_at = '2026-01-08 09:00Z'
where payment_id = 'pay_journey'
"""
REFUNDED = """
insert into refunds values ('ref_journey', 'pay_journey', 400, 'JPY', 'requested_by_customer', 'succeeded', '2026-01-20Z', '2026-01-20Z')
"""
MISTAKEN = """
insert into payments select (p).* from (select jsonb_populate_record(p, '{"payment_id": "pay_mistake"}') as p
  from payments p where payment_id = 'pay_journey') as copies
"""
LARGE = json.dumps(
    {"note": "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=20_000))}
)
"""Too large for PostgreSQL to keep in the row, however it compresses it: so updates do not send it again."""


def land(config: Settings, *, tests: bool) -> None:
    capture.wait(config, "ledger")
    stream.run(config, "ledger", once=True, progress=quiet)
    report = build.build(config, tests=tests, progress=quiet)
    assert not [n for n in report.nodes if n.status in ("fail", "error")]
    sync.sync(config)


def ask(config: Settings, engine: str, sql: str) -> list[dict[str, Any]]:
    result = engines.run(config, engine, sql)
    return [dict(zip([c["name"] for c in result.columns], row, strict=True)) for row in result.rows]


@pytest.fixture(scope="module")
def travelled(stack: Settings) -> Settings:
    """The payment is requested, authorized, captured and partly refunded; landed twice on its way.

    Beside it one that was written by mistake is landed, and deleted before the second landing.
    """
    with context.postgres(stack) as database:
        database.execute(SHOP)
        database.execute(REQUESTED, [LARGE])
        database.commit()
        database.execute(AUTHORIZED)
        database.execute(MISTAKEN)
    land(stack, tests=False)
    assert {r["payment_id"] for r in ask(stack, "duckdb", FACTS)} == {PAYMENT, "pay_mistake"}
    with context.postgres(stack) as database:
        database.execute(CAPTURED)
        database.commit()
        database.execute(REFUNDED)
        database.execute("delete from payments where payment_id = 'pay_mistake'")
        database.execute(
            "update merchants set display_name = 'Sakura Tea House' where merchant_id = 'mer_journey'"
        )
    land(stack, tests=True)
    return stack


def test_bronze_has_every_change_once_and_in_order(travelled: Settings) -> None:
    log = ask(
        travelled,
        "duckdb",
        f"select _op, status, _topic, _unchanged from bronze.ledger__payments where payment_id = '{PAYMENT}' order by _partition, _offset",
    )
    assert [(r["_op"], r["status"]) for r in log] == [
        ("c", "requested"),
        ("u", "authorized"),
        ("u", "captured"),
    ]
    assert {r["_topic"] for r in log} == {"ledger.public.payments"}
    assert [r["_unchanged"] for r in log] == [[], ["metadata"], ["metadata"]], (
        "PostgreSQL does not send what an update left alone"
    )


def test_silver_has_the_current_state_with_what_was_not_sent(travelled: Settings) -> None:
    (row,) = ask(
        travelled,
        "duckdb",
        f"select status, fee_minor, authorized_at, metadata, _is_deleted from silver.stg_ledger__payments where payment_id = '{PAYMENT}'",
    )
    assert row["status"] == "captured"
    assert row["fee_minor"] == 68
    assert row["authorized_at"] == "2026-01-07T10:00:02.123456Z"
    assert row["metadata"] == LARGE
    assert row["_is_deleted"] is False


@pytest.mark.parametrize("engine", ["duckdb", "trino", "spark"])
def test_gold_says_the_same_on_every_engine(travelled: Settings, engine: str) -> None:
    (row,) = ask(
        travelled,
        engine,
        "select currency_code, amount_minor, captured_minor, fee_minor, refunded_minor, dispute_lost_minor, net_minor, is_refunded, "
        f"captured_on from gold.fct_payments where payment_id = '{PAYMENT}'",
    )
    assert row == {
        "currency_code": "JPY",
        "amount_minor": 1500,
        "captured_minor": 1500,
        "fee_minor": 68,
        "refunded_minor": 400,
        "dispute_lost_minor": 0,
        "net_minor": 1032,
        "is_refunded": True,
        "captured_on": "2026-01-08",
    }


def test_the_merchant_sees_it_on_the_days_it_happened(travelled: Settings) -> None:
    days = ask(
        travelled,
        "trino",
        "select day_on, revenue_minor, fee_minor, refunded_minor, net_minor from gold.agg_daily_merchant_revenue "
        "where merchant_id = 'mer_journey' order by day_on",
    )
    assert [tuple(d.values()) for d in days] == [
        ("2026-01-08", 1500, 68, 0, 1432),
        ("2026-01-20", 0, 0, 400, -400),
    ]


def test_a_deleted_row_is_gone_from_gold_and_known_in_silver(travelled: Settings) -> None:
    silver = ask(
        travelled,
        "duckdb",
        f"select payment_id, _is_deleted, amount_minor from silver.stg_ledger__payments {THESE} order by payment_id",
    )
    assert [tuple(r.values()) for r in silver] == [(PAYMENT, False, 1500), ("pay_mistake", True, 1500)]
    assert ask(travelled, "duckdb", FACTS) == [{"payment_id": PAYMENT}]


@pytest.mark.parametrize("engine", ["duckdb", "trino", "spark"])
def test_a_merchant_that_was_renamed_has_both_names_in_its_history(travelled: Settings, engine: str) -> None:
    sql = "select display_name, _valid_to is null from silver.hist_ledger__merchants where merchant_id = 'mer_journey' order by _valid_from"
    found = engines.run(travelled, engine, sql).rows
    assert [tuple(row) for row in found] == [("Sakura Tea", False), ("Sakura Tea House", True)]
    page = (ROOT / "docs" / "how-to" / "add-a-table.md").read_text()
    (as_of,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert engines.run(travelled, engine, as_of).rows == [], (
        "the moment of the page is before the first version"
    )
