"""A report's charts: the learning curve of every game, solved or probed, and the other columns of the metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparring.scoreboard.names import env_words, metric_words, unit_of
from sparring.scoreboard.progress import PROBE, PROBE_HIGH, PROBE_ILLEGAL, PROBE_LOW, VERSUS, probe_keys
from sparring.scoreboard.report.charts import SMALL, WIDE, Chart, Frame, Series, line_chart
from sparring.scoreboard.standings import RunData

NASH, AVERAGE = "nash_conv/", "nash_conv_average/"
CURVES = ("reward/", "illegal_share", "tokens_per_second", "loss", "entropy", "grad_norm")
SHOWN = (NASH, AVERAGE, PROBE, PROBE_LOW, PROBE_HIGH, PROBE_ILLEGAL, *CURVES)
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


def probe_curves(runs: Sequence[RunData], frame: Frame = WIDE) -> list[Chart]:
    """Mean reward against fixed agents by update, with intervals: a chart for every game, a line for every agent."""
    charts = []
    pairs = [(env_id, agent) for env_id, _, agent in (name.partition(VERSUS) for name in suffixes(runs, PROBE))]
    for env_id in dict.fromkeys(env_id for env_id, _ in pairs):
        agents = [agent for env, agent in pairs if env == env_id]
        series = [
            _probe_line(runs, rank, env_id, agents, place) for rank in range(len(runs)) for place in range(len(agents))
        ]
        title = f"Mean {unit_of(env_id)} a game in {env_words(env_id)}"
        charts.append(line_chart(title, series, frame=frame))
    return [chart for chart in charts if chart is not None]


def _probe_line(runs: Sequence[RunData], rank: int, env_id: str, agents: Sequence[str], place: int) -> Series:
    """One run against one agent. One run has a colour an agent; several have one each, dashed after the first agent."""
    run, several = runs[rank], len(runs) > 1
    label = f"{run.label}: against {agents[place]}" if several else f"against {agents[place]}"
    mean, low, high = probe_keys(env_id, agents[place])
    ends = dict(column(run, high))
    intervals = [(update, end, ends[update]) for update, end in column(run, low) if update in ends]
    color, dashed = (rank, place > 0) if several else (place, False)
    return Series(label, column(run, mean), color, dashed, rank, intervals)


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
    rest = [key for key in keys if key != "update" and not _is_shown(key, SHOWN)]
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
