"""A taken port is named, with who has it and the setting that moves it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from lakehouse import settings
from lakehouse.errors import ConfigError
from lakehouse.settings import Settings
from lakehouse.stack import ports


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this very process listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def configured(**chosen: int) -> Settings:
    return settings.load({f"ports.{name}": port for name, port in chosen.items()}, environ={}).settings


def test_a_taken_port_is_an_error_with_its_holder_and_the_setting(taken: int) -> None:
    with pytest.raises(ConfigError) as caught:
        ports.check(configured(trino=taken), ["trino"])
    assert f"port {taken}, wanted for trino" in caught.value.message
    assert f"process {os.getpid()}" in caught.value.message
    assert "LAKEHOUSE_PORTS__TRINO" in str(caught.value.hint)
    assert ports.accepts(taken)


def test_a_port_that_is_free_again_is_free(taken: int) -> None:
    with socket.create_connection(("127.0.0.1", taken)):
        pass
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    assert ports.refusal(free) is None
    ports.check(configured(kafka=free), ["kafka"])


def test_two_services_cannot_share_a_port() -> None:
    with pytest.raises(ConfigError, match="set for both kafka and trino"):
        ports.check(configured(kafka=31_999, trino=31_999), ["kafka", "trino"])
