"""Renders ``conf/services/`` into the state folder. A variable that a template does not know is an error."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lakehouse.settings import ROOT, Settings


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(ROOT / "conf" / "services"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - configuration files, not pages
    )


def render(config: Settings, template: str, target: Path, **values: Any) -> Path:
    """Write ``template`` to ``target`` (mode 0644) unless it already reads so; returns the target."""
    text = (
        _environment()
        .get_template(template)
        .render(config=config, ports=config.ports, state=config.state, **values)
    )
    if target.suffix == ".properties":
        text = _escaped(text)
    if not target.exists() or target.read_text() != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        partial.write_text(text)
        partial.chmod(0o644)
        partial.replace(target)
    return target


def _escaped(text: str) -> str:
    """As java.util.Properties reads it from a file: in ISO 8859-1, so that other letters are their UTF-16 code."""
    return re.sub(r"[^\x00-\x7f]", lambda letter: json.dumps(letter[0])[1:-1], text)
