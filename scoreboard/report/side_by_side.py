"""Several runs of a report side by side: what they differ in, and how they came out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparring.scoreboard.names import env_words
from sparring.scoreboard.report.charts import number
from sparring.scoreboard.report.curves import NASH, column, suffixes
from sparring.scoreboard.report.header import state
from sparring.scoreboard.standings import RunData


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs side by side: the settings that differ, and how they came out."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    seeds: tuple[str, ...]
    """What came out on average of runs that differ only in their seed."""


def comparison(runs: Sequence[RunData]) -> Comparison | None:
    """Side by side; None where fewer than two of them are runs."""
    trained = [run for run in runs if run.metrics]
    if len(trained) < 2:
        return None
    names = _differing(trained)
    games = suffixes(trained, NASH)
    figures = [f"{kind} NashConv, {env_words(game)}" for game in games for kind in ("best", "last")]
    rows = tuple(
        (run.label, *(_setting(run, name) for name in names), state(run) or "unknown", *_figures(run, games))
        for run in trained
    )
    seeds = tuple(sentence for game in games for sentence in _over_seeds(trained, game))
    return Comparison(("run", *names, "state", *figures), rows, seeds)


def _figures(run: RunData, games: Sequence[str]) -> Iterator[str]:
    for game in games:
        values = [value for _, value in column(run, NASH + game)]
        yield from (number(min(values)), number(values[-1])) if values else ("none", "none")


def _settings(run: RunData) -> dict[str, object]:
    return {"method": run.config.get("method"), **run.settings}


def _setting(run: RunData, name: str) -> str:
    value = _settings(run).get(name, "not set")
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _differing(runs: Sequence[RunData]) -> list[str]:
    """The settings that are not the same in all runs."""
    names = dict.fromkeys(name for run in runs for name in _settings(run))
    return [name for name in names if len({_setting(run, name) for run in runs}) > 1]


def _over_seeds(runs: Sequence[RunData], game: str) -> Iterator[str]:
    groups: dict[tuple[str, ...], list[RunData]] = {}
    names = [name for name in _differing(runs) if name != "seed"]
    for run in runs:
        if column(run, NASH + game):
            groups.setdefault(tuple(_setting(run, name) for name in names), []).append(run)
    for setting, group in groups.items():
        if len({_setting(run, "seed") for run in group}) > 1:
            curves = [[value for _, value in column(run, NASH + game)] for run in group]
            apart = ", ".join(f"{name} {value}" for name, value in zip(names, setting, strict=True))
            yield (
                f"{len(group)} runs that differ only in their seed{f' ({apart})' if apart else ''}, {env_words(game)}: "
                f"best NashConv {_mean_and_range([min(curve) for curve in curves])}, "
                f"last {_mean_and_range([curve[-1] for curve in curves])}."
            )


def _mean_and_range(values: Sequence[float]) -> str:
    mean = math.fsum(values) / len(values)
    return f"{number(mean)} on average ({number(min(values))} to {number(max(values))})"
