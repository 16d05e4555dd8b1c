"""From nothing to an answer and a model, step by step, each step timed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from lakehouse import context
from lakehouse.demo import answers
from lakehouse.errors import InsufficientDataError
from lakehouse.ingest import capture, stream
from lakehouse.maintenance import retain
from lakehouse.ml import fraud, notebooks
from lakehouse.query import sync
from lakehouse.settings import ROOT, Settings
from lakehouse.stack import services
from lakehouse.telemetry import Progress
from lakehouse.testing import simulator
from lakehouse.transform import build

CAPTURE = ["postgres", "kafka", "connect"]
NOTEBOOK = ROOT / "notebooks" / "fraud" / "01_train_fraud_model.ipynb"


@dataclass
class Step:
    """One step of the demo: wall-clock seconds, and the rows it wrote or read (None where rows mean nothing)."""

    name: str
    seconds: float = 0.0
    rows: int | None = None


@dataclass(frozen=True)
class Demo:
    """What happened. Amounts are in minor units of their currency; ``engines_agree`` covers source, Trino and DuckDB."""

    stretch: int
    payments_in_source: int
    payments_in_gold: int
    revenue_by_currency: dict[str, dict[str, int]]
    engines_agree: bool
    journey: dict[str, Any]
    model: dict[str, Any]
    notebook: Path | None
    steps: list[Step] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    resident_bytes: int = 0


class _Clock:
    def __init__(self) -> None:
        self.steps: list[Step] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[Step]:
        step, begun = Step(name), monotonic()
        self.steps.append(step)
        yield step
        step.seconds = round(monotonic() - begun, 1)


def run(config: Settings, plan: simulator.Plan, progress: Progress, *, train: bool = True) -> Demo:
    """Start the stack, add a stretch of business, land it, build silver and gold, ask, train; leave the stack up.
    Without ``train`` the notebook is left out.

    A second call adds a further stretch. Each step is safe to repeat, so a call after a crash goes on where the
    data stands. Raises the errors of the rooms it goes through; the stack stays up for looking around.
    """
    clock = _Clock()
    with ThreadPoolExecutor(max_workers=1) as aside:
        with clock("start capture"):
            session = aside.submit(context.spark, config)
            services.up(config, CAPTURE, progress)
        with clock("simulate") as step:
            business = simulator.run(config, plan, progress)
            step.rows = business.change_events + business.events
        with clock("start Spark"):
            session.result()
        others: Future[Any] = aside.submit(services.up, config, ["trino", "mlflow"], progress)
        with clock("wait for capture"):
            capture.wait(config, "ledger", progress=progress)
        for source in ("ledger", "events"):
            with clock(f"ingest {source}") as step:
                landed = stream.run(config, source, once=True, progress=progress)
                step.rows = sum(landed.rows.values())
        with clock("transform") as step:
            built = build.build(config, cut=retain.cut, progress=progress)
            step.rows = sum(node.rows or 0 for node in built.nodes)
        with clock("start Trino and MLflow"):
            others.result()
        with clock("publish to engines"):
            sync.sync(config)
        with clock("ask") as step:
            revenue = answers.revenue(config)
            step.rows = sum(len(v) for v in revenue.values())
            source_count, gold_count = answers.payment_counts(config)
            journey = answers.journey(config)
        context.stop_spark()  # the notebook brings its own session; two would only share two cores
        model, notebook = {"reason": "it was not asked for"}, None
        if train:
            with clock("train in notebook") as step:
                model, notebook = _train(config, progress)
                step.rows = gold_count if model else None
    agree = revenue["source"] == revenue["trino"] == revenue["duckdb"] and source_count == gold_count
    return Demo(
        stretch=business.stretch,
        payments_in_source=source_count,
        payments_in_gold=gold_count,
        revenue_by_currency=revenue,
        engines_agree=agree,
        journey=journey,
        model=model,
        notebook=notebook,
        steps=clock.steps,
        addresses=addresses(config),
        resident_bytes=sum(s.rss_bytes or 0 for s in services.status(config)),
    )


def _train(config: Settings, progress: Progress) -> tuple[dict[str, Any], Path | None]:
    """The model, or why there is none: a business of a few payments has no fraud to learn from."""
    try:
        notebook = notebooks.run(config, NOTEBOOK, {}, progress)
    except InsufficientDataError as error:
        return {"reason": error.message}, None
    return fraud.last_trained(config), notebook


def addresses(config: Settings) -> dict[str, str]:
    """Where to look, by what is there."""
    return {
        "Trino": f"http://{context.HOST}:{config.ports.trino}",
        "MLflow": context.mlflow_url(config),
        "Kafka Connect": context.connect_url(config),
        "PostgreSQL": f"postgresql://ledger@{context.HOST}:{config.ports.postgres}/payments",
        "DuckDB": str(config.state / "lakehouse.duckdb"),
    }
