"""Source ``ledger``: the PostgreSQL database of a payments company, third normal form.

Deliberately absent: full card numbers (only the last four digits and a fingerprint are ever stored) and any
fraud label (whether a payment was fraud is learnt from its dispute, weeks later, as in life).
Money is ``..._minor`` in the minor unit of ``currency_code`` (ISO 4217: JPY has 0 digits, KWD 3).
"""

from __future__ import annotations

from lakehouse.contracts import (
    Column,
    Date,
    Decimal,
    Integer,
    Json,
    Sensitivity,
    Source,
    SourceKind,
    String,
    Table,
    Timestamp,
)

LEDGER = Source(
    name="ledger",
    kind=SourceKind.POSTGRES,
    owner="payments-platform",
    description="The system of record: who paid whom, how much, and what became of it.",
)

_CREATED = Column("created_at", Timestamp(), "When the row was first written, source clock.")
_UPDATED = Column("updated_at", Timestamp(), "When the row was last changed, source clock.")


def _currency(description: str = "ISO 4217 code of every amount in the row.") -> Column:
    return Column("currency_code", String(), description)


def _country(description: str) -> Column:
    return Column("country_code", String(), description)


MERCHANTS = Table(
    source=LEDGER,
    name="merchants",
    description="Businesses that are paid through the platform.",
    grain="merchant",
    key=("merchant_id",),
    history=True,
    columns=(
        Column("merchant_id", String(), "Identifier, `mer_...`."),
        Column("legal_name", String(), "Registered name."),
        Column("display_name", String(), "Name that customers see."),
        Column("merchant_category_code", String(), "MCC, four digits, ISO 18245."),
        _country("Where the merchant is established, ISO 3166-1 alpha-2."),
        Column("settlement_currency_code", String(), "Currency in which the merchant sells and is paid out."),
        Column("fee_rate_bps", Integer(32), "Share of each captured amount kept as fee, in basis points."),
        Column("fee_fixed_minor", Integer(), "Fixed fee per captured payment, in the settlement currency."),
        Column("status", String(), "Whether the merchant may take payments.", values=("active", "suspended")),
        Column("onboarded_at", Timestamp(), "When the merchant could first be paid."),
        _CREATED,
        _UPDATED,
    ),
)

CUSTOMERS = Table(
    source=LEDGER,
    name="customers",
    description="People who pay.",
    grain="customer",
    key=("customer_id",),
    history=True,
    columns=(
        Column("customer_id", String(), "Identifier, `cus_...`."),
        Column("full_name", String(), "Name as given.", sensitivity=Sensitivity.PERSONAL),
        Column("email", String(), "E-mail address.", sensitivity=Sensitivity.PERSONAL),
        Column(
            "phone", String(), "Telephone number, E.164.", nullable=True, sensitivity=Sensitivity.PERSONAL
        ),
        Column("birth_on", Date(), "Date of birth.", nullable=True, sensitivity=Sensitivity.PERSONAL),
        _country("Where the customer lives, ISO 3166-1 alpha-2."),
        _CREATED,
        _UPDATED,
    ),
)

PRODUCTS = Table(
    source=LEDGER,
    name="products",
    description="What merchants sell.",
    grain="product of a merchant",
    key=("product_id",),
    history=True,
    columns=(
        Column("product_id", String(), "Identifier, `prd_...`."),
        Column("merchant_id", String(), "Who sells it.", references="merchants.merchant_id"),
        Column("name", String(), "Name in the catalogue."),
        Column("category", String(), "Category in the catalogue."),
        Column("price_minor", Integer(), "List price."),
        _currency(),
        Column("status", String(), "Whether it is on sale.", values=("active", "retired")),
        _CREATED,
        _UPDATED,
    ),
)

PAYMENT_METHODS = Table(
    source=LEDGER,
    name="payment_methods",
    description="Cards, wallets and bank accounts that customers pay with.",
    grain="payment method of a customer",
    key=("payment_method_id",),
    columns=(
        Column("payment_method_id", String(), "Identifier, `pm_...`."),
        Column("customer_id", String(), "Whose it is.", references="customers.customer_id"),
        Column("kind", String(), "What it is.", values=("card", "wallet", "bank_debit")),
        Column("brand", String(), "Network, wallet or scheme: visa, mastercard, apple_pay, sepa ..."),
        Column(
            "card_last4",
            String(),
            "Last four digits, cards only.",
            nullable=True,
            sensitivity=Sensitivity.PERSONAL,
        ),
        Column(
            "fingerprint", String(), "Same for the same card or account.", sensitivity=Sensitivity.PERSONAL
        ),
        Column("issuer_country_code", String(), "Where it was issued, ISO 3166-1 alpha-2."),
        Column("expires_on", Date(), "Last valid day, cards only.", nullable=True),
        _CREATED,
        _UPDATED,
    ),
)

