"""The section of a report about a critic: what stopping by it earns, and whether its probabilities can be believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sparring.scoreboard.critic_results import CriticResults
from sparring.scoreboard.report.charts import PHONE, WIDE, Chart, Frame, Series, line_chart
from sparring.scoreboard.verdicts import FIGURES, Quality

LEAST_POINTS = 10
"""In a bin that is drawn."""


@dataclass(frozen=True, slots=True)
class QualityRow:
    """The probabilities on some questions."""

    where: str
    quality: Quality
    recalibrated: Quality | None = None


@dataclass(frozen=True, slots=True)
class CriticView:
    """Everything that the section shows."""

    found: CriticResults
    figures: dict[str, str]
    qualities: tuple[QualityRow, ...]
    charts: tuple[tuple[str, Chart], ...]
    """(kind of frame, chart)"""


def critic_view(found: CriticResults) -> CriticView:
    """What the template shows."""
    qualities = [QualityRow("these questions", found.quality)]
    qualities += [QualityRow(f"{one.group}, trained without", one.raw, one.recalibrated) for one in found.elsewhere]
    return CriticView(found, FIGURES, tuple(qualities), tuple(_charts(found)))


def _charts(found: CriticResults) -> Iterable[tuple[str, Chart]]:
    for kind, frame in (("wide", WIDE), ("phone", PHONE)):
        chart = reliability_diagram(found, frame)
        if chart is not None:
            yield kind, chart


def reliability_diagram(found: CriticResults, frame: Frame) -> Chart | None:
    """How often points of like probability were sufficient, with intervals; the dashed line is where they should be."""
    bins = [one for one in found.reliability if one.was.n >= LEAST_POINTS]
    points = [(one.said, one.was.value) for one in bins]
    intervals = [(one.said, one.was.low, one.was.high) for one in bins]
    series = [
        Series("was sufficient", points, 0, intervals=intervals),
        Series("as said", [(0.0, 0.0), (1.0, 1.0)], 1, dashed=True),
    ]
    title = f"Sufficient, by what the critic said (bins of {LEAST_POINTS} points and more)"
    chart = line_chart(title, series, frame=frame, zero_based=True, most=1.0)
    return chart and replace(chart, x_label="probability that the critic gave")
