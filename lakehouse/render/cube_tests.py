"""The data test of what is rendered from ``catalog/metrics.yml``: each cube beside its facts."""

from __future__ import annotations

from lakehouse.metrics import Catalog, Cube
from lakehouse.render.cubes import DO_NOT_EDIT, TOTAL, quotient_of, relation


def test(catalog: Catalog) -> str:
    """The data test that sets each cube beside its facts: no row was lost, none counted twice; and its rates beside what
    they are rates of."""
    parts = [_beside(catalog, c) for c in catalog.cubes.values()]
    parts += [_divided(catalog, c) for c in catalog.cubes.values() if _quotients(catalog, c)]
    text = "\nunion all\n".join(parts)
    told = (
        "-- Each cube, summed up, is its facts, per currency; each of its rates is the quotient that it says."
    )
    return f"{{# {DO_NOT_EDIT} #}}\n{told}\n{text}\n"


def _beside(catalog: Catalog, cube: Cube) -> str:
    measured = [m for m in cube.metrics if catalog.metrics[m].additive]
    rows = [f"level = '{TOTAL}'"] * bool(cube.sets) + [
        f"period = '{p}'" for p in cube.periods[:1] if len(cube.periods) > 1
    ]
    where = f" where {' and '.join(rows)}" if rows else ""
    currency = _currency(cube)
    grouped = " group by currency_code" if "currency_code" in cube.by else " having count(*) > 0"
    inside = ", ".join(f"{catalog.total(m)} as {m}" for m in measured)
    outside = ", ".join(f"{catalog.sql(m)} as {m}" for m in measured)
    same = " and ".join(f"inside.{m} <=> outside.{m}" for m in measured)
    return f"""\
select '{cube.name}' as cube, coalesce(inside.currency_code, outside.currency_code) as currency_code
from (
    select {currency}, {inside}
    from {{{{ ref('{cube.name}') }}}}{where}{grouped}
) as inside
full outer join (
    select {currency}, {outside}
    from {relation(catalog, cube)}{grouped}
) as outside on inside.currency_code <=> outside.currency_code
where not ({same})"""


def _divided(catalog: Catalog, cube: Cube) -> str:
    same = " and ".join(f"{m} <=> {quotient_of(catalog.metrics[m], str)}" for m in _quotients(catalog, cube))
    return f"select '{cube.name}' as cube, {_currency(cube)}\nfrom {{{{ ref('{cube.name}') }}}}\nwhere not ({same})"


def _currency(cube: Cube) -> str:
    return "currency_code" if "currency_code" in cube.by else "cast(null as string) as currency_code"


def _quotients(catalog: Catalog, cube: Cube) -> list[str]:
    return [m for m in cube.metrics if catalog.metrics[m].per]
