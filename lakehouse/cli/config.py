"""``lakehouse config show``: the settings in force and where each comes from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun

app = noun("Settings: what is in force, and from where.")


@app.callback()
def _group() -> None:
    """Keeps ``show`` a subcommand."""


@command(app, "show")
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Say which layer each value is from.")] = False,
) -> None:
    """Show every setting in force."""
    from lakehouse import settings

    loaded = settings.load()
    rows: list[dict[str, Any]] = []
    for path, where in sorted(loaded.origin.items()):
        value: Any = loaded.settings
        for part in path.split("."):
            value = getattr(value, part)
        rows.append({"key": path, "value": value} | ({"origin": where} if origin else {}))
    output.emit(rows, lambda found: output.show_rows(list(found[0]), [list(r.values()) for r in found]))
