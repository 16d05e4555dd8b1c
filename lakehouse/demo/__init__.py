"""The whole platform once through: what ``lakehouse demo`` runs and reports."""

from lakehouse.demo.pipeline import Demo, Step, run

__all__ = ["Demo", "Step", "run"]
