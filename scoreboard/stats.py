"""Estimates with intervals that respect how the data were made. Pure functions; numbers in, numbers out.

One episode per task: proportions get Wilson intervals. Several episodes per task (mirrored seats, repeats) are not
independent: tasks are what is counted. A share, and a reward whose range is known, get an interval within the range; a
mean of unknown range gets Student's t over tasks. No interval has zero width because the outcomes happened to agree.
Two agents on the same tasks: the difference is taken within each task; one of shares stays within -1..1.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sparring.store.rows import EpisodeRow

Task = TypeVar("Task", bound=Hashable)
Numbers = Sequence[float] | NDArray[np.float64] | NDArray[np.int64]
NAN = float("nan")
SAME = 1e-12
"""Relative to the range: differences that rounding makes."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its confidence interval, from `n` episodes in `clusters` independent tasks.

    Without episodes the value is NaN; where the data say nothing of the spread, the bounds are infinite.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int

    @property
    def lacks(self) -> str:
        """Why there is no value or no interval, in words for people; "" where both are there."""
        if self.n == 0:
            return "no episodes"
        if math.isfinite(self.low) and math.isfinite(self.high):
            return ""
        return "no interval: needs two tasks" if self.clusters < 2 else "no interval: all tasks gave the same"


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
    if not 0 <= successes <= n:
        raise ValueError(f"successes must be within 0..n, got {successes} of {n}")
    z = normal_quantile(level)
    if n == 0:
        return Estimate(NAN, 0.0, 1.0, 0, 0)
    return Estimate(successes / n, *score_interval(successes / n, n, z), n, n)


def rate(hits: Sequence[bool], tasks: Sequence[Task], level: float = 0.95) -> Estimate:
    """A share of episodes: Wilson where every task was played once, else `bounded_mean` within 0..1."""
    if len(set(tasks)) == len(tasks) == len(hits):
        return wilson(sum(hits), len(hits), level)
    return bounded_mean([float(hit) for hit in hits], tasks, 0.0, 1.0, level)


def bounded_mean(
    values: Sequence[float], tasks: Sequence[Task], least: float, most: float, level: float = 0.95
) -> Estimate:
    """The mean over episodes whose values cannot leave least..most, with an interval that cannot either.

    Agresti and Coull (American Statistician 52, 1998) add z²/2 successes and z²/2 failures to a proportion and take the
    normal interval. Here z²/2 made-up tasks are added at each end of the range, and tasks stand for trials. With G
    tasks, w_g the episodes of a task over the mean number a task, m_g its mean, and W = G + z²:
        m = (Σ w_g m_g + z²/2 (least + most)) / W
        s² = (Σ w_g² (m_g - m)² + z²/2 ((least - m)² + (most - m)²)) / W;     m ± z·s/sqrt(W), cut to the range
    Tasks of one 0/1 episode give exactly their interval. The step from proportions to means is ours; its coverage is in
    tests/scoreboard/test_stats.py. Where all tasks agree it is Wilson's on the range scaled to 0..1, which for values
    within a range errs on the wide side: no mean of G tasks spreads more than that of G coin flips.
    """
    sizes, means = by_task(values, tasks)
    return bounded_mean_of_tasks(sizes, means, min([least, *values]), max([most, *values]), level)


def bounded_mean_of_tasks(sizes: Numbers, means: Numbers, least: float, most: float, level: float = 0.95) -> Estimate:
    """`bounded_mean` where the number of episodes and the mean of every task are known already."""
    z, (size, mean_of), count = normal_quantile(level), _columns(sizes, means), len(means)
    n = int(size.sum())
    if not n:
        return Estimate(NAN, least, most, 0, 0)
    mean = _sum(size * mean_of) / n
    if mean_of.max() - mean_of.min() <= SAME * (most - least):
        share = (mean - least) / (most - least) if most > least else 0.5
        low, high = (least + (most - least) * end for end in score_interval(share, count, z))
        return Estimate(mean, low, high, n, count)
    weights = size * count / n
    total = count + z * z
    center = (_sum(weights * mean_of) + z * z / 2 * (least + most)) / total
    spread = _sum((weights * (mean_of - center)) ** 2)
    ends = z * z / 2 * ((least - center) ** 2 + (most - center) ** 2)
    half = z * math.sqrt(spread + ends) / total
    return Estimate(mean, max(least, center - half), min(most, center + half), n, count)


def clustered_mean(values: Sequence[float], tasks: Sequence[Task], level: float = 0.95) -> Estimate:
    """The mean over episodes with a t interval that is robust to dependence within a task; for values of unknown range.

    With G tasks, N episodes and task sums of residuals r_g: se² = G/(G-1) · Σ r_g² / N², and G-1 degrees of freedom
    (clustered standard errors as in Miller, arXiv 2411.00640, with the small-sample factor G/(G-1) that it leaves out
    and t instead of normal quantiles). One task, or tasks that all agree: nothing is known of the spread, and the
    interval is infinite.
    """
    sizes, means = by_task(values, tasks)
    return clustered_mean_of_tasks(sizes, means, level)


