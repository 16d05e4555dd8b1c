"""``lakehouse setup``: the parts that are not Python."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "setup")(setup)


def setup(
    relock: Annotated[
        bool, typer.Option("--relock", help="Write conf/jvm.lock.yml anew from conf/ivy.xml first.")
    ] = False,
) -> None:
    """Fetch and check the JVM parts; nothing to do if they are there."""
    from lakehouse import jvm, settings
    from lakehouse.stack import install

    config = settings.current()
    with output.progress() as progress:
        if relock:
            install.relock(config, progress)
        install.install(config, progress)
    home = jvm.java_home(config)
    result = {
        "java": {"home": home, "version": jvm.java_version(home)},
        "cache": config.cache,
        "parts": install.installed(),
    }
    output.emit(
        result,
        lambda r: output.log.print(
            f"set up: Java {r['java']['version']} in {home}, JVM parts in {config.cache}"
        ),
    )
