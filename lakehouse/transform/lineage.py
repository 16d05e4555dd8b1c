"""What each column is made from: from a column of the source to one of gold and of a named query.

Of gold and of queries it is read off the SQL by sqlglot, of silver and bronze off the declarations. A column is named
``schema.table.column``, one of a PostgreSQL table ``source.schema.table.column``. Columns that only decide which rows there
are (joins, filters, groups) are not told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from lakehouse import names, tables
from lakehouse.contracts import SourceKind, Table
from lakehouse.render import spark
from lakehouse.settings import Settings
from lakehouse.transform import build, dbt, project

Parents = Mapping[str, tuple[str, ...]]
"""Column to the columns that it is made from directly; none for what is made from nothing, a constant or a calendar."""


def parents(config: Settings) -> dict[str, tuple[str, ...]]:
    """Of every column of bronze, silver and gold. Those of gold are kept in the state folder while no model changes; else
    dbt compiles the models, which starts Spark."""
    return declared(tables.all()) | _gold(config)


def _gold(config: Settings) -> dict[str, tuple[str, ...]]:
    kept = config.state / "run" / "dbt" / f"lineage-{dbt.fingerprint(config)}.json"
    if kept.exists():
        return {column: tuple(of) for column, of in json.loads(kept.read_text()).items()}
    found: dict[str, tuple[str, ...]] = {}
    known = schema(config)
    for name, sql in build.compiled(config, "path:models/gold").items():
        if f"gold.{name}" in known:
            told = of_sql(sql, known, "spark").items()
            found |= {f"gold.{name}.{column}": of for column, of in told}
    for old in kept.parent.glob("lineage-*.json"):
        old.unlink(missing_ok=True)
    partial = kept.with_suffix(".partial")
    partial.write_text(json.dumps(found))
    partial.replace(kept)
    return found


def schema(config: Settings) -> dict[str, tuple[str, ...]]:
    """The columns of every table that dbt builds."""
    return {f"{m.schema}.{m.name}": tuple(m.columns) for m in project.models(config)}


def declared(of: Sequence[Table]) -> dict[str, tuple[str, ...]]:
    """Of the columns of bronze and silver: the same one of the table before, or the one of the source."""
    found: dict[str, tuple[str, ...]] = {}
    for table in of:
        staging = [names.staging(table)] + ([names.history(table)] if table.history else [])
        for column in table.columns:
            found[f"{names.bronze(table)}.{column.name}"] = (f"{_origin(table)}.{column.sent_as}",)
            for silver in staging:
                found[f"{silver}.{column.name}"] = (f"{names.bronze(table)}.{column.name}",)
        told = {f.name for f in spark.metadata(table)}
        for silver, fields in zip(staging, (spark.staging(table), spark.history(table)), strict=False):
            for field in fields:
                if f"{silver}.{field.name}" not in found:
                    same = (f"{names.bronze(table)}.{field.name}",) if field.name in told else ()
                    found[f"{silver}.{field.name}"] = same
    return found


def of_sql(sql: str, known: Mapping[str, Sequence[str]], dialect: str) -> dict[str, tuple[str, ...]]:
    """Of each column of a statement's answer: the columns of ``known`` tables that its value is made from."""
    from sqlglot import exp
    from sqlglot.lineage import lineage

    nested: dict[str, dict[str, dict[str, str]]] = {}
    for table, columns in known.items():
        schema, _, name = table.partition(".")
        nested.setdefault(schema, {})[name] = dict.fromkeys(columns, "string")
    found = {}
    for column, node in lineage(None, sql, nested, dialect=dialect).items():
        leaves = [(n.source, n.name) for n in node.walk() if not n.downstream]
        read = {
            f"{s.db}.{s.name}.{name.rpartition('.')[2]}" for s, name in leaves if isinstance(s, exp.Table)
        }
        found[column] = tuple(sorted(c for c in read if c.rpartition(".")[0] in known))
    return found


def upstream(column: str, known: Parents, depth: int = 0) -> Iterator[tuple[int, str]]:
    """The column and all that it is made from, each with its distance, in the order of a tree that is read downwards."""
    yield depth, column
    for parent in known.get(column, ()):
        yield from upstream(parent, known, depth + 1)


def _origin(table: Table) -> str:
    if table.source.kind is SourceKind.POSTGRES:
        return ".".join((table.source.name, *table.place))
    return f"{table.source.name}.{table.source_name or table.name}"
