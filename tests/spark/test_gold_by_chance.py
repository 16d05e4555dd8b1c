"""Gold built piece by piece after changes by chance is gold built anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from lakehouse import context, tables
from lakehouse.transform import build

START = datetime(2026, 1, 20, tzinfo=UTC)
CURRENCIES = ("EUR", "JPY", "SEK")
Row = dict[str, Any]


class Business:
    """Rows of the tables that cubes are summed from, and changes of them: new ones, others, and rows deleted."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.there: dict[str, dict[str, Row]] = {}
        self.made = 0

    def at(self) -> datetime:
        return START + timedelta(seconds=self.chance.randrange(100 * 86_400))

    def of(self, kind: str) -> str | None:
        """One of those that are or were there, of a few that are not, or none."""
        there = list(self.there.get(kind, {}))
        return self.chance.choice([*there, *there, *there, f"{kind} unknown", None])

    def change(self, name: str) -> Row:
        """A row of ``name`` as it comes into bronze."""
        there = self.there.setdefault(name, {})
        is_event = name == "events.checkout"
        if there and not is_event and self.chance.random() < 0.5:
            key = self.chance.choice(list(there))
            row = there[key] | self.row(name) | {c: there[key][c] for c in KEPT.get(name, ())}
            row["_op"] = self.chance.choice("uuud")
        else:
            self.made += 1
            key = f"{name} {self.made}"
            row = self.row(name) | {"_op": "c"}
        there[key] = row
        named = {} if name == "fx_rates" else {tables.get(name).key[0]: key}
        return row | named | {"_source_at": self.at()}

    def row(self, name: str) -> Row:
        any_of, at = self.chance.choice, self.at
        amount, currency = self.chance.randrange(1, 9_000), any_of(CURRENCIES)
        when = any_of([at(), at(), at(), None])
        match name:
            case "customers" | "merchants":
                return {
                    "country_code": any_of(("DE", "FR")),
                    **({"display_name": any_of("ab")} if name == "merchants" else {}),
                }
            case "products":
                return {"merchant_id": self.of("merchants"), "price_minor": amount, "currency_code": currency}
            case "payment_methods":
                return {"customer_id": self.of("customers"), "kind": any_of(("card", "bank"))}
            case "fx_rates":
                pair = {"base_currency_code": any_of(CURRENCIES[1:]), "quote_currency_code": "EUR"}
                return {**pair, "rate_on": at().date(), "rate": Decimal(amount) / 1000}
            case "payments":
                status = any_of(("captured", "captured", "failed", "requested"))
                return {
                    "customer_id": self.of("customers"), "merchant_id": self.of("merchants"), "product_id": self.of("products"),
                    "payment_method_id": self.of("payment_methods"), "amount_minor": amount, "currency_code": currency,
                    "fee_minor": amount // 50, "status": status, "channel": any_of(("web", "app", None)),
                    "requested_at": when, "captured_at": when if status == "captured" else None,
                }  # fmt: skip
            case "refunds":
                told = {"amount_minor": amount, "currency_code": currency, "updated_at": at()}
                return {"payment_id": self.of("payments"), "status": any_of(("succeeded", "pending")), **told}
            case "disputes":
                told = {
                    "amount_minor": amount,
                    "currency_code": currency,
                    "reason": any_of(("fraudulent", "other")),
                }
                ends = {"opened_at": at(), "closed_at": when}
                return {
                    "payment_id": self.of("payments"),
                    "status": any_of(("lost", "won", "opened")),
                    **told,
                    **ends,
                }
            case "events.checkout":
                steps = (
                    "session_started",
                    "product_viewed",
                    "checkout_started",
                    "payment_submitted",
                    "payment_completed",
                )
                who = {
                    "customer_id": self.of("customers"),
                    "merchant_id": self.of("merchants"),
                    "product_id": self.of("products"),
                }
                session = {
                    "session_id": f"session {self.chance.randrange(20)}",
                    "channel": any_of(("web", "app")),
                }
                return {"event_name": any_of(steps), "occurred_at": at(), **who, **session}
        raise AssertionError(name)


KEPT = {"fx_rates": ("base_currency_code", "quote_currency_code", "rate_on")}
"""What a change leaves as it was."""
NAMES = (
    "customers", "merchants", "products", "payment_methods", "fx_rates", "payments", "payments", "payments", "refunds", "disputes",
    "events.checkout", "events.checkout",
)  # fmt: skip


def changes(business: Business, count: int) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for name in business.chance.choices(NAMES, k=count):
        found.setdefault(name, []).append(business.change(name))
    return found


@pytest.mark.long
@pytest.mark.parametrize("seed", [20260301, 20260302, 20260303])
def test_whatever_changes_gold_is_as_if_built_anew(lake: Any, seed: int) -> None:
    """Batches of two tables become known in the other order, too: a build falls between them."""
    business = Business(seed)

    def build_changed() -> None:
        build.build(lake.config, tests=False)
        note = (
            lake.config.state / "run" / "dbt" / "built.json"
        )  # as if tested: the next looks at what changed alone
        note.write_text(note.read_text().replace('"tested": false', '"tested": true'))

    lake.land(changes(business, 60))
    build_changed()
    for _ in range(5):
        found = changes(business, business.chance.choice((3, 12)))
        later = business.chance.sample(sorted(found), k=len(found) // 2)
        lake.batches += 1
        lake.land({name: rows for name, rows in found.items() if name in later})
        build_changed()
        lake.batches -= 2
        lake.land({name: rows for name, rows in found.items() if name not in later})
        lake.batches += 1
        build_changed()
    gold = [f"gold.{folder.name}" for schema, _, folder in context.tables(lake.config) if schema == "gold"]
    piece_by_piece = {t: lake.table(t) for t in gold}
    build.build(lake.config, full_refresh=True, tests=False)
    for table, rows in piece_by_piece.items():
        anew = lake.table(table)
        assert (rows - anew, anew - rows) == (set(), set()), table
