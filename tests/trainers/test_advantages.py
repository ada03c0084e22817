import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.trainers.advantages import RoleBaselines, group_relative, reinforce

FIRST, SECOND = ("kuhn", "player_0"), ("kuhn", "player_1")
returns = st.lists(st.floats(-10, 10), min_size=1, max_size=30)


def test_rae_subtracts_the_old_baseline_and_then_updates_it():
    rae = RoleBaselines(decay=0.9)
    # player_0: b = 0, then 0.1 * 1 = 0.1, then 0.9 * 0.1 + 0.1 * -2 = -0.11; player_1: b = 0, then 0.1 * -1 = -0.1
    advantages = rae.advantages([1.0, -1.0, -2.0, 2.0, 1.0], [FIRST, SECOND, FIRST, SECOND, FIRST])
    np.testing.assert_allclose(advantages, [1.0, -1.0, -2.1, 2.1, 1.11], rtol=0, atol=1e-12)
    assert rae.baselines[FIRST] == pytest.approx(0.9 * -0.11 + 0.1)
    assert rae.baselines[SECOND] == pytest.approx(0.9 * -0.1 + 0.1 * 2)


def test_rae_in_the_papers_order_updates_first():
    rae = RoleBaselines(decay=0.9, order="after")
    advantages = rae.advantages([1.0, -2.0], [FIRST, FIRST])
    # b = 0.1, A = 0.9; b = 0.09 - 0.2 = -0.11, A = -1.89
    np.testing.assert_allclose(advantages, [0.9, -1.89], rtol=0, atol=1e-12)


@given(returns, st.floats(0, 0.99))
def test_the_two_orders_differ_by_the_decay_exactly(values, decay):
    before = RoleBaselines(decay).advantages(values, [FIRST] * len(values))
    after = RoleBaselines(decay, "after").advantages(values, [FIRST] * len(values))
    np.testing.assert_allclose(after, decay * before, atol=1e-9)


def test_rae_keeps_games_and_seats_apart():
    rae = RoleBaselines()
    rae.advantages([5.0, -5.0], [FIRST, ("leduc", "player_0")])
    assert rae.baselines[FIRST] == -rae.baselines[("leduc", "player_0")] == pytest.approx(0.25)


def test_rae_baselines_survive_a_checkpoint():
    one, other = RoleBaselines(), RoleBaselines()
    one.advantages([1.0, 2.0, 3.0], [FIRST, SECOND, FIRST])
    other.load_state_dict(one.state_dict())
    assert list(one.advantages([4.0], [SECOND])) == list(other.advantages([4.0], [SECOND]))


def test_group_relative_centres_and_scales_each_group():
    advantages = group_relative(np.array([1.0, 3.0, 10.0, 10.0]), ["a", "a", "b", "b"])
    scale = np.sqrt(2.0) + 1e-4
    np.testing.assert_allclose(advantages, [-1 / scale, 1 / scale, 0.0, 0.0])


@given(returns)
def test_group_relative_advantages_sum_to_zero(values):
    assert abs(group_relative(np.array(values), ["all"] * len(values), normalise=False).sum()) < 1e-6


def test_reinforce_is_the_return_itself():
    np.testing.assert_array_equal(reinforce(np.array([1.0, -2.0])), [1.0, -2.0])


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\)"):
        RoleBaselines(decay)


def test_one_role_per_return_is_required():
    with pytest.raises(ValueError, match="2 roles for 1 returns"):
        RoleBaselines().advantages([1.0], [FIRST, SECOND])
