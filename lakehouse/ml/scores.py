"""How good a ranking of payments is, where frauds are rare and only few payments can be looked at."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[Any, np.dtype[Any]]


def evaluate(labels: Vector, scores: Vector, *, review_rate: float = 0.01) -> dict[str, float]:
    """Metrics of ``scores`` (higher: more suspicious) against 0/1 ``labels``, both of shape (n,), one per
    payment.

    ``average_precision`` is the mean precision over the ranks of the frauds; ``recall_at_review_rate`` is
    the share of frauds among the ``review_rate`` most suspicious payments (at least one payment),
    ``precision_at_review_rate`` the share of those that are frauds. Rates in [0, 1]. Ties are ranked in the
    order given.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    top = most_suspicious(scores, max(1, ceil(len(scores) * review_rate)))
    frauds = float(labels.sum())
    both = 0 < frauds < len(labels)
    return {
        "average_precision": float(average_precision_score(labels, scores)) if frauds else 0.0,
        "roc_auc": float(roc_auc_score(labels, scores)) if both else 0.5,
        "recall_at_review_rate": float(labels[top].sum() / frauds) if frauds else 0.0,
        "precision_at_review_rate": float(labels[top].mean()),
        "precision_at_100": float(labels[most_suspicious(scores, 100)].mean()),
    }


def most_suspicious(scores: Vector, count: int) -> Vector:
    """Positions of the ``count`` highest scores, highest first."""
    import numpy as np

    return np.argsort(-scores, kind="stable")[:count]
