"""What ``tests/bench/switched_off.py`` takes away is still there to be taken away, and its page tells of all of it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "switched_off", ROOT / "tests" / "bench" / "switched_off.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_each_mechanism_is_where_it_is_looked_for() -> None:
    for one in script().MECHANISMS:
        assert (ROOT / one.file).read_text().count(one.old) == 1, one.name
        assert (ROOT / one.tests).exists(), one.name


def test_the_page_names_each_and_what_noticed_it() -> None:
    page = (ROOT / "docs" / "reference" / "switched-off.md").read_text()
    for one in script().MECHANISMS:
        assert f"| {one.name} |" in page
    assert "**none**" not in page
