"""The geometry of line charts: series in, coordinates out. The report template draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sparring.content import canonical_json
from sparring.scoreboard.report.chart_labels import belongs_at_start

MOST_POINTS = 800
MOST_SHAPES = 6
SHAPES = (
    "M-1,0A1,1,0,1,1,1,0A1,1,0,1,1,-1,0Z",  # circle
    "M-0.9,-0.9H0.9V0.9H-0.9Z",  # square
    "M0,-1.2L1.2,0.9H-1.2Z",  # triangle
    "M0,-1.4L1.4,0L0,1.4L-1.4,0Z",  # diamond
    "M0,1.2L1.2,-0.9H-1.2Z",  # triangle, its tip down
    "M-0.4,-1.3H0.4V-0.4H1.3V0.4H0.4V1.3H-0.4V0.4H-1.3V-0.4H-0.4Z",  # plus
)
"""SVG paths around 0, one for each color: lines can be told apart without color."""
LABEL_GAP = 15.0
NEAR = 1 / 3
"""How far beyond the lines, relative to their span, a reference still stretches the axis."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line: `points` are (x, y)."""

    label: str
    points: Sequence[tuple[float, float]]
    color: int = 0
    """Index into the palette."""
    dashed: bool = False
    run: int = 0
    """Which run's line it is: lines of a run are shown and hidden together."""
    intervals: Sequence[tuple[float, float, float]] = ()
    """(x, low, high) of points that are uncertain."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A series in pixels."""

    label: str
    path: str
    color: int
    dashed: bool
    end: tuple[float, float]
    last: str
    run: int
    whiskers: str
    """The path of the intervals; "" without any."""
    pixels: tuple[tuple[float, float], ...] = ()
    shapes: tuple[tuple[float, float], ...] = ()
    """Where the shape of its color stands; nowhere in a chart of one color."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A horizontal line with its name beside it; `label_y` is moved where names would overlap."""

    label: str
    y: float
    label_y: float
    value: str
    beyond: str = ""
    """An arrow where the value lies beyond the axis and only its name stands at the edge."""
    at_start: bool = False
    """The name stands at the start of the plot: at its end it would lie on a line."""

    @property
    def text(self) -> str:
        """All that is written beside the line."""
        return " ".join(filter(None, (self.beyond, self.label, self.value)))


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the plot lies in the picture, in pixels."""

    width: float = 960
    height: float = 380
    left: float = 52
    right: float = 190
    top: float = 14
    bottom: float = 34


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the template draws; `hover` is JSON for the script."""

    title: str
    frame: Frame
    lines: tuple[Line, ...]
    references: tuple[Reference, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    hover: str
    x_label: str = "update"


WIDE = Frame()
PHONE = Frame(width=340, height=300, left=40, right=12, top=16, bottom=34)
"""Names stand inside the plot."""
SMALL = Frame(width=310, height=150, left=46, right=14, top=10, bottom=24)


def line_chart(
    title: str,
    series: Iterable[Series],
    references: Mapping[str, float] | None = None,
    frame: Frame = WIDE,
    zero_based: bool = False,
    most: float = math.inf,
) -> Chart | None:
    """A chart of all finite points; None if there are none.

    The axis shows what the lines do. It stretches to references that are near; those beyond it stand at its edge. It
    never goes below 0 where no value does, nor above `most`.
    """
    drawn = [_thinned(one) for one in series]
    drawn = [one for one in drawn if one.points]
    if not drawn:
        return None
    marks = {name: value for name, value in (references or {}).items() if math.isfinite(value)}
    xs = [x for one in drawn for x, _ in one.points]
    ends = [end for one in drawn for _, *pair in one.intervals for end in pair]
    low, high = _span([*(y for one in drawn for _, y in one.points), *ends], list(marks.values()), zero_based, most)
    x_scale = _Scale(min(xs), max(xs), frame.left, frame.width - frame.right)
    y_scale = _Scale(low, high, frame.height - frame.bottom, frame.top)
    colors = len({one.color for one in drawn})
    lines = tuple(_line(one, x_scale, y_scale, colors) for one in drawn)
    small, whole = frame is SMALL, all(x == int(x) for x in xs)
    x_ticks = nice_ticks(min(xs), max(xs), 8 if frame is WIDE else 3, least_step=1.0 if whole else 0.0)
    return Chart(
        title=title,
        frame=frame,
        lines=lines,
        references=_beside_lines(_references(marks, y_scale), lines, frame),
        x_ticks=tuple(Tick(x_scale(x), number(x)) for x in x_ticks),
        y_ticks=tuple(Tick(y_scale(y), number(y)) for y in nice_ticks(low, high, 4 if small else 6)),
        hover=_hover(drawn, x_scale, y_scale),
    )


def nice_ticks(low: float, high: float, most: int, least_step: float = 0.0) -> list[float]:
    """At most `most` + 1 round numbers within low..high, steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    rough = max((high - low) / most, least_step)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def number(value: float | None) -> str:
    """A number for people: four significant digits, thousands separated, a true minus sign."""
    if value is None or math.isnan(value):
        return "\N{EN DASH}"
    if math.isinf(value):
        text = "-∞" if value < 0 else "∞"
    elif abs(value) >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.4g}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"
    return text.replace("-", "\N{MINUS SIGN}")


def fixed(value: float, digits: int) -> str:
    """Like `number`, with that many decimals: for columns that are read together."""
    text = f"{value:.{digits}f}" if math.isfinite(value) else ""
    return text.replace("-", "\N{MINUS SIGN}") or number(value)


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """The positions moved apart to at least `gap`, keeping their order and as near as they were."""
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    groups: list[tuple[list[int], float]] = []
    for index in order:
        group, start = [index], positions[index]
        while groups and groups[-1][1] + len(groups[-1][0]) * gap > start:
            before, _ = groups.pop()
            group = before + group
            center = sum(positions[i] for i in group) / len(group)
            start = center - (len(group) - 1) * gap / 2
        groups.append((group, start))
    moved = list(positions)
    for group, start in groups:
        for rank, index in enumerate(group):
            moved[index] = start + rank * gap
    return moved


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return round(self.start + share * (self.end - self.start), 1)


def _thinned(series: Series) -> Series:
    points = [(x, y) for x, y in series.points if math.isfinite(x) and math.isfinite(y)]
    stride = max(1, math.ceil(len(points) / MOST_POINTS))
    kept = points[::stride] if not points or (len(points) - 1) % stride == 0 else [*points[::stride], points[-1]]
    return replace(series, points=kept)


def _span(ys: Sequence[float], marks: Sequence[float], zero_based: bool, most: float) -> tuple[float, float]:
    """Lowest and highest value of the axis: the lines', references up to a third further off, and some air."""
    low, high = min(0.0, *ys) if zero_based else min(ys), max(ys)
    reach = (high - low) * NEAR or abs(high) * NEAR or NEAR
    near = [mark for mark in marks if low - reach <= mark <= high + reach]
    floor = 0.0 if min(low, *near, high) >= 0 else -math.inf
    low, high = min(low, *near, high), max(low, *near, high)
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return max(floor, low - margin), max(high, min(most, high + margin))


def _line(series: Series, x_scale: _Scale, y_scale: _Scale, colors: int) -> Line:
    pixels = tuple((x_scale(x), y_scale(y)) for x, y in series.points)
    path = "M" + "L".join(f"{x:g},{y:g}" for x, y in pixels)
    whiskers = "".join(f"M{x_scale(x):g},{y_scale(low):g}V{y_scale(high):g}" for x, low, high in series.intervals)
    last, shapes = number(series.points[-1][1]), _shapes(pixels, series.color, colors) if colors > 1 else ()
    drawn = (series.label, path, series.color, series.dashed, pixels[-1], last, series.run, whiskers)
    return Line(*drawn, pixels, shapes)


def _shapes(pixels: Sequence[tuple[float, float]], color: int, colors: int) -> tuple[tuple[float, float], ...]:
    """Some points of a line and its last one; lines of other colors have theirs at other points."""
    step = max(1, len(pixels) // MOST_SHAPES)
    return tuple(dict.fromkeys([*pixels[color % colors * step // colors :: step], pixels[-1]]))


def _references(marks: Mapping[str, float], y_scale: _Scale) -> tuple[Reference, ...]:
    inside = {name: min(max(value, y_scale.low), y_scale.high) for name, value in marks.items()}
    heights = [y_scale(value) for value in inside.values()]
    return tuple(
        Reference(name, height, label, _plain(value), _beyond(value, y_scale))
        for (name, value), height, label in zip(marks.items(), heights, spread(heights, LABEL_GAP), strict=True)
    )


def _beside_lines(references: Iterable[Reference], lines: Sequence[Line], frame: Frame) -> tuple[Reference, ...]:
    """The references, their names where no line runs: names that stand inside the plot may change sides."""
    edges, paths = (frame.left, frame.width - frame.right), [line.pixels for line in lines]
    return tuple(
        replace(one, at_start=frame is PHONE and belongs_at_start(one.text, one.label_y, edges, paths))
        for one in references
    )


def _plain(value: float) -> str:
    """Like `number`, without powers of ten."""
    return number(value) if value == 0 or abs(value) >= 0.001 else fixed(value, 4)


def _beyond(value: float, scale: _Scale) -> str:
    return "\N{UPWARDS ARROW}" if value > scale.high else "\N{DOWNWARDS ARROW}" if value < scale.low else ""


def _hover(series: Sequence[Series], x_scale: _Scale, y_scale: _Scale) -> str:
    lines = [
        {
            "label": one.label,
            "color": one.color,
            "points": [[x, y, x_scale(x), y_scale(y)] for x, y in one.points],
        }
        for one in series
    ]
    return canonical_json(lines)
