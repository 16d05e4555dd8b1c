"""What a fraud model may know about a payment: only what was known when it was requested.

One Spark SQL statement. A payment is unfolded into its events, each at the instant it became known
(requested, failed, disputed), and every feature looks at events *strictly before* the payment's own
``requested_at``, so neither the future nor a payment made in the same microsecond can leak. Amounts of
different currencies are compared by the logarithm of ``amount_minor`` less its mean over the currency's
past, which needs no exchange rate and no exponent. Logarithms are kept as whole millionths inside windows:
sums of integers do not depend on the order of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse import tables

_HOUR_US = 3_600_000_000
_PAST = "RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"


@dataclass(frozen=True)
class Feature:
    """A column of the training set: DOUBLE, null where nothing was known. ``sql`` is over ``events``."""

    name: str
    sql: str
    about: str


def _last(hours: int) -> str:
    return f"RANGE BETWEEN {hours * _HOUR_US} PRECEDING AND 1 PRECEDING"


def _over(keys: str, frame: str = _PAST) -> str:
    return f"OVER (PARTITION BY {keys} ORDER BY at_us {frame})"


def _known(kind: str, keys: str, frame: str = _PAST) -> str:
    return f"COUNT_IF(kind = '{kind}') {_over(keys, frame)}"


def _rate(kind: str, keys: str) -> str:
    return f"{_known(kind, keys)} / NULLIF({_known('requested', keys)}, 0)"


def _hours_since(keys: str) -> str:
    return f"(at_us - MAX(IF(kind = 'requested', at_us, NULL)) {_over(keys)}) / {_HOUR_US}"


_CUSTOMER, _METHOD, _PAIR = "customer_id", "customer_id, payment_method_id", "customer_id, merchant_id"
_MERCHANT, _CATEGORY = "merchant_id", "merchant_category_code"
_SPANS = {"1h": 1, "24h": 24, "7d": 7 * 24, "30d": 30 * 24}


def _is_one_of(column: str, prefix: str, table: str, declared: str) -> tuple[Feature, ...]:
    values = next(c.values for c in tables.get(table).columns if c.name == declared)
    return tuple(
        Feature(
            f"{prefix}_is_{value}",
            f"{column} = '{value}'",
            f"Whether the {prefix} is {value.replace('_', ' ')}.",
        )
        for value in values
    )


FEATURES: tuple[Feature, ...] = (
    Feature("amount_vs_currency", "log_size / 1e6", "Log of the amount over the usual one of its currency."),
    Feature(
        "amount_vs_customer",
        f"(log_size - AVG(past_log_size) {_over(_CUSTOMER)}) / 1e6",
        "Log of the amount over the customer's usual one.",
    ),
    Feature(
        "amount_vs_customer_most",
        f"(log_size - MAX(past_log_size) {_over(_CUSTOMER)}) / 1e6",
        "Log of the amount over the customer's largest one so far.",
    ),
    Feature(
        "amount_vs_merchant",
        f"(log_size - AVG(past_log_size) {_over(_MERCHANT)}) / 1e6",
        "Log of the amount over the merchant's usual one.",
    ),
    Feature("hour_of_day", "HOUR(requested_at)", "Hour of the request, UTC."),
    Feature("is_weekend", "WEEKDAY(requested_at) >= 5", "Whether requested on a Saturday or Sunday, UTC."),
    Feature(
        "is_ip_abroad", "ip_country_code <> customer_country_code", "Address outside the customer's country."
    ),
    Feature(
        "is_issuer_abroad",
        "issuer_country_code <> customer_country_code",
        "Issued outside the customer's country.",
    ),
    Feature(
        "is_merchant_abroad",
        "merchant_country_code <> customer_country_code",
        "Merchant outside the customer's country.",
    ),
    Feature("is_ip_unknown", "ip_country_code IS NULL", "No address known, as at a point of sale."),
    *_is_one_of("channel", "channel", "ledger.payments", "channel"),
    *_is_one_of("payment_method_kind", "method", "ledger.payment_methods", "kind"),
    Feature(
        "merchant_category_code",
        "TRY_CAST(merchant_category_code AS DOUBLE)",
        "MCC as a number; trees cut it into ranges.",
    ),
    Feature(
        "customer_age_days", "(at_us - customer_since_us) / 24 / 3600e6", "Days since the customer signed up."
    ),
    Feature(
        "customer_past_payments",
        _known("requested", _CUSTOMER),
        "Payments the customer has asked for before.",
    ),
    Feature(
        "customer_hours_since_previous",
        _hours_since(_CUSTOMER),
        "Hours since the customer's previous payment.",
    ),
    *(
        Feature(
            f"customer_payments_{span}",
            _known("requested", _CUSTOMER, _last(hours)),
            f"Customer's payments in the last {span}.",
        )
        for span, hours in _SPANS.items()
    ),
    *(
        Feature(
            f"customer_spend_{span}",
            f"COALESCE(SUM(past_spend) {_over(_CUSTOMER, _last(hours))}, 0) / 1e3",
            f"Customer's amounts in the last {span}, in usual payments of their currencies.",
        )
        for span, hours in _SPANS.items()
    ),
    Feature(
        "customer_failures_24h",
        _known("failed", _CUSTOMER, _last(24)),
        "Customer's payments that failed in the last 24h.",
    ),
    Feature(
        "customer_past_frauds", _known("fraud", _CUSTOMER), "Fraud disputes of the customer opened so far."
    ),
    Feature(
        "method_past_payments",
        _known("requested", _METHOD),
        "Earlier payments with this method; 0: it is new.",
    ),
    Feature(
        "method_payments_24h",
        _known("requested", _METHOD, _last(24)),
        "Payments with this method in the last 24h.",
    ),
    Feature(
        "customer_merchant_past_payments",
        _known("requested", _PAIR),
        "Earlier payments to this merchant; 0: it is new.",
    ),
    Feature(
        "merchant_past_payments",
        _known("requested", _MERCHANT),
        "Payments the merchant was asked for before.",
    ),
    Feature(
        "merchant_dispute_rate",
        _rate("disputed", _MERCHANT),
        "Share of the merchant's payments disputed so far.",
    ),
    Feature("merchant_fraud_rate", _rate("fraud", _MERCHANT), "Share of them disputed as fraudulent so far."),
    Feature(
        "merchant_frauds_30d",
        _known("fraud", _MERCHANT, _last(30 * 24)),
        "Merchant's fraud disputes opened in the last 30d.",
    ),
    Feature(
        "category_fraud_rate",
        _rate("fraud", _CATEGORY),
        "Share of the category's payments disputed as fraudulent so far.",
    ),
)
NAMES: tuple[str, ...] = tuple(f.name for f in FEATURES)
INSTANTS = ("requested_at", "disputed_at", "fraud_disputed_at")


def sql(payments: str, disputes: str, customers: str) -> str:
    """The statement over three relations, each a table name or ``table VERSION AS OF n``.

    One row per payment: ``payment_id, requested_at, is_captured, is_fraud_disputed, disputed_at,
    fraud_disputed_at`` (when its first dispute was opened, and its first for fraud: the label and its
    clock), then ``NAMES`` as DOUBLE. Rows come in no order.
    """
    features = ",\n  ".join(f"CAST({f.sql} AS DOUBLE) AS {f.name}" for f in FEATURES)
    return f"""
