"""dbt in this process: its settings, its files (all in the state folder), its events and its results."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lakehouse.errors import is_disk_full
from lakehouse.render.common import spark_literal
from lakehouse.settings import ROOT, Settings
from lakehouse.telemetry import Progress
from lakehouse.transform import changes
from lakehouse.transform.report import DISK_FULL, Node, refused
from lakehouse.transform.session import on_our_session

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt.contracts.results import RunResult

PROJECT = ROOT / "dbt_project"
ASIDE = "aside"
"""Variable: a folder. The models are then built in it, as tables of a schema of this name, and not in the warehouse."""


def invoke(
    config: Settings, arguments: list[str], variables: Mapping[str, Any], progress: Progress
) -> tuple[Node, ...]:
    """Run one dbt command and return what became of each node, in the order in which they ended.

    Writes only below ``<state>/run/dbt`` and ``<state>/log/dbt``, prints nothing, asks no network.
    Raises ConfigError when dbt refuses the project, before any table is touched; KeyboardInterrupt is passed on
    once the statements that were running are cancelled.
    """
    with on_our_session(config):
        project = None if ASIDE in variables else parsed(config)
        result = _run(config, arguments, variables, _Told(progress), project)
    return tuple(_node(config, r) for r in getattr(result, "results", ()))


def parsed(config: Settings) -> Manifest:
    """The project as dbt reads it, no table looked at: from the file that an earlier call left, while no file of the project changed.

    Reading it anew takes a second or more of each call. dbt's own saved parse is no help: it is thrown away with
    every new value of a variable, and ours name the moment of the call.
    """
    from dbt.contracts.graph.manifest import Manifest

    kept = config.state / "run" / "dbt" / f"project-{fingerprint(config)}.msgpack"
    try:
        found = Manifest.from_msgpack(kept.read_bytes())
    except FileNotFoundError:
        pass
    else:
        found.build_flat_graph()
        return found
    project: Manifest = _run(config, ["parse"], {}, None, None)
    for old in kept.parent.glob("project-*.msgpack"):
        old.unlink(missing_ok=True)
    partial = kept.with_suffix(".partial")
    partial.write_bytes(project.to_msgpack())
    partial.replace(kept)
    return project


def site(config: Settings) -> Path:
    """dbt's own pages of the models, as one file. Looks at no table."""
    _run(
        config, ["docs", "generate", "--no-compile", "--empty-catalog", "--static"], {}, None, parsed(config)
    )
    return config.state / "run" / "dbt" / "target" / "static_index.html"


def fingerprint(config: Settings) -> str:
    """Of all that the parsed project is made from: dbt, the files of the project, and where the tables are."""
    files = sorted(p for p in PROJECT.rglob("*") if p.is_file())
    seen = [(str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files]
    versions = [metadata.version(package) for package in ("dbt-core", "dbt-spark")]
    return sha256(json.dumps([versions, str(config.warehouse), seen]).encode()).hexdigest()[:16]


def _run(
    config: Settings,
    arguments: list[str],
    variables: Mapping[str, Any],
    told: _Told | None,
    project: Manifest | None,
) -> Any:
    """The result of one dbt command."""
    from dbt.cli.main import dbtRunner

    logs = config.state / "log" / "dbt"
    runner = dbtRunner(manifest=project, callbacks=[told] if told else [])
    result = runner.invoke([*_global(logs), *arguments, *_paths(config, variables)])
    if isinstance(result.exception, KeyboardInterrupt):
        raise result.exception
    if result.exception is not None:
        raise refused(str(result.exception), str(logs / "dbt.log"))
    return result.result


def _global(logs: Path) -> list[str]:
    return [
        *("--log-level", "none", "--log-level-file", "debug", "--log-path", str(logs), "--quiet"),
        *("--no-send-anonymous-usage-stats", "--no-version-check", "--no-use-colors", "--no-use-colors-file"),
        "--no-partial-parse",
    ]


def _paths(config: Settings, variables: Mapping[str, Any]) -> list[str]:
    home = config.state / "run" / "dbt"
    home.mkdir(parents=True, exist_ok=True)
    profile = {
        "lakehouse": {
            "target": "session",
            "outputs": {
                "session": {
                    "type": "spark",
                    "method": "session",
                    "host": "localhost",
                    "schema": "silver",
                    "threads": config.transform.threads,
                }
            },
        }
    }
    (home / "profiles.yml").write_text(yaml.safe_dump(profile))
    return [
        *("--project-dir", str(PROJECT), "--profiles-dir", str(home), "--target-path", str(home / "target")),
        *("--vars", json.dumps(_constants(config) | dict(variables))),
    ]


def _constants(config: Settings) -> dict[str, Any]:
    return {
        "warehouse": in_literal(config.warehouse),
        "reporting_currency": config.transform.reporting_currency,
    }


def in_literal(folder: Path) -> str:
    """A folder as a variable: dbt-spark puts it between quotes as it is."""
    return spark_literal(str(folder))[1:-1]


class _Told:
    """Listens to dbt's events and tells how many nodes have ended."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0
        self._total: int | None = None

    def __call__(self, event: Any) -> None:
        if event.info.name == "NodeFinished":
            self._done += 1
            self._progress("transform", self._done, self._total)
        elif event.info.name == "ConcurrencyLine":
            self._total = int(event.data.node_count)
            self._progress("transform", 0, self._total)


def _words(message: str | None) -> str | None:
    """What the database said, without the plan and the Java stack that come after it."""
    if message is None:
        return None
    if is_disk_full(message):
        return DISK_FULL
    if found := re.search(r"\[[A-Z][A-Z_.]+\].*?SQLSTATE: \w+(; line \d+ pos \d+)?", message, re.S):
        return found[0]
    return "\n".join(
        line for line in message.splitlines() if not re.match(r"\s*(at \S+\(|\.\.\. \d+ more)", line)
    )


def _node(config: Settings, result: RunResult) -> Node:
    node = result.node
    kind = str(node.resource_type)
    status = str(result.status)
    written = (result.adapter_response or {}).get("rows_affected")
    if kind == "model" and status == "success" and written is None:
        written = changes.rows_of_last_commit(config.warehouse / node.schema / node.name)
    compiled = getattr(node, "compiled_path", None)
    return Node(
        name=node.name,
        kind=kind,
        status=status,
        seconds=round(result.execution_time, 3),
        rows=int(written) if kind == "model" and written is not None else result.failures,
        message=_words(result.message),
        compiled=str(PROJECT / compiled) if compiled else None,
    )
