"""The booster that scores payments: the same rows give the same numbers; it is judged on later rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.ml import fraud_features
from lakehouse.ml.fraud_split import Split

if TYPE_CHECKING:
    import pandas as pd
    import xgboost

    from lakehouse.ml.scores import Vector

BOOSTER: Mapping[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",  # when to stop: average precision of the first rounds is mostly ties
    "tree_method": "hist",
    "max_bin": 2048,  # with 256 bins average precision on card fraud was seen to be 0.02 to 0.045 lower
    "eta": 0.05,
    "max_depth": 5,
    "min_child_weight": 1,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "nthread": 2,  # fixed: another number of threads sums in another order
}
_MOST_ROUNDS, _PATIENCE, _ROUNDS_WITHOUT_TAIL, _TAIL = 600, 50, 80, 0.2
_FEWEST_FRAUDS_TO_STOP_BY = 5


@dataclass(frozen=True)
class Model:
    """A fitted booster. ``rounds`` were chosen on the tail of train when it held enough frauds."""

    booster: xgboost.Booster
    params: dict[str, Any]
    rounds: int
    stopped_early: bool

    def predict(self, frame: pd.DataFrame) -> Vector:
        """Probability of a fraud dispute per row, float32 of shape (n,)."""
        return predict(self.booster, frame)


def fit(train: pd.DataFrame, seed: int = 7) -> Model:
    """Fit on ``train``: how many rounds is decided on its last fifth in time, then all of it is used.

    The same rows and seed give the same booster on the same machine.
    """
    import xgboost

    params = dict(BOOSTER) | {"seed": seed}
    cut = int(len(train) * (1 - _TAIL))
    head, tail = train.iloc[:cut], train.iloc[cut:]
    enough = min(head["label"].sum(), tail["label"].sum()) >= _FEWEST_FRAUDS_TO_STOP_BY
    rounds = _ROUNDS_WITHOUT_TAIL
    if enough:
        tried = xgboost.train(
            params, _matrix(head), _MOST_ROUNDS, evals=[(_matrix(tail), "tail")],
            early_stopping_rounds=_PATIENCE, verbose_eval=False,
        )  # fmt: skip
        rounds = int(tried.best_iteration) + 1
    return Model(xgboost.train(params, _matrix(train), rounds), params, rounds, bool(enough))


def predict(booster: xgboost.Booster, frame: pd.DataFrame) -> Vector:
    """Probability of a fraud dispute per row; the booster's features are taken from ``frame`` by name."""
    import xgboost

    scores: Vector = booster.predict(xgboost.DMatrix(frame[booster.feature_names], nthread=2))
    return scores


def _matrix(frame: pd.DataFrame) -> xgboost.DMatrix:
    import xgboost

    return xgboost.DMatrix(frame[list(fraud_features.NAMES)], frame["label"], nthread=2)


def judge(model: Model, parts: Split, *, review_rate: float = 0.01) -> dict[str, float]:
    """Metrics on the test rows (see ``scores.evaluate``), with what chance and the bare amount reach."""
    from lakehouse.ml.scores import evaluate

    labels = parts.test["label"].to_numpy()
    amount = evaluate(labels, amount_only(parts.test), review_rate=review_rate)
    return evaluate(labels, model.predict(parts.test), review_rate=review_rate) | {
        "baseline_prevalence": float(labels.mean()),
        "baseline_amount_average_precision": amount["average_precision"],
    }


def amount_only(frame: pd.DataFrame) -> Vector:
    """The baseline that a clerk would use: the larger for its currency, the more suspicious."""
    return frame["amount_vs_currency"].fillna(-1e9).to_numpy()


def figures(model: Model, test: pd.DataFrame) -> dict[str, Any]:
    """The four pictures of a model on its test rows, by name."""
    from lakehouse.ml import plots

    labels, scores = test["label"].to_numpy(), model.predict(test)
    gain = dict.fromkeys(fraud_features.NAMES, 0.0) | model.booster.get_score(importance_type="gain")
    return {
        "precision_recall": plots.precision_recall(
            labels, {"model": scores, "amount alone": amount_only(test)}
        ),
        "score_histogram": plots.score_histogram(labels, scores),
        "feature_importance": plots.importance(gain),
        "calibration": plots.calibration(labels, scores),
    }
