"""What SQL may not do with money, read off its text: add up different currencies, or make a float of it.

By names, as everywhere here: a column ``..._minor`` is money in the row's currency, ``..._reporting_minor`` money in the
one reporting currency. Both are whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from lakehouse.errors import DataError, first_line

ONE_CURRENCY = frozenset({"currency_code", "payment_id", "refund_id", "dispute_id", "payout_id"})
"""Columns that a sum may be grouped by: within one value of any of them there is one currency (a data test says so)."""

_OWN, _REPORTING = "_minor", "_reporting_minor"
_FLOATS = (exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT)


@dataclass(frozen=True)
class Finding:
    """One place in a statement: which rule it breaks, in which expression."""

    rule: str
    sql: str


def check(sql: str, dialect: str = "spark", *, ratios: bool = False) -> tuple[Finding, ...]:
    """Every place of ``sql`` where money is treated wrongly, in the order of the text.

    Rules: a sum of ``..._minor`` is grouped or partitioned by a column of ``ONE_CURRENCY``, or all rows are of one
    ``currency_code``; own and reporting amounts are not added to each other or compared; money is not averaged, and not
    made a float (but for ``ratios``: as a part of a division); what money becomes is named so. Raises DataError if the
    text cannot be read.
    """
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect=dialect) if tree]
    except sqlglot.errors.SqlglotError as error:
        raise DataError(f"SQL cannot be read: {first_line(error)}") from error
    found = [f for tree in trees for node in tree.walk() for f in _of(node, ratios)]
    return tuple(dict.fromkeys(found))


def _of(node: exp.Expr, ratios: bool) -> Iterator[Finding]:
    if isinstance(node, exp.Sum) and _OWN in _kinds(node.this) and not _is_of_one_currency(node):
        yield Finding("a sum over currencies", node.sql())
    if isinstance(node, exp.Avg) and _kinds(node.this):
        yield Finding("an average of money is no whole number: divide two sums", node.sql())
    if isinstance(node, exp.Cast) and node.to.this in _FLOATS and _kinds(node.this):
        is_part_of_a_ratio = isinstance(node.find_ancestor(exp.Div, exp.Select, exp.Subquery), exp.Div)
        if not (ratios and is_part_of_a_ratio):
            yield Finding("money as a float", node.sql())
    if isinstance(node, (exp.Add, exp.Sub, exp.Predicate)) and isinstance(node, exp.Binary):
        sides = _amounts(node.left), _amounts(node.right)
        if {_OWN} in sides and {_REPORTING} in sides:
            yield Finding("own and reporting currency in one expression", node.sql())
    if isinstance(node, exp.Alias) and isinstance(node.parent, exp.Select):
        kinds = _amounts(node.this)
        if len(kinds) == 1 and _kind(node.alias) not in kinds:
            yield Finding(f"money that is not called ...{kinds.copy().pop()}", node.sql())


def _kind(name: str) -> str | None:
    if name.endswith(_REPORTING):
        return _REPORTING
    return _OWN if name.endswith(_OWN) else None


def _kinds(node: exp.Expr) -> set[str]:
    """Which kinds of money the columns below an expression are."""
    return {kind for column in node.find_all(exp.Column) if (kind := _kind(column.name))}


def _amounts(node: exp.Expr) -> set[str]:
    """Which kinds of money the value of an expression is: sums and differences, choices and the largest of money."""
    node = node.unnest()
    if isinstance(node, exp.Column):
        return {kind} if (kind := _kind(node.name)) else set()
    if isinstance(node, (exp.Add, exp.Sub)):
        return _amounts(node.left) | _amounts(node.right)
    if isinstance(node, (exp.Sum, exp.Max, exp.Min, exp.Neg, exp.Abs, exp.Window)):
        return _amounts(node.this)
    if isinstance(node, exp.Coalesce):
        return set().union(*(_amounts(e) for e in (node.this, *node.expressions)))
    if isinstance(node, exp.Case):
        values = [choice.args["true"] for choice in node.args["ifs"]]
        rest = node.args.get("default")
        return set().union(*(_amounts(v) for v in (*values, *([rest] if rest else []))))
    if isinstance(node, exp.Cast) and node.to.this not in _FLOATS:
        return _amounts(node.this)
    return set()


def _is_of_one_currency(total: exp.Sum) -> bool:
    select = total.find_ancestor(exp.Select)
    if select is None:
        return False
    window = total.parent if isinstance(total.parent, exp.Window) else None
    if window is not None and _names(window.args.get("partition_by") or []) & ONE_CURRENCY:
        return True
    group = select.args.get("group")
    if group is not None and not window and all(names & ONE_CURRENCY for names in _groupings(group, select)):
        return True
    where = select.args.get("where")
    return any(
        isinstance(side, exp.Column) and side.name == "currency_code" and isinstance(other, exp.Literal)
        for equal in (where.find_all(exp.EQ) if where else [])
        if isinstance(equal.find_ancestor(exp.Or, exp.Not, exp.Where), exp.Where)
        for side, other in ((equal.left, equal.right), (equal.right, equal.left))
    )


def _groupings(group: exp.Group, select: exp.Select) -> list[set[str]]:
    """What rows are grouped by: once, or in each grouping set. A number is the place of a selected column."""
    plain = [e for e in group.expressions if not isinstance(e, exp.GroupingSets)]
    places = [int(e.name) for e in plain if isinstance(e, exp.Literal) and e.is_int]
    always = _names(plain) | {select.selects[n - 1].alias_or_name for n in places if n <= len(select.selects)}
    sets = [s for e in group.expressions if isinstance(e, exp.GroupingSets) for s in e.expressions]
    return [always | {c.name for c in s.find_all(exp.Column)} for s in sets] or [always]


def _names(expressions: list[exp.Expr]) -> set[str]:
    return {e.name for e in expressions if isinstance(e, exp.Column)}