PAYMENTS = Table(
    source=LEDGER,
    name="payments",
    description="Payments from request to capture or failure. Refunds and disputes have tables of their own.",
    grain="payment",
    key=("payment_id",),
    is_hot=True,
    columns=(
        Column("payment_id", String(), "Identifier, `pay_...`."),
        Column("customer_id", String(), "Who pays.", references="customers.customer_id"),
        Column("merchant_id", String(), "Who is paid.", references="merchants.merchant_id"),
        Column("product_id", String(), "What is bought.", references="products.product_id"),
        Column("payment_method_id", String(), "With what.", references="payment_methods.payment_method_id"),
        Column("amount_minor", Integer(), "Amount asked for."),
        _currency(),
        Column("fee_minor", Integer(), "Platform fee; 0 until captured."),
        Column(
            "status",
            String(),
            "Where the payment stands.",
            values=("requested", "authorized", "captured", "failed"),
        ),
        Column("channel", String(), "Where it was made.", values=("web", "mobile", "point_of_sale", "api")),
        Column("ip_country_code", String(), "Country of the payer's address.", nullable=True),
        Column("failure_code", String(), "Why it failed.", nullable=True),
        Column("metadata", Json(), "What the merchant attached.", nullable=True),
        Column("requested_at", Timestamp(), "When the customer asked to pay."),
        Column("authorized_at", Timestamp(), "When the issuer agreed.", nullable=True),
        Column("captured_at", Timestamp(), "When the money was taken.", nullable=True),
        Column("failed_at", Timestamp(), "When it failed.", nullable=True),
        _CREATED,
        _UPDATED,
    ),
)

REFUNDS = Table(
    source=LEDGER,
    name="refunds",
    description="Money given back by the merchant, in whole or in part. Amounts are positive.",
    grain="refund",
    key=("refund_id",),
    columns=(
        Column("refund_id", String(), "Identifier, `ref_...`."),
        Column("payment_id", String(), "What is refunded.", references="payments.payment_id"),
        Column("amount_minor", Integer(), "Amount given back."),
        _currency(),
        Column(
            "reason", String(), "Why.", values=("requested_by_customer", "duplicate", "product_unavailable")
        ),
        Column("status", String(), "Where the refund stands.", values=("pending", "succeeded", "failed")),
        _CREATED,
        _UPDATED,
    ),
)

DISPUTES = Table(
    source=LEDGER,
    name="disputes",
    description="Chargebacks: a payer's bank takes the money back. They arrive weeks after the payment.",
    grain="dispute",
    key=("dispute_id",),
    columns=(
        Column("dispute_id", String(), "Identifier, `dsp_...`."),
        Column("payment_id", String(), "What is disputed.", references="payments.payment_id"),
        Column("amount_minor", Integer(), "Amount in dispute."),
        _currency(),
        Column(
            "reason",
            String(),
            "What the payer says.",
            values=("fraudulent", "not_received", "not_as_described"),
        ),
        Column("status", String(), "Where the dispute stands.", values=("opened", "won", "lost")),
        Column("opened_at", Timestamp(), "When the platform was told."),
        Column("closed_at", Timestamp(), "When it was decided.", nullable=True),
        _CREATED,
        _UPDATED,
    ),
)

PAYOUTS = Table(
    source=LEDGER,
    name="payouts",
    description="Money sent to merchants: captured amounts less fees, refunds and disputes of a period.",
    grain="payout",
    key=("payout_id",),
    columns=(
        Column("payout_id", String(), "Identifier, `pyo_...`."),
        Column("merchant_id", String(), "Who is paid out.", references="merchants.merchant_id"),
        Column("amount_minor", Integer(), "Amount sent; never negative."),
        _currency(),
        Column("status", String(), "Where the payout stands.", values=("in_transit", "paid")),
        Column("period_start_on", Date(), "First day covered, UTC."),
        Column("period_end_on", Date(), "Last day covered, UTC."),
        Column("paid_at", Timestamp(), "When the bank confirmed.", nullable=True),
        _CREATED,
        _UPDATED,
    ),
)

LEDGER_ENTRIES = Table(
    source=LEDGER,
    name="ledger_entries",
    description="Double-entry bookkeeping. Entries of a transaction sum to zero in each currency.",
    grain="entry",
    key=("entry_id",),
    columns=(
        Column("entry_id", Integer(), "Running number."),
        Column("transaction_id", String(), "Groups the entries of one booking, e.g. `capture:pay_...`."),
        Column(
            "account",
            String(),
            "What is booked. Debits are positive, credits negative.",
            values=("clearing", "merchant_payable", "fee_income", "dispute_receivable"),
        ),
        Column("merchant_id", String(), "Whose account it concerns.", references="merchants.merchant_id"),
        Column(
            "payment_id", String(), "Cause, unless a payout.", nullable=True, references="payments.payment_id"
        ),
        Column("payout_id", String(), "Cause, if a payout.", nullable=True, references="payouts.payout_id"),
        Column("amount_minor", Integer(), "Signed amount."),
        _currency(),
        Column("posted_at", Timestamp(), "When it was booked."),
    ),
)

FX_RATES = Table(
    source=LEDGER,
    name="fx_rates",
    description="Reference exchange rates of each day.",
    grain="base currency, quote currency and day",
    key=("base_currency_code", "quote_currency_code", "rate_on"),
    columns=(
        Column("base_currency_code", String(), "ISO 4217; one major unit of this ..."),
        Column("quote_currency_code", String(), "... costs `rate` major units of this."),
        Column("rate_on", Date(), "Day the rate holds for, UTC."),
        Column("rate", Decimal(18, 8), "Rate.", sensitivity=Sensitivity.PUBLIC),
        _CREATED,
    ),
)

TABLES = (
    MERCHANTS,
    CUSTOMERS,
    PRODUCTS,
    PAYMENT_METHODS,
    PAYMENTS,
    REFUNDS,
    DISPUTES,
    PAYOUTS,
    LEDGER_ENTRIES,
    FX_RATES,
)
