"""The fraud notebook runs from start to end on real Spark, and MLflow then knows all about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import nbformat
import pytest

from lakehouse.ml import fraud, fraud_features, notebooks, tracking
from lakehouse.settings import ROOT, Settings

NOTEBOOK = ROOT / "notebooks" / "fraud" / "01_train_fraud_model.ipynb"
NAME = "lake.ml.fraud_xgboost"
TABLES = ("gold.fct_payments", "gold.fct_disputes", "gold.dim_customers")


@dataclass(frozen=True)
class Ran:
    config: Settings
    executed: Path
    trained: dict[str, Any]
    cells: list[tuple[int, int | None]]
    client: mlflow.MlflowClient

    @property
    def run(self) -> Any:
        return self.client.get_run(self.trained["run_id"])


def train(config: Settings, **parameters: Any) -> Ran:
    cells: list[tuple[int, int | None]] = []
    executed = notebooks.run(
        config, NOTEBOOK, parameters, lambda task, done, total=None: cells.append((done, total))
    )
    return Ran(config, executed, fraud.last_trained(config), cells, tracking.connect(config))


@pytest.fixture(scope="module")
def ran(gold: Settings) -> Ran:
    return train(gold)


def test_it_was_executed_to_the_end_and_kept(ran: Ran) -> None:
    assert ran.executed.is_relative_to(ran.config.state / "notebooks" / "fraud")
    executed = nbformat.read(ran.executed, as_version=4)
    code = [c for c in executed.cells if c.cell_type == "code"]
    assert all(c.execution_count for c in code)
    assert ran.cells[-1] == (len(code), len(code))
    pictures = [o for c in code for o in c.outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 4


def test_the_result_is_what_callers_need(ran: Ran) -> None:
    assert ran.trained["name"] == NAME
    assert ran.trained["version"] == 1
    assert set(ran.trained["aliases"]) == {"candidate", "champion"}
    assert ran.trained["notes"] == ()
    assert ran.run.info.status == "FINISHED"
    assert ran.run.data.metrics["average_precision"] == ran.trained["average_precision"]


def test_it_learns_more_than_the_baselines_know(ran: Ran) -> None:
    metrics = ran.run.data.metrics
    assert metrics["average_precision"] > metrics["baseline_amount_average_precision"]
    assert metrics["baseline_amount_average_precision"] > metrics["baseline_prevalence"] > 0
    assert metrics["average_precision"] < 0.99, "a perfect score on noisy data is a leak"
    assert {"roc_auc", "recall_at_review_rate", "precision_at_review_rate", "precision_at_100"} <= set(
        metrics
    )
    assert metrics["train_frauds"] >= 20
    assert metrics["test_frauds"] >= 10


def test_parameters_and_the_clock_of_the_labels_are_recorded(ran: Ran) -> None:
    params = ran.run.data.params
    assert {
        "max_bin": "2048",
        "tree_method": "hist",
        "seed": "7",
        "label_delay_days": "21",
    }.items() <= params.items()
    assert params["train_until"] < params["test_from"] < params["test_until"] < params["as_of"]


def test_the_versions_of_the_tables_are_recorded_even_version_0(ran: Ran) -> None:
    for table in TABLES:
        assert ran.run.data.tags[f"table_version.{table}"] == "0"
    inputs = {i.dataset.name: i for i in ran.run.inputs.dataset_inputs}
    assert set(inputs) == set(TABLES)
    for table, given in inputs.items():
        assert {t.key: t.value for t in given.tags}["delta_version"] == "0"
        schema, name = table.split(".")
        assert json.loads(given.dataset.source)["path"] == str(ran.config.warehouse / schema / name)


def test_the_pictures_and_the_meaning_of_features_are_kept(ran: Ran) -> None:
    kept = {a.path for a in ran.client.list_artifacts(ran.run.info.run_id, "plots")}
    assert kept == {
        f"plots/{n}.png" for n in ("precision_recall", "score_histogram", "feature_importance", "calibration")
    }
    about = mlflow.artifacts.load_dict(f"{ran.run.info.artifact_uri}/features.json")
    assert list(about) == list(fraud_features.NAMES)
    assert Path(ran.run.info.artifact_uri.removeprefix("file://")).is_relative_to(
        ran.config.state / "mlflow" / "artifacts"
    )


def test_the_model_is_registered_with_signature_example_and_requirements(ran: Ran) -> None:
    version = ran.client.get_model_version_by_alias(NAME, "champion")
    assert (int(version.version), version.run_id) == (1, ran.trained["run_id"])
    assert version.tags["table_version.gold.fct_payments"] == "0"
    assert version.tags["champion_decision"] == "there was no champion"
    info = mlflow.models.get_model_info(f"models:/{NAME}@candidate")
    assert [(c.name, c.type.name) for c in info.signature.inputs] == [
        (n, "double") for n in fraud_features.NAMES
    ]
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    example = model.input_example
    assert ((model.predict(example) > 0) & (model.predict(example) < 1)).all()
    requirements = Path(
        mlflow.artifacts.download_artifacts(f"models:/{NAME}@champion/requirements.txt")
    ).read_text()
    assert any(line.startswith("xgboost==") for line in requirements.splitlines())


def test_the_same_rows_and_seed_give_the_same_model_and_a_tie_keeps_the_champion(ran: Ran) -> None:
    again = train(ran.config)
    assert again.trained["version"] == 2
    assert again.trained["run_id"] != ran.trained["run_id"]
    assert again.trained["average_precision"] == ran.trained["average_precision"]
    assert again.trained["aliases"] == ("candidate",)
    assert int(again.client.get_model_version_by_alias(NAME, "candidate").version) == 2
    assert int(again.client.get_model_version_by_alias(NAME, "champion").version) == 1
    assert again.run.data.metrics["champion_average_precision"] == ran.trained["average_precision"]
