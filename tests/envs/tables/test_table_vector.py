"""`gymnasium.make_vec(..., view="table")`: the games of `view="discrete"`, thousands at once."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from sparring.agents import make
from sparring.envs.tables import compile_game
from sparring.envs.tables.vector import TableVector
from sparring.scoreboard import game_theory

KUHN, TTT, LEDUC = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0", "sparring/LeducPoker-v0"
MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]


def vector(env_id, num_envs=3, **options):
    return gymnasium.make_vec(f"sparring.envs:{env_id}", num_envs=num_envs, **options)


def tables(env_id, num_envs=3, **options):
    return vector(env_id, num_envs, view="table", **options)


def policy_of(spec, env_id):
    return compile_game(env_id).policy(game_theory.tabular_policy(make(spec), env_id))


def first_legal(env_id):
    mask = compile_game(env_id).mask_IA
    return np.eye(mask.shape[1])[mask.argmax(axis=1)]


def chosen(seen, rng):
    return (seen["action_mask"] * rng.random(seen["action_mask"].shape)).argmax(axis=1)


def require_equal(one, other):
    """Equal values of equal types and shapes, whatever they are nested in."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            require_equal(one[key], other[key])
    elif isinstance(one, np.ndarray) and one.dtype != object:
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, np.ndarray | tuple | list):
        for mine, theirs in zip(one, other, strict=True):
            require_equal(mine, theirs)
    else:
        assert one == other


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seat", ["player_0", "player_1"])
def test_steps_are_those_of_the_discrete_view(mode, seat):
    """Against a fixed opponent in a game without chance all is equal: autoreset, forfeits, infos."""
    options = {"seat": seat, "autoreset_mode": mode}
    own = tables(TTT, opponent=first_legal(TTT), **options)
    other = vector(TTT, view="discrete", opponent="constant:0/1/2/3/4/5/6/7/8", **options)
    assert (own.observation_space, own.action_space) == (other.observation_space, other.action_space)
    assert own.single_observation_space == other.single_observation_space
    assert own.metadata["autoreset_mode"] is mode
    rng, ends = np.random.default_rng(0), 0
    seen, infos = own.reset(seed=7)
    require_equal((seen, infos), other.reset(seed=7))
    for _ in range(60):
        actions = np.where(rng.random(3) < 0.1, 4, chosen(seen, rng))
        step = own.step(actions)
        require_equal(step, other.step(actions))
        seen, ends = step[0], ends + step[2].sum()
    assert ends > 20


@pytest.mark.parametrize("seat", ["player_0", "player_1"])
@pytest.mark.parametrize("env_id", [KUHN, LEDUC])
def test_a_seed_deals_as_in_the_discrete_view(env_id, seat):
    spec = "constant:check/call" if env_id == KUHN else "constant:call"
    options = {"seat": seat, "autoreset_mode": "Disabled"}
    own = tables(env_id, 200, opponent=policy_of(spec, env_id), **options)
    other = vector(env_id, 200, view="discrete", opponent=spec, **options)
    rng, over = np.random.default_rng(0), np.zeros(200, bool)
    seen, infos = own.reset(seed=1_000)
    require_equal((seen, infos), other.reset(seed=1_000))
    while not over.any():
        actions = chosen(seen, rng)
        step = own.step(actions)
        require_equal(step, other.step(actions))
        seen, _, over, *_ = step


def test_a_game_that_the_opponent_ends_before_our_turn_is_told_by_the_first_step():
    options = {"game": "mnk(m=1,n=1,k=1)", "seat": "player_1"}
    env, other = (
        tables("sparring/OpenSpiel-v0", 2, **options),
        vector("sparring/OpenSpiel-v0", 2, view="discrete", **options),
    )
    require_equal(env.reset(seed=0), other.reset(seed=0))
    for rewards, over in ((-1.0, True), (0.0, False), (-1.0, True)):
        step = env.step(np.zeros(2, int))
        require_equal(step, other.step(np.zeros(2, int)))
        assert step[1].tolist() == [rewards] * 2
        assert step[2].tolist() == [over] * 2


def test_uniform_play_earns_in_kuhn_poker_what_it_is_worth():
    env, total, games = tables(KUHN, 4_096, autoreset_mode="SameStep"), 0.0, 0
    rng, (seen, _) = np.random.default_rng(0), env.reset(seed=0)
    for _ in range(12):
        seen, rewards, terminated, *_ = env.step(chosen(seen, rng))
        total, games = total + rewards.sum(), games + terminated.sum()
    assert abs(total / games - 0.125) < 5 * 1.4 / np.sqrt(games)


def test_a_game_does_not_depend_on_the_others():
    many = tables(LEDUC, 50, seat="random", autoreset_mode="SameStep")
    one = tables(LEDUC, 1, seat="random", autoreset_mode="SameStep")
    rng = np.random.default_rng(0)
    (seen, _), (alone, _) = many.reset(seed=10), one.reset(seed=[27])
    for _ in range(30):
        np.testing.assert_array_equal(seen["observation"][17], alone["observation"][0])
        actions = chosen(seen, rng)
        seen, rewards, *_ = many.step(actions)
        alone, own, *_ = one.step(actions[17:18])
        assert rewards[17] == own[0]


