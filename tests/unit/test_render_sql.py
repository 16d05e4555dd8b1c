"""The statements that are rendered, spelled out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse import tables
from lakehouse.contracts import (
    Boolean,
    Column,
    Decimal,
    Integer,
    Source,
    SourceKind,
    String,
    Table,
    Timestamp,
)
from lakehouse.errors import ContractError
from lakehouse.render import common, delta, duckdb, postgres, spark, trino

SHOP = Source(name="shop", kind=SourceKind.POSTGRES, owner="shop-team", description="A shop.")
ORDERS = Table(
    source=SHOP,
    name="orders",
    description="What a buyer's basket became.",
    grain="order",
    key=("order_id",),
    columns=(
        Column("order_id", String(), "Identifier."),
        Column("amount_minor", Integer(), "Amount."),
        Column("currency_code", String(), "Currency."),
        Column("status", String(), "State.", values=("open", "won't pay")),
        Column("rate", Decimal(18, 8), "Rate.", nullable=True),
        Column("parent_id", String(), "Order it replaces.", nullable=True, references="orders.order_id"),
    ),
)

POSTGRES = """\
CREATE TABLE IF NOT EXISTS "public"."orders" (
  "order_id" text NOT NULL,
  "amount_minor" bigint NOT NULL,
  "currency_code" text NOT NULL,
  "status" text NOT NULL CHECK ("status" IN ('open', 'won''t pay')),
  "rate" numeric(18,8),
  "parent_id" text REFERENCES "public"."orders" ("order_id"),
  PRIMARY KEY ("order_id")
)"""

DELTA = """\
CREATE TABLE IF NOT EXISTS `bronze`.`shop__orders` (
  `_op` STRING COMMENT 'Change: c create, u update, d delete, r snapshot read, t truncate, or tombstone.',
  `_topic` STRING COMMENT 'Kafka topic of the message.',
  `_partition` INT COMMENT 'Kafka partition of the message.',
  `_offset` BIGINT COMMENT 'Kafka offset of the message; orders the changes of a key.',
  `_kafka_at` TIMESTAMP COMMENT 'When Kafka took the message, broker\\'s record timestamp.',
  `_source_at` TIMESTAMP COMMENT 'When the change was committed, source clock.',
  `_source_lsn` BIGINT COMMENT 'Position in PostgreSQL\\'s log. Tells a repeated change; never the order.',
  `_source_tx` STRING COMMENT 'Transaction of the change in PostgreSQL.',
  `_is_snapshot` BOOLEAN COMMENT 'Whether the row was read by a snapshot rather than from the log.',
  `_ingested_at` TIMESTAMP COMMENT 'When the row was written here, driver\\'s clock: known time.',
  `_contract_version` INT COMMENT 'Version of the declaration that the row was read with.',
  `_unchanged` ARRAY<STRING> COMMENT 'Columns that the source did not send: neither value nor null.',
  `_extra` MAP<STRING,STRING> COMMENT 'What the source sent beyond the declaration: its name there to its text; NULL if nothing.',
  `order_id` STRING COMMENT 'Identifier.',
  `amount_minor` BIGINT COMMENT 'Amount.',
  `currency_code` STRING COMMENT 'Currency.',
  `status` STRING COMMENT 'State.',
  `rate` DECIMAL(18,8) COMMENT 'Rate.',
  `parent_id` STRING COMMENT 'Order it replaces.'
)
USING delta
COMMENT 'Log of shop.orders, append-only, one row per message. What a buyer\\'s basket became.'
LOCATION '/data/bronze/shop__orders'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'false',
  'delta.checkpointInterval' = '50',
  'delta.logRetentionDuration' = 'interval 30 days',
  'lakehouse.contract.version' = '1',
  'lakehouse.contract.fingerprint' = '{fingerprint}',
  'lakehouse.contract.key' = 'order_id'
)"""

QUARANTINE = """\
CREATE TABLE IF NOT EXISTS `ops`.`shop__orders__quarantine` (
  `_topic` STRING COMMENT 'Kafka topic of the message.',
  `_partition` INT COMMENT 'Kafka partition of the message.',
  `_offset` BIGINT COMMENT 'Kafka offset of the message; orders the changes of a key.',
  `_kafka_at` TIMESTAMP COMMENT 'When Kafka took the message, broker\\'s record timestamp.',
  `_ingested_at` TIMESTAMP COMMENT 'When the row was written here, driver\\'s clock: known time.',
  `_contract_version` INT COMMENT 'Version of the declaration that the row was read with.',
  `key` BINARY COMMENT 'Key of the message, as received.',
  `value` BINARY COMMENT 'Value of the message, as received.',
  `reason` STRING COMMENT 'Why the message could not be read.'
)
USING delta
COMMENT 'Messages of shop.public.orders that could not be read, with their bytes, place and reason.'
LOCATION '/data/ops/shop__orders__quarantine'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'false'
)"""

PUBLICATION = """\
DO $publication$ BEGIN
  IF EXISTS (SELECT FROM pg_publication WHERE pubname = 'capture_shop') THEN
    ALTER PUBLICATION "capture_shop" SET TABLE "public"."orders", "lakehouse_capture"."shop_signals";
  ELSE
    CREATE PUBLICATION "capture_shop" FOR TABLE "public"."orders", "lakehouse_capture"."shop_signals";
  END IF;
