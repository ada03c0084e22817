"""Runs beside each other: settings that differ, figures, paired differences over the updates or deals they share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.scoreboard.progress import figures, short_name
from sparring.scoreboard.runs import metrics_of, read_settings
from sparring.scoreboard.stats import Estimate, paired_difference
from sparring.scoreboard.store import Store

Deal = tuple[str, str]
"""(environment id, task): the same deal, whoever played it."""
NOT_COMPARED = ("device",)


@dataclass(frozen=True, slots=True)
class Measured:
    """What is compared of one run."""

    path: Path
    settings: Mapping[str, Any]
    by_update: Mapping[str, Mapping[int, float]]
    """Name of a figure -> update -> value."""
    by_deal: Mapping[str, Sequence[tuple[Deal, float]]]
    """Game -> (deal, reward) of the final games against uniform play."""
    seconds: float
    """Of all updates together."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of every run, and how each differs from the first run."""

    name: str
    values: tuple[float | None, ...]
    """One a run; None where it was not measured."""
    differences: tuple[Estimate | None, ...]
    """One a run after the first: this run minus the first, paired. None where nothing is shared."""
    pairs: str
    """What a pair is: "updates" or "deals"; "" for figures that are not paired."""


def load_measured(run: Path) -> Measured:
    """Read one run. Raises ValueError where the folder is no run or damaged, DamagedStore."""
    method, settings = read_settings(run)
    rows = metrics_of(run)
    by_update = {f"{figure.name} {figure.game}": dict(figure.values) for figure in figures(rows) if figure.is_exact}
    if shares := {row["update"]: row["illegal_share"] for row in rows if "illegal_share" in row}:
        by_update["illegal share"] = shares
    seconds = sum(row.get("seconds") or 0.0 for row in rows)
    return Measured(run, {"method": method, **settings}, by_update, _final_games(run, settings), seconds)


def differing_settings(runs: Sequence[Measured]) -> dict[str, tuple[Any, ...]]:
    """The settings in which runs differ, one value a run; None where a run has no such setting."""
    names = dict.fromkeys(name for run in runs for name in run.settings if name not in NOT_COMPARED)
    held = {name: tuple(run.settings.get(name) for run in runs) for name in names}
    return {name: values for name, values in held.items() if any(value != values[0] for value in values)}


def compare_figures(runs: Sequence[Measured]) -> list[Compared]:
    """Every figure that some run has: last and best ones by update, results against uniform play by deal, duration."""
    compared = []
    for name in dict.fromkeys(name for run in runs for name in run.by_update):
        compared += _by_update(name, [run.by_update.get(name, {}) for run in runs])
    for game in dict.fromkeys(game for run in runs for game in run.by_deal):
        compared.append(_by_deal(game, [run.by_deal.get(game, ()) for run in runs]))
    compared.append(Compared("seconds", tuple(run.seconds for run in runs), (None,) * (len(runs) - 1), ""))
    return compared


def _by_update(name: str, curves: Sequence[Mapping[int, float]]) -> list[Compared]:
    """The last value, with the mean difference over the updates that two runs share; and the best NashConv."""
    last = tuple(curve[max(curve)] if curve else None for curve in curves)
    differences = tuple(_paired(curve.items(), curves[0].items()) for curve in curves[1:])
    shown = [Compared(f"{name}, last", last, differences, "updates")]
    if name.startswith("NashConv"):
        best = tuple(min(curve.values()) if curve else None for curve in curves)
        shown.append(Compared(f"{name}, best", best, (None,) * (len(curves) - 1), ""))
    return shown


def _by_deal(game: str, games: Sequence[Sequence[tuple[Deal, float]]]) -> Compared:
    means = tuple(sum(reward for _, reward in played) / len(played) if played else None for played in games)
    differences = tuple(_paired(played, games[0]) for played in games[1:])
    return Compared(f"{short_name(game)} against uniform", means, differences, "deals")


def _paired(ours: Iterable[tuple[Any, float]], theirs: Iterable[tuple[Any, float]]) -> Estimate | None:
    difference = paired_difference(ours, theirs)
    return difference if difference.n else None


def _final_games(run: Path, settings: Mapping[str, Any]) -> dict[str, list[tuple[Deal, float]]]:
    """(deal, reward) per game of the last games against uniform play."""
    if not (run / "episodes").is_dir():
        return {}
    moment = f"evaluation-{settings.get('steps')}/"
    found: dict[str, list[tuple[Deal, float]]] = {}
    with Store(run / "episodes") as store:
        for row in store.rows():
            learner = next((seat for seat, agent in row.agents.items() if agent != "random"), None)
            if row.id.startswith(moment) and row.sound and learner and row.task:
                found.setdefault(row.env_id, []).append(((row.env_id, row.task), row.rewards[learner]))
    return found
