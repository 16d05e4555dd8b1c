"""The SQL of what is rendered from ``catalog/metrics.yml``: the tables of gold named ``agg_...``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lakehouse.metrics import Catalog, Cube, Metric, divided, quotient
from lakehouse.render.common import do_not_edit

DO_NOT_EDIT = do_not_edit("catalog/metrics.yml")

COLUMNS = {p: f"{p}_on" for p in ("day", "week", "month", "quarter", "year")} | {"hour": "hour_at"}
"""What a column of a period is called: its first day, its first instant. Weeks begin on Monday."""
ALL, UNKNOWN, TOTAL = "(all)", "(unknown)", "total"
"""A cell of a row that is not cut by its column, and one of nobody known; the level of rows that are cut by none."""


def model(catalog: Catalog, cube: Cube) -> str:
    """The dbt model of a cube. A build that knows which facts it wrote sums the parts that they are in, or were in before; any
    other sums all. Only groups that differ are written."""
    key, parts = (", ".join(f"'{column}'" for column in columns) for columns in (grain(cube), _part(cube)))
    config = f"unique_key=[{key}], incremental_strategy='differences', meta={{'complete': true, 'parts': [{parts}]}}"
    rows = _in_periods if len(cube.periods) > 1 else _in_levels if cube.sets else _at_once
    return f"""\
{{# {DO_NOT_EDIT} #}}
-- {described(catalog, cube)}
{{{{ config({config}) }}}}
{_touched(catalog, cube)}

{rows(catalog, cube)}
"""


def grain(cube: Cube) -> tuple[str, ...]:
    """The columns that identify a row."""
    level = ("level",) if cube.sets else ()
    return (*cube.by, *_period_columns(cube), *level, *cube.cut)


def quotient_of(metric: Metric, how: Callable[[str], str]) -> str:
    """A rate is kept to eight digits: exact numbers, of which every engine reads the same."""
    assert metric.per is not None
    parts = tuple(map(how, metric.per))
    return f"cast({quotient(*parts)} as decimal(18, 8))" if metric.unit == "rate" else divided(metric, *parts)


def reports(catalog: Catalog, cube: Cube) -> bool:
    """Whether a cube has amounts in the reporting currency."""
    return any(catalog.metrics[m].unit == "reporting_minor" for m in cube.metrics)


def relation(catalog: Catalog, cube: Cube) -> str:
    """What dbt calls the rows that a cube is made from."""
    return f"{{{{ ref('{catalog.facts[cube.fact].relation}') }}}}"


def described(catalog: Catalog, cube: Cube) -> str:
    """What a row of a cube is."""
    return f"One row per {', '.join(grain(cube))}. {cube.description} {catalog.facts[cube.fact].description}"


def _at_once(catalog: Catalog, cube: Cube) -> str:
    """Every group straight from the facts: any metric."""
    measured = [_shown(catalog, m, catalog.sql) for m in cube.metrics]
    return _grouped(catalog, cube, [*measured, *_last(catalog, cube)])


def _in_levels(catalog: Catalog, cube: Cube) -> str:
    """The finest groups from the facts, then sums of them for each set: only what is additive."""
    columns = [*cube.by, *_period_columns(cube), *_level(cube), *_totals(catalog, cube)]
    return f"with {_finest(catalog, cube)}\n\n{_select(columns, 'finest', _sets(cube))}"


def _in_periods(catalog: Catalog, cube: Cube) -> str:
    """As in levels for the shortest period. The others are sums of its rows, also of those that were not touched."""
    first = COLUMNS[cube.periods[0]]
    sums = [f"{catalog.total(m)} as {m}" for m in _additive(catalog, cube)]
    columns = [*cube.by, first, *_level(cube), *sums, "max(known_at) as known_at"]
    days = _named("days", _select(columns, "finest", _sets(cube)))

    cells = [*cube.by, *(["level"] if cube.sets else []), *cube.cut]
    before = [f"starts_on as {c}" if c == first else c for c in _names(columns)]
    untouched = f"{{{{ and_untouched(touched, '{cube.periods[0]}', '{', '.join(before)}') }}}}"
    longer = [f"{_start(p, first)} as {COLUMNS[p]}" for p in cube.periods[1:]]
    dated = _named("dated", _select(["*", *longer], f"(\n    select * from days{untouched}\n) as every", ""))

    which = " ".join(f"when grouping({COLUMNS[p]}) = 0 then '{p}'" for p in cube.periods)
    starts = ", ".join(COLUMNS[p] for p in cube.periods)
    period = [f"case {which} end as period", f"coalesce({starts}) as starts_on"]
    sets = _grouping_sets([*cells, COLUMNS[p]] for p in cube.periods)
    shown = [*cube.by, *period, *cells[len(cube.by) :], *_totals(catalog, cube)]
    return f"with {_finest(catalog, cube)},\n\n{days},\n\n{dated}\n\n{_select(shown, 'dated', sets)}"


def _finest(catalog: Catalog, cube: Cube) -> str:
    measured = [f"{catalog.sql(m)} as {m}" for m in _additive(catalog, cube)]
    return _named("finest", _grouped(catalog, cube, [*measured, "max(known_at) as known_at"]))


def _grouped(catalog: Catalog, cube: Cube, measured: list[str]) -> str:
    """The facts by dimension and, of the cube's periods, by the shortest; of the touched parts alone, where these are known."""
    time = catalog.facts[cube.fact].time
    cells = [f"{_cell(c)} as {c}" if _cell(c) != c else c for c in (*cube.by, *cube.cut)]
    if cube.periods:
        period = cube.periods[0]
        cells.append(f"{_start(period, time)} as {COLUMNS[period]}")
        only = (
            f"touched_period(touched, '{period}', '{_part(cube)[-1]}', '{time}', \"{_start(period, time)}\")"
        )
    else:
        only = f"touched_members(touched, '{cube.by[0]}', \"{_cell('facts.' + cube.by[0])}\")"
    places = ", ".join(str(n + 1) for n in range(len(cells)))
    facts = f"{relation(catalog, cube)} as facts{{{{ {only} }}}}"
    return _select([*cells, *measured], facts, f"group by {places}")


def _part(cube: Cube) -> tuple[str, ...]:
    """The columns that tell which rows are summed together: those of a period, or of a value of the first dimension."""
    return _period_columns(cube) or cube.by[:1]


def _touched(catalog: Catalog, cube: Cube) -> str:
    """Of each table that the facts come from, to which parts its rows belong."""
    told = "".join(
        f'\n    (ref(\'{table}\'), "{_part_of(cube, rows.time)}", "{rows.where}"),'
        for table, rows in catalog.facts[cube.fact].tables.items()
    )
    return f"{{%- set touched = touched_parts([{told}\n]) %}}"


def _part_of(cube: Cube, time: str) -> str:
    if len(cube.periods) > 1:
        pairs = ", ".join(f"'{p}', {_start(p, time)}" for p in cube.periods)
        return f"stack({len(cube.periods)}, {pairs}) as (period, starts_on)"
    (column,) = _part(cube)
    return f"{_start(cube.periods[0], time) if cube.periods else _cell(column)} as {column}"


def _period_columns(cube: Cube) -> tuple[str, ...]:
    return ("period", "starts_on") if len(cube.periods) > 1 else tuple(COLUMNS[p] for p in cube.periods)


def _start(period: str, time: str) -> str:
    """When the period of a time begins."""
    if period == "day":
        return f"cast({time} as date)"
    start = f"date_trunc('{period}', {time})"
    return start if period == "hour" else f"cast({start} as date)"


def _cell(column: str) -> str:
    """A dimension; nobody known is a member too. A currency stays as it is."""
    return column if column == "currency_code" else f"coalesce({column}, '{UNKNOWN}')"


def _level(cube: Cube) -> list[str]:
    """By what a row of the finest groups is cut, and the cells of that."""
    if not cube.sets:
        return []
    known = [
        (" and ".join(f"grouping({c}) = 0" for c in columns), "_and_".join(columns))
        for columns in cube.sets
        if columns
    ]
    level = " ".join(f"when {test} then '{name}'" for test, name in known)
    cells = [f"case when grouping({c}) = 1 then '{ALL}' else {c} end as {c}" for c in cube.cut]
    return [f"case {level} else '{TOTAL}' end as level", *cells]


def _sets(cube: Cube) -> str:
    period = [COLUMNS[p] for p in cube.periods[:1]]
    return _grouping_sets([*cube.by, *period, *columns] for columns in cube.sets or ((),))


def _grouping_sets(sets: Iterable[list[str]]) -> str:
    return "group by grouping sets (\n    " + ",\n    ".join(f"({', '.join(s)})" for s in sets) + "\n)"


def _additive(catalog: Catalog, cube: Cube) -> list[str]:
    """The metrics that are summed up; the others are quotients of them."""
    return list(dict.fromkeys(p for m in cube.metrics for p in catalog.metrics[m].per or (m,)))


def _totals(catalog: Catalog, cube: Cube) -> list[str]:
    return [*(_shown(catalog, m, catalog.total) for m in cube.metrics), *_last(catalog, cube)]


def _shown(catalog: Catalog, name: str, how: Callable[[str], str]) -> str:
    metric = catalog.metrics[name]
    return f"{quotient_of(metric, how) if metric.per else how(name)} as {name}"


def _last(catalog: Catalog, cube: Cube) -> list[str]:
    currency = ["'{{ reporting_currency() }}' as reporting_currency_code"] if reports(catalog, cube) else []
    return [*currency, "max(known_at) as known_at"]


def _names(columns: Iterable[str]) -> list[str]:
    return [column.rpartition(" as ")[2] for column in columns]


def _named(name: str, select: str) -> str:
    inner = select.replace("\n", "\n    ")
    return f"{name} as (\n    {inner}\n)"


def _select(columns: Iterable[str], of: str, rest: str) -> str:
    return "select\n    " + ",\n    ".join(columns) + f"\nfrom {of}" + (f"\n{rest}" if rest else "")
