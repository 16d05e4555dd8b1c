"""What a source table can say of itself. ``lakehouse/tables/ledger.py`` is this grammar in use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from lakehouse.contracts.types import Type


class Sensitivity(StrEnum):
    """Who may see a column. ``PERSONAL`` and ``SECRET`` columns are erasure targets."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PERSONAL = "personal"
    SECRET = "secret"  # noqa: S105  a word, not a password


class SourceKind(StrEnum):
    """How the rows of a source get here: its changes or its events through Kafka, or files that it drops in a folder."""

    POSTGRES = "postgres"
    EVENTS = "events"
    FILES = "files"


@dataclass(frozen=True)
class Source:
    """A system that tables come from: one capture connector, one streaming application.

    ``database`` and ``schema`` are where a PostgreSQL source keeps its tables; others have neither. With
    ``is_managed=False`` somebody else's Debezium captures it: nothing is made in PostgreSQL or Kafka Connect, only the
    topics are read, whose names begin with ``topic_prefix`` (the source's name when absent). ``has_decimal_bytes``
    is for such a source when its decimals come as bytes (``decimal.handling.mode=precise``) and without a schema.
    """

    name: str
    kind: SourceKind
    owner: str
    description: str
    database: str = "payments"
    schema: str = "public"
    is_managed: bool = True
    topic_prefix: str | None = None
    has_decimal_bytes: bool = False

    @property
    def has_states(self) -> bool:
        """Whether a later row of a key takes the place of an earlier one. An event happened, and stays as it was."""
        return self.kind is not SourceKind.EVENTS


@dataclass(frozen=True)
class Column:
    """One column. ``nullable`` is what the source allows; ``values`` closes the set of texts that may appear: an event or a
    row of a file with another one is quarantined, of a database a data test tells.

    ``references`` is ``"<table>.<column>"`` of the same source. ``source_name`` is what the source calls the column
    where that is no name of ours: ``"OrderID"``.
    """

    name: str
    type: Type
    description: str
    nullable: bool = False
    sensitivity: Sensitivity = Sensitivity.INTERNAL
    values: tuple[str, ...] = ()
    references: str | None = None
    source_name: str | None = None

    @property
    def sent_as(self) -> str:
        """The column's name in the source and in its messages."""
        return self.source_name or self.name


@dataclass(frozen=True)
class Retention:
    """How long rows are kept: ``bronze_days`` in the log table (None: for ever), ``topic_days`` in Kafka; and
    ``log_days`` what Delta's log of the bronze table says of its former versions, which can be read for that long."""

    bronze_days: int | None = None
    topic_days: int = 7
    log_days: int = 30


@dataclass(frozen=True)
class Freshness:
    """How old the newest row may be before a warning and a failure: seconds from source clock to now."""

    warn_seconds: int = 300
    fail_seconds: int = 3600


@dataclass(frozen=True)
class Event:
    """For tables of an event source: which column identifies an event and which says when it happened.

    Within ``horizon_hours`` after it happened an event counts once, however often it is sent, also when silver is
    built anew: bronze is kept for longer. One that reaches Kafka later than that is kept too, and marked ``_is_late``.
    """

    id_column: str
    time_column: str
    horizon_hours: int = 168


@dataclass(frozen=True)
class Files:
    """For tables of a file source: how its text files are written. Parquet says so itself.

    ``delimiter`` and ``encoding`` are of CSV. ``timestamp_format`` is a Spark datetime pattern
    (``M/d/yyyy H:mm``) that dates and instants may have beside ISO 8601; without an offset in it they are UTC.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    timestamp_format: str | None = None


@dataclass(frozen=True)
class Table:
    """One source table: one row per ``grain``. ValueError names every law of ``laws.of_table`` it breaks.

    ``key`` names the primary key columns, in order; Kafka messages are keyed by them, so order within a key
    is partition order. ``version`` is part of every bronze row (``_contract_version``): raise it when columns
    change. ``source_name`` and ``schema`` are the table's name and schema in the source where they are not ``name``
    and the source's. With ``history``, silver has all versions of each row beside the present one. A table that
    ``is_hot`` is landed by a query of its own in a continuous ingest, without pause: others do not hold it up.
    Silver's rows with near values of the columns ``cluster_by`` are put into the same files by maintenance.
    """

    source: Source
    name: str
    description: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    event: Event | None = None
    files: Files | None = None
    topic_partitions: int = 1
    retention: Retention = Retention()
    freshness: Freshness = Freshness()
    version: int = 1
    source_name: str | None = None
    schema: str | None = None
    history: bool = False
    is_hot: bool = False
    cluster_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        from lakehouse.contracts import laws

        problems = laws.of_table(self)
        if problems:
            raise ValueError(f"table {self.source.name}.{self.name}: " + "; ".join(problems))

    def column(self, name: str) -> Column:
        """The column called ``name``; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def place(self) -> tuple[str, str]:
        """Schema and name of the table in its source."""
        return self.schema or self.source.schema, self.source_name or self.name

    @property
    def key_columns(self) -> tuple[Column, ...]:
        return tuple(self.column(name) for name in self.key)

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that change when a column's name, here or in the source, its type or nullability, or the
        key changes."""
        columns = [
            (c.name, c.type, c.nullable, *([c.source_name] if c.source_name else [])) for c in self.columns
        ]
        shape = repr((self.key, columns))
        return sha256(shape.encode()).hexdigest()[:12]
