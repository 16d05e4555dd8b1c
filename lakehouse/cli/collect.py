"""``lakehouse collect``: events and callbacks over HTTP, into Kafka."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from lakehouse.cli import output
from lakehouse.cli.common import command, noun

app = noun("Take events and callbacks over HTTP.")

_Remove = Annotated[bool, typer.Option("--remove", help="Take it away; a running collector follows.")]


@command(app, "serve")
def serve() -> None:
    """Answer on 127.0.0.1 until Ctrl-C or SIGTERM. Needs Kafka: lakehouse up --only kafka."""
    from lakehouse import settings
    from lakehouse.collect import server
    from lakehouse.stack import ports

    config = settings.current()
    ports.check(config, ["collector"])
    report = server.serve(config, lambda url: output.log.print(f"collecting on {url}, Ctrl-C ends it"))
    output.emit(report)


@command(app, "key")
def key(
    client: Annotated[str, typer.Argument(help="Whose key, such as web-shop.")], remove: _Remove = False
) -> None:
    """Show the API key of a client, made on first call."""
    from lakehouse import settings
    from lakehouse.collect import keys

    config = settings.current()
    if remove:
        _removed(client, keys.drop_key(config, client))
        return
    made = keys.make_key(config, client).get_secret_value()
    output.emit({"client": client, "key": made}, lambda found: typer.echo(found["key"]))


@command(app, "stripe-secret")
def stripe_secret(
    name: Annotated[str, typer.Argument(help="A name of yours for it, such as live.")],
    remove: _Remove = False,
) -> None:
    """Keep a signing secret of Stripe, read from standard input; several hold at a time."""
    from pydantic import SecretStr

    from lakehouse import settings
    from lakehouse.collect import keys

    config = settings.current()
    if remove:
        _removed(name, keys.drop_stripe_secret(config, name))
        return
    given = typer.prompt("Secret", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
    keys.put_stripe_secret(config, name, SecretStr(given.strip()))
    output.emit({"name": name, "kept": True}, lambda _: output.out.print("kept"))


def _removed(name: str, was_there: bool) -> None:
    def text(found: dict[str, Any]) -> None:
        output.out.print("removed" if found["removed"] else "there was none")

    output.emit({"name": name, "removed": was_there}, text)
