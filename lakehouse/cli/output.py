"""Prints what commands compute: one readable page, or exactly one JSON document on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.errors import LakehouseError
from lakehouse.telemetry import Progress

out = Console(soft_wrap=True)
log = Console(stderr=True)
"""Progress and messages for people: stderr, so that stdout stays one document."""


class Format(StrEnum):
    text = "text"
    json = "json"


@dataclass
class _State:
    format: Format = Format.text
    debug: bool = False


state = _State()


def emit(result: Any, text: Callable[[Any], None] | None = None) -> None:
    """Print a command's result: as JSON when asked, else by ``text`` (or as a table of its fields)."""
    if state.format is Format.json:
        sys.stdout.write(json.dumps(plain(result), ensure_ascii=False) + "\n")
    elif text is not None:
        text(result)
    elif isinstance(found := plain(result), dict):
        show_rows(["", ""], [[k, v] for k, v in found.items()])
    else:
        out.print(found)


def show_rows(columns: list[str], rows: list[list[Any]], *, title: str | None = None) -> None:
    """Print rows as a table; ``None`` shows as an empty cell, and markup of the terminal as the text it is."""
    table = Table(title=escape(title) if title else None, title_justify="left")
    for name in columns:
        table.add_column(escape(name), overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    out.print(table)


def duration(seconds: float | None) -> str | None:
    """A length of time for people, in the largest unit of which there are two: ``12 s``, ``3 min``, ``30 h``, ``4 d``."""
    if seconds is None:
        return None
    for unit, length in [("d", 86_400), ("h", 3_600), ("min", 60)]:
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} s"


def plain(value: Any) -> Any:
    """JSON-ready: decimals as strings, instants as ISO 8601 UTC with ``Z``, paths as text, dataclasses as objects."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (date, Decimal, Path)):
        return str(value)
    return value


@contextmanager
def progress() -> Iterator[Progress]:
    """A listener for long work that draws one bar a task on stderr (rows, rate, time left); plain lines if not a terminal."""
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TextColumn("{task.completed:,.0f}"),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=log, disable=not log.is_terminal) as drawn:
        tasks: dict[str, bars.TaskID] = {}

        def tell(task: str, done: int, total: int | None = None) -> None:
            if task not in tasks:
                tasks[task] = drawn.add_task(task, total=total)
                if not log.is_terminal:
                    log.print(task)
            drawn.update(tasks[task], completed=done, total=total)

        yield tell


@contextmanager
def guarded() -> Iterator[None]:
    """Turn errors into one message with the next step, and into the exit code of their family."""
    try:
        yield
    except LakehouseError as error:
        if state.debug:
            log.print_exception()
        if state.format is Format.json:
            sys.stdout.write(json.dumps(plain(error.as_dict())) + "\n")
        log.print(f"[bold red]error[/] {escape(error.message)}")
        if error.hint:
            log.print(f"  [bold]next[/] {escape(error.hint)}")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        log.print("interrupted")
        raise SystemExit(130) from None
