"""What the data tests of gold notice: its SQL is spoilt in one place at a time, and the tests are run on what it then gives.

On a copy of the warehouse of the last demo, so with all that a simulated business does, and, where that makes no difference, on
the few rows of ``tests/mishaps.py``: ``python -m tests.bench.mutants``; ``--write FILE`` writes ``docs/reference/mutants.md``. A
mutant gives the same answer on both, or a data test finds rows, or it survives. Tests of the code (``tests/spark``) are not
asked, though they notice more.
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlglot
from rich.progress import track
from sqlglot import exp

from lakehouse import context, settings
from lakehouse.settings import Settings
from lakehouse.telemetry import quiet
from lakehouse.transform import build, dbt
from tests import mishaps
from tests.lake import Lake

DIALECT = "spark"
COUNTERPART: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.Add: exp.Sub,
    exp.Sub: exp.Add,
    exp.GTE: exp.GT,
    exp.GT: exp.GTE,
    exp.LTE: exp.LT,
    exp.LT: exp.LTE,
}


@dataclass(frozen=True)
class Mutant:
    """One place of a model's SQL, as it was and as it is now."""

    model: str
    kind: str
    was: str
    now: str
    sql: str


@dataclass(frozen=True)
class Outcome:
    """``rows`` that differ from the model's; the first ``test`` that found some."""

    mutant: Mutant
    rows: int
    test: str = ""
    error: str = ""

    @property
    def verdict(self) -> str:
        if self.error:
            return "refused"
        return "same answer" if not self.rows else "caught" if self.test else "survived"


def mutants(model: str, sql: str) -> Iterator[Mutant]:
    """Every mutant of a statement: a condition of a join or a filter dropped, a sign or a comparison turned, an outer join made an
    inner one, a default taken away."""
    tree = sqlglot.parse_one(sql, dialect=DIALECT)
    for place, node in enumerate(tree.walk()):
        for kind, new in _changed(node):
            copy = tree.copy()
            target = next(n for i, n in enumerate(copy.walk()) if i == place)
            target.replace(new)
            yield Mutant(model, kind, _text(node), _text(new), copy.sql(dialect=DIALECT))


