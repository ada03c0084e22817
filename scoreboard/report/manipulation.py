"""How the robots of a page did: success, subgoals, recovery, and what the verifier was worth, with intervals.

Shares of subgoals and of verdicts are counted over all episodes together; their intervals are over tasks, because what
happens within an episode is not independent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sparring.plurals import number_of
from sparring.scoreboard.report.robot import Film, film
from sparring.scoreboard.standings import RunData
from sparring.scoreboard.stats import Estimate, clustered_mean, rate
from sparring.types import Episode

Metrics = Mapping[str, float]
Shown = tuple[str, Metrics, Film]
"""The task, the metrics and the film of an episode that came to an end."""


@dataclass(frozen=True, slots=True)
class Share:
    """A figure that is a part of a whole; `parts`: names of metrics."""

    name: str
    part: str
    whole: tuple[str, ...]
    """Their sum; empty: an episode counts once."""
    unit: str
    """Of what is counted, in the singular."""


SHARES = (
    Share("Success within the cap", "success_at_cap", (), "episode"),
    Share("Success at the end", "success", (), "episode"),
    Share("Subgoals reached", "subgoals_reached", ("subgoals",), "subgoal"),
    Share("Recovered after a failed try", "recovered", ("failed_first",), "subgoal"),
    Share("Accepted but not reached", "false_advances", ("subgoals",), "subgoal"),
    Share("Precision of the verifier", "true_yes", ("true_yes", "false_yes"), "yes"),
    Share("Recall of the verifier", "true_yes", ("true_yes", "false_no"), "true case"),
)
DELAY = "Delay of the verifier, control steps"


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure, and from how many of what."""

    estimate: Estimate
    counted: str
    is_share: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One agent in one environment with one set of options."""

    run: str
    env_id: str
    options: str
    agent: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Manipulation:
    """All lines of a page."""

    columns: tuple[str, ...]
    lines: tuple[Line, ...]


def manipulation(runs: Sequence[RunData]) -> Manipulation | None:
    """Of the episodes that the page plays; None where no robot is among them."""
    groups: dict[tuple[str, str, str, str], list[Shown]] = {}
    for run in runs:
        for episode in run.replays:
            shown, agent = _shown(episode)
            if shown is not None:
                groups.setdefault((run.label, episode.env_id, _options(episode), agent), []).append(shown)
    lines = tuple(Line(*key, tuple(_cells(group))) for key, group in groups.items())
    return Manipulation((*(share.name for share in SHARES), DELAY), lines) if lines else None


def _shown(episode: Episode) -> tuple[Shown | None, str]:
    """With the agents of all seats."""
    found = film(episode) if episode.sound else None
    metrics = next((one.metrics for one in episode.trajectories.values() if "subgoals" in one.metrics), None)
    shown = None if found is None or metrics is None else (episode.task or episode.id, metrics, found)
    agents = {seat: one.agent for seat, one in episode.trajectories.items()}
    return shown, ", ".join(f"{seat} {agent}" if len(agents) > 1 else agent for seat, agent in agents.items())


def _options(episode: Episode) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(episode.env_kwargs.items()))


def _cells(group: Sequence[Shown]) -> Iterator[Cell]:
    for share in SHARES:
        estimate = _share(group, share)
        yield Cell(estimate, f"of {number_of(estimate.n, share.unit)}", True)
    delays = [(delay, task) for task, _, found in group for delay in _delays(found)]
    estimate = clustered_mean([delay for delay, _ in delays], [task for _, task in delays])
    yield Cell(estimate, f"of {number_of(estimate.n, 'acceptance')}", False)


def _share(group: Sequence[Shown], share: Share) -> Estimate:
    hits, tasks = list[bool](), list[str]()
    for task, metrics, _ in group:
        part = _count(metrics, share.part)
        whole = sum(_count(metrics, name) for name in share.whole) if share.whole else 1
        part = min(part, whole)
        hits += [True] * part + [False] * (whole - part)
        tasks += [task] * whole
    return rate(hits, tasks)


def _count(metrics: Metrics, name: str) -> int:
    value = metrics.get(name, 0.0)
    return int(value) if 0 <= value < 1e5 else 0


def _delays(found: Film) -> Iterator[int]:
    """Of each accepted attempt with a true check: control steps from the first true check to the acceptance."""
    for bar in (bar for action in found.actions for bars in action.pursued for bar in bars):
        first = next((check.step for check in bar.checks if check.truth), None)
        if bar.accepted and bar.kind != "look" and first is not None:
            yield bar.checks[-1].step - first
