"""Layers, unknown keys, origins: what a wrong setting is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse import settings
from lakehouse.errors import ConfigError


def test_defaults_are_in_the_class_and_later_layers_win() -> None:
    plain = settings.load(environ={})
    assert (plain.settings.ports.trino, plain.origin["ports.trino"]) == (18080, "default")
    environ = {"LAKEHOUSE_PORTS__TRINO": "28080", "LAKEHOUSE_PORTS__KAFKA": "29092"}
    loaded = settings.load({"ports.trino": 38080}, environ=environ)
    assert (loaded.settings.ports.trino, loaded.origin["ports.trino"]) == (38080, "flag")
    assert (loaded.settings.ports.kafka, loaded.origin["ports.kafka"]) == (29092, "environment")


def test_an_environment_has_its_own_state_folder() -> None:
    local, test = (settings.load(environ={"LAKEHOUSE_ENV": env}).settings for env in ("local", "test"))
    assert local.state == settings.ROOT / ".lakehouse"
    assert test.state == settings.ROOT / ".lakehouse-test"
    assert test.warehouse == test.state / "warehouse"


def test_an_unknown_key_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown setting 'ports\.trinno' in environment, did you mean 'ports\.trino'"
    ):
        settings.load(environ={"LAKEHOUSE_PORTS__TRINNO": "1"})


def test_an_unknown_environment_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="unknown environment 'tset', did you mean 'test'") as caught:
        settings.load(environ={"LAKEHOUSE_ENV": "tset"})
    assert caught.value.hint is not None
    assert "local" in caught.value.hint


@pytest.mark.parametrize("port", ["0", "65536", "ten", ""])
def test_a_port_is_a_port(port: str) -> None:
    with pytest.raises(ConfigError, match=r"'ports\.kafka' from environment"):
        settings.load(environ={"LAKEHOUSE_PORTS__KAFKA": port})


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    loaded = settings.load(
        {"paths.state": str(tmp_path / "a"), "paths.warehouse": str(tmp_path / "w")}, environ={}
    )
    assert (loaded.settings.state, loaded.settings.warehouse) == (tmp_path / "a", tmp_path / "w")


def test_settings_cannot_be_changed() -> None:
    loaded = settings.load(environ={}).settings
    with pytest.raises(ValueError, match="frozen"):
        loaded.env = "other"


def test_the_reporting_currency_has_a_minor_unit() -> None:
    assert (
        settings.load({"transform.reporting_currency": "KWD"}).settings.transform.reporting_currency == "KWD"
    )
    with pytest.raises(ConfigError, match="unknown currency 'eur'"):
        settings.load({"transform.reporting_currency": "eur"})
