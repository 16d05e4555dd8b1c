"""What a trained fraud model leaves in MLflow: the run's facts, a registered version, aliases and why they
moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

from lakehouse.ml import fraud_features, tracking
from lakehouse.ml.fraud_model import Model, predict
from lakehouse.ml.fraud_split import Split
from lakehouse.ml.scores import evaluate
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from lakehouse.ml.fraud import Data

_REQUIREMENTS = ("mlflow", "xgboost", "numpy", "pandas")


@dataclass(frozen=True)
class Contest:
    """Whether a new model takes the champion's place, on which numbers, and why."""

    wins: bool
    reason: str
    metrics: dict[str, float]


def against_champion(config: Settings, name: str, parts: Split, average_precision: float) -> Contest:
    """Score the present champion on the new model's own test rows; the higher average precision wins, a tie
    stays.

    A champion that needs features which are no longer computed cannot be run and gives way.
    """
    client = tracking.connect(config)
    champion = tracking.aliased(client, name, tracking.CHAMPION)
    if champion is None:
        return Contest(True, "there was no champion", {})
    import mlflow.xgboost

    booster = mlflow.xgboost.load_model(f"models:/{name}/{champion.version}")
    if not set(booster.feature_names) <= set(parts.test.columns):
        return Contest(True, f"champion {champion.version} needs features that are no longer computed", {})
    its = evaluate(parts.test["label"].to_numpy(), predict(booster, parts.test))["average_precision"]
    wins = average_precision > its
    told = f"{average_precision:.4f} against {its:.4f} of version {champion.version} on the same test rows"
    return Contest(wins, told, {"champion_average_precision": its})


def log_facts(
    data: Data,
    parts: Split,
    model: Model,
    metrics: Mapping[str, float],
    review_rate: float,
    pictures: Mapping[str, Any],
) -> None:
    """Parameters, metrics, pictures, table versions and notes, on the active run."""
    import mlflow

    instants = {n: getattr(parts, n).isoformat() for n in ("train_until", "test_from", "test_until", "as_of")}
    mlflow.log_params(
        model.params
        | instants
        | {"rounds": model.rounds, "stopped_early": model.stopped_early, "review_rate": review_rate}
        | {"label_delay_days": parts.label_delay_days, "features": len(fraud_features.NAMES)}
    )
    sizes = {
        f"{side}_{what}": float(count)
        for side, rows in (("train", parts.train), ("test", parts.test))
        for what, count in (("payments", len(rows)), ("frauds", rows["label"].sum()))
    }
    mlflow.log_metrics({**metrics, **sizes})
    mlflow.log_dict({f.name: f.about for f in fraud_features.FEATURES}, "features.json")
    for name, figure in pictures.items():
        mlflow.log_figure(figure, f"plots/{name}.png")
    tracking.log_tables(data.versions, data.folders, parts.train, purpose="training")
    mlflow.set_tag("notes", "; ".join(parts.notes))


def log_model(name: str, parts: Split, model: Model) -> int:
    """Store the booster with a float64 signature and an example, register it as ``name``; the new version."""
    import mlflow.xgboost
    from mlflow.models import infer_signature

    example = parts.test[list(fraud_features.NAMES)].head(5).astype("float64")
    info = mlflow.xgboost.log_model(
        model.booster,
        name="model",
        model_format="ubj",
        signature=infer_signature(example, model.predict(example).astype("float64")),
        input_example=example,
        pip_requirements=[f"{package}=={installed(package)}" for package in _REQUIREMENTS],
        registered_model_name=name,
    )
    return int(info.registered_model_version)


def promote(
    config: Settings, name: str, version: int, aliases: tuple[str, ...], versions: Mapping[str, int],
    average_precision: float, reason: str,
) -> None:  # fmt: skip
    """Tag the version and the active run with each other, then move the aliases: they never point to half a
    record.
    """
    import mlflow

    client = tracking.connect(config)
    tags = {f"table_version.{t}": str(v) for t, v in versions.items()}
    tags |= {"average_precision": f"{average_precision:.6f}", "champion_decision": reason}
    for key, value in tags.items():
        client.set_model_version_tag(name, str(version), key, value)
    mlflow.set_tags(
        {
            "model.name": name,
            "model.version": str(version),
            "model.aliases": ",".join(aliases),
            "champion_decision": reason,
        }
    )
    for alias in aliases:
        client.set_registered_model_alias(name, alias, str(version))
