"""``lakehouse ingest quarantine``: messages that could not be read, and landing them once they can."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun

if TYPE_CHECKING:
    from lakehouse.contracts import Table

app = noun("Messages that could not be read: their bytes, place and reason.")

_Source = Annotated[str | None, typer.Option("--source", help="Only the tables of this source.")]
_Reason = Annotated[str | None, typer.Option("--reason", help="Only messages whose reason has this in it.")]
_SHOWN = 60


@command(app, "list")
def list_(source: _Source = None) -> None:
    """List the quarantines that hold something, by reason. Needs no Spark."""
    from lakehouse import settings
    from lakehouse.ingest import quarantine

    found = quarantine.summaries(settings.current(), _tables(None, source))
    rows = [
        [s.table, f"{n:,}", reason, f"{s.oldest_at:%Y-%m-%d %H:%M}Z", f"{s.newest_at:%Y-%m-%d %H:%M}Z"]
        for s in found
        for reason, n in s.reasons.items()
    ]
    output.emit(
        found,
        lambda _: (
            output.show_rows(["table", "messages", "reason", "oldest", "newest"], rows)
            if rows
            else output.out.print("nothing is in quarantine")
        ),
    )


@command(app, "show")
def show(
    table: Annotated[str, typer.Argument(help="A table: payments, ledger.payments or ledger__payments.")],
    reason: _Reason = None,
    partition: Annotated[int | None, typer.Option(help="With --offset: this message alone, in full.")] = None,
    offset: Annotated[int | None, typer.Option(help="With --partition: this message alone, in full.")] = None,
    limit: Annotated[int, typer.Option(help="Most messages to show.", min=1)] = 20,
) -> None:
    """Show quarantined messages with their bytes, which may be personal data. Needs no Spark."""
    from lakehouse import settings, tables
    from lakehouse.errors import UsageError
    from lakehouse.ingest import quarantine

    if (partition is None) != (offset is None):
        raise UsageError("one message has a partition and an offset", hint="give both, or neither")
    place = None if partition is None or offset is None else (partition, offset)
    found = quarantine.messages(
        settings.current(), tables.get(table), reason=reason, place=place, limit=limit
    )
    if place is not None and not found:
        raise UsageError(
            f"nothing of partition {partition}, offset {offset} is in quarantine",
            hint=f"lakehouse ingest quarantine show {table}",
        )
    documents = [
        {k: v for k, v in output.plain(m).items() if k not in ("key", "value")}
        | _told("key", m.key)
        | _told("value", m.value)
        for m in found
    ]
    output.emit(documents, lambda all_: _print(all_, in_full=place is not None))


@command(app, "replay")
def replay(
    table: Annotated[str | None, typer.Argument(help="A table; or --source.")] = None,
    source: _Source = None,
    reason: _Reason = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it.")] = False,
) -> None:
    """Land the messages that the present declaration can read, once, each at its own place in the log.

    Prints its plan, and does it with --apply. What still cannot be read stays. Stop the ingest of the source before.
    """
    from lakehouse import context, names, settings
    from lakehouse.errors import UsageError
    from lakehouse.ingest import quarantine

    if (table is None) == (source is None):
        raise UsageError("replay what?", hint="a table, or --source and the name of a source")
    config = settings.current()
    chosen = [
        t
        for t in _tables(table, source)
        if table or context.version(context.folder(config, names.quarantine(t))) >= 0
    ]
    work, found = (quarantine.apply if apply else quarantine.plan), []
    with output.progress() as progress:
        for number, one in enumerate(chosen):
            progress("replay (tables)", number, len(chosen))
            found.append(work(config, one, reason))
        progress("replay (tables)", len(chosen), len(chosen))
    rows = [[r.table, r.readable, r.landed_before or None, sum(r.refused.values())] for r in found]

    def page(_: Any) -> None:
        output.show_rows(
            ["table", "landed" if apply else "can be read", "landed before", "still refused"], rows
        )
        for r in found:
            for why, count in r.refused.items():
                output.out.print(f"{r.table}: {count} x {why}", markup=False, highlight=False)
        if not apply and any(r.readable or r.landed_before for r in found):
            output.out.print("do it with --apply")

    output.emit(found, page)


def _tables(table: str | None, source: str | None) -> tuple[Table, ...]:
    from lakehouse import tables

    if table is not None:
        return (tables.get(table),)
    return tables.all() if source is None else tables.of_source(source)


def _told(name: str, content: bytes | None) -> dict[str, str | None]:
    """Bytes as text, or in base64 where they are none; ``<name>_encoding`` says which."""
    if content is None:
        return {name: None, f"{name}_encoding": None}
    try:
        return {name: content.decode(), f"{name}_encoding": "utf-8"}
    except UnicodeDecodeError:
        return {name: base64.b64encode(content).decode(), f"{name}_encoding": "base64"}


def _print(found: list[dict[str, Any]], *, in_full: bool) -> None:
    if not in_full:
        rows = [
            [m["partition"], m["offset"], m["reason"], _short(m["key"]), _short(m["value"])] for m in found
        ]
        output.show_rows(["partition", "offset", "reason", "key", "value"], rows)
        return
    for message in found:
        output.show_rows(["", ""], [[k, v] for k, v in message.items()])


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= _SHOWN else text[:_SHOWN] + "…"
