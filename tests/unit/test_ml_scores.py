"""Metrics on rankings small enough to check by hand, and the pictures drawn from them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

from lakehouse.ml import plots
from lakehouse.ml.scores import evaluate, most_suspicious

LABELS = np.array([0, 1, 0, 0, 1, 0, 0, 0, 0, 0])
SCORES = np.array([0.1, 0.9, 0.8, 0.2, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0])


def test_metrics_are_those_counted_by_hand() -> None:
    told = evaluate(LABELS, SCORES, review_rate=0.2)
    # frauds stand at ranks 1 and 3: precision 1/1 and 2/3
    assert told["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    # 16 pairs of fraud and honest, one in the wrong order
    assert told["roc_auc"] == pytest.approx(15 / 16)
    assert told["recall_at_review_rate"] == 0.5
    assert told["precision_at_review_rate"] == 0.5
    assert told["precision_at_100"] == 0.2


def test_without_frauds_nothing_is_claimed() -> None:
    told = evaluate(np.zeros(10), SCORES)
    assert (told["average_precision"], told["roc_auc"], told["recall_at_review_rate"]) == (0.0, 0.5, 0.0)


def test_ties_keep_the_order_given() -> None:
    assert most_suspicious(np.array([1.0, 2.0, 1.0, 2.0]), 3).tolist() == [1, 3, 0]


def test_pictures_can_be_saved() -> None:
    drawn = [
        plots.precision_recall(LABELS, {"model": SCORES, "amount": SCORES[::-1]}),
        plots.score_histogram(LABELS, SCORES),
        plots.importance({"amount": 3.0, "hour": 0.0}),
        plots.calibration(LABELS, SCORES),
    ]
    for figure in drawn:
        written = BytesIO()
        figure.savefig(written)
        assert written.getvalue().startswith(b"\x89PNG")