WITH opened AS (
  SELECT payment_id, MIN(opened_at) AS disputed_at,
    MIN(IF(reason = 'fraudulent', opened_at, NULL)) AS fraud_disputed_at
  FROM {disputes} GROUP BY payment_id
), payments AS (
  SELECT p.*, d.disputed_at, d.fraud_disputed_at, UNIX_MICROS(c.created_at) AS customer_since_us,
    CAST(ROUND(LN(GREATEST(p.amount_minor, 1)) * 1e6) AS BIGINT) AS log_amount
  FROM {payments} p LEFT JOIN opened d USING (payment_id) LEFT JOIN {customers} c
    ON p.customer_key = c.customer_key
), sized AS (
  SELECT *, CAST(ROUND(log_amount - AVG(log_amount) OVER (
    PARTITION BY currency_code ORDER BY UNIX_MICROS(requested_at) {_PAST})) AS BIGINT) AS log_size
  FROM payments
), events AS (
  SELECT *, UNIX_MICROS(at) AS at_us,
    IF(kind = 'requested', log_size, NULL) AS past_log_size,
    IF(kind = 'requested', CAST(ROUND(EXP(log_size / 1e6) * 1e3) AS BIGINT), NULL) AS past_spend
  FROM sized LATERAL VIEW EXPLODE(MAP(
    'requested', requested_at, 'failed', failed_at,
    'disputed', disputed_at, 'fraud', fraud_disputed_at)) e AS kind, at
  WHERE at IS NOT NULL
), seen AS (
  SELECT kind, payment_id, requested_at, is_captured, is_fraud_disputed, disputed_at, fraud_disputed_at,
  {features}
  FROM events
)
SELECT * EXCEPT (kind) FROM seen WHERE kind = 'requested'
"""
