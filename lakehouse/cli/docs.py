"""``lakehouse docs``: pages about the tables."""

from __future__ import annotations

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command
from lakehouse.cli.quality import Wait, graded


def register(app: typer.Typer) -> None:
    command(app, "docs")(docs)


def docs(wait: Wait = 10) -> None:
    """Write a page for each table of silver and gold: grain, owner, level, freshness, lineage, columns, some rows.

    They are files, and need no server. Personal columns are not shown.
    """
    from lakehouse import settings
    from lakehouse.site import pages

    config = settings.current()
    verdicts, assured = graded(config, wait)
    site = pages.write(config, assured, verdicts)
    output.emit(site, lambda _: output.out.print(f"{site.pages} tables: {site.index}", markup=False))
