"""A line chart with two logarithmic axes, as SVG that reads on a light and on a dark page."""

import math
from collections.abc import Iterator, Mapping, Sequence

WIDTH, HEIGHT = 640, 360  # px
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 20, 50  # px around the lines
OVERHANG = 0.05  # decades
COLOURS = ("#0d6efd", "#d63384", "#198754", "#fd7e14")

Line = Sequence[tuple[float, float]]


def svg(lines: Mapping[str, Line], x_label: str, y_label: str) -> str:
    """lines: (x, y) of the points of each, all above 0."""
    xs = _decades([x for line in lines.values() for x, _ in line])
    ys = _decades([y for line in lines.values() for _, y in line])
    parts = [*_axis_x(xs, x_label), *_axis_y(ys, y_label)]
    for (name, line), colour in zip(lines.items(), COLOURS, strict=False):
        parts += _line(name, [(_x(x, xs), _y(y, ys)) for x, y in line], colour)
    style = 'font-family="sans-serif" font-size="12" fill="#808080"'
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
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#808080" stroke-opacity=".3"/>'


def _line(name: str, points: Line, colour: str) -> Iterator[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
    x, y = points[-1]
    yield f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{name}</text>'
