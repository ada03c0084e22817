import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.trainers.state_baselines import StateBaselines

GENERAL = np.zeros(3)


def test_a_state_never_seen_is_held_against_the_general_expectation():
    baselines = StateBaselines()
    advantages = baselines.advantages(np.array([1.0, 2.0]), ["a", "b"], np.array([0.5, -0.5]))
    np.testing.assert_allclose(advantages, [0.5, 2.5])


def test_a_state_seen_before_is_held_against_its_own_mean_and_leans_on_the_general_one():
    baselines = StateBaselines(decay=0.5, trust=2.0)
    baselines.advantages(np.array([1.0, 3.0]), ["a", "a"], np.zeros(2))
    # sum 4, count 2; at the next update b = (4 + 2 * 0.5) / (2 + 2) = 1.25
    assert baselines.advantages(np.array([2.0]), ["a"], np.array([0.5]))[0] == pytest.approx(2.0 - 1.25)
    # then sum 4 * 0.5 + 2, count 2 * 0.5 + 1: b = (4 + 2 * 0) / (2 + 2) = 1
    assert baselines.advantages(np.array([0.0]), ["a"], np.array([0.0]))[0] == pytest.approx(-1.0)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20))
def test_what_an_update_returns_is_not_part_of_its_own_baseline(returns):
    one, other = StateBaselines(), StateBaselines()
    for baselines in (one, other):
        baselines.advantages(np.array([1.0]), ["a"], np.zeros(1))
    values = np.array(returns)
    alone = np.array([other.advantages(values[:1], ["a"], np.zeros(1))[0]])
    together = one.advantages(values, ["a"] * len(values), np.zeros(len(values)))
    assert together[0] == alone[0]


def test_states_that_do_not_come_again_are_forgotten():
    baselines = StateBaselines(decay=0.5)
    for update in range(1_000):
        baselines.advantages(np.ones(3), [("state", update, place) for place in range(3)], GENERAL)
    assert len(baselines.sums) <= 3 * 6  # 0.5 ** 5 = 0.03 is below what is kept


def test_baselines_survive_a_checkpoint():
    one, other = StateBaselines(), StateBaselines()
    one.advantages(np.array([1.0, 2.0, 3.0]), ["a", "b", "\ud800"], GENERAL)
    other.load_state_dict(one.state_dict())
    again = (np.array([4.0, 5.0, 6.0]), ["\ud800", "b", "c"], GENERAL)
    np.testing.assert_array_equal(one.advantages(*again), other.advantages(*again))
    assert one.state_dict() == other.state_dict()
