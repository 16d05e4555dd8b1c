"""Drill of docs/runbooks/checkpoint-lost.md: without Spark's checkpoint, or with one of long ago, bronze goes on where it stands."""

from __future__ import annotations

import shutil
from typing import Any

import pytest


@pytest.mark.parametrize("left", ["nothing", "an old one", "rubbish"])
def test_the_table_knows_where_it_stands(drill: Any, left: str) -> None:
    checkpoints = drill.config.state / "checkpoints"
    drill.send(drill.events(20))
    drill.land()
    old = shutil.copytree(checkpoints, drill.config.state / "old", dirs_exist_ok=True)
    drill.send(drill.events(20))
    drill.land()
    shutil.rmtree(checkpoints)
    if left == "an old one":
        shutil.copytree(old, checkpoints)
    elif left == "rubbish":
        shutil.copytree(old, checkpoints)
        for file in checkpoints.rglob("*"):
            if file.is_file():
                file.write_bytes(bytes(100))
    drill.send(drill.events(20))
    assert drill.land().rows["checkout"] == 20
    assert sorted(drill.ids().values()) == [1] * drill.made
