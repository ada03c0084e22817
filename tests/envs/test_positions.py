"""Chance in OpenSpiel's games: what is drawn, and that the way to a position does not matter."""

from bisect import bisect
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from sparring import envs
from sparring.envs.games.positions import draw

ODDS = st.lists(st.integers(1, 50), min_size=1, max_size=40)


@given(ODDS, st.floats(0, 1, exclude_max=True))
def test_an_outcome_is_drawn_by_the_cumulative_distribution(odds, uniform):
    probabilities = [one / sum(odds) for one in odds]
    outcomes = [(10 * at, probability) for at, probability in enumerate(probabilities)]
    at = min(bisect(list(accumulate(probabilities)), uniform), len(odds) - 1)
    assert draw(outcomes, uniform) == 10 * at


def test_a_seed_deals_the_same_whether_positions_are_kept_or_not():
    env = envs.make("sparring/LiarsDice-v0", numdice=5)
    deals = []
    for _ in range(3):  # from the second time on the first dice are in the tree
        deal = []
        for seed in range(40):
            env.reset(seed=seed)
            deal.append(env.state())
        deals.append(deal)
    assert deals[0] == deals[1] == deals[2]
    assert len({tuple(rolls) for rolls in deals[0]}) == 40
