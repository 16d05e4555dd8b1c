"""The tables around one table, drawn: those that it is made from to the left, those made from it to the right."""

from __future__ import annotations

from collections.abc import Mapping, Set
from html import escape

_WIDTH, _HEIGHT, _ACROSS, _DOWN = 210, 24, 60, 10
"""Of a box, and between boxes: pixels."""


def svg(table: str, inputs: Mapping[str, Set[str]]) -> str:
    """The picture of ``table``, as SVG. ``inputs`` are what each table that has a page is made from directly."""
    layers = _layers(table, inputs)
    columns = {
        x: sorted(t for t, layer in layers.items() if layer == x) for x in sorted(set(layers.values()))
    }
    left = min(columns)
    places = {t: (x - left, y) for x, found in columns.items() for y, t in enumerate(found)}
    tallest = max(map(len, columns.values()))
    width = len(columns) * (_WIDTH + _ACROSS) - _ACROSS + 2
    height = tallest * (_HEIGHT + _DOWN) - _DOWN + 2
    parts = [
        _line(places[one], places[other])
        for other in places
        for one in sorted(inputs.get(other, set()))
        if one in places
    ]
    parts += [_box(t, place, is_here=t == table, is_linked=t in inputs) for t, place in places.items()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="-1 -1 {width} {height}" role="img" aria-label="Lineage of {escape(table)}">{"".join(parts)}</svg>'
    )


def _layers(table: str, inputs: Mapping[str, Set[str]]) -> dict[str, int]:
    """How many steps, at most, each table is behind (negative) or after this one."""
    found = {table: 0}
    outputs: dict[str, set[str]] = {}
    for other, of in inputs.items():
        for one in of:
            outputs.setdefault(one, set()).add(other)
    for towards, step in ((inputs, -1), (outputs, 1)):
        at = {table}
        layer = 0
        while at:
            layer += step
            at = {n for t in at for n in towards.get(t, set())}
            found |= dict.fromkeys(at, layer)
    return found


def _at(place: tuple[int, int]) -> tuple[int, int]:
    return place[0] * (_WIDTH + _ACROSS), place[1] * (_HEIGHT + _DOWN)


def _line(one: tuple[int, int], other: tuple[int, int]) -> str:
    (x, y), (to_x, to_y) = _at(one), _at(other)
    x, y, to_y, middle = x + _WIDTH, y + _HEIGHT // 2, to_y + _HEIGHT // 2, _ACROSS // 2
    return f'<path class="line" d="M{x} {y} C{x + middle} {y} {to_x - middle} {to_y} {to_x} {to_y}"/>'


def _box(table: str, place: tuple[int, int], *, is_here: bool, is_linked: bool) -> str:
    x, y = _at(place)
    schema = table.partition(".")[0]
    kind = f"{schema} here" if is_here else schema
    box = (
        f'<rect class="{escape(kind)}" x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="4"/>'
        f'<text x="{x + 8}" y="{y + 16}">{escape(table)}</text>'
    )
    return f'<a href="{escape(table)}.html">{box}</a>' if is_linked and not is_here else box
