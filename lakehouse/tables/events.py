"""Source ``events``: what browsers, apps and third parties tell us. JSON on Kafka, one event a message."""

from __future__ import annotations

from lakehouse.contracts import Column, Event, Json, Source, SourceKind, String, Table, Timestamp

EVENTS = Source(
    name="events",
    kind=SourceKind.EVENTS,
    owner="growth",
    description="Checkout sessions of web and mobile shops, and signed callbacks of third parties.",
)

CHECKOUT = Table(
    source=EVENTS,
    name="checkout",
    description="Steps of checkout sessions, the abandoned ones too.",
    grain="step of a checkout session",
    key=("event_id",),
    event=Event(id_column="event_id", time_column="occurred_at"),
    columns=(
        Column("event_id", String(), "Identifier; the same event sent twice has the same one."),
        Column(
            "event_name",
            String(),
            "Step of the funnel.",
            values=(
                "session_started",
                "product_viewed",
                "checkout_started",
                "payment_submitted",
                "payment_completed",
            ),
        ),
        Column("session_id", String(), "Groups the steps of one visit."),
        Column("customer_id", String(), "Who, once known.", nullable=True),
        Column("merchant_id", String(), "Whose shop."),
        Column("product_id", String(), "What is looked at.", nullable=True),
        Column("payment_id", String(), "The payment, once there is one.", nullable=True),
        Column("channel", String(), "Where.", values=("web", "mobile")),
        Column("country_code", String(), "Country of the visitor's address.", nullable=True),
        Column("occurred_at", Timestamp(), "When, visitor's clock corrected to UTC."),
    ),
)

WEBHOOK = Table(
    source=EVENTS,
    name="webhook",
    description="Callbacks of payment networks, stored as received once their signature was verified.",
    grain="callback",
    key=("event_id",),
    event=Event(id_column="event_id", time_column="occurred_at"),
    columns=(
        Column("event_id", String(), "Sender's identifier of the callback."),
        Column("provider", String(), "Who sent it."),
        Column("event_type", String(), "What happened, in the sender's words."),
        Column("payment_id", String(), "Payment it concerns.", nullable=True),
        Column("payload", Json(), "Body as received.", nullable=True),
        Column("occurred_at", Timestamp(), "When it happened, sender's clock."),
    ),
)

TABLES = (CHECKOUT, WEBHOOK)
