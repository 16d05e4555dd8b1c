"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called now and then by long work: ``done`` units of ``total`` (None: unknown) of the task named ``task``."""

    def __call__(self, task: str, done: int, total: int | None = None) -> None: ...


def quiet(task: str, done: int, total: int | None = None) -> None:
    """Tells nobody."""
