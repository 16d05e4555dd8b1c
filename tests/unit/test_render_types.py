"""Every target has a word for every type, and none has a word for a type it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakehouse import render
from lakehouse.contracts import (
    Array,
    Binary,
    Boolean,
    Column,
    Date,
    Decimal,
    Double,
    Event,
    Integer,
    Interval,
    Json,
    LocalTimestamp,
    Numeric,
    Source,
    SourceKind,
    String,
    Table,
    Time,
    Timestamp,
    Type,
    Uuid,
)
from lakehouse.errors import ContractError
from lakehouse.render import debezium, duckdb, kafka, postgres, spark, trino
from lakehouse.render.targets import TARGETS, of

SHOP = Source(name="shop", kind=SourceKind.POSTGRES, owner="shop-team", description="A shop.")

WORDS: dict[Type, tuple[str, str, str, str]] = {
    # PostgreSQL, Spark, Trino, DuckDB
    Boolean(): ("boolean", "BOOLEAN", "boolean", "BOOLEAN"),
    Integer(16): ("smallint", "SMALLINT", "smallint", "SMALLINT"),
    Integer(32): ("integer", "INT", "integer", "INTEGER"),
    Integer(64): ("bigint", "BIGINT", "bigint", "BIGINT"),
    Decimal(18, 8): ("numeric(18,8)", "DECIMAL(18,8)", "decimal(18,8)", "DECIMAL(18,8)"),
    Double(): ("double precision", "DOUBLE", "double", "DOUBLE"),
    String(): ("text", "STRING", "varchar", "VARCHAR"),
    Uuid(): ("uuid", "STRING", "varchar", "VARCHAR"),
    Json(): ("jsonb", "STRING", "varchar", "VARCHAR"),
    Binary(): ("bytea", "BINARY", "varbinary", "BLOB"),
    Timestamp(): (
        "timestamp with time zone",
        "TIMESTAMP",
        "timestamp(3) with time zone",
        "TIMESTAMP WITH TIME ZONE",
    ),
    LocalTimestamp(3): ("timestamp(3) without time zone", "TIMESTAMP_NTZ", "timestamp(6)", "TIMESTAMP"),
    Date(): ("date", "DATE", "date", "DATE"),
    Time(): ("time(6) without time zone", "STRING", "varchar", "VARCHAR"),
    Interval(): ("interval", "STRING", "varchar", "VARCHAR"),
    Numeric(): ("numeric", "STRING", "varchar", "VARCHAR"),
    Array(Integer(32)): ("integer[]", "ARRAY<INT>", "array(integer)", "INTEGER[]"),
}

MESSAGES: dict[Type, tuple[str, str]] = {
    # captured by Debezium, sent as an event
    Boolean(): ("true or false", "true or false"),
    Integer(16): ("number", "number"),
    Integer(32): ("number", "number"),
    Integer(64): ("number", "number"),
    Decimal(18, 8): ("string of digits", "string of digits"),
    Double(): (
        "number, or NaN, Infinity or -Infinity as a string",
        "number, or NaN, Infinity or -Infinity as a string",
    ),
    String(): ("string", "string"),
    Uuid(): ("string", "string"),
    Json(): ("string holding a JSON document", "string holding a JSON document"),
    Binary(): ("string, base64", "string, base64"),
    Timestamp(): ("string, ISO 8601 in UTC", "string, ISO 8601 with offset"),
    LocalTimestamp(3): ("number, milliseconds since 1970-01-01", "string, ISO 8601 without offset"),
    Date(): ("number, days since 1970-01-01", "string, ISO 8601"),
    Time(): ("number, microseconds since midnight", "string, ISO 8601"),
    Interval(): ("string, ISO 8601", "string, ISO 8601"),
    Numeric(): (
        "string of digits, or NaN, Infinity or -Infinity",
        "string of digits, or NaN, Infinity or -Infinity",
    ),
    Array(Integer(32)): ("array, each element: number", "array, each element: number"),
}


@dataclass(frozen=True)
class Money(Type):
    """A type that no target knows."""


REFUSED_BY = {
    "spark": "spark",
    "delta": "spark",
    "postgres": "postgres",
    "debezium": "debezium",
    "kafka": "kafka",
    "dbt": "spark",
    "trino": "trino",
    "duckdb": "duckdb",
    "docs": "postgres",
}
"""Target to the module that has no word: Delta DDL and dbt's documentation speak Spark's words."""


def declared_types(base: type[Type] = Type) -> Iterator[type[Type]]:
    for kind in base.__subclasses__():
        if kind.__module__ == "lakehouse.contracts.types":
            yield kind
            yield from declared_types(kind)


def table_of(kind: Type) -> Table:
    columns = (Column("thing_id", String(), "Identifier."), Column("thing", kind, "Thing."))
    return Table(SHOP, "things", "Things.", "thing", ("thing_id",), columns)


def event_of(kind: Type) -> Table:
    source = Source(name="clicks", kind=SourceKind.EVENTS, owner="web-team", description="Clicks.")
    columns = (
        Column("event_id", String(), "Identifier."),
        Column("seen_at", Timestamp(), "When."),
        Column("thing", kind, "Thing."),
    )
    return Table(source, "seen", "Seen.", "view", ("event_id",), columns, event=Event("event_id", "seen_at"))


def test_this_file_speaks_of_every_type_and_every_target() -> None:
    assert {type(t) for t in WORDS} == set(declared_types())
    assert WORDS.keys() == MESSAGES.keys()
    modules = {p.stem for p in Path(render.__path__[0]).glob("*.py")} - {
        "__init__",
        "common",
        "cube_tests",
        "cubes",  # of measures, not of tables: test_metrics.py
        "differences",  # of rows, whatever was declared
        "files",
        "measures",
        "postgres_fit",  # reads types rather than writes them: test_drift.py
        "targets",
    }
    assert modules == TARGETS.keys() == REFUSED_BY.keys()


@pytest.mark.parametrize("kind", WORDS, ids=repr)
def test_a_type_has_these_words(kind: Type) -> None:
    told = (postgres.sql_type(kind), spark.sql_type(kind), trino.sql_type(kind), duckdb.sql_type(kind))
    assert told == WORDS[kind]
    assert (debezium.json_form(kind), kafka.json_form(kind)) == MESSAGES[kind]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", WORDS, ids=repr)
def test_every_target_renders_every_type(target: str, kind: Type) -> None:
    assert TARGETS[target](table_of(kind), "/warehouse")
    if target in of(event_of(kind)):
        assert TARGETS[target](event_of(kind), "/warehouse")


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_refuses_an_unknown_type_by_name(target: str) -> None:
    with pytest.raises(ContractError) as error:
        TARGETS[target](table_of(Money()), "/warehouse")
    assert error.value.message == f"type Money has no {REFUSED_BY[target]} form"
    assert error.value.fields == {"type": "Money", "target": REFUSED_BY[target]}
    assert f"lakehouse/render/{REFUSED_BY[target]}.py" in str(error.value.hint)


@pytest.mark.parametrize("target", of(event_of(String())))
def test_every_target_of_events_refuses_an_unknown_type(target: str) -> None:
    with pytest.raises(ContractError, match="type Money has no"):
        TARGETS[target](event_of(Money()), "/warehouse")


@pytest.mark.parametrize("kind", WORDS, ids=repr)
def test_the_spark_schema_says_the_same_as_the_ddl(kind: Type) -> None:
    fields = spark.schema(table_of(kind)).fields
    simple = {f.name: f.dataType.simpleString().upper() for f in fields}
    assert simple == {f.name: f.type for f in spark.bronze(table_of(kind))}
    assert all(f.nullable for f in fields)
