"""What is measured, as ``catalog/metrics.yml`` says it: the only definition of a measure, and its SQL.

The SQL is what Spark, Trino and DuckDB take alike. Ratios are of type double, of which all three give the same bits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from lakehouse.errors import ContractError, suggest
from lakehouse.settings import ROOT

FILE = ROOT / "catalog" / "metrics.yml"
DIMENSIONS = ("time", "geography", "product", "customer", "merchant", "channel")
"""What a value may be summed over. A currency is none: amounts of different ones are not added."""

Unit = Literal["minor", "reporting_minor", "count", "rate"]
Period = Literal["hour", "day", "week", "month", "quarter", "year"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Entry):
    """Rows of a table that are among those of a fact: those for which ``where`` holds, each at its ``time``."""

    time: str
    where: str = "true"


class Fact(_Entry):
    """Rows that are measured: a dbt model, and its column that says when each of them happened.

    If the model is no table, ``of`` are the tables that its rows come from.
    """

    relation: str
    time: str
    of: Mapping[str, Part] = {}
    description: str

    @property
    def is_table(self) -> bool:
        """Whether the model is a table, and not a part of the models that read it."""
        return not self.of

    @property
    def tables(self) -> Mapping[str, Part]:
        """The tables that the rows are in."""
        return self.of or {self.relation: Part(time=self.time)}


class Metric(_Entry):
    """A measure: an aggregate over rows of its facts, or the first metric of ``per`` divided by the second.

    ``additive`` are the dimensions over which values may be summed, of ``DIMENSIONS``.
    """

    name: str
    title: str
    description: str
    facts: tuple[str, ...]
    expression: str | None = None
    per: tuple[str, str] | None = None
    unit: Unit
    additive: tuple[str, ...]
    owner: str

    @model_validator(mode="before")
    @classmethod
    def _spelt_out(cls, told: dict[str, object]) -> dict[str, object]:
        words: dict[object, tuple[str, ...]] = {"all": DIMENSIONS, "none": ()}
        additive = told.get("additive")
        return told | ({"additive": words[additive]} if additive in ("all", "none") else {})

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.expression is None) == (self.per is None):
            raise ValueError("has either an expression or per")
        if self.unit == "rate" and self.per is None:
            raise ValueError("a rate is one metric per another")
        if self.per and self.additive:
            raise ValueError("is divided, so its values may not be summed: additive: none")
        if unknown := set(self.additive) - set(DIMENSIONS):
            raise ValueError(f"additive over unknown dimensions: {', '.join(sorted(unknown))}")
        reporting, minor = self.name.endswith("_reporting_minor"), self.name.endswith("_minor")
        told: Unit | None = "reporting_minor" if reporting else "minor" if minor else None
        named = told or ("count" if self.name.endswith("_count") else "rate")
        if named != self.unit or (named == "rate" and not self.name.endswith("_rate")):
            raise ValueError(f"its name says another unit than {self.unit}")
        return self


class Cube(_Entry):
    """A table of metrics: per period, per value of ``by``, and per value of each of ``sets`` in turn."""

    name: str
    description: str
    fact: str
    periods: tuple[Period, ...] = ()
    by: tuple[str, ...] = ()
    sets: tuple[tuple[str, ...], ...] = ()
    metrics: tuple[str, ...]
    owner: str

    @property
    def cut(self) -> tuple[str, ...]:
        """The columns of ``sets``, each once."""
        return tuple(dict.fromkeys(column for one in self.sets for column in one))

    @property
    def is_summed_up(self) -> bool:
        """Whether its rows are sums of finer ones: then every metric must be additive, or made of such."""
        return bool(self.sets) or len(self.periods) > 1


class Catalog(_Entry):
    """All definitions, checked against each other."""

    facts: Mapping[str, Fact]
    metrics: Mapping[str, Metric]
    cubes: Mapping[str, Cube]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, told: dict[str, dict[str, dict[str, object]]]) -> dict[str, object]:
        for kind in ("metrics", "cubes"):
            told[kind] = {name: {"name": name, **entry} for name, entry in (told.get(kind) or {}).items()}
        return dict(told)

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        for metric in self.metrics.values():
            _known(metric.name, metric.facts, self.facts)
        for metric in self.metrics.values():
            for part in metric.per or ():
                _known(metric.name, (part,), self.metrics)
                if self.metrics[part].per or not set(metric.facts) <= set(self.metrics[part].facts):
                    raise ValueError(f"{metric.name}: {part} is divided itself, or of other facts")
        for cube in self.cubes.values():
            _known(cube.name, (cube.fact,), self.facts)
            _known(cube.name, cube.metrics, self.metrics)
            for name in cube.metrics:
                if cube.fact not in self.metrics[name].facts:
                    raise ValueError(f"{cube.name}: {name} is not measured over {cube.fact}")
                if missing := set(self.metrics[name].per or ()) - set(cube.metrics):
                    raise ValueError(
                        f"{cube.name}: {name} cannot be summed up without {', '.join(sorted(missing))}"
                    )
                if cube.is_summed_up:
                    self.total(name)
            if len(cube.periods) > 1 and cube.periods[0] != "day":
                raise ValueError(
                    f"{cube.name}: of several periods the first must be day: the others are sums of it"
                )
            money = any(self.metrics[m].unit == "minor" for m in cube.metrics)
            if money and "currency_code" not in cube.by:
                raise ValueError(f"{cube.name}: amounts need by: [currency_code]")
        return self

    def get(self, name: str) -> Metric:
        """The metric called ``name``; ContractError if there is none."""
        if name not in self.metrics:
            raise ContractError(
                f"unknown metric {name!r}{suggest(name, list(self.metrics))}",
                hint="lakehouse query metrics lists them",
            )
        return self.metrics[name]

    def sql(self, name: str) -> str:
        """The aggregate that computes a metric from rows of its fact."""
        metric = self.get(name)
        if metric.per:
            return divided(metric, *(self.sql(part) for part in metric.per))
        return str(metric.expression)

    def total(self, name: str) -> str:
        """The aggregate that computes a metric from rows of a cube, which it sums up; ContractError if it cannot be."""
        metric = self.get(name)
        if metric.per:
            return divided(metric, *(self.total(part) for part in metric.per))
        if not metric.additive:
            raise ContractError(
                f"{name} is not additive: it cannot be summed up from parts",
                hint=f"compute it from the facts: metric({name})",
            )
        is_whole = f"case when count(*) = count({name}) then sum({name}) end"
        return is_whole if metric.unit == "reporting_minor" else f"sum({name})"

    def expanded(self, sql: str) -> str:
        """``sql`` with each ``metric(name)`` and ``total(name)`` replaced by what it stands for.

        ContractError for an average of money: DuckDB divides decimals as doubles, which is not exact above 2^52 minor units.
        """
        how = {"metric": self.sql, "total": self.total}

        def spelt_out(found: re.Match[str]) -> str:
            if (asked := self.get(found[2])).per and asked.unit != "rate":
                raise ContractError(
                    f"{asked.name} is not exact on every engine when it is divided in a query",
                    hint="read the column of a cube, where it is",
                )
            return how[found[1]](found[2])

        return re.sub(r"\b(metric|total)\((\w+)\)", spelt_out, sql)


def divided(metric: Metric, one: str, other: str) -> str:
    """The quotient: a double for a rate; an amount is rounded half away from zero to whole minor units. Null per none."""
    if metric.unit == "rate":
        return f"cast({one} as double) / cast(nullif({other}, 0) as double)"
    return f"cast(round({quotient(one, other)}, 0) as bigint)"


def quotient(one: str, other: str) -> str:
    """A decimal with ten digits after the point: of less than 10^9 rows none is closer to a half without being one."""
    return f"cast({one} as decimal(38, 10)) / cast(nullif({other}, 0) as decimal(28, 0))"


@cache
def current() -> Catalog:
    """The definitions of this checkout, read once."""
    return read(FILE)


def read(file: Path) -> Catalog:
    """The definitions in a file. ContractError names the entry that is wrong, and what is wrong with it."""
    try:
        with file.open("rb") as opened:  # not its text, or errors would not name the file
            told = yaml.safe_load(opened)
        if not isinstance(told, dict):
            raise ContractError(f"{file.name} has no entries", hint="it is part of the checkout: restore it")
        return Catalog.model_validate(told)
    except FileNotFoundError:
        raise ContractError(f"{file} is not there", hint="it is part of the checkout: restore it") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{file.name} is no YAML: {error}", hint="see the line that it names") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        raise ContractError(
            f"{file.name}: {place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}",
            hint="the comments in the file say what an entry has",
        ) from None


def _known(who: str, named: tuple[str, ...], there: Mapping[str, object]) -> None:
    for name in named:
        if name not in there:
            raise ValueError(f"{who}: unknown {name!r}{suggest(name, list(there))}")