END $publication$"""


def test_postgres_table() -> None:
    assert postgres.create(ORDERS) == POSTGRES


def test_postgres_statements_of_a_source() -> None:
    assert postgres.create_all([ORDERS]) == (
        POSTGRES,
        'ALTER TABLE "public"."orders" OWNER TO "ledger"',
        """COMMENT ON TABLE "public"."orders" IS 'One row per order. What a buyer''s basket became.'""",
        """COMMENT ON COLUMN "public"."orders"."order_id" IS 'Identifier.'""",
        """COMMENT ON COLUMN "public"."orders"."amount_minor" IS 'Amount.'""",
        """COMMENT ON COLUMN "public"."orders"."currency_code" IS 'Currency.'""",
        """COMMENT ON COLUMN "public"."orders"."status" IS 'State.'""",
        """COMMENT ON COLUMN "public"."orders"."rate" IS 'Rate.'""",
        """COMMENT ON COLUMN "public"."orders"."parent_id" IS 'Order it replaces.'""",
        'GRANT USAGE ON SCHEMA "public" TO "debezium"',
        'GRANT SELECT ON TABLE "public"."orders" TO "debezium"',
    )


def test_postgres_publication() -> None:
    assert postgres.publication(SHOP, [ORDERS]) == PUBLICATION


def test_postgres_tables_come_after_those_they_reference() -> None:
    ordered = [t.name for t in postgres.in_dependency_order(tables.of_source("ledger")[::-1])]
    assert sorted(ordered) == sorted(t.name for t in tables.of_source("ledger"))
    for before, after in [
        ("merchants", "products"),
        ("customers", "payment_methods"),
        ("payment_methods", "payments"),
        ("products", "payments"),
        ("payments", "refunds"),
        ("payments", "disputes"),
        ("payouts", "ledger_entries"),
    ]:
        assert ordered.index(before) < ordered.index(after)


def test_postgres_refuses_a_circle_of_references() -> None:
    def one(name: str, other: str) -> Table:
        columns = (
            Column("thing_id", String(), "Identifier."),
            Column("other_id", String(), "Other.", references=f"{other}.thing_id"),
        )
        return Table(SHOP, name, "Things.", "thing", ("thing_id",), columns)

    with pytest.raises(ContractError, match="in a circle: "):
        postgres.in_dependency_order([one("chicken", "egg"), one("egg", "chicken")])


def test_postgres_has_no_event_tables() -> None:
    with pytest.raises(ContractError, match=r"table events\.checkout has no postgres form"):
        postgres.create(tables.get("checkout"))


def test_delta_bronze() -> None:
    expected = DELTA.replace("{fingerprint}", ORDERS.fingerprint)
    assert delta.create_bronze(ORDERS, "/data/bronze/shop__orders") == expected


def test_delta_quarantine() -> None:
    assert delta.create_quarantine(ORDERS, "/data/ops/shop__orders__quarantine") == QUARANTINE


def test_bronze_of_events_has_no_columns_of_a_database() -> None:
    assert [f.name for f in spark.bronze(tables.get("webhook"))] == [
        "_topic",
        "_partition",
        "_offset",
        "_kafka_at",
        "_ingested_at",
        "_contract_version",
        "_extra",
        "event_id",
        "provider",
        "event_type",
        "payment_id",
        "payload",
        "occurred_at",
    ]


def test_staging_columns() -> None:
    assert spark.ddl(spark.staging(ORDERS)) == (
        "`order_id` STRING, `amount_minor` BIGINT, `currency_code` STRING, `status` STRING, "
        "`rate` DECIMAL(18,8), `parent_id` STRING, `_is_deleted` BOOLEAN, `_partition` INT, "
        "`_offset` BIGINT, `_source_at` TIMESTAMP, "
        "`_source_lsn` BIGINT, `_ingested_at` TIMESTAMP"
    )


def existing() -> dict[str, str]:
    return {f.name: f.type.lower() for f in spark.bronze(ORDERS)}


def test_delta_upgrade_of_a_table_as_declared_is_nothing() -> None:
    assert delta.upgrade_bronze(ORDERS, existing()) == ()


def test_delta_upgrade_adds_what_is_missing_and_keeps_what_is_gone() -> None:
    have = existing() | {"retired": "string"}
    del have["rate"]
    (alter,) = delta.upgrade_bronze(ORDERS, have)
    assert alter == "ALTER TABLE `bronze`.`shop__orders` ADD COLUMNS (`rate` DECIMAL(18,8) COMMENT 'Rate.')"


def test_delta_notes_the_declaration_once() -> None:
    (noted,) = delta.mark_bronze(ORDERS, {"delta.minReaderVersion": "3"})
    assert noted == (
        "ALTER TABLE `bronze`.`shop__orders` SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', "
        "'delta.checkpointInterval' = '50', 'delta.logRetentionDuration' = 'interval 30 days', "
        f"'lakehouse.contract.version' = '1', 'lakehouse.contract.fingerprint' = '{ORDERS.fingerprint}', "
        "'lakehouse.contract.key' = 'order_id')"
    )
    assert delta.mark_bronze(ORDERS, delta.properties(ORDERS) | {"somebody": "else"}) == ()


def test_delta_refuses_another_key_and_columns_without_a_version() -> None:
    made = delta.properties(ORDERS)
    other = replace(ORDERS, key=("order_id", "currency_code"), version=2)
    with pytest.raises(
        ContractError, match=r"the key of bronze\.shop__orders is order_id, declared order_id, cur"
    ):
        delta.upgrade_bronze(other, existing(), made)
    wider = replace(ORDERS, columns=(*ORDERS.columns, Column("note", String(), "Note.")))
    with pytest.raises(ContractError, match="both are version 1") as error:
        delta.upgrade_bronze(wider, existing(), made)
    assert str(error.value.hint).startswith("set version=2 in the declaration")
    later = replace(ORDERS, version=2)
    with pytest.raises(ContractError, match="is of version 2, declared is version 1 with other columns"):
        delta.upgrade_bronze(wider, existing(), delta.properties(later))
    assert delta.upgrade_bronze(ORDERS, existing(), delta.properties(later)) == ()
    assert len(delta.upgrade_bronze(replace(wider, version=2), existing(), made)) == 1
    assert delta.upgrade_bronze(ORDERS, existing(), {}) == (), "nothing is noted on it"


def test_delta_upgrade_refuses_another_type() -> None:
    with pytest.raises(
        ContractError, match=r"column 'amount_minor' of bronze\.shop__orders is INT, declared BIGINT"
    ):
        delta.upgrade_bronze(ORDERS, existing() | {"amount_minor": "int"})


def test_trino() -> None:
    assert trino.create_schema("bronze") == 'CREATE SCHEMA IF NOT EXISTS "lake"."bronze"'
    assert trino.uri("bronze", "shop__orders") == "local:///bronze/shop__orders"
    assert trino.register("bronze", "shop__orders", "local:///bronze/shop__orders") == (
        "CALL \"lake\".system.register_table(schema_name => 'bronze', table_name => 'shop__orders', "
        "table_location => 'local:///bronze/shop__orders')"
    )


def test_duckdb() -> None:
    assert duckdb.create_schema("gold") == 'CREATE SCHEMA IF NOT EXISTS "gold"'
    assert duckdb.view("gold", "dim_dates", "/it's/gold/dim_dates") == (
        "CREATE OR REPLACE VIEW \"gold\".\"dim_dates\" AS SELECT * FROM delta_scan('/it''s/gold/dim_dates')"
    )


@settings(max_examples=50)
@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_duckdb_reads_back_what_was_quoted(text: str) -> None:
    import duckdb as engine

    assert engine.sql(f"SELECT {common.literal(text)}").fetchall() == [(text,)]


def test_a_column_may_be_called_like_a_keyword() -> None:
    import duckdb as engine

    columns = (
        Column("order", String(), "Order."),
        Column("select", Boolean(), "Select."),
        Column("table", Timestamp(), "Table."),
    )
    table = Table(SHOP, "user", "Users.", "user", ("order",), columns)
    with engine.connect() as connection:
        connection.execute("CREATE SCHEMA public")
        connection.execute(postgres.create(table))
        assert connection.execute('SELECT * FROM public."user"').fetchall() == []