def clustered_mean_of_tasks(sizes: Numbers, means: Numbers, level: float = 0.95) -> Estimate:
    """`clustered_mean` where the number of episodes and the mean of every task are known already."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # slow to load

    normal_quantile(level)
    (size, mean_of), count = _columns(sizes, means), len(means)
    n = int(size.sum())
    if not n:
        return Estimate(NAN, -math.inf, math.inf, 0, 0)
    mean, half = _sum(size * mean_of) / n, math.inf
    if count > 1 and mean_of.max() - mean_of.min() > SAME * max(1.0, abs(mean)):
        error = math.sqrt(count / (count - 1) * _sum((size * (mean_of - mean)) ** 2)) / n
        half = float(stdtrit(count - 1, (1 + level) / 2)) * error
    return Estimate(mean, mean - half, mean + half, n, count)


def paired_difference(
    ours: Iterable[tuple[Task, float]], theirs: Iterable[tuple[Task, float]], level: float = 0.95
) -> Estimate:
    """Mean of (our task mean - their task mean) over the tasks that both played; tasks weigh the same.

    `ours`, `theirs`: (task, value), one per episode. The interval is Student's t over tasks.
    """
    our_means, their_means = _task_means(ours), _task_means(theirs)
    shared = [task for task in our_means if task in their_means]
    return clustered_mean([our_means[task] - their_means[task] for task in shared], shared, level)


def paired_share_difference(
    ours: Iterable[tuple[Task, float]], theirs: Iterable[tuple[Task, float]], level: float = 0.95
) -> Estimate:
    """Like `paired_difference`, for values within 0..1 such as successes: an interval within -1..1 that has a width.

    Bonett and Price (Journal of Educational and Behavioral Statistics 37, 2012) add one made-up task on which only we
    succeed and one on which only they do, and take the normal interval; Fagerland, Lydersen and Laake (Statistics in
    Medicine 33, 2014) recommend it for small samples. With G tasks and differences d_g:
        D = Σ d_g / (G + 2);     s² = (Σ d_g² + 2) / (G + 2) - D²;     D ± z·s/sqrt(G + 2), cut to -1..1
    The step from successes to task means is ours. Raises ValueError for values outside of 0..1.
    """
    z, our_means, their_means = normal_quantile(level), _task_means(ours), _task_means(theirs)
    for value in (*our_means.values(), *their_means.values()):
        if not 0 <= value <= 1:
            raise ValueError(f"shares must be within 0..1, got {value}")
    differences = [our_means[task] - their_means[task] for task in our_means if task in their_means]
    count, total = len(differences), len(differences) + 2
    if not count:
        return Estimate(NAN, -1.0, 1.0, 0, 0)
    center = math.fsum(differences) / total
    variance = (math.fsum(one * one for one in differences) + 2) / total - center * center
    half = z * math.sqrt(variance / total)
    low, high = max(-1.0, center - half), min(1.0, center + half)
    return Estimate(math.fsum(differences) / count, low, high, count, count)


def independent_difference(ours: Estimate, theirs: Estimate) -> Estimate:
    """Ours less theirs, of estimates that share no task; no zero width where neither has one.

    The distances from each value to its bounds, squared and added: method 10 of Newcombe (Statistics in Medicine 17,
    1998); for any two estimates Donner and Zou (Statistical Methods in Medical Research 21, 2012).
    """
    value = ours.value - theirs.value
    low = value - math.hypot(ours.value - ours.low, theirs.high - theirs.value)
    high = value + math.hypot(ours.high - ours.value, theirs.value - theirs.low)
    return Estimate(value, low, high, min(ours.n, theirs.n), min(ours.clusters, theirs.clusters))


def mcnemar(ours: Sequence[bool], theirs: Sequence[bool]) -> float:
    """The two-sided exact p-value of McNemar (Psychometrika 12, 1947): do two agents differ on the same tasks?

    Only tasks on which exactly one of them succeeded count; they are tosses of a fair coin if the two are alike.
    `ours`, `theirs`: one outcome a task, in the same order. Raises ValueError for different numbers.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"McNemar's test needs the same tasks of both, got {len(ours)} and {len(theirs)}")
    only_ours = sum(a and not b for a, b in zip(ours, theirs, strict=True))
    only_theirs = sum(b and not a for a, b in zip(ours, theirs, strict=True))
    count = only_ours + only_theirs
    tail = sum(math.comb(count, k) for k in range(min(only_ours, only_theirs) + 1))
    return float(min(1.0, 2 * tail / 2**count))


def count_outcomes(rows: Iterable[EpisodeRow], seat: str) -> Outcomes:
    """Wins, draws and losses of one seat against the best of the others; episodes that broke off do not count."""
    counts = {"wins": 0, "draws": 0, "losses": 0, "illegal_wins": 0, "illegal_losses": 0}
    for row in rows:
        if row.sound and len(row.rewards) > 1:
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
    return {task: math.fsum(values) / len(values) for task, values in _grouped(pairs).items()}


def by_task(values: Sequence[float], tasks: Sequence[Task]) -> tuple[list[int], list[float]]:
    """Of every task its number of episodes and its mean."""
    if len(values) != len(tasks):
        raise ValueError(f"values and tasks must be equally long, got {len(values)} and {len(tasks)}")
    groups = _grouped(zip(tasks, values, strict=True)).values()
    return [len(group) for group in groups], [math.fsum(group) / len(group) for group in groups]


def _columns(sizes: Numbers, means: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.asarray(sizes, np.float64), np.asarray(means, np.float64)


def _sum(values: NDArray[np.float64]) -> float:
    """Exactly rounded, whatever their order."""
    return math.fsum(values.tolist())


def _grouped(pairs: Iterable[tuple[Task, float]]) -> dict[Task, list[float]]:
    groups: dict[Task, list[float]] = {}
    for task, value in pairs:
        groups.setdefault(task, []).append(value)
    return groups


def score_interval(p: float, n: float, z: float) -> tuple[float, float]:
    """The ends of Wilson's interval around a share of `n` trials, which may be an effective number."""
    center = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return 0.0 if p == 0.0 else (center - half) / scale, 1.0 if p == 1.0 else (center + half) / scale


def normal_quantile(level: float) -> float:
    """Of (1 + level)/2. Raises ValueError for a level outside 0..1."""
    if not 0 < level < 1:
        raise ValueError(f"level must be within 0..1, got {level}")
    return NormalDist().inv_cdf((1 + level) / 2)
