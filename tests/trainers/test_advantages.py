import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.trainers.advantages import LinearBaselines, RoleBaselines, group_relative, reinforce

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


def test_the_linear_baseline_is_weighted_least_squares_on_past_updates_only():
    rng, decay, model = np.random.default_rng(0), 0.8, LinearBaselines(0.8)
    past = []
    for update in range(4):
        roles = [("g", f"player_{i % 2}") for i in range(12)]
        turns = [int(rng.integers(0, 5)) for _ in range(12)]
        returns = [
            float(rng.normal() + turn * (1 if seat == "player_0" else -2))
            for turn, (_, seat) in zip(turns, roles, strict=True)
        ]
        found = model.advantages(returns, roles, turns)
        for value, role, turn, got in zip(returns, roles, turns, found, strict=True):
            rows = [(decay ** (update - 1 - then), t, r) for then, other, t, r in past if other == role]
            if not rows:
                assert got == value, "nothing is known yet"
                continue
            weight, t, r = (np.array(column, float) for column in zip(*rows, strict=True))
            design = np.stack([np.ones_like(t), t], 1) * np.sqrt(weight)[:, None]
            (a, b), *_ = np.linalg.lstsq(design, r * np.sqrt(weight), rcond=None)
            assert got == pytest.approx(value - (a + b * turn), abs=1e-9)
        past += [(update, role, turn, value) for role, turn, value in zip(roles, turns, returns, strict=True)]


def test_the_linear_baseline_is_a_mean_where_all_turns_have_one_number():
    model = LinearBaselines(0.0)
    model.advantages([1.0, 3.0], [("g", "a")] * 2, [2, 2])
    assert model.advantages([5.0, 5.0], [("g", "a"), ("g", "b")], [7, 7]).tolist() == [3.0, 5.0]
    twin = LinearBaselines(0.0)
    twin.load_state_dict(model.state_dict())
    assert twin.sums == model.sums
    with pytest.raises(ValueError, match="one role and one turn per return, got 1 returns, 1 roles, 0 turns"):
        model.advantages([1.0], [("g", "a")], [])
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\), got 1"):
        LinearBaselines(1.0)
