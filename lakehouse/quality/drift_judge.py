"""What was seen of a table -> findings: additive or breaking, why, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lakehouse import names
from lakehouse.contracts import Column, Table
from lakehouse.quality.drift import Finding, Impact, Kind
from lakehouse.quality.drift_seen import Seen, Sighting
from lakehouse.quality.drift_source import Columns
from lakehouse.render import delta, spark
from lakehouse.render.postgres_fit import declared_as, misfit


def judge(table: Table, seen: Seen, columns: Columns | None) -> list[Finding]:
    """Findings of one table. ``columns`` are those of PostgreSQL: None if it was not asked, none if it has no table."""
    this = _Judge(table, seen, columns)
    found = [*this.table_itself(), *this.come_and_gone(), *this.changed()]
    return sorted(found, key=lambda f: (not f.needs_attention, f.column or "", f.kind))


@dataclass(frozen=True)
class _Judge:
    table: Table
    seen: Seen
    columns: Columns | None

    def table_itself(self) -> Iterator[Finding]:
        """Bronze beside its declaration, and keys."""
        table, types = self.table, self.seen.types
        if self.columns is not None and not self.columns:
            place = ".".join(table.place)
            yield self._finding(
                None,
                Kind.GONE_TABLE,
                f"PostgreSQL has no table {place}",
                "lakehouse up makes it, "
                "if it was not dropped; if it was, delete the declaration: its data stays",
            )
        if self.columns:
            key, wanted = (
                {n for n, c in self.columns.items() if c.is_key},
                {c.sent_as for c in table.key_columns},
            )
            if key != wanted:
                yield self._finding(
                    None, Kind.KEY_CHANGED,
                    f"the primary key in PostgreSQL is {_listed(key)}, declared {_listed(wanted)}: messages are "
                    "keyed and ordered by the former",
                    "declare a table of another name with that key in place of this one",
                )  # fmt: skip
        if types is None:
            return
        for refusal in delta.refusals(table, types, self.seen.properties):
            kind = Kind.TYPE_CHANGED if refusal.column else Kind.VERSION_NOT_RAISED
            if refusal.why.startswith("the key"):
                kind = Kind.KEY_CHANGED
            yield self._finding(refusal.column, kind, f"{refusal.why}; ingest refuses it", refusal.next_step)
        for column in table.columns:
            if column.name not in types:
                yield self._finding(
                    column.name, Kind.NOT_UPGRADED, f"it is declared, and not yet in {names.bronze(table)}",
                    self._ingest(),
                    Impact.ADDITIVE,
                )  # fmt: skip

    def come_and_gone(self) -> Iterator[Finding]:
        """Columns that only one side knows: new ones, gone ones, and one of each, which may be one renamed."""
        gone, new = self._gone(), self._new()
        if len(gone) == 1 and len(new) == 1:
            (old,), (name,) = gone, new
            if self._may_be_one(old, name):
                yield self._finding(
                    old.name, Kind.LIKELY_RENAME, f"{gone[old]}, and {name!r} came: {new[name]}",
                    f"if it is the same, set source_name={name!r} on the column, {self._raise()}; "
                    f"its values since then are filled in from _extra. If not, declare {name!r} as well",
                )  # fmt: skip
                return
        for column, told in gone.items():
            why, step = told, f"take it out of the declaration, {self._raise()}; bronze keeps what it has"
            if not column.nullable:
                why = f"{told}; it may not be null, so the changes go to quarantine"
                step = f"declare it as nullable, or {step}"
            yield self._finding(column.name, Kind.GONE_COLUMN, why, step)
        for name, told in new.items():
            was_declared = name in (self.seen.types or {})
            declared = f"Column(..., {self._declared_as(name)}, ..., nullable=True, source_name={name!r})"
            why = f"{told}; bronze has a column of that name: it was declared once" if was_declared else told
            yield Finding(
                self._name, name, Kind.NEW_COLUMN, Impact.ADDITIVE, why,
                f"to have it as a column, add {declared}, {self._raise()}; until then _extra keeps it",
                needs_attention=not was_declared,
            )  # fmt: skip

    def changed(self) -> Iterator[Finding]:
        """Columns that both sides know, and that differ."""
        for column in self.table.columns:
            there = (self.columns or {}).get(column.sent_as)
            wanted = spark.sql_type(column.type)
            if there and (found := misfit(column.type, there.type)):
                yield self._finding(
                    column.name, Kind.TYPE_CHANGED, f"PostgreSQL has {there.type}, declared {wanted}: {found.why}",
                    self._other_type(column, there.type) if found.is_breaking else "nothing has to be done",
                    Impact.BREAKING if found.is_breaking else Impact.ADDITIVE,
                )  # fmt: skip
            elif unread := self.seen.unread.get(column.name):
                yield self._finding(
                    column.name, Kind.TYPE_CHANGED, f"{_seen(unread)} no {wanted} in it and went to quarantine",
                    self._other_type(column, None),
                )  # fmt: skip
            if there and there.is_nullable and not column.nullable:
                yield self._finding(
                    column.name, Kind.NULLABILITY_CHANGED,
                    "PostgreSQL lets it be null, and it is declared not null: such a change goes to quarantine",
                    f"declare it as nullable, {self._raise()}",
                )  # fmt: skip
            elif there and column.nullable and not there.is_nullable:
                yield self._finding(
                    column.name, Kind.NULLABILITY_CHANGED, "PostgreSQL never has it null, and it is declared nullable",
                    "nothing has to be done", Impact.ADDITIVE,
                )  # fmt: skip
            elif (missing := self.seen.missing.get(column.name)) and column not in self._gone():
                yield self._finding(
                    column.name, Kind.NULLABILITY_CHANGED,
                    f"{_seen(missing)} no value in it, and went to quarantine: it is declared not null",
                    f"if the source may leave it out, declare it as nullable, {self._raise()}",
                )  # fmt: skip
            if (left := self.seen.extra.get(column.sent_as)) and column.name in (self.seen.types or {}):
                yield self._left(column, left)

    def _left(self, column: Column, left: Sighting) -> Finding:
        """Of a declared column, what is still in ``_extra``."""
        if self.seen.properties.get(delta.FINGERPRINT_PROPERTY) != self.table.fingerprint:
            why = f"{left.rows:,} rows have its values in _extra: the table was not upgraded to this declaration yet"
            return self._finding(column.name, Kind.NOT_UPGRADED, why, self._ingest(), Impact.ADDITIVE)
        return self._finding(
            column.name,
            Kind.UNREAD_VALUES,
            f"{left.rows:,} rows from before it was declared have a text in _extra that is no {spark.sql_type(column.type)}",
            f"to keep them as text, declare a String() of another name with source_name={column.sent_as!r} in place of "
            "it; to live with it, do nothing",
        )

    def _gone(self) -> dict[Column, str]:
        found: dict[Column, str] = {}
        for column in self.table.columns:
            at = self.seen.absent.get(column.name)
            if self.columns and column.sent_as not in self.columns:
                found[column] = f"PostgreSQL has no column {column.sent_as!r}"
            elif not self.columns and at is not None:
                found[column] = f"the newest row that was inserted, {at:%Y-%m-%d %H:%M:%S}Z, came without it"
        return found

    def _new(self) -> dict[str, str]:
        known = {c.sent_as for c in self.table.columns}
        found: dict[str, str] = {}
        for name in dict.fromkeys([*(self.columns or ()), *self.seen.extra]):
            if name in known:
                continue
            there, extra = (self.columns or {}).get(name), self.seen.extra.get(name)
            if self.columns and not there:
                continue  # it came and went again, undeclared
            in_source = f"PostgreSQL has it as {there.type}" if there else ""
            in_bronze = extra and (
                f"{extra.rows:,} rows of bronze have it in _extra, first {extra.first_at:%Y-%m-%d %H:%M:%S}Z, "
                f"newest {extra.newest_at:%Y-%m-%d %H:%M:%S}Z at {extra.place}"
            )
            found[name] = "; ".join(text for text in (in_source, in_bronze) if text)
        return found

    def _may_be_one(self, old: Column, name: str) -> bool:
        """Of the same type, where PostgreSQL tells it."""
        there = (self.columns or {}).get(name)
        return there is None or misfit(old.type, there.type) is None

    def _declared_as(self, name: str) -> str:
        there = (self.columns or {}).get(name)
        return declared_as(there.type) if there else "String()"

    def _other_type(self, column: Column, told: str | None) -> str:
        type_ = declared_as(told) if told else "the type that it has"
        return (
            f"declare a column of another name with {type_} and source_name={column.sent_as!r} in place of it, "
            f"{self._raise()}; what was set aside is in {names.quarantine(self.table)}"
        )

    def _ingest(self) -> str:
        return f"lakehouse ingest run --source {self.table.source.name} --once adds it and fills in what _extra has"

    def _raise(self) -> str:
        return f"set version={self.table.version + 1}, then lakehouse tables render"

    @property
    def _name(self) -> str:
        return f"{self.table.source.name}.{self.table.name}"

    def _finding(
        self, column: str | None, kind: Kind, why: str, next_step: str, impact: Impact = Impact.BREAKING
    ) -> Finding:
        needs = impact is Impact.BREAKING or kind is Kind.NOT_UPGRADED
        return Finding(self._name, column, kind, impact, why, next_step, needs)


def _seen(of: Sighting) -> str:
    return f"{of.rows:,} messages, the newest of {of.newest_at:%Y-%m-%d %H:%M:%S}Z, had"


def _listed(columns: set[str]) -> str:
    return ", ".join(sorted(columns)) or "none"
