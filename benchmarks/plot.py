"""A line chart with two logarithmic axes, as SVG that reads on a light and on a dark page."""

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

WIDTH, HEIGHT = 640, 360  # px
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 20, 50  # px around the lines
OVERHANG = 0.05  # decades
COLOURS = ("#0d6efd", "#d63384", "#198754", "#fd7e14")
GREY = "#808080"
LABEL_HEIGHT = 15  # px

Line = Sequence[tuple[float, float]]
Band = tuple[Line, Line]  # its lower and its upper edge


def svg(
    lines: Mapping[str, Line],
    x_label: str,
    y_label: str,
    *,
    bands: Mapping[str, Band] = MappingProxyType({}),
    dashed: Mapping[str, Line] = MappingProxyType({}),
    marks: Mapping[str, float] = MappingProxyType({}),
) -> str:
    """lines: (x, y) of the points of each, all above 0; bands: of a line of the same name; dashed: lines to compare with; marks: x."""
    everything = [*lines.values(), *dashed.values(), *(edge for band in bands.values() for edge in band)]
    xs = _decades([x for line in everything for x, _ in line])
    ys = _decades([y for line in everything for _, y in line])
    placed = {name: [(_x(x, xs), _y(y, ys)) for x, y in line] for name, line in [*lines.items(), *dashed.items()]}
    colours = dict(zip(lines, COLOURS, strict=False)) | dict.fromkeys(dashed, GREY)
    parts = [*_axis_x(xs, x_label), *_axis_y(ys, y_label)]
    for name, (low, high) in bands.items():
        parts.append(_area([(_x(x, xs), _y(y, ys)) for x, y in [*low, *reversed(high)]], colours[name]))
    for name, points in placed.items():
        parts += _line(points, colours[name], name in dashed)
    for name, x in marks.items():
        parts += _mark(name, _x(x, xs))
    parts += _labels({name: points[-1] for name, points in placed.items()}, colours)
    style = f'font-family="sans-serif" font-size="12" fill="{GREY}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {style}>\n' + "\n".join(parts) + "\n</svg>\n"


def _decades(values: Sequence[float]) -> range:
    """The powers of ten around all of them, as exponents; what is hardly beyond one may stick out."""
    first = math.floor(math.log10(min(values)) + OVERHANG)
    return range(first, max(math.ceil(math.log10(max(values)) - OVERHANG), first + 1) + 1)


def _x(value: float, decades: range) -> float:
    return LEFT + (math.log10(value) - decades[0]) / (len(decades) - 1) * (WIDTH - LEFT - RIGHT)


def _y(value: float, decades: range) -> float:
    return HEIGHT - BOTTOM - (math.log10(value) - decades[0]) / (len(decades) - 1) * (HEIGHT - TOP - BOTTOM)


def _axis_x(decades: range, label: str) -> Iterator[str]:
    for decade in decades:
        x = _x(10.0**decade, decades)
        yield _rule(x, TOP, x, HEIGHT - BOTTOM)
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">10<tspan dy="-5" font-size="9">{decade}</tspan></text>'
    yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{label}</text>'


def _axis_y(decades: range, label: str) -> Iterator[str]:
    for decade in decades:
        y = _y(10.0**decade, decades)
        yield _rule(LEFT, y, WIDTH - RIGHT, y)
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>'
    yield f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{label}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{GREY}" stroke-opacity=".3"/>'


def _line(points: Line, colour: str, dashed: bool) -> Iterator[str]:
    dashes = ' stroke-dasharray="6 4"' if dashed else ""
    yield f'<polyline points="{_path(points)}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    if not dashed:
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)


def _area(points: Line, colour: str) -> str:
    return f'<polygon points="{_path(points)}" fill="{colour}" fill-opacity=".12"/>'


def _path(points: Line) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _mark(name: str, x: float) -> Iterator[str]:
    yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="{GREY}" stroke-dasharray="2 3"/>'
    yield f'<text x="{x + 5:.1f}" y="{TOP + 12}">{name}</text>'


def _labels(ends: Mapping[str, tuple[float, float]], colours: Mapping[str, str]) -> Iterator[str]:
    """Each beside the end of its line, or below the label before where that would cover it."""
    free = 0.0
    for name, (x, y) in sorted(ends.items(), key=lambda end: end[1][1]):
        free = max(y + 4, free + LABEL_HEIGHT)
        yield f'<text x="{x + 8:.1f}" y="{free:.1f}" fill="{colours[name]}">{name}</text>'