def test_a_random_seat_is_drawn_for_every_game():
    env = tables(TTT, 400, seat="random")
    seen, _ = env.reset(seed=0)
    marks = 9 - seen["observation"][:, :9].sum(axis=1)
    assert 150 < (marks == 0).sum() < 250, "as player_1 we see the opponent's first mark"
    assert set(marks) == {0.0, 1.0}


def test_without_autoreset_only_the_games_that_are_named_begin_anew():
    env = tables(TTT, 2, autoreset_mode="Disabled")
    env.reset(seed=0)
    _, rewards, terminated, *_ = env.step(np.array([-1, 0]))
    assert rewards.tolist() == [-1.0, 0.0]
    with pytest.raises(RuntimeError, match=r"games \[0\] have ended: reset them first"):
        env.step(np.array([0, 1]))
    seen, _ = env.reset(options={"reset_mask": terminated})
    assert seen["action_mask"].sum(axis=1).tolist() == [9, 7]


def test_wrappers_of_gymnasium_count_the_episodes():
    env = RecordEpisodeStatistics(tables(TTT, 16))
    rng, (seen, _) = np.random.default_rng(0), env.reset(seed=0)
    for _ in range(12):
        seen, *_ = env.step(chosen(seen, rng))
    assert env.episode_count >= 16
    assert env.observation_space.contains(seen)
    assert gymnasium.make_vec(env.spec).num_envs == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "num_envs must be >= 1, got 0"),
        ({"opponent": "minimax"}, "opponent of a table must be 'random' or an array, got 'minimax'"),
        ({"opponent": np.ones((2, 2))}, r"must be an array of shape \(12, 2\)"),
        ({"opponent": np.ones((12, 2))}, r"a distribution over legal actions .* \('player_1', "),
        ({"seat": "player_2"}, "seat must be 'player_0', 'player_1' or 'random', got 'player_2'"),
        ({"autoreset_mode": "Sometimes"}, "'Sometimes' is not a valid AutoresetMode"),
        ({"bogus": 1}, "has no option 'bogus'"),
    ],
)
def test_options_that_there_are_not_are_refused(options, message):
    with pytest.raises((ValueError, LookupError, TypeError), match=message):
        tables(KUHN, **options)


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda env: env.step(np.zeros(3, int)), ValueError, "actions must be 2, one a game"),
        (lambda env: env.step(np.zeros(2)), TypeError, "actions must be whole numbers, got float64"),
        (lambda env: env.reset(seed=[1, 2.5]), TypeError, "a seed must be a whole number, got float 2.5"),
        (lambda env: env.reset(seed=[1]), ValueError, "seed must be one number, or 2, one a game, got 1"),
        (lambda env: env.reset(options={"reset_mask": [True]}), TypeError, r"boolean array of shape \(2,\)"),
        (lambda env: env.reset(options={"state": []}), ValueError, "must be reset_mask, got 'state'"),
        (lambda _: TableVector(KUHN, 2).step(np.zeros(2, int)), RuntimeError, "step was called before reset"),
    ],
)
def test_what_does_not_fit_is_refused(use, error, message):
    env = tables(KUHN, 2)
    env.reset(seed=0)
    with pytest.raises(error, match=message):
        use(env)


@pytest.mark.slow
def test_stable_baselines3_trains_on_a_table():
    """Its own vector interface over ours: PPO against uniform play."""
    sb3 = pytest.importorskip("stable_baselines3")
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")

    class AsVecEnv(vec_env.VecEnv):
        def __init__(self, env):
            self.env = env
            super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

        def reset(self):
            return self.env.reset(seed=0)[0]

        def step_async(self, actions):
            self.actions = actions

        def step_wait(self):
            seen, rewards, terminated, _, infos = self.env.step(self.actions)
            final = infos.get("final_obs", [None] * self.num_envs)
            return seen, rewards, terminated, [{"terminal_observation": last} if last else {} for last in final]

        def close(self):
            self.env.close()

        def env_is_wrapped(self, wrapper_class, indices=None):
            return [False] * self.num_envs

        def get_attr(self, attr_name, indices=None):
            return [getattr(self.env, attr_name)] * self.num_envs

        def set_attr(self, attr_name, value, indices=None):
            raise NotImplementedError

        def env_method(self, method_name, *args, indices=None, **kwargs):
            raise NotImplementedError

    env = AsVecEnv(tables(KUHN, 64, autoreset_mode="SameStep"))
    model = sb3.PPO("MultiInputPolicy", env, n_steps=16, batch_size=256, learning_rate=3e-3, seed=0, device="cpu")
    model.learn(12_000)
    seen, total, games = env.reset(), 0.0, 0
    for _ in range(60):
        seen, rewards, over, _ = env.step(model.predict(seen, deterministic=False)[0])
        total, games = total + rewards.sum(), games + over.sum()
    assert total / games > 0.275, "uniform play earns 0.125"
