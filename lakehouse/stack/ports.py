"""Are the ports free, and if not, who has them."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

import psutil

from lakehouse.context import HOST
from lakehouse.errors import ConfigError
from lakehouse.settings import Settings


def check(config: Settings, names: Iterable[str]) -> None:
    """ConfigError for the first of these ports (keys of ``settings.ports``) that cannot be listened on."""
    taken: dict[int, str] = {}
    for name in names:
        port = int(getattr(config.ports, name))
        setting = f"LAKEHOUSE_PORTS__{name.upper()}"
        if port in taken:
            raise ConfigError(
                f"port {port} is set for both {taken[port]} and {name}",
                hint=f"set {setting} to another port",
                port=port,
            )
        taken[port] = name
        if problem := refusal(port):
            raise ConfigError(
                f"port {port}, wanted for {name}, {problem}",
                hint=f"end that, or set {setting} to a free port",
                port=port,
            )


def refusal(port: int) -> str | None:
    """Why nobody can listen on the port now, in words; None if somebody can."""
    with socket.socket() as probe:
        # As servers do it: connections of an earlier server that are still winding down are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EACCES:
                return "may only be used by root"
            return f"is taken by {_holder(port)}"
    return None


def accepts(port: int) -> bool:
    """Whether something on loopback takes connections on the port."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def _holder(port: int) -> str:
    try:
        for found in psutil.net_connections(kind="tcp"):
            if found.laddr and found.laddr.port == port and found.status == psutil.CONN_LISTEN and found.pid:
                process = psutil.Process(found.pid)
                return f"{process.name()} (process {found.pid}, user {process.username()})"
    except (psutil.Error, OSError):
        pass
    return "another process"
