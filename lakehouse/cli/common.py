"""What every command has: ``--output``, ``--env``, ``--debug``, and errors that end in a message and an exit code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from lakehouse.cli import output

if TYPE_CHECKING:
    from lakehouse.settings import Settings

_COMMON: dict[str, Any] = {
    "output_format": Annotated[output.Format, typer.Option("--output", help="How to print the result.")],
    "env": Annotated[str | None, typer.Option("--env", help="Environment: which conf/<env>.yml to read.")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")],
}
_DEFAULTS: dict[str, Any] = {"output_format": output.Format.text, "env": None, "debug": False}


def noun(help_text: str) -> typer.Typer:
    """A group of commands about one thing."""
    return typer.Typer(help=help_text, no_args_is_help=True, pretty_exceptions_enable=False)


def command(
    app: typer.Typer, name: str | None = None, **options: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command of ``app``, with the options that all commands share."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def run(
            *args: Any, output_format: output.Format, env: str | None, debug: bool, **kwargs: Any
        ) -> None:
            output.state.format, output.state.debug = output_format, debug
            with output.guarded():
                if env is not None:
                    from lakehouse import settings

                    settings.export({"LAKEHOUSE_ENV": env})
                function(*args, **kwargs)

        own = inspect.signature(function, eval_str=True)
        common = [
            inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS[n], annotation=a)
            for n, a in _COMMON.items()
        ]
        run.__signature__ = own.replace(parameters=[*own.parameters.values(), *common])  # type: ignore[attr-defined]
        run.__annotations__ = {**get_type_hints(function, include_extras=True), **_COMMON}
        app.command(name, **options)(run)
        return function

    return register


def publish(config: Settings) -> None:
    """Bring gold as Iceberg to what its tables hold now. A table that cannot be published is named, and ends nothing."""
    from lakehouse.query import iceberg

    for table, why in iceberg.publish(config).failed.items():
        output.log.print(f"not published: {table} {why}", markup=False)
