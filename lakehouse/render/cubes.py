"""The SQL of what is rendered from ``catalog/metrics.yml``: the tables of gold named ``agg_...``, and the data test of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lakehouse.metrics import Catalog, Cube, Metric, divided, quotient
from lakehouse.render.common import do_not_edit

DO_NOT_EDIT = do_not_edit("catalog/metrics.yml")

COLUMNS = {p: f"{p}_on" for p in ("day", "week", "month", "quarter", "year")} | {"hour": "hour_at"}
"""What a column of a period is called: its first day, its first instant. Weeks begin on Monday."""
ALL, UNKNOWN, _TOTAL = "(all)", "(unknown)", "total"
"""A cell of a row that is not cut by its column, and one of nobody known; the level of rows that are cut by none."""


def model(catalog: Catalog, cube: Cube) -> str:
    """The dbt model of a cube. Every group is summed, only groups that differ are written: a corrected or deleted fact
    leaves its former group without a trace in the facts, so what changed cannot tell which groups to redo."""
    key = ", ".join(f"'{column}'" for column in grain(cube))
    config = f"unique_key=[{key}], incremental_strategy='differences', meta={{'complete': true}}"
    text = _in_levels(catalog, cube) if cube.is_summed_up else _at_once(catalog, cube)
    return f"{{# {DO_NOT_EDIT} #}}\n-- {described(catalog, cube)}\n{{{{ config({config}) }}}}\n\n{text}\n"


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
    rows = [f"level = '{_TOTAL}'"] * bool(cube.sets) + [
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
    from {_relation(catalog, cube)}{grouped}
) as outside on inside.currency_code <=> outside.currency_code
where not ({same})"""


def _divided(catalog: Catalog, cube: Cube) -> str:
    same = " and ".join(f"{m} <=> {_quotient(catalog.metrics[m], str)}" for m in _quotients(catalog, cube))
    return f"select '{cube.name}' as cube, {_currency(cube)}\nfrom {{{{ ref('{cube.name}') }}}}\nwhere not ({same})"


def _currency(cube: Cube) -> str:
    return "currency_code" if "currency_code" in cube.by else "cast(null as string) as currency_code"


def _quotients(catalog: Catalog, cube: Cube) -> list[str]:
    return [m for m in cube.metrics if catalog.metrics[m].per]


def grain(cube: Cube) -> tuple[str, ...]:
    """The columns that identify a row."""
    level = ("level",) if cube.sets else ()
    return (*cube.by, *_period_columns(cube), *level, *cube.cut)


def _period_columns(cube: Cube) -> tuple[str, ...]:
    return ("period", "starts_on") if len(cube.periods) > 1 else tuple(COLUMNS[p] for p in cube.periods)


def _at_once(catalog: Catalog, cube: Cube) -> str:
    """Every group straight from the facts: any metric."""
    columns = [*_cells(cube), *_periods(catalog, cube)]
    measured = [_shown(catalog, m, catalog.sql) for m in cube.metrics]
    places = ", ".join(str(n + 1) for n in range(len(columns)))
    return _select(
        [*columns, *measured, *_last(catalog, cube)], _relation(catalog, cube), f"group by {places}"
    )


def _in_levels(catalog: Catalog, cube: Cube) -> str:
    """The finest groups from the facts, then sums of them for each period and each set: only what is additive."""
    parts = list(dict.fromkeys(p for m in cube.metrics for p in catalog.metrics[m].per or (m,)))
    finest = [*_cells(cube), *_periods(catalog, cube)]
    measured = [f"{catalog.sql(p)} as {p}" for p in parts]
    places = ", ".join(str(n + 1) for n in range(len(finest)))
    base = _select(
        [*finest, *measured, "max(known_at) as known_at"], _relation(catalog, cube), f"group by {places}"
    )
    sets = [
        "(" + ", ".join((*cube.by, COLUMNS[period], *columns)) + ")"
        for period in cube.periods
        for columns in cube.sets or ((),)
    ]
    shown = [*cube.by, *_which_period(cube), *_level(cube)]
    shown += [f"case when grouping({c}) = 1 then '{ALL}' else {c} end as {c}" for c in cube.cut]
    totals = [_shown(catalog, m, catalog.total) for m in cube.metrics]
    inner = base.replace("\n", "\n    ")
    grouped = "group by grouping sets (\n    " + ",\n    ".join(sets) + "\n)"
    return f"with finest as (\n    {inner}\n)\n\n" + _select(
        [*shown, *totals, *_last(catalog, cube)], "finest", grouped
    )


def _cells(cube: Cube) -> list[str]:
    """The dimensions; nobody known is a member too. A currency or an identifier of the fact itself stays as it is."""
    by = [c if c == "currency_code" else f"coalesce({c}, '{UNKNOWN}') as {c}" for c in cube.by]
    return by + [f"coalesce({c}, '{UNKNOWN}') as {c}" for c in cube.cut]


def _periods(catalog: Catalog, cube: Cube) -> list[str]:
    time = catalog.facts[cube.fact].time
    of = {p: f"cast(date_trunc('{p}', {time}) as date)" for p in COLUMNS}
    of |= {"day": f"cast({time} as date)", "hour": f"date_trunc('hour', {time})"}
    return [f"{of[p]} as {COLUMNS[p]}" for p in cube.periods]


def _which_period(cube: Cube) -> list[str]:
    if len(cube.periods) < 2:
        return list(_period_columns(cube))
    names = " ".join(f"when grouping({COLUMNS[p]}) = 0 then '{p}'" for p in cube.periods)
    starts = ", ".join(COLUMNS[p] for p in cube.periods)
    return [f"case {names} end as period", f"coalesce({starts}) as starts_on"]


def _level(cube: Cube) -> list[str]:
    if not cube.sets:
        return []
    known = [
        (" and ".join(f"grouping({c}) = 0" for c in columns), "_and_".join(columns))
        for columns in cube.sets
        if columns
    ]
    return [
        "case "
        + " ".join(f"when {test} then '{name}'" for test, name in known)
        + f" else '{_TOTAL}' end as level"
    ]


def _shown(catalog: Catalog, name: str, how: Callable[[str], str]) -> str:
    metric = catalog.metrics[name]
    return f"{_quotient(metric, how) if metric.per else how(name)} as {name}"


def _quotient(metric: Metric, how: Callable[[str], str]) -> str:
    """A rate is kept to eight digits: exact numbers, of which every engine reads the same."""
    assert metric.per is not None
    parts = tuple(map(how, metric.per))
    return f"cast({quotient(*parts)} as decimal(18, 8))" if metric.unit == "rate" else divided(metric, *parts)


def _last(catalog: Catalog, cube: Cube) -> list[str]:
    currency = ["'{{ reporting_currency() }}' as reporting_currency_code"] if reports(catalog, cube) else []
    return [*currency, "max(known_at) as known_at"]


def reports(catalog: Catalog, cube: Cube) -> bool:
    """Whether a cube has amounts in the reporting currency."""
    return any(catalog.metrics[m].unit == "reporting_minor" for m in cube.metrics)


def _relation(catalog: Catalog, cube: Cube) -> str:
    return f"{{{{ ref('{catalog.facts[cube.fact].relation}') }}}}"


def _select(columns: Iterable[str], relation: str, rest: str) -> str:
    return "select\n    " + ",\n    ".join(columns) + f"\nfrom {relation}\n{rest}"


def described(catalog: Catalog, cube: Cube) -> str:
    """What a row of a cube is."""
    return f"One row per {', '.join(grain(cube))}. {cube.description} {catalog.facts[cube.fact].description}"
