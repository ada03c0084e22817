"""The page of the learning studies: every figure's curve, several seeds a line, with the table under it.

    python benchmarks/learning_page.py benchmarks/results/learning*.json -o learning.html

A line is the mean over seeds, its whiskers the 95 % interval (Student's t). The rows of the tables are those that
`benchmarks/learning.py` printed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined
from learning import CONFIDENCE, interval
from markupsafe import Markup
from scipy import stats

from sparring.scoreboard.names import env_words, unit_of
from sparring.scoreboard.report.charts import PHONE, SHAPES, WIDE, Chart, Frame, Series, fixed, line_chart, number

FIGURES = {
    "nash_conv": "NashConv",
    "nash_conv_average": "NashConv of the average policy",
    "optimal": "Probability of optimal moves",
    "blunders": "Moves that give value away",
    "exploitability": "Won by a best response",
    "probe": "Mean reward",
    "probe_illegal": "Share of illegal texts",
    "part": "Part of the reward",
}
TEMPLATE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Learning</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{{ style }}</style></head><body><main>
<h1>What learned, and how fast</h1>
<p class="lead">Means over seeds with 95 % intervals (Student's t); the first point is the untrained model.</p>
{% for study in studies %}
<section><h2>{{ study.name }}</h2>
<p class="small">{{ study.facts }}</p>
{% for chart in study.wide %}{{ chart_svg(chart, study.name ~ loop.index, 'wide') }}{% endfor %}
{% for chart in study.phone %}{{ chart_svg(chart, 'phone-' ~ study.name ~ loop.index, 'phone') }}{% endfor %}
<div class="scroll"><table><thead><tr><th>Figure</th><th>Settings</th><th class="n">Untrained</th>
<th class="n">After training</th><th class="n">Each seed</th></tr></thead><tbody>
{% for row in study.rows %}<tr>{% for cell in row[:2] %}<td>{{ cell }}</td>{% endfor %}
{% for cell in row[2:] %}<td class="n">{{ cell }}</td>{% endfor %}</tr>{% endfor %}
</tbody></table></div></section>
{% endfor %}</main></body></html>
"""


@dataclass(frozen=True, slots=True)
class Curve:
    """One figure of one variant: values [seeds, points]."""

    figure: str
    variant: str
    values: np.ndarray

    @property
    def title(self) -> str:
        """The figure in words, and against whom where that is part of its name."""
        kind, _, rest = self.figure.partition("/")
        against = rest.partition(" vs ")[2]
        detail = f" against {against}" if against else f": {rest}" if kind == "part" else ""
        return FIGURES[kind] + detail

    def series(self, color: int) -> Series:
        """The mean at every point; a point is as far from the next as the evaluations of a run are."""
        means, halves = self.values.mean(0), half_widths(self.values)
        points = [(float(x), float(y)) for x, y in enumerate(means)]
        every = max(1, len(points) // 20)
        intervals = [(x, y - h, y + h) for (x, y), h in zip(points, halves, strict=True)][::every]
        return Series(self.variant, points, color, intervals=intervals if len(self.values) > 1 else ())

    def row(self) -> tuple[str, ...]:
        """As the table has it."""
        each = "  ".join(fixed(value, 3) for value in self.values[:, -1])
        return self.title, self.variant, interval(self.values[:, 0]), interval(self.values[:, -1]), each


@dataclass(frozen=True, slots=True)
class StudyView:
    """A study as the template shows it."""

    name: str
    facts: str
    wide: Sequence[Chart]
    phone: Sequence[Chart]
    rows: Sequence[tuple[str, ...]]


def half_widths(values: np.ndarray) -> np.ndarray:
    """Half of the 95 % interval at every point, [points]; nan with one seed."""
    if len(values) < 2:
        return np.full(values.shape[1], np.nan)
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
    return np.asarray(quantile * values.std(0, ddof=1) / np.sqrt(len(values)))


def read(path: Path) -> list[StudyView]:
    """The studies of a result file."""
    told = json.loads(path.read_text())
    names = list(dict.fromkeys(row["study"] for row in told["results"]))
    return [study(name, told["model"], [row for row in told["results"] if row["study"] == name]) for name in names]


def study(name: str, model: str, rows: Sequence[dict[str, object]]) -> StudyView:
    """Curves and table of a study's runs."""
    curves = [
        Curve(figure, variant, as_array([row["curves"][figure] for row in rows if row["variant"] == variant]))
        for figure in rows[0]["curves"]
        for variant in dict.fromkeys(row["variant"] for row in rows)
    ]
    clock = "cpu_seconds" if "cpu_seconds" in rows[0] else "wall_seconds"
    seconds = [row[clock] for row in rows]
    called = "CPU seconds" if clock == "cpu_seconds" else f"seconds on {rows[0]['threads']} threads"
    facts = f"{model}; {min(seconds):.0f} to {max(seconds):.0f} {called} a run"
    charts = [tuple(filter(None, (chart(curves, title, frame) for title in titles(curves)))) for frame in (WIDE, PHONE)]
    return StudyView(name, facts, *charts, [curve.row() for curve in curves])


def as_array(curves: Sequence[Sequence[float]]) -> np.ndarray:
    """[seeds, points]; runs that ended early decide how many points there are."""
    shortest = min(map(len, curves))
    return np.array([curve[:shortest] for curve in curves])


def titles(curves: Sequence[Curve]) -> list[str]:
    """Each figure once."""
    return list(dict.fromkeys(curve.title for curve in curves))


def chart(curves: Sequence[Curve], title: str, frame: Frame) -> Chart | None:
    """All variants of a figure."""
    mine = [curve for curve in curves if curve.title == title]
    drawn = line_chart(title, [curve.series(color) for color, curve in enumerate(mine)], frame=frame)
    return drawn and replace(drawn, x_label="evaluation")


def render(studies: Sequence[StudyView]) -> str:
    """The page, self-contained."""
    report = files("sparring.scoreboard.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(number=number, fixed=fixed, words=env_words, unit=unit_of, quote=str, breakable=str)
    template = environment.from_string((report / "charts.html").read_text() + TEMPLATE)
    return template.render(studies=studies, style=Markup((report / "report.css").read_text()), shapes=SHAPES, runs=())


def main() -> None:
    """Read the results and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("learning.html"))
    options = parser.parse_args()
    options.output.write_text(render([view for path in options.results for view in read(path)]))
    print(options.output)


if __name__ == "__main__":
    main()