def _changed(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    if type(node) in COUNTERPART:
        kind = "sign" if isinstance(node, (exp.Add, exp.Sub)) else "bound"
        yield kind, COUNTERPART[type(node)](this=node.this.copy(), expression=node.expression.copy())
    if isinstance(node, exp.And) and isinstance(
        node.find_ancestor(exp.Join, exp.Where, exp.Select, exp.If), (exp.Join, exp.Where)
    ):
        yield "condition", node.left.copy()
        yield "condition", node.right.copy()
    if isinstance(node, exp.Where) and not isinstance(node.this, exp.And):
        yield "filter", exp.Where(this=exp.true())
    if isinstance(node, exp.Join) and node.side == "LEFT" and node.kind not in ("SEMI", "ANTI"):
        inner = node.copy()
        inner.set("side", None)
        yield "outer join", inner
    if isinstance(node, exp.Coalesce) and isinstance(node.expressions[-1], exp.Literal):
        yield "default", node.this.copy()


def _text(node: exp.Expr) -> str:
    return " ".join(node.sql(dialect=DIALECT).split())


def tests(config: Settings) -> dict[str, str]:
    """The SQL of each data test."""
    nodes = dbt.invoke(config, ["compile", "--select", "test_type:data"], {}, quiet)
    return {n.name: Path(n.compiled).read_text() for n in nodes if n.kind == "test" and n.compiled}


def rows_found(spark: Any, check: str) -> int:
    return int(spark.sql(f"select count(*) from ({check})").collect()[0][0])


def judge(spark: Any, mutant: Mutant, checks: dict[str, str], before: dict[str, int]) -> Outcome:
    """What becomes of a mutant: whether a data test finds another number of rows than ``before``. The table is as it was
    afterwards. Of one that multiplies rows, ten times the model's are taken: a join without its condition would fill the
    memory."""
    from pyspark.errors import PySparkException

    table = f"gold.{mutant.model}"
    columns = ", ".join(spark.table(table).columns)
    try:
        most = 10 * spark.table(table).count() + 1000
        spark.sql(f"create or replace temporary view mutant as select * from ({mutant.sql}) limit {most}")
        spark.sql("cache table mutant")
        ours, theirs = f"select {columns} from {table}", f"select {columns} from mutant"
        differing = f"({ours} except all {theirs}) union all ({theirs} except all {ours})"
        rows = spark.sql(f"select count(*) from ({differing})").collect()[0][0]
        if not rows:
            return Outcome(mutant, 0)
        version = spark.sql(f"describe history {table} limit 1").collect()[0]["version"]
        try:
            spark.sql(f"insert overwrite {table} {theirs}")
            asked = [n for n, s in checks.items() if re.search(rf"\b{table}\b", s)]
            found = next((n for n in asked if rows_found(spark, checks[n]) != before[n]), "")
        finally:
            spark.sql(f"restore table {table} to version as of {version}")
        return Outcome(mutant, rows, found)
    except PySparkException as error:
        return Outcome(mutant, 0, error=str(error).splitlines()[0])
    finally:
        spark.sql("uncache table if exists mutant")


def page(outcomes: Collection[Outcome], payments: int) -> str:
    models = list(dict.fromkeys(o.mutant.model for o in outcomes))
    verdicts = ("caught", "survived", "same answer", "refused")
    count = Counter((o.mutant.model, o.verdict) for o in outcomes)
    lines = [
        "# Mutants of gold",
        "",
        "The SQL of each gold model is spoilt in one place at a time by `tests/bench/mutants.py`, which says how; then the data tests",
        "run on what it gives, until one finds a row. *Same answer*: on this data the place makes no difference. *Refused*: Spark or the",
        "table's contract did not take it.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, a simulated business of {payments:,} payments and, for mutants that give the same answer there,",
        f"the rows of `tests/mishaps.py`; {len(outcomes)} mutants.",
        "",
        "| model | " + " | ".join(verdicts) + " |",
        "|---|" + "---|" * len(verdicts),
        *(f"| {m} | " + " | ".join(str(count[m, v] or "") for v in verdicts) + " |" for m in models),
        "| all | " + " | ".join(str(sum(count[m, v] for m in models)) for v in verdicts) + " |",
        "",
        "## Survivors",
        "",
        "No data test notices these; what else does, or why not, is said below the table.",
        "",
        "| model | what | was | became | rows that differ |",
        "|---|---|---|---|---|",
    ]
    lines += [f"{_row(o)} {o.rows} |" for o in outcomes if o.verdict == "survived"] or ["| none | | | | |"]
    lines += [
        "",
        "## Same answer",
        "",
        "Neither the simulated business nor the mishaps have a row for which these places matter.",
        "",
        "| model | what | was | became |",
        "|---|---|---|---|",
    ]
    lines += [_row(o) for o in outcomes if o.verdict == "same answer"]
    return "\n".join(lines) + "\n"


def _row(outcome: Outcome) -> str:
    was, now = (f"`{_short(t)}`" for t in (outcome.mutant.was, outcome.mutant.now))
    return f"| {outcome.mutant.model} | {outcome.mutant.kind} | {was} | {now} |"


def _short(text: str) -> str:
    text = text.replace("|", "\\|")
    return text if len(text) <= 110 else f"{text[:70]} ... {text[-35:]}"


def outcomes(config: Settings, select: str, only: Collection[Mutant] | None = None) -> list[Outcome]:
    """What becomes of each mutant of the chosen models, or of ``only`` these."""
    spark = context.spark(config)
    checks = tests(config)
    before = {name: rows_found(spark, check) for name, check in checks.items()}
    models = {m: sql for m, sql in build.compiled(config, select).items() if not m.startswith("int_")}
    wanted = [mutant for m, sql in models.items() for mutant in mutants(m, sql)]
    found = []
    for mutant in track([m for m in wanted if only is None or m in only], "mutants"):
        o = judge(spark, mutant, checks, before)
        found.append(o)
        print(
            f"{o.verdict:12}{mutant.model}: {mutant.was} -> {mutant.now} {o.test or o.error[:200]}",
            flush=True,
        )
    return found


@contextmanager
def copied(demo: Settings) -> Iterator[Settings]:
    """The warehouse of the demo, to be spoilt."""
    with TemporaryDirectory() as scratch:
        shutil.copytree(demo.warehouse, Path(scratch) / "warehouse")
        yield demo.model_copy(update={"paths": demo.paths.model_copy(update={"state": Path(scratch)})})
        context.stop_spark()


@contextmanager
def with_mishaps(demo: Settings) -> Iterator[Settings]:
    """A warehouse of mishaps alone."""
    with TemporaryDirectory() as scratch:
        config = demo.model_copy(update={"paths": demo.paths.model_copy(update={"state": Path(scratch)})})
        lake = Lake(config)
        for changes in (mishaps.CHANGES, mishaps.REFERENCES):
            lake.land(changes)
        build.build(config, tests=False)
        yield config
        context.stop_spark()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="write the page here")
    parser.add_argument("--models", default="path:models/gold", help="which, as dbt selects")
    chosen = parser.parse_args()
    demo = settings.current()
    with copied(demo) as config:
        found = outcomes(config, chosen.models)
        payments = context.spark(config).sql("select count(*) from gold.fct_payments").collect()[0][0]
    with with_mishaps(demo) as config:
        same = [o.mutant for o in found if o.verdict == "same answer"]
        again = {o.mutant: o for o in outcomes(config, chosen.models, same)}
    text = page([again.get(o.mutant, o) for o in found], payments)
    print(text)
    if chosen.write:
        chosen.write.write_text(text)


if __name__ == "__main__":
    main()
