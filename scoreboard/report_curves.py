"""A report's charts: the learning curve of every solved game, and the other columns of the metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparring.scoreboard.charts import SMALL, WIDE, Chart, Frame, Series, line_chart
from sparring.scoreboard.names import env_words, metric_words
from sparring.scoreboard.run_data import RunData

NASH, AVERAGE = "nash_conv/", "nash_conv_average/"
CURVES = ("reward/", "illegal_share", "tokens_per_second", "loss", "entropy", "grad_norm")
SHARES = ("illegal_share",)
MOST_OTHER_CURVES = 24


def learning_curves(runs: Sequence[RunData], frame: Frame = WIDE) -> list[Chart]:
    """NashConv by update, a chart for every game, its reference policies beside it."""
    charts = []
    for env_id in suffixes(runs, NASH) or suffixes(runs, AVERAGE):
        series = []
        for rank, run in enumerate(runs):
            name = f"{run.label}: " if len(runs) > 1 else ""
            series.append(Series(f"{name}policy", column(run, NASH + env_id), rank, run=rank))
            average = column(run, AVERAGE + env_id)
            series.append(Series(f"{name}average of all policies", average, rank, dashed=True, run=rank))
        references = {name: value for run in runs for name, value in run.references.get(env_id, {}).items()}
        charts.append(line_chart(f"NashConv in {env_words(env_id)}", series, references, frame, zero_based=True))
    return [chart for chart in charts if chart is not None]


def main_curves(runs: Sequence[RunData]) -> list[Chart]:
    """What people look at first."""
    charts = []
    for key in CURVES:
        if key.endswith("/"):
            envs = dict.fromkeys(suffix.rpartition("/")[0] for suffix in suffixes(runs, key))
            charts += [_small(metric_words(key + env_id), runs, f"{key}{env_id}/") for env_id in envs]
        else:
            charts.append(_small(metric_words(key), runs, key))
    return [chart for chart in charts if chart is not None]


def other_curves(runs: Sequence[RunData]) -> list[Chart]:
    """Every other column of the metrics, as far as there is room."""
    keys = dict.fromkeys(key for run in runs for line in run.metrics for key in line)
    rest = [key for key in keys if key != "update" and not _is_shown(key, (NASH, AVERAGE, *CURVES))]
    charts = [_small(metric_words(key), runs, key) for key in rest[:MOST_OTHER_CURVES]]
    return [chart for chart in charts if chart is not None]


def suffixes(runs: Sequence[RunData], prefix: str) -> list[str]:
    """What stands behind a prefix in the names of the metrics."""
    keys = (key for run in runs for line in run.metrics for key in line if key.startswith(prefix))
    return sorted({key.removeprefix(prefix) for key in keys})


def column(run: RunData, key: str) -> list[tuple[float, float]]:
    """(update, value) of every line that has a finite number there."""
    points = []
    for position, line in enumerate(run.metrics):
        value = line.get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            points.append((float(line.get("update", position)), float(value)))
    return points


def _is_shown(key: str, shown: Sequence[str]) -> bool:
    return any(key == name or (name.endswith("/") and key.startswith(name)) for name in shown)


def _small(title: str, runs: Sequence[RunData], key: str) -> Chart | None:
    """One small chart; a key that ends in "/" shows everything below it, one line each.

    A single run has a color for each line; several runs have a color each, and dashes after their first line.
    """
    series = []
    if len(runs) > 1 and key.endswith("/"):
        title = f"{title} (dashed: all but the first)"
    for rank, run in enumerate(runs):
        for place, part in enumerate(suffixes([run], key) if key.endswith("/") else [""]):
            points = column(run, key + part)
            if len(runs) == 1:
                series.append(Series(part or title, points, place))
            else:
                series.append(Series(f"{run.label} {part}".strip(), points, rank, dashed=place > 0, run=rank))
    return line_chart(title, series, frame=SMALL, most=1.0 if key in SHARES else math.inf)
