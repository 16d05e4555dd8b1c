"""Pictures of a fraud model. Each function returns a figure and touches no global state of matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lakehouse.ml.scores import Vector

_FRAUD, _HONEST, _MODEL, _PALE = "#c0392b", "#2980b9", "#34495e", "#95a5a6"


def _axes(title: str, x: str, y: str, height: float = 4.0) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, height), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def precision_recall(labels: Vector, scores: Mapping[str, Vector]) -> Figure:
    """Precision against recall, a line for each ranking in ``scores``; dotted: what chance would give."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    figure, axes = _axes("Precision and recall", "recall", "precision")
    for (name, values), color in zip(scores.items(), (_MODEL, _PALE, _HONEST), strict=False):
        precision, recall, _ = precision_recall_curve(labels, values)
        label = f"{name}, average precision {average_precision_score(labels, values):.3f}"
        axes.step(recall, precision, where="post", label=label, color=color)
    axes.axhline(float(labels.mean()), linestyle=":", color=_FRAUD, label=f"chance, {labels.mean():.4f}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend()
    return figure


def score_histogram(labels: Vector, scores: Vector) -> Figure:
    """How scores spread among frauds and others; counts on a log axis, because frauds are few."""
    figure, axes = _axes("Scores", "score", "payments")
    sides = [scores[labels == 0], scores[labels == 1]]
    axes.hist(sides, bins=40, range=(0, 1), label=["not disputed as fraud", "fraud"], color=[_HONEST, _FRAUD])
    axes.set_yscale("symlog", linthresh=1)
    axes.legend()
    return figure


def importance(gain: Mapping[str, float], most: int = 20) -> Figure:
    """The features with most gain: mean drop in loss of the splits that use them."""
    top = sorted(gain.items(), key=lambda item: item[1])[-most:]
    figure, axes = _axes("Feature importance", "gain", "", height=max(2.0, 0.3 * len(top) + 1))
    axes.barh([name for name, _ in top], [value for _, value in top], color=_MODEL)
    return figure


def calibration(labels: Vector, scores: Vector, bins: int = 10) -> Figure:
    """Share of frauds against mean score in ``bins`` groups of equal size; on the dotted line scores are
    honest odds.
    """
    from sklearn.calibration import calibration_curve

    figure, axes = _axes("Calibration", "mean score of the group", "share of frauds in the group")
    share, mean = calibration_curve(labels, scores, n_bins=bins, strategy="quantile")
    end = max(float(share.max()), float(mean.max()), 1e-6) * 1.05
    axes.plot([0, end], [0, end], linestyle=":", color=_PALE)
    axes.plot(mean, share, marker="o", color=_MODEL)
    return figure
