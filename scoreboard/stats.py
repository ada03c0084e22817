"""Estimates with intervals that respect how the data were made. Pure functions; numbers in, numbers out.

One episode per task: proportions get Wilson intervals. Several episodes per task (mirrored seats, repeats): they are
not independent, so means get a cluster-robust t interval over tasks. Two agents on the same tasks: the difference is
taken within each task.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

from scipy.special import stdtrit  # type: ignore[import-untyped]

from sparring.scoreboard.records import EpisodeRow

Task = TypeVar("Task", bound=Hashable)
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its confidence interval, from `n` episodes in `clusters` independent tasks."""

    value: float
    low: float
    high: float
    n: int
    clusters: int


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What one seat got out of its episodes; an episode lost by an illegal action is no ordinary loss."""

    wins: int = 0
    draws: int = 0
    losses: int = 0
    illegal_wins: int = 0
    """The other seat's illegal action decided."""
    illegal_losses: int = 0
    """This seat's illegal action decided."""

    @property
    def n(self) -> int:
        """All of them."""
        return self.wins + self.draws + self.losses + self.illegal_wins + self.illegal_losses


def wilson(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A proportion with the score interval of Wilson (JASA 22, 1927).

    With p = successes/n and z the normal quantile of (1 + level)/2:
        (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    """
    _check_level(level)
    if not 0 <= successes <= n:
        raise ValueError(f"successes must be within 0..n, got {successes} of {n}")
    if n == 0:
        return Estimate(NAN, 0.0, 1.0, 0, 0)
    z, p = NormalDist().inv_cdf((1 + level) / 2), successes / n
    center = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else (center - half) / scale
    high = 1.0 if successes == n else (center + half) / scale
    return Estimate(p, low, high, n, n)


def rate(hits: Sequence[bool], tasks: Sequence[Task], level: float = 0.95) -> Estimate:
    """A share of episodes: Wilson where every task was played once, else the clustered mean, cut to 0..1.

    Where all tasks agree, a clustered interval would have no width: then it is Wilson's over the tasks.
    """
    clusters = len(set(tasks))
    if clusters == len(tasks) == len(hits):
        return wilson(sum(hits), len(hits), level)
    mean = clustered_mean([float(hit) for hit in hits], tasks, level)
    if mean.low == mean.high:
        agreed = wilson(round(clusters * mean.value), clusters, level)
        return Estimate(mean.value, agreed.low, agreed.high, len(hits), clusters)
    return Estimate(mean.value, max(0.0, mean.low), min(1.0, mean.high), mean.n, mean.clusters)


def clustered_mean(values: Sequence[float], tasks: Sequence[Task], level: float = 0.95) -> Estimate:
    """The mean over episodes with a t interval that is robust to dependence within a task.

    With G tasks, N episodes and task sums of residuals r_g: se² = G/(G-1) · Σ r_g² / N², and G-1 degrees of freedom
    (clustered standard errors as in Miller, arXiv 2411.00640, with the small-sample factor G/(G-1) that it leaves out
    and t instead of normal quantiles). One task: the interval is infinite.
    """
    _check_level(level)
    if len(values) != len(tasks):
        raise ValueError(f"values and tasks must be equally long, got {len(values)} and {len(tasks)}")
    n = len(values)
    if n == 0:
        return Estimate(NAN, -math.inf, math.inf, 0, 0)
    mean = math.fsum(values) / n
    residuals: dict[Hashable, float] = {}
    for value, task in zip(values, tasks, strict=True):
        residuals[task] = residuals.get(task, 0.0) + value - mean
    half = _half_width(list(residuals.values()), n, level)
    return Estimate(mean, mean - half, mean + half, n, len(residuals))


def paired_difference(
    ours: Iterable[tuple[Task, float]], theirs: Iterable[tuple[Task, float]], level: float = 0.95
) -> Estimate:
    """Mean of (our task mean - their task mean) over the tasks that both played; tasks weigh the same.

    `ours`, `theirs`: (task, value), one per episode. The interval is Student's t over tasks.
    """
    our_means, their_means = _task_means(ours), _task_means(theirs)
    shared = [task for task in our_means if task in their_means]
    return clustered_mean([our_means[task] - their_means[task] for task in shared], shared, level)


def count_outcomes(rows: Iterable[EpisodeRow], seat: str) -> Outcomes:
    """Wins, draws and losses of one seat against the best of the others; episodes that broke off do not count."""
    counts = {"wins": 0, "draws": 0, "losses": 0, "illegal_wins": 0, "illegal_losses": 0}
    for row in rows:
        if row.status in ("ok", "truncated") and len(row.rewards) > 1:
            counts[outcome(row, seat)] += 1
    return Outcomes(**counts)


def outcome(row: EpisodeRow, seat: str) -> str:
    """wins, draws or losses by payoff; where the payoff is even, an illegal action may still have decided."""
    by_payoff = _lead(row.payoffs, seat)
    if by_payoff:
        return "wins" if by_payoff > 0 else "losses"
    by_reward = _lead(row.rewards, seat)
    if by_reward:
        return "illegal_wins" if by_reward > 0 else "illegal_losses"
    return "draws"


def _lead(scores: Mapping[str, float], seat: str) -> float:
    return scores[seat] - max(score for other, score in scores.items() if other != seat)


def _task_means(pairs: Iterable[tuple[Task, float]]) -> dict[Task, float]:
    by_task: dict[Task, list[float]] = {}
    for task, value in pairs:
        by_task.setdefault(task, []).append(value)
    return {task: math.fsum(values) / len(values) for task, values in by_task.items()}


def _half_width(residuals: Sequence[float], n: int, level: float) -> float:
    clusters = len(residuals)
    if clusters < 2:
        return math.inf
    squares = math.fsum(residual * residual for residual in residuals)
    error = math.sqrt(clusters / (clusters - 1) * squares) / n
    return float(stdtrit(clusters - 1, (1 + level) / 2)) * error


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must be within 0..1, got {level}")
