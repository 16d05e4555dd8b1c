"""The models of silver and gold as dbt knows them: what they say of themselves, what tests them, what they are made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lakehouse.settings import Settings
from lakehouse.transform import dbt

_WITHIN = "as_declared"
"""The data test that looks at the rows of one table by themselves; the others compare it with another one's."""


@dataclass(frozen=True)
class Model:
    """One model that becomes a table, ``schema.name``.

    ``columns`` are name to description, ``types`` and ``sensitivity`` what else each says of itself. ``tests`` are the data
    tests of it, ``compared`` those that set its rows beside another table's. ``sources`` are the source tables that it is
    made from, at any distance (``ledger.payments``), ``inputs`` the tables of the warehouse that it reads itself.
    """

    schema: str
    name: str
    description: str
    owner: str | None
    grain: str | None
    columns: dict[str, str]
    is_contract_enforced: bool
    tests: tuple[str, ...]
    compared: tuple[str, ...]
    sources: frozenset[str]
    inputs: frozenset[str] = frozenset()
    types: dict[str, str] = field(default_factory=dict)
    sensitivity: dict[str, str] = field(default_factory=dict)


def models(config: Settings) -> tuple[Model, ...]:
    """Every model that becomes a table, by schema and name. Reads files only, and needs no Spark session."""
    manifest = dbt.parsed(config)
    tests = [n for n in manifest.nodes.values() if str(n.resource_type) == "test"]
    found = [
        _model(manifest, node, [t for t in tests if node.unique_id in t.depends_on.nodes])
        for node in manifest.nodes.values()
        if str(node.resource_type) == "model" and node.config.materialized != "ephemeral"
    ]
    return tuple(sorted(found, key=lambda m: (m.schema, m.name)))


def _model(manifest: Any, node: Any, tests: list[Any]) -> Model:
    meta = node.config.meta
    # A generic test is of one model, though it may name others; another is of all that it names.
    own = [t for t in tests if getattr(t, "attached_node", None) in (None, node.unique_id)]
    kinds = {t.name: getattr(getattr(t, "test_metadata", None), "name", None) for t in tests}
    return Model(
        schema=node.schema,
        name=node.name,
        description=node.description,
        owner=meta.get("owner"),
        grain=meta.get("grain"),
        columns={c.name: c.description for c in node.columns.values()},
        is_contract_enforced=node.contract.enforced,
        tests=tuple(sorted(t.name for t in own)),
        compared=tuple(
            sorted(t.name for t in tests if kinds[t.name] != _WITHIN and len(t.depends_on.nodes) > 1)
        ),
        sources=frozenset(_sources(manifest, node)),
        inputs=frozenset(_inputs(manifest, node)),
        types={c.name: c.data_type for c in node.columns.values() if c.data_type},
        sensitivity={
            c.name: str(told) for c in node.columns.values() if (told := c.config.meta.get("sensitivity"))
        },
    )


def _inputs(manifest: Any, node: Any) -> Iterator[str]:
    for parent in node.depends_on.nodes:
        if parent in manifest.sources:
            source = manifest.sources[parent]
            yield f"{source.schema}.{source.identifier}"
        elif (model := manifest.nodes[parent]).config.materialized == "ephemeral":
            yield from _inputs(manifest, model)
        else:
            yield f"{model.schema}.{model.name}"


def _sources(manifest: Any, node: Any) -> Iterator[str]:
    for parent in node.depends_on.nodes:
        if parent in manifest.sources:
            source = manifest.sources[parent]
            yield f"{source.source_name}.{source.name}"
        else:
            yield from _sources(manifest, manifest.nodes[parent])
