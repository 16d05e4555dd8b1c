"""The ledger: every booking balances, and what merchants are paid follows from it.

Debits are positive, credits negative. ``merchant_payable`` is a liability: what is owed to a merchant is
minus the sum of its entries.

    capture   clearing +a             merchant_payable -a
    fee       merchant_payable +f     fee_income -f            never given back, as most platforms keep it
    refund    merchant_payable +a     clearing -a
    dispute   dispute_receivable +a   clearing -a              the bank takes the money while it decides
      won     clearing +a             dispute_receivable -a
      lost    merchant_payable +a     dispute_receivable -a
    payout    merchant_payable +a     clearing -a

Payouts are weekly: when a UTC week (Monday to Sunday) has ended, what a merchant is owed at that instant is
sent on Monday morning. A merchant who is owed nothing, or owes, is not paid: the balance is carried over, and
the next payout's period begins where the last one's ended.
"""

from __future__ import annotations

from datetime import timedelta

from lakehouse.testing.simulator.changes import Moment
from lakehouse.testing.simulator.clock import DAY, HOUR, MINUTE, SECOND, day_of, instant
from lakehouse.testing.simulator.dice import stream, whole
from lakehouse.testing.simulator.world import Body, World


def book(
    world: World,
    at: int,
    out: Moment,
    transaction: str,
    m: int,
    *,
    debit: str,
    credit: str,
    amount: int,
    payment_id: str | None = None,
    payout_id: str | None = None,
) -> None:
    """Write the two entries of one booking, and keep the merchant's balance in step. Nothing for an amount
    of 0.
    """
    if amount == 0:
        return
    merchant = world.merchants[m]
    for account, signed in ((debit, amount), (credit, -amount)):
        out.insert(
            "ledger_entries",
            entry_id=world.number("entry"),
            transaction_id=transaction,
            account=account,
            merchant_id=merchant.id,
            payment_id=payment_id,
            payout_id=payout_id,
            amount_minor=signed,
            currency_code=merchant.currency,
            posted_at=instant(at),
        )
        if account == "merchant_payable":
            merchant.balance -= signed


def close_week(world: World, at: int) -> None:
    """At midnight before a Monday: plan a payout for every merchant who is owed something."""
    for m, merchant in enumerate(world.merchants):
        if merchant.balance > 0:
            body = {"m": m, "a": merchant.balance, "from": merchant.unpaid_since, "to": at}
            world.later(at + 6 * HOUR + m * 7 * SECOND, "payout_sent", body)
            merchant.unpaid_since = at


def payout_sent(world: World, at: int, body: Body, out: Moment) -> None:
    merchant = world.merchants[body["m"]]
    payout_id = world.new_id("pyo")
    out.insert(
        "payouts",
        payout_id=payout_id,
        merchant_id=merchant.id,
        amount_minor=body["a"],
        currency_code=merchant.currency,
        status="in_transit",
        period_start_on=day_of(body["from"]),
        period_end_on=day_of(body["to"]) - timedelta(days=1),
        paid_at=None,
        created_at=instant(at),
        updated_at=instant(at),
    )
    book(
        world, at, out, f"payout:{payout_id}", body["m"],
        debit="merchant_payable", credit="clearing", amount=body["a"], payout_id=payout_id,
    )  # fmt: skip
    rng = stream(world.seed, "payout", payout_id)
    world.later(at + DAY + whole(rng, -90 * MINUTE, 30 * HOUR), "payout_paid", {"o": payout_id})


def payout_paid(world: World, at: int, body: Body, out: Moment) -> None:
    out.update(
        "payouts", {"payout_id": body["o"]}, status="paid", paid_at=instant(at), updated_at=instant(at)
    )
