"""Ratios over questions, with intervals that respect that the samples of one question are not independent.

A share whose denominator is random (of the answers that were right at first, how many stay right?) is a ratio of two
sums over questions. So is what a solved task costs. Pure functions; numbers in, numbers out.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable

from sparring.scoreboard.stats import (
    NAN,
    SAME,
    Estimate,
    bounded_mean,
    clustered_mean,
    normal_quantile,
    score_interval,
)

Piece = tuple[Hashable, float, float]
"""Question, what it adds to the numerator, what it adds to the denominator."""


def bounded_ratio(pieces: Iterable[Piece], level: float = 0.95) -> Estimate:
    """Σ part / Σ whole, where 0 <= part <= whole in every piece; the interval stays within 0..1 and has a width.

    As `stats.bounded_mean`, with a question's whole as its weight. With G questions of wholes v_g, shares m_g and the
    effective number H = (Σ v_g)² / Σ v_g² (Kish 1965), w_g = H v_g / Σ v_g, and z²/2 made-up questions at each end:
        m = (Σ w_g m_g + z²/2) / (H + z²);    s² = Σ w_g² (m_g - m)² + z²/2 (m² + (1 - m)²);    m ± z s / (H + z²)
    Equal wholes give exactly `bounded_mean`. Where all questions agree it is Wilson's interval of H trials. Questions
    whose whole is 0 say nothing and are not counted; without any other the value is NaN and the interval 0..1.
    """
    z = normal_quantile(level)
    count, parts, wholes = _by_question(pieces)
    total = math.fsum(wholes)
    if not total:
        return Estimate(NAN, 0.0, 1.0, 0, 0)
    value, shares = math.fsum(parts) / total, [part / whole for part, whole in zip(parts, wholes, strict=True)]
    effective = total * total / math.fsum(whole * whole for whole in wholes)
    if max(shares) - min(shares) <= SAME:
        return Estimate(value, *score_interval(shares[0], effective, z), count, len(wholes))
    center = (effective * value + z * z / 2) / (effective + z * z)
    weights = [effective * whole / total for whole in wholes]
    squares = math.fsum((weight * (share - center)) ** 2 for weight, share in zip(weights, shares, strict=True))
    half = z * math.sqrt(squares + z * z / 2 * (center**2 + (1 - center) ** 2)) / (effective + z * z)
    return Estimate(value, max(0.0, center - half), min(1.0, center + half), count, len(wholes))


def cost_per_success(attempts: Iterable[tuple[Hashable, float, bool]], level: float = 0.95) -> Estimate:
    """What one success costs, failures included: Σ cost / Σ success, of (question, cost >= 0, success) an attempt.

    Infinite where nothing succeeded, and NaN without attempts. The interval divides the ends of the mean cost by those
    of the share of successes, each at the level (1 + level)/2, so that both hold together at `level` however cost and
    success depend on each other (Bonferroni; it errs on the wide side). Its upper end is infinite where the share may
    be 0. Where all attempts cost the same, that cost is taken as known.
    """
    found = list(attempts)
    if not found:
        return Estimate(NAN, 0.0, math.inf, 0, 0)
    questions, costs, hits = zip(*found, strict=True)
    if min(costs) < 0:
        raise ValueError(f"a cost must be >= 0, got {min(costs)}")
    strict = (1 + level) / 2
    share = bounded_mean([float(hit) for hit in hits], questions, 0.0, 1.0, strict)
    cost = clustered_mean(costs, questions, strict)
    least, most = (cost.low, cost.high) if max(costs) > min(costs) else (cost.value, cost.value)
    value = math.fsum(costs) / sum(hits) if any(hits) else math.inf
    low = max(0.0, least) / share.high
    return Estimate(value, low, most / share.low if share.low > 0 else math.inf, len(found), share.clusters)


def _by_question(pieces: Iterable[Piece]) -> tuple[int, list[float], list[float]]:
    """How many pieces say something, and of every question that does its part and its whole."""
    count, sums = 0, dict[Hashable, tuple[float, float]]()
    for question, part, whole in pieces:
        if not -SAME <= part <= whole + SAME:
            raise ValueError(f"a part must be within 0..whole, got {part} of {whole}")
        if whole > 0:
            count += 1
            before = sums.get(question, (0.0, 0.0))
            sums[question] = (before[0] + part, before[1] + whole)
    return count, [part for part, _ in sums.values()], [whole for _, whole in sums.values()]
