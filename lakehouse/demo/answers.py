"""The same questions to PostgreSQL, Trino and DuckDB, and the path of one payment through every layer."""

from __future__ import annotations

from typing import Any

from lakehouse import context, names, tables
from lakehouse.query import engines
from lakehouse.settings import Settings

_REVENUE_IN_GOLD = """
select currency_code, sum(captured_minor) as revenue_minor
from gold.fct_payments group by currency_code having sum(captured_minor) > 0 order by currency_code
"""
_REVENUE_IN_SOURCE = """
select currency_code, sum(amount_minor)::bigint
from public.payments where status = 'captured' group by currency_code order by currency_code
"""
_BUSIEST = """
select p.payment_id from public.payments p
left join public.refunds r using (payment_id) left join public.disputes d using (payment_id)
order by (d.payment_id is not null)::int + (r.payment_id is not null)::int desc, p.requested_at desc, p.payment_id
limit 1
"""


def revenue(config: Settings) -> dict[str, dict[str, int]]:
    """Captured amount per currency, in minor units, as PostgreSQL, Trino and DuckDB see it."""
    with context.postgres(config) as connection:
        source = connection.execute(_REVENUE_IN_SOURCE).fetchall()
    found = {"source": {currency: int(amount) for currency, amount in source}}
    for engine in ("trino", "duckdb"):
        rows = engines.run(config, engine, _REVENUE_IN_GOLD).rows
        found[engine] = {currency: int(amount) for currency, amount in rows}
    return found


def payment_counts(config: Settings) -> tuple[int, int]:
    """Payments in PostgreSQL and in gold."""
    with context.postgres(config) as connection:
        row = connection.execute("select count(*) from public.payments").fetchone()
    gold = engines.run(config, "duckdb", "select count(*) as payments from gold.fct_payments").rows[0][0]
    return int(row[0]) if row else 0, int(gold)


def journey(config: Settings) -> dict[str, Any]:
    """One payment, the one with the most that happened to it, from its PostgreSQL row to two engines' answers.

    Empty when there are no payments.
    """
    payment = tables.get("ledger.payments")
    with context.postgres(config) as connection:
        chosen = connection.execute(_BUSIEST).fetchone()
        if chosen is None:
            return {}
        cursor = connection.execute("select * from public.payments where payment_id = %s", chosen)
        row = cursor.fetchone() or ()
        source = dict(zip([c.name for c in cursor.description or ()], row, strict=True))
    where = f"where payment_id = '{chosen[0]}'"
    log = _rows(
        config,
        "duckdb",
        f"select _op, _topic, _partition, _offset, _source_at, _ingested_at, status from {names.bronze(payment)} {where} "
        "order by _partition, _offset",
    )
    return {
        "payment_id": chosen[0],
        "postgres": source,
        "kafka": [{k: r[k] for k in ("_topic", "_partition", "_offset")} for r in log],
        "bronze": log,
        "silver": _rows(
            config,
            "duckdb",
            f"select status, _partition, _offset, _source_at from {names.staging(payment)} {where}",
        ),
        "gold": _rows(
            config,
            "duckdb",
            "select status, currency_code, amount_minor, captured_minor, fee_minor, refunded_minor, dispute_lost_minor, net_minor, "
            f"known_at from gold.fct_payments {where}",
        ),
        "answers": {
            engine: _rows(
                config,
                engine,
                f"select currency_code, captured_minor, net_minor from gold.fct_payments {where}",
            )
            for engine in ("trino", "duckdb")
        },
    }


def _rows(config: Settings, engine: str, sql: str) -> list[dict[str, Any]]:
    result = engines.run(config, engine, sql)
    return [dict(zip([c["name"] for c in result.columns], row, strict=True)) for row in result.rows]
