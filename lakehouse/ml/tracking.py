"""MLflow, set up for this lakehouse: runs in the file that the server shows, artifacts beside it. No server
needed.
"""

from __future__ import annotations

import logging
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse import context, settings
from lakehouse.settings import ROOT, Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
CANDIDATE, CHAMPION = "candidate", "champion"


def connect(config: Settings) -> MlflowClient:
    """A client on the store of ``config``, which is made on first call; later calls and other processes
    share it.
    """
    settings.export(_VARIABLES)
    home = config.state / "mlflow"
    (home / "artifacts").mkdir(parents=True, exist_ok=True)

    for unhelpful in ("IProgress not found", "Hint: Inferred schema contains integer"):
        warnings.filterwarnings("ignore", message=f".*{unhelpful}")
    import mlflow
    from filelock import FileLock

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    mlflow.set_tracking_uri(context.mlflow_store(config))
    client = mlflow.MlflowClient()
    with FileLock(home / "mlflow.db.lock"):  # two processes must not both create the store's tables
        client.search_experiments(max_results=1)
    return client


def experiment(config: Settings, name: str) -> str:
    """The id of an experiment, made on first call with its artifacts under
    ``<state>/mlflow/artifacts/<name>``.
    """
    client = connect(config)
    if (found := client.get_experiment_by_name(name)) is not None:
        return str(found.experiment_id)
    folder = config.state / "mlflow" / "artifacts" / name
    return str(client.create_experiment(name, artifact_location=folder.as_uri()))


@contextmanager
def run(config: Settings, experiment_name: str, name: str) -> Iterator[str]:
    """An MLflow run, its id; tagged with the code's commit. Marked failed when the body raises."""
    import mlflow

    with mlflow.start_run(
        experiment_id=experiment(config, experiment_name), run_name=name, tags=code_tags()
    ) as active:
        yield str(active.info.run_id)


def code_tags() -> dict[str, str]:
    """Commit of the checkout and whether it had changes; empty where there is no git checkout."""
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return {}
    return {
        "mlflow.source.git.commit": commit,
        "code.is_dirty": str(bool(_git("status", "--porcelain"))).lower(),
    }


def _git(*words: str) -> str | None:
    try:
        told = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() if told.returncode == 0 else None


def log_tables(versions: Mapping[str, int], folders: Mapping[str, Path], frame: Any, *, purpose: str) -> None:
    """Record on the active run which version of which Delta table it read: as tags, and as datasets with
    ``frame``'s digest.

    The tag ``table_version.<schema>.<table>`` always holds; MLflow's own record of a dataset drops version
    0.
    """
    import mlflow
    from mlflow.data.delta_dataset_source import DeltaDatasetSource

    mlflow.set_tags({f"table_version.{table}": str(version) for table, version in versions.items()})
    for table, version in versions.items():
        source = DeltaDatasetSource(path=str(folders[table]), delta_table_version=version)
        dataset = mlflow.data.from_pandas(frame, source=source, name=table)
        mlflow.log_input(dataset, context=purpose, tags={"delta_version": str(version)})


def aliased(client: MlflowClient, name: str, alias: str) -> Any | None:
    """The model version that an alias points to, or None if there is no such model or alias."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def last_run(config: Settings, experiment_name: str) -> Any | None:
    """The latest finished run of an experiment (an ``mlflow.entities.Run``), or None."""
    client = connect(config)
    if (found := client.get_experiment_by_name(experiment_name)) is None:
        return None
    runs = client.search_runs(
        [found.experiment_id],
        "attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return runs[0] if runs else None
