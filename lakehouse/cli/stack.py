"""``lakehouse up | down | status | logs | doctor | reset``: the local services."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from lakehouse.cli import output
from lakehouse.cli.common import command


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    command(app, "up")(up)
    command(app, "down")(down)
    command(app, "status")(status)
    command(app, "logs")(logs)
    command(app, "doctor")(doctor)
    command(app, "reset")(reset)


def up(
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            help="Services, by commas; what they need comes along. ingest-<source> lands a source all the time.",
        ),
    ] = None,
) -> None:
    """Start the services and wait until each answers."""
    from lakehouse import settings
    from lakehouse.stack import services

    config = settings.current()
    before = {s.name for s in services.status(config) if s.state == "running"}
    with output.progress() as progress:
        found = services.up(config, _listed(only), progress)
    output.emit(
        {
            "services": found,
            "started": [s.name for s in found if s.state == "running" and s.name not in before],
        },
        _show_up,
    )


def down(
    only: Annotated[str | None, typer.Option("--only", help="Services, by commas; all if absent.")] = None,
) -> None:
    """Stop the services. Data stays."""
    from lakehouse import settings
    from lakehouse.stack import services

    found = services.down(settings.current(), _listed(only))
    output.emit({"services": found}, lambda _: output.out.print("stopped"))


def _listed(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def status() -> None:
    """Show what runs, on which port, how much memory it takes, and how capture does."""
    from lakehouse import settings
    from lakehouse.stack import services

    config = settings.current()
    output.emit({"services": services.status(config), "captures": services.captures(config)}, _show_status)


def logs(
    service: Annotated[
        str, typer.Argument(help="postgres, kafka, connect, trino, mlflow, or ingest-<source>.")
    ],
    lines: Annotated[int, typer.Option("--lines", min=0, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", help="Go on showing new lines until Ctrl-C.")] = False,
) -> None:
    """Show a service's log."""
    from lakehouse import settings
    from lakehouse.errors import UsageError
    from lakehouse.stack import services

    if follow and output.state.format is output.Format.json:
        raise UsageError(
            "--follow never ends, so it cannot be one JSON document", hint="leave out --output json"
        )
    found = services.logs(settings.current(), service, lines=lines, follow=follow)
    if output.state.format is output.Format.json:
        output.emit({"service": service, "lines": list(found)})
    else:
        for line in found:
            typer.echo(line)


def doctor() -> None:
    """Check this machine for what the platform needs; exit code 3 if something is to be done."""
    from lakehouse import settings
    from lakehouse.stack import doctor as doctor_module

    checks = doctor_module.run(settings.current())
    output.emit({"checks": checks, "ok": all(c.ok for c in checks)}, _show_checks)
    if not all(c.ok for c in checks):
        raise typer.Exit(3)


def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete the state folder: databases, topics, tables, models, passwords."""
    from lakehouse import settings
    from lakehouse.errors import SafetyError
    from lakehouse.stack import reset as reset_module

    config = settings.current()
    plan = reset_module.plan(config)
    if plan is None:
        output.emit(
            {"deleted": None, "bytes": 0},
            lambda _: output.out.print(f"nothing to delete: {config.state} is not there"),
        )
        return
    if not yes:
        if output.state.format is output.Format.json:
            raise SafetyError(f"{plan.folder} would be deleted", hint="say --yes")
        typer.confirm(
            f"Delete {plan.folder} ({plan.bytes / 1e6:,.0f} MB), with all tables and models?",
            abort=True,
            err=True,
        )
    reset_module.run(config)
    output.emit(
        {"deleted": plan.folder, "bytes": plan.bytes}, lambda _: output.out.print(f"deleted {plan.folder}")
    )


def _show_up(result: dict[str, Any]) -> None:
    _show(result)
    if not result["started"]:
        output.out.print("already running")
    output.out.print("stop it with: lakehouse down")


def _show_status(result: dict[str, Any]) -> None:
    from lakehouse import context, settings

    _show(result)
    for capture in result["captures"]:
        output.out.print(f"capture of {capture.source}: {capture.state}")
        if capture.error:
            output.out.print(f"      {capture.error}", markup=False)
        step = context.capture_step(settings.current(), capture.source, capture.state)
        if step:
            output.out.print(f"      next {step}", markup=False)


def _show(result: dict[str, Any]) -> None:
    rows = [
        [s.name, s.state, s.port, s.pid, None if s.rss_bytes is None else f"{s.rss_bytes / 2**20:,.0f} MiB"]
        for s in result["services"]
    ]
    output.show_rows(["service", "state", "port", "pid", "memory"], rows)


def _show_checks(result: dict[str, Any]) -> None:
    for check in result["checks"]:
        said = escape(f"{check.name}: {check.found}")
        output.out.print(f"[green]ok[/]    {said}" if check.ok else f"[red]to do[/] {said}")
        if not check.ok:
            output.out.print(f"      [bold]next[/] {escape(str(check.next_step))}")
