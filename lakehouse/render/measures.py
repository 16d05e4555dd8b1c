"""The words of what is rendered from ``catalog/metrics.yml``: the contracts of the cubes, and the page of the metrics."""

from __future__ import annotations

from typing import Any

from lakehouse.metrics import DIMENSIONS, Catalog, Cube, Metric
from lakehouse.render.common import yaml_text
from lakehouse.render.cubes import ALL, COLUMNS, DO_NOT_EDIT, UNKNOWN, described, grain, reports

_TYPES = {"minor": "bigint", "reporting_minor": "bigint", "count": "bigint", "rate": "decimal(18,8)"}
_SENSITIVITY = "internal"
"""Of sums over people, and of identifiers that say nothing outside."""


def models(catalog: Catalog) -> str:
    """The ``_cubes__models.yml``: every cube's contract and data test."""
    return yaml_text(
        {"version": 2, "models": [_entry(catalog, c) for c in catalog.cubes.values()]}, DO_NOT_EDIT
    )


def page(catalog: Catalog) -> str:
    """The reference page of all metrics and cubes."""
    lines = [
        f"<!-- {DO_NOT_EDIT} -->",
        "# Metrics",
        "",
        "Each is defined once, in `catalog/metrics.yml`, and computed from that wherever it is shown.",
        "",
    ]
    for name, fact in catalog.facts.items():
        measured = [m for m in catalog.metrics.values() if m.facts[0] == name]
        lines += [f"## Of {name}", "", f"{fact.description} Rows of `{fact.relation}`.", ""]
        lines += ["| metric | what it is | unit | additive over | owner |", "|---|---|---|---|---|"]
        lines += [
            f"| `{m.name}` | {m.description} {_how(m)} | {m.unit} | {_additive(m)} | {m.owner} |"
            for m in measured
        ]
        lines.append("")
    lines += ["## Tables", "", "| table | one row per | metrics | owner |", "|---|---|---|---|"]
    lines += [
        f"| `gold.{c.name}` | {', '.join(grain(c))}. {c.description} | {', '.join(f'`{m}`' for m in c.metrics)} | {c.owner} |"
        for c in catalog.cubes.values()
    ]
    return "\n".join(lines) + "\n"


def _entry(catalog: Catalog, cube: Cube) -> dict[str, Any]:
    columns = [(c, _type(c), _meaning(cube, c)) for c in grain(cube)]
    columns += [(m, _TYPES[catalog.metrics[m].unit], _told(catalog.metrics[m])) for m in cube.metrics]
    if reports(catalog, cube):
        columns.append(
            ("reporting_currency_code", "string", "ISO 4217 code of every amount named reporting.")
        )
    columns.append(
        ("known_at", "timestamp", "When the newest thing that the row was computed from reached bronze.")
    )
    tested = {"name": f"{cube.name}_is_as_declared", "arguments": {"key": list(grain(cube))}}
    meta = {"owner": cube.owner, "grain": ", ".join(grain(cube)), "sensitivity": _SENSITIVITY}
    return {
        "name": cube.name,
        "description": described(catalog, cube),
        "config": {"meta": meta},
        "data_tests": [{"as_declared": tested}],
        "columns": [
            {"name": n, "data_type": t, "config": {"meta": {"sensitivity": _SENSITIVITY}}, "description": d}
            for n, t, d in columns
        ],
    }


def _type(column: str) -> str:
    return {"hour_at": "timestamp"}.get(column, "date" if column.endswith("_on") else "string")


def _meaning(cube: Cube, column: str) -> str:
    told = {
        "period": f"{', '.join(cube.periods)}.",
        "starts_on": "First day of the period, UTC; a week begins on Monday.",
        "hour_at": "First instant of the hour, UTC.",
        "level": "Which column the row is cut by, or total. Sum rows of one level only.",
        "currency_code": "ISO 4217 code of every amount in the row.",
    } | {COLUMNS[p]: f"First day of the {p}, UTC." for p in cube.periods if p != "hour"}
    other = f"{ALL} in rows of another level, " if column in cube.cut else ""
    return told.get(column, f"The fact's {column}; {other}{UNKNOWN} where it has none.")


def _told(metric: Metric) -> str:
    return f"{metric.description} {_how(metric)}"


def _how(metric: Metric) -> str:
    return f"`{metric.per[0]}` per `{metric.per[1]}`." if metric.per else f"`{metric.expression}`."


def _additive(metric: Metric) -> str:
    return "all dimensions" if metric.additive == DIMENSIONS else ", ".join(metric.additive) or "none"
