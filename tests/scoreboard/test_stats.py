"""Intervals agree with independent references and cover what they promise."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from sparring.scoreboard.ranged_means import mean_within
from sparring.scoreboard.stats import (
    Estimate,
    Outcomes,
    bounded_mean,
    clustered_mean,
    count_outcomes,
    independent_difference,
    outcome,
    paired_difference,
    paired_share_difference,
    rate,
    wilson,
)
from sparring.store.rows import EpisodeRow


@pytest.mark.parametrize("n", [1, 5, 20, 137])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_agrees_with_scipy(n: int, level: float) -> None:
    for successes in range(n + 1):
        ours = wilson(successes, n, level)
        reference = scipy_stats.binomtest(successes, n).proportion_ci(level, method="wilson")
        assert (ours.low, ours.high) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_wilson_gives_newcombes_published_values() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    for successes, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        ours = wilson(successes, n)
        assert (round(ours.low, 4), round(ours.high, 4)) == (low, high)


def test_wilson_keeps_its_promise_where_the_wald_interval_fails() -> None:
    """Exact coverage at n=20, p=0.98, summed over all outcomes: Wilson 0.94, Wald 0.33."""
    n, p = 20, 0.98
    distribution = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    covered = sum(distribution[k] for k in range(n + 1) if wilson(k, n).low <= p <= wilson(k, n).high)
    wald = [1.959964 * math.sqrt(k / n * (1 - k / n) / n) for k in range(n + 1)]
    covered_by_wald = sum(distribution[k] for k in range(n + 1) if abs(k / n - p) <= wald[k])
    assert covered == pytest.approx(0.9401, abs=1e-4)
    assert covered_by_wald < 0.34


def test_wilsons_mean_coverage_is_its_level() -> None:
    """Exact, averaged over 199 values of p at n=50."""
    n, probabilities = 50, [number / 200 for number in range(1, 200)]
    intervals = [wilson(k, n) for k in range(n + 1)]
    coverage = [
        sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k, i in enumerate(intervals) if i.low <= p <= i.high)
        for p in probabilities
    ]
    assert sum(coverage) / len(coverage) == pytest.approx(0.95, abs=0.005)


def test_no_episodes_give_no_information() -> None:
    empty = wilson(0, 0)
    assert (math.isnan(empty.value), empty.low, empty.high) == (True, 0.0, 1.0)
    assert math.isnan(clustered_mean([], []).value)


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match=r"within 0\.\.n"):
        wilson(successes, n)


def test_impossible_levels_and_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"level must be within 0..1, got 95"):
        wilson(1, 2, level=95)
    with pytest.raises(ValueError, match="equally long, got 2 and 1"):
        clustered_mean([1.0, 2.0], ["a"])


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30))
def test_one_episode_per_task_is_students_interval(values: list[float]) -> None:
    assume(max(values) - min(values) > 1e-9)
    ours = clustered_mean(values, range(len(values)))
    error = scipy_stats.sem(values)
    half = error * scipy_stats.t.ppf(0.975, len(values) - 1)
    assert ours.value == pytest.approx(sum(values) / len(values), abs=1e-9)
    assert (ours.high - ours.low) / 2 == pytest.approx(half, abs=1e-6)


def test_repeating_every_episode_does_not_narrow_the_interval() -> None:
    values = [0.0, 1.0, 1.0, 3.0]
    once = clustered_mean(values, range(4))
    tenfold = clustered_mean(values * 10, list(range(4)) * 10)
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))
    assert (tenfold.n, tenfold.clusters) == (40, 4)


def test_one_task_says_nothing_about_others() -> None:
    assert clustered_mean([1.0, 2.0], ["same", "same"]).high == math.inf


def test_clustering_covers_where_independence_is_pretended() -> None:
    """30 tasks with rates 0 or 1, ten repeats each: exact, as the number of ones is binomial(30, 1/2)."""
    covered = pretended = 0.0
    tasks = [task for task in range(30) for _ in range(10)]
    for ones in range(31):
        values = [1.0 if task < ones else 0.0 for task in tasks]
        weight = math.comb(30, ones) / 2**30
        clustered, independent = clustered_mean(values, tasks), clustered_mean(values, range(300))
        covered += weight * (clustered.low <= 0.5 <= clustered.high)
        pretended += weight * (independent.low <= 0.5 <= independent.high)
    assert 0.93 <= covered <= 0.97
    assert pretended < 0.6


def test_a_rate_is_wilsons_for_single_tasks_and_clustered_for_repeats() -> None:
    hits = [True, True, False, True]
    assert rate(hits, "abcd") == wilson(3, 4)
    repeated = rate(hits, "aabb")
    assert (repeated.n, repeated.clusters) == (4, 2)
    assert repeated == bounded_mean([1, 1, 0, 1], "aabb", 0.0, 1.0)
    assert (repeated.low, repeated.high) == pytest.approx((0.2230, 0.9481), abs=1e-4)


def test_a_rate_of_nothing_in_repeated_tasks_still_has_an_interval() -> None:
    none = rate([False] * 20, [number // 2 for number in range(20)])
    assert (none.value, none.low, none.high) == (0.0, 0.0, wilson(0, 10).high)
    assert (none.n, none.clusters) == (20, 10)


def pair_distributions() -> list[tuple[float, float, float]]:
    """Probabilities that a pair of mirrored games is lost twice, split, or won twice: a grid, and the rare events."""
    grid = [(a / 10, b / 10, (10 - a - b) / 10) for a in range(11) for b in range(11 - a)]
    rare = [
        distribution
        for q in (0.01, 0.03, 0.06)
        for distribution in ((q, 1 - q, 0), (q / 2, 1 - q, q / 2), (0, q, 1 - q))
    ]
    return [distribution for distribution in grid + rare if 0 < distribution[1] / 2 + distribution[2] < 1]


def exact_coverage(deals: int, distribution: tuple[float, float, float], interval: Callable[..., Estimate]) -> float:
    """The chance that the interval over so many pairs holds the true share of wins, summed over all outcomes."""
    truth, covered = distribution[1] / 2 + distribution[2], 0.0
    for lost, split in ((i, j) for i in range(deals + 1) for j in range(deals + 1 - i)):
        won = deals - lost - split
        ways = math.comb(deals, lost) * math.comb(deals - lost, split)
        chance = ways * distribution[0] ** lost * distribution[1] ** split * distribution[2] ** won
        wins = [0, 0] * lost + [1, 0] * split + [1, 1] * won
        found = interval(wins, [at // 2 for at in range(2 * deals)])
        covered += chance * (found.low - 1e-12 <= truth <= found.high + 1e-12)
    return covered


@pytest.mark.parametrize(("deals", "worst"), [(2, 0.80), (4, 0.87), (8, 0.90), (16, 0.90)])
def test_a_share_over_mirrored_games_covers_also_with_few_deals(deals: int, worst: float) -> None:
    coverage = [exact_coverage(deals, distribution, rate) for distribution in pair_distributions()]
    assert min(coverage) > worst
    assert sum(coverage) / len(coverage) > 0.95


@pytest.mark.parametrize("deals", [5, 40])
def test_a_reward_of_known_range_covers(deals: int) -> None:
    """Chips of -2..2 with rare large losses, two games a deal, 2,000 tables of games."""
    generator, truth, covered = random.Random(deals), 1 - 0.04 * 3, 0
    tasks = [task for task in range(deals) for _ in range(2)]
    for _ in range(2000):
        chips = [-2.0 if generator.random() < 0.04 else 1.0 for _ in tasks]
        found = bounded_mean(chips, tasks, -2.0, 2.0)
        covered += found.low <= truth <= found.high
    assert covered / 2000 > 0.93


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([-2.0, -1.0, 0.5, 1.0, 2.0])), min_size=1, max_size=30))
def test_a_bounded_interval_holds_its_mean_stays_in_range_and_has_a_width(games: list[tuple[int, float]]) -> None:
    tasks, chips = [task for task, _ in games], [value for _, value in games]
    found = bounded_mean(chips, tasks, -2.0, 2.0)
    assert -2.0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 2.0
    assert found.high - found.low > 0.01


def test_single_games_in_a_range_get_the_interval_of_agresti_and_coull() -> None:
    """Brown, Cai and DasGupta, Statistical Science 16 (2001), section 2: X~ = X + z²/2, n~ = n + z²."""
    z = 1.959963984540054
    share = (7 + z * z / 2) / (20 + z * z)
    half = z * math.sqrt(share * (1 - share) / (20 + z * z))
    found = bounded_mean([1.0] * 7 + [0.0] * 13, range(20), 0.0, 1.0)
    assert (found.value, found.low, found.high) == pytest.approx((0.35, share - half, share + half))


def test_four_equal_games_do_not_make_certainty() -> None:
    found = bounded_mean([1.0] * 4, "aabb", -1.0, 1.0)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(2 * wilson(2, 2).low - 1)


def test_what_lies_beyond_the_stated_range_widens_it() -> None:
    found = bounded_mean([-1.5, 1.0], "ab", -1.0, 1.0)
    assert found.value == -0.25
    assert -1.5 <= found.low < -1.0


def test_where_one_end_of_the_range_is_known_students_interval_is_cut_there() -> None:
    values, tasks = [0.0, 0.0, 0.0, 6.0], ["a", "b", "c", "d"]
    free = clustered_mean(values, tasks)
    assert free.low < 0
    assert mean_within(values, tasks, (0.0, math.inf)) == replace(free, low=0.0)
    assert mean_within(values, tasks, None) == free
    assert mean_within([1.0, 1.0], ["a", "b"], (0.0, math.inf)).high == math.inf


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(-2, 4)), min_size=1, max_size=30),
    st.sampled_from([(-2.0, 4.0), (-2.0, math.inf), (-math.inf, 4.0)]),
)
def test_an_interval_never_leaves_what_is_known_of_the_range(
    games: list[tuple[int, float]], known: tuple[float, float]
) -> None:
    tasks, values = [task for task, _ in games], [value for _, value in games]
    found = mean_within(values, tasks, known)
    assert known[0] <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= known[1]


def test_equal_outcomes_of_unknown_range_have_no_interval_and_say_why() -> None:
    equal, single = clustered_mean([0.1] * 7, range(7)), clustered_mean([3.0, 4.0], "aa")
    assert (equal.low, equal.high) == (-math.inf, math.inf)
    assert equal.lacks == "no interval: all tasks gave the same"
    assert single.lacks == "no interval: needs two tasks"
    assert clustered_mean([], []).lacks == wilson(0, 0).lacks == "no episodes"
    assert clustered_mean([1.0, 2.0], "ab").lacks == wilson(1, 1).lacks == ""


def test_a_paired_difference_is_taken_within_tasks() -> None:
    ours = [("a", 1.0), ("b", 3.0), ("b", 5.0), ("c", 2.0), ("only ours", 99.0)]
    theirs = [("a", 0.0), ("b", 2.0), ("c", 3.0), ("only theirs", -99.0)]
    found = paired_difference(ours, theirs)
    reference = scipy_stats.ttest_rel([1.0, 4.0, 2.0], [0.0, 2.0, 3.0]).confidence_interval(0.95)
    assert found.value == pytest.approx(2 / 3)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))
    assert found.clusters == 3


def both(only_ours: int, only_theirs: int, alike: int) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """Successes of ours and of theirs on the same tasks."""
    ours = [1.0] * only_ours + [0.0] * only_theirs + [1.0] * alike
    theirs = [0.0] * only_ours + [1.0] * only_theirs + [1.0] * alike
    return list(enumerate(ours)), list(enumerate(theirs))


def test_a_paired_difference_of_shares_is_bonett_and_prices_by_hand() -> None:
    """Of 10 tasks only we succeed on 5 and only they on 1: p12 = 6/12, p21 = 2/12, 1.96·sqrt((8/12 - 1/9)/12)."""
    found = paired_share_difference(*both(5, 1, 4))
    half = 1.959963984540054 * math.sqrt((8 / 12 - 1 / 9) / 12)
    assert (found.value, found.low, found.high) == pytest.approx((0.4, 1 / 3 - half, 1 / 3 + half))
    assert (found.n, found.clusters) == (10, 10)


@pytest.mark.parametrize("tasks", [1, 2, 3, 5, 8])
def test_a_paired_difference_of_shares_stays_in_range_holds_its_value_and_has_a_width(tasks: int) -> None:
    for only_ours in range(tasks + 1):
        for only_theirs in range(tasks + 1 - only_ours):
            found = paired_share_difference(*both(only_ours, only_theirs, tasks - only_ours - only_theirs))
            assert -1 <= found.low <= found.value <= found.high <= 1
            assert found.high - found.low > 0.1
            assert found.lacks == ""
    assert paired_difference(*both(1, 0, 1)).high > 1, "what Student's t says of two tasks"


@pytest.mark.parametrize("tasks", [4, 10, 20])
def test_a_paired_difference_of_shares_covers_with_few_tasks(tasks: int) -> None:
    """Exact, over all counts, for a grid of the shares of tasks on which only one of the two succeeds."""
    coverage = []
    for first, second in ((i / 10, j / 10) for i in range(11) for j in range(11 - i)):
        covered = 0.0
        for a, b in ((ours, theirs) for ours in range(tasks + 1) for theirs in range(tasks + 1 - ours)):
            rest = (1 - first - second) ** (tasks - a - b) if tasks > a + b else 1.0
            chance = math.comb(tasks, a) * math.comb(tasks - a, b) * first**a * second**b * rest
            found = paired_share_difference(*both(a, b, tasks - a - b))
            covered += chance * (found.low <= first - second <= found.high)
        coverage.append(covered)
    assert min(coverage) > 0.87
    assert sum(coverage) / len(coverage) > 0.95


def test_a_paired_difference_of_what_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shares must be within 0\.\.1, got 3\.0"):
        paired_share_difference([("a", 3.0)], [("a", 1.0)])
    assert paired_share_difference([], []).lacks == "no episodes"


def test_the_difference_of_independent_shares_is_newcombes_published_one() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table II: 56/70 - 48/80, method 10
    found = independent_difference(wilson(56, 70), wilson(48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert (found.n, found.clusters) == (70, 70)


def test_the_difference_of_estimates_without_bounds_has_none() -> None:
    found = independent_difference(clustered_mean([1.0], ["task"]), wilson(1, 2))
    assert (found.value, found.low, found.high) == (0.5, -math.inf, math.inf)


def test_pairing_narrows_the_interval_where_tasks_differ() -> None:
    generator = random.Random(0)
    levels = [generator.gauss(0, 5) for _ in range(50)]
    ours = [(task, level + 1 + generator.gauss(0, 0.5)) for task, level in enumerate(levels)]
    theirs = [(task, level + generator.gauss(0, 0.5)) for task, level in enumerate(levels)]
    found = paired_difference(ours, theirs)
    assert 0 < found.low < 1 < found.high < 2


def row(payoff: float, forfeit: float = 0.0, status: str = "ok") -> EpisodeRow:
    payoffs = {"player_0": payoff, "player_1": -payoff}
    rewards = {"player_0": payoff + forfeit, "player_1": -payoff - forfeit}
    none = {"player_0": 0, "player_1": 0}
    agents = {"player_0": "x", "player_1": "y"}
    trainable = {"player_0": True, "player_1": False}
    return EpisodeRow(1, "e", "env", status, None, None, 0, "h", agents, trainable, rewards, payoffs, none, none, none)


def test_outcomes_keep_illegal_losses_apart() -> None:
    rows = [row(1), row(2), row(0), row(-1), row(0, -2), row(0, 2), row(0, 2), row(1, status="env_error")]
    assert count_outcomes(rows, "player_0") == Outcomes(wins=2, draws=1, losses=1, illegal_wins=2, illegal_losses=1)
    assert count_outcomes(rows, "player_1") == Outcomes(wins=1, draws=1, losses=2, illegal_wins=1, illegal_losses=2)
    assert count_outcomes(rows, "player_0").n == 7


def test_a_payoff_decides_before_penalties_do() -> None:
    assert outcome(row(1, -5), "player_0") == "wins"
