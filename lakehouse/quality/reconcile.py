"""The money of gold beside that of PostgreSQL, and beside the ledger: per merchant, currency and day, to the minor unit.

The source is asked in its own SQL, from its own tables, with nothing of ours in between. Each side gives
``merchant_id, currency_code, day, amount_minor``; days are of UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from lakehouse import context
from lakehouse.errors import DataError, first_line
from lakehouse.settings import Settings

_SHOWN = 10

Key = tuple[str | None, str | None, date | None]
"""Merchant, currency and day."""


@dataclass(frozen=True)
class Measure:
    """One amount told twice. ``source`` is SQL of PostgreSQL or, of ``is_ledger``, of gold itself; ``gold`` of DuckDB."""

    name: str
    source: str
    gold: str
    is_ledger: bool = False


@dataclass(frozen=True)
class Difference:
    """One merchant, currency and day on which the two differ; None: nothing moved on that side."""

    merchant_id: str | None
    currency_code: str | None
    day: date | None
    source_minor: int | None
    gold_minor: int | None


@dataclass(frozen=True)
class Reconciled:
    """One measure: how many merchants, currencies and days have it, and on how many of these the two sides differ."""

    measure: str
    against: str
    keys: int
    differing: int
    first: tuple[Difference, ...] = ()


def _daily(column: str) -> str:
    return f"select nullif(merchant_id, '(unknown)') as merchant_id, currency_code, day_on, {column} from gold.agg_daily_merchant_revenue"


def _utc(instant: str) -> str:
    return f"({instant} at time zone 'UTC')::date"


_PAYABLE = (
    "select merchant_id, currency_code, posted_on, -amount_minor as amount_minor from gold.fct_ledger_entries"
    " where account = 'merchant_payable'"
)
_PAYOUTS = "select merchant_id, currency_code, cast(created_at as date), amount_minor from gold.fct_payouts"
_OF_PAYMENT = "p.merchant_id, x.currency_code"

MEASURES = (
    Measure(
        "revenue",
        f"select merchant_id, currency_code, {_utc('captured_at')}, amount_minor from payments where status = 'captured'",
        _daily("revenue_minor"),
    ),
    Measure(
        "fees",
        f"select merchant_id, currency_code, {_utc('captured_at')}, fee_minor from payments where status = 'captured'",
        _daily("fee_minor"),
    ),
    Measure(
        "refunds",
        f"select {_OF_PAYMENT}, {_utc('x.updated_at')}, x.amount_minor from refunds x left join payments p using (payment_id)"
        " where x.status = 'succeeded'",
        _daily("refunded_minor"),
    ),
    Measure(
        "lost disputes",
        f"select {_OF_PAYMENT}, {_utc('coalesce(x.closed_at, x.opened_at)')}, x.amount_minor"
        " from disputes x left join payments p using (payment_id) where x.status = 'lost'",
        _daily("dispute_lost_minor"),
    ),
    Measure(
        "payouts",
        f"select merchant_id, currency_code, {_utc('created_at')}, amount_minor from payouts",
        _PAYOUTS,
    ),
    Measure(
        "balances",
        f"select merchant_id, currency_code, {_utc('posted_at')}, -amount_minor from ledger_entries"
        " where account = 'merchant_payable'",
        _PAYABLE,
    ),
    Measure(
        "net less payouts",
        _PAYABLE,
        f"{_daily('net_minor')} union all select * replace (-amount_minor as amount_minor) from ({_PAYOUTS})",
        is_ledger=True,
    ),
)
"""What a finance team closes its books on. The last proves gold by the ledger: what a merchant earned on a day, less what
was paid out, is what the platform owes more than the day before. It holds where every booking is in the ledger."""

_TABLES = ("agg_daily_merchant_revenue", "fct_payouts", "fct_ledger_entries")


def reconcile(config: Settings) -> tuple[Reconciled, ...]:
    """Compare every measure. Reads PostgreSQL in one snapshot, and gold's tables as they are now; changes nothing.

    The two are of one moment only when what was committed is landed and built, and nobody writes meanwhile. Raises
    UnavailableError without PostgreSQL, DataError if gold cannot be read.
    """
    import duckdb

    with context.postgres(config) as source, context.duckdb() as gold:
        source.execute("set transaction isolation level repeatable read, read only")
        try:
            gold.execute("create schema gold")
            for table in _TABLES:
                folder = str(context.folder(config, f"gold.{table}")).replace("'", "''")
                gold.execute(f"create view gold.{table} as from delta_scan('{folder}')")
            return tuple(
                _compared(
                    measure,
                    _sums(
                        gold.execute(_summed(measure.source)).fetchall()
                        if measure.is_ledger
                        else source.execute(_summed(measure.source)).fetchall()
                    ),
                    _sums(gold.execute(_summed(measure.gold)).fetchall()),
                )
                for measure in MEASURES
            )
        except duckdb.Error as error:
            raise DataError(
                f"gold cannot be read: {first_line(error)}", hint="lakehouse transform run, then again"
            ) from error


def _summed(sql: str) -> str:
    """Nothing moved where the sum is 0."""
    return (
        "select merchant_id, currency_code, day, cast(sum(amount_minor) as bigint) as amount_minor"
        f" from ({sql}) as moved(merchant_id, currency_code, day, amount_minor)"
        " group by merchant_id, currency_code, day having sum(amount_minor) <> 0"
    )


def _sums(rows: list[tuple[str | None, str | None, date | None, int]]) -> dict[Key, int]:
    return {(merchant, currency, day): amount for merchant, currency, day, amount in rows}


def _compared(measure: Measure, source: Mapping[Key, int], gold: Mapping[Key, int]) -> Reconciled:
    found = list(_differences(source, gold))
    against = "ledger" if measure.is_ledger else "postgresql"
    return Reconciled(measure.name, against, len({*source, *gold}), len(found), tuple(found[:_SHOWN]))


def _differences(source: Mapping[Key, int], gold: Mapping[Key, int]) -> Iterator[Difference]:
    for key in sorted({*source, *gold}, key=lambda k: tuple((v is None, str(v)) for v in k)):
        if source.get(key) != gold.get(key):
            yield Difference(*key, source.get(key), gold.get(key))
