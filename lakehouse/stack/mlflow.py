"""The MLflow pages. Runs and models live in a file, so notebooks log to it with this server stopped."""

from __future__ import annotations

import sys

import requests

from lakehouse import context
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings
from lakehouse.stack.service import Program, Service


def render(config: Settings) -> Program:
    """The server's command: no files of its own. Artifacts are read where they lie, not proxied."""
    home = config.state / "mlflow"
    artifacts = home / "artifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    command = (
        sys.executable, "-m", "mlflow", "server",
        "--backend-store-uri", context.mlflow_store(config),
        "--default-artifact-root", artifacts.as_uri(),
        "--no-serve-artifacts",
        "--host", context.HOST,
        "--port", str(config.ports.mlflow),
        "--workers", "1",
    )  # fmt: skip
    environment = {
        # Job runners would quadruple its memory and are not used.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    return Program(command, home, (), environment)


def probe(config: Settings) -> None:
    """Its health page, and the list of experiments, which needs the store."""
    url = context.mlflow_url(config)
    for page in ("health", "api/2.0/mlflow/experiments/search?max_results=1"):
        answer = requests.get(f"{url}/{page}", timeout=5)
        if answer.status_code != 200:
            raise LakehouseError(f"MLflow answers {answer.status_code} at /{page}: {answer.text[:200]}")


SERVICE = Service("mlflow", ("mlflow",), render, probe)
