"""The simulator's book in PostgreSQL, and the writer of the business. Progress and business share each
transaction.

Schema ``simulator`` is never captured. Its tables:

- ``stretches``: one row per stretch; how far it is written, and the world's state at its end (kept for the
  last one).
- ``follow_ups``: one row per thing to come when the last finished stretch ended (a dispute, a settlement,
  ...).
- ``ground_truth``: one row per payment; whether it is fraud. No model may read it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, LiteralString

from lakehouse.errors import SafetyError
from lakehouse.testing.simulator import clock
from lakehouse.testing.simulator.changes import Change, Moment
from lakehouse.testing.simulator.generator import VERSION
from lakehouse.testing.simulator.plan import Plan
from lakehouse.testing.simulator.world import World, dump, load

if TYPE_CHECKING:
    import psycopg

_LOCK = 0x51_3D_0001
"""Key of the advisory lock that a writing simulator holds; any fixed number that nobody else uses."""

_ROWS_PER_INSERT = 16
"""Most neighbouring inserts into one table that are sent as one statement."""

_DDL = """
CREATE SCHEMA IF NOT EXISTS simulator;
CREATE TABLE IF NOT EXISTS simulator.stretches (
    stretch integer PRIMARY KEY,
    version integer NOT NULL,
    seed bigint NOT NULL,
    customers bigint NOT NULL,
    merchants bigint NOT NULL,
    days bigint NOT NULL,
    payments bigint NOT NULL,
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    moments_written bigint NOT NULL DEFAULT 0,
    is_finished boolean NOT NULL DEFAULT false,
    state json
);
CREATE TABLE IF NOT EXISTS simulator.follow_ups (
    number bigint PRIMARY KEY,
    due_at timestamptz NOT NULL,
    kind text NOT NULL,
    concerns json NOT NULL
);
CREATE TABLE IF NOT EXISTS simulator.ground_truth (
    payment_id text PRIMARY KEY,
    stretch integer NOT NULL REFERENCES simulator.stretches,
    is_fraud boolean NOT NULL,
    scenario text
);
"""


@dataclass(frozen=True)
class Stretch:
    """A row of ``simulator.stretches``."""

    number: int
    version: int
    plan: Plan
    from_at: datetime
    until_at: datetime
    moments_written: int
    is_finished: bool


class Store:
    """Reads and writes through one connection, which is in autocommit mode between transactions."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        connection.autocommit = True
        self._connection = connection
        self._statements: dict[tuple[str, str, tuple[str, ...], int], LiteralString] = {}

    def open(self) -> None:
        """Take the lock and make the schema. SafetyError when another simulator is writing to this
        database.
        """
        taken = self._connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
        if not taken or not taken[0]:
            raise SafetyError(
                "another `lakehouse simulate` is writing to this database",
                hint="wait for it, or stop it: what it has written stays",
            )
        self._connection.execute(_DDL)

    def last(self) -> Stretch | None:
        """The last stretch begun; None in a new database."""
        row = self._connection.execute(
            "SELECT stretch, version, seed, customers, merchants, days, payments, from_at, until_at,"
            " moments_written, is_finished FROM simulator.stretches ORDER BY stretch DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        return Stretch(row[0], row[1], Plan(*row[2:7]), *row[7:])

    def begin(self, number: int, plan: Plan, from_at: datetime, until_at: datetime) -> Stretch:
        """Note that a stretch begins, before any of it is written."""
        self._connection.execute(
            "INSERT INTO simulator.stretches"
            " (stretch, version, seed, customers, merchants, days, payments, from_at, until_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                number,
                VERSION,
                plan.seed,
                plan.customers,
                plan.merchants,
                plan.days,
                plan.payments,
                from_at,
                until_at,
            ],
        )
        return Stretch(number, VERSION, plan, from_at, until_at, 0, False)

    def world(self, stretch: Stretch) -> World:
        """The world as it is when ``stretch`` begins."""
        row = self._connection.execute(
            "SELECT state FROM simulator.stretches WHERE stretch = %s", [stretch.number - 1]
        ).fetchone()
        if row is None:
            return World(stretch.plan.seed)
        agenda = self._connection.execute(
            "SELECT (extract(epoch FROM due_at) * 1000000)::bigint, number, kind, concerns"
            " FROM simulator.follow_ups"
        ).fetchall()
        return load(row[0], agenda)

    def write(
        self, stretch: Stretch, moments: Sequence[Moment], position: int, before_commit: Callable[[], None]
    ) -> Counter[str]:
        """Write moments in their order, and the position, in one transaction. Returns changes per table.

        ``before_commit`` runs when all is written and nothing is visible yet; if it raises, nothing stays.
        """
        written: Counter[str] = Counter()
        truths = [t for m in moments for t in m.truths]
        changes = (change for moment in moments for change in moment.changes)
        with self._connection.transaction():
            with self._connection.pipeline(), self._connection.cursor() as cursor:
                for shape, alike in groupby(changes, key=_shape):
                    table, op, _ = shape
                    for rows in _batched(alike, _ROWS_PER_INSERT if op == "insert" else 1):
                        values = [v for row in rows for v in (*row.values.values(), *row.key.values())]
                        cursor.execute(self._statement(rows[0], len(rows)), values, prepare=True)
                        written[table] += len(rows)
                cursor.execute(
                    "INSERT INTO simulator.ground_truth (payment_id, stretch, is_fraud, scenario)"
                    " SELECT payment_id, %s, scenario IS NOT NULL, scenario"
                    " FROM unnest(%s::text[], %s::text[]) AS t (payment_id, scenario)",
                    [stretch.number, [t.payment_id for t in truths], [t.scenario for t in truths]],
                )
                cursor.execute(
                    "UPDATE simulator.stretches SET moments_written = %s WHERE stretch = %s",
                    [position, stretch.number],
                )
            before_commit()
        return written

    def finish(self, stretch: Stretch, world: World) -> None:
        """Note that the stretch is complete, and keep the world for the next one. One transaction."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("UPDATE simulator.stretches SET state = NULL WHERE state IS NOT NULL")
            cursor.execute(
                "UPDATE simulator.stretches SET is_finished = true, state = %s WHERE stretch = %s",
                [json.dumps(dump(world)), stretch.number],
            )
            cursor.execute("DELETE FROM simulator.follow_ups")
            with cursor.copy("COPY simulator.follow_ups (number, due_at, kind, concerns) FROM STDIN") as copy:
                for at, number, kind, body in _in_order(world):
                    copy.write_row((number, clock.instant(at), kind, json.dumps(body)))

    def _statement(self, change: Change, rows: int) -> LiteralString:
        """The statement for changes of this shape. Names come from the generator's code, never from input."""
        shape = (*_shape(change), rows)
        if shape not in self._statements:
            where = " AND ".join(f"{name} = %s" for name in change.key)
            if change.op == "insert":
                row = f"({', '.join(['%s'] * len(change.values))})"
                names = ", ".join(change.values)
                text = f"INSERT INTO public.{change.table} ({names}) VALUES {', '.join([row] * rows)}"
            elif change.op == "update":
                settings = ", ".join(f"{name} = %s" for name in change.values)
                text = f"UPDATE public.{change.table} SET {settings} WHERE {where}"
            else:
                text = f"DELETE FROM public.{change.table} WHERE {where}"
            self._statements[shape] = text
        return self._statements[shape]


def _shape(change: Change) -> tuple[str, str, tuple[str, ...]]:
    return change.table, change.op, tuple(change.values)


def _batched(changes: Iterable[Change], most: int) -> Iterator[list[Change]]:
    """Neighbours that one statement can write, in powers of two, so that few statements are ever prepared."""
    waiting = list(changes)
    while waiting:
        size = min(most, 1 << (len(waiting).bit_length() - 1))
        yield waiting[:size]
        del waiting[:size]


def _in_order(world: World) -> Iterable[tuple[int, int, str, dict[str, Any]]]:
    return sorted(world.agenda, key=lambda entry: entry[:2])
