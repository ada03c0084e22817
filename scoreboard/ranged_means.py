"""Means of what a game pays, with intervals that stay within what it can pay as far as that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sparring.scoreboard.stats import (
    Estimate,
    Numbers,
    Task,
    bounded_mean_of_tasks,
    by_task,
    clustered_mean_of_tasks,
)


def mean_within(values: Sequence[float], tasks: Sequence[Task], known: tuple[float, float] | None) -> Estimate:
    """The mean over episodes with an interval within (least, most), what is known of the range of their values.

    `bounded_mean` where both ends are finite; else `clustered_mean`, cut at the end that is. None: no range is known.
    A value beyond the range widens it.
    """
    sizes, means = by_task(values, tasks)
    widened = (min([known[0], *values]), max([known[1], *values])) if known else None
    return mean_of_tasks_within(sizes, means, widened)


def mean_of_tasks_within(sizes: Numbers, means: Numbers, known: tuple[float, float] | None) -> Estimate:
    """`mean_within` where the number of episodes and the mean of every task are known already."""
    least, most = known or (-math.inf, math.inf)
    least, most = float(np.min(means, initial=least)), float(np.max(means, initial=most))
    if math.isfinite(most - least):
        return bounded_mean_of_tasks(sizes, means, least, most)
    found = clustered_mean_of_tasks(sizes, means)
    return replace(found, low=max(found.low, least), high=min(found.high, most))
