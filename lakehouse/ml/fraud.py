"""The fraud model's life: read what was known, cut in time, fit, judge, and record everything in MLflow.

``train`` does all of it; the notebook calls the same steps one by one. Nothing here needs a running service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse import context, names
from lakehouse.errors import DataError, UsageError
from lakehouse.ml import fraud_features, registry, tracking
from lakehouse.ml.fraud_model import Model, figures, fit, judge
from lakehouse.ml.fraud_split import Split, split
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import xgboost

EXPERIMENT = "fraud"
PAYMENTS, DISPUTES, CUSTOMERS = "gold.fct_payments", "gold.fct_disputes", "gold.dim_customers"


@dataclass(frozen=True)
class Data:
    """One row per payment with features and label clock (see ``fraud_features.sql``), and its sources.

    ``as_of`` is the latest instant the tables know of (or the one asked for); instants are UTC, aware.
    """

    frame: pd.DataFrame
    versions: dict[str, int]
    folders: dict[str, Path]
    as_of: datetime


@dataclass(frozen=True)
class Trained:
    """A registered model version. ``aliases`` are those it got; ``notes`` what was relaxed, in words."""

    run_id: str
    name: str
    version: int
    average_precision: float
    aliases: tuple[str, ...]
    notes: tuple[str, ...]


def read(config: Settings, as_of: str | datetime | None = None) -> Data:
    """Compute the training set on Spark from the tables' present versions, pinned before any is read.

    ``as_of`` (ISO 8601; UTC unless it says otherwise) pretends that it is that instant. Raises DataError
    when a table is missing or the facts disagree about which payments were disputed as fraud.
    """
    import pandas as pd
    from deltalake import DeltaTable

    folders = _folders(config)
    session = context.spark(config)
    # From the log itself: DESCRIBE HISTORY would start a Spark job for each table.
    versions = {t: DeltaTable(str(folder)).version() for t, folder in folders.items()}
    frame = session.sql(
        fraud_features.sql(*(f"{t} VERSION AS OF {v}" for t, v in versions.items()))
    ).toPandas()
    for column in fraud_features.INSTANTS:
        frame[column] = pd.to_datetime(frame[column], utc=True)
    torn = int((frame["is_fraud_disputed"] != frame["fraud_disputed_at"].notna()).sum())
    if torn:
        raise DataError(
            f"{PAYMENTS} version {versions[PAYMENTS]} and {DISPUTES} version {versions[DISPUTES]} disagree "
            f"about {torn} payments disputed as fraud",
            hint="lakehouse transform build",
        )
    latest = frame[["requested_at", "disputed_at"]].max().max()
    moment = latest if as_of is None else _instant(as_of)
    frame = frame.sort_values(["requested_at", "payment_id"], ignore_index=True)
    return Data(frame, versions, folders, datetime.now(UTC) if pd.isna(moment) else moment.to_pydatetime())


def _folders(config: Settings) -> dict[str, Path]:
    found = {f"{schema}.{table}": folder for schema, table, folder in context.tables(config)}
    missing = [t for t in (PAYMENTS, DISPUTES, CUSTOMERS) if t not in found]
    if missing:
        raise DataError(
            f"no table {', '.join(missing)} in {config.warehouse}",
            hint="lakehouse transform build, after lakehouse simulate run and lakehouse ingest run --once",
        )
    return {t: found[t] for t in (PAYMENTS, DISPUTES, CUSTOMERS)}


def _instant(text: str | datetime) -> pd.Timestamp:
    import pandas as pd

    try:
        moment = pd.Timestamp(text)
    except ValueError:
        raise UsageError(
            f"as_of {text!r} is no instant", hint="ISO 8601, such as 2026-03-01T00:00:00Z"
        ) from None
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")


def record(
    config: Settings, data: Data, parts: Split, model: Model, metrics: Mapping[str, float],
    pictures: Mapping[str, Any], *, review_rate: float = 0.01,
) -> Trained:  # fmt: skip
    """Write one MLflow run with everything, register the model and move its aliases.

    ``candidate`` always points to the newest version; ``champion`` moves only when the new version has a
    higher average precision than the present champion on the same test rows, or when there is none. A
    second call makes a second run and version. A crash leaves a run marked failed, or a version without
    alias; nothing points to either.
    """
    name = names.model(config.catalog, "fraud", "xgboost")
    with tracking.run(config, EXPERIMENT, "train fraud_xgboost") as run_id:
        beaten = registry.against_champion(config, name, parts, metrics["average_precision"])
        registry.log_facts(data, parts, model, dict(metrics) | beaten.metrics, review_rate, pictures)
        version = registry.log_model(name, parts, model)
        aliases = (tracking.CANDIDATE, tracking.CHAMPION) if beaten.wins else (tracking.CANDIDATE,)
        registry.promote(
            config, name, version, aliases, data.versions, metrics["average_precision"], beaten.reason
        )
    return Trained(run_id, name, version, metrics["average_precision"], aliases, parts.notes)


def train(
    config: Settings, *, as_of: str | None = None, seed: int = 7, label_delay_days: float = 21,
    test_fraction: float = 0.3, review_rate: float = 0.01,
) -> Trained:  # fmt: skip
    """All steps in one. Raises InsufficientDataError when there are too few labelled frauds."""
    data = read(config, as_of)
    parts = split(data.frame, data.as_of, label_delay_days=label_delay_days, test_fraction=test_fraction)
    model = fit(parts.train, seed)
    metrics = judge(model, parts, review_rate=review_rate)
    return record(config, data, parts, model, metrics, figures(model, parts.test), review_rate=review_rate)


def load(config: Settings, alias: str = tracking.CHAMPION) -> xgboost.Booster:
    """The registered booster that an alias points to; DataError when there is none."""
    client = tracking.connect(config)
    name = names.model(config.catalog, "fraud", "xgboost")
    if tracking.aliased(client, name, alias) is None:
        raise DataError(
            f"no model {name} with alias {alias!r}",
            hint="lakehouse notebook run notebooks/fraud/01_train_fraud_model.ipynb",
        )
    import mlflow.xgboost

    return mlflow.xgboost.load_model(f"models:/{name}@{alias}")


def last_trained(config: Settings) -> dict[str, Any]:
    """The model of the latest finished run, as ``Trained`` in plain values; DataError when there is none."""
    run = tracking.last_run(config, EXPERIMENT)
    if run is None or "model.version" not in run.data.tags:
        raise DataError(
            "no fraud model was trained yet",
            hint="lakehouse notebook run notebooks/fraud/01_train_fraud_model.ipynb",
        )
    tags = run.data.tags
    return asdict(
        Trained(
            run.info.run_id,
            tags["model.name"],
            int(tags["model.version"]),
            float(run.data.metrics["average_precision"]),
            tuple(tags["model.aliases"].split(",")),
            tuple(tags["notes"].split("; ")) if tags.get("notes") else (),
        )
    )
