"""The ``lakehouse`` command. Modules of nouns are imported here; what they work with, only when a command runs."""

from __future__ import annotations

import importlib

import typer

app = typer.Typer(
    name="lakehouse",
    help="Ledgerlake, the payments lakehouse: from a row in PostgreSQL to an answer and a model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

_NOUNS = (
    "tables",
    "simulate",
    "collect",
    "ingest",
    "transform",
    "quality",
    "maintenance",
    "query",
    "notebook",
    "config",
)
for _noun in _NOUNS:
    app.add_typer(importlib.import_module(f"lakehouse.cli.{_noun}").app, name=_noun)
for _module in ("setup", "stack", "demo", "docs"):
    importlib.import_module(f"lakehouse.cli.{_module}").register(app)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
