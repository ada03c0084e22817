"""Many games at once by `gymnasium.make_vec`: the games of `sync`, with all opponents asked together."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Text
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.envs.any_text import SharedText
from sparring.envs.views.batched_infos import batched
from sparring.envs.views.vector import GamesVector
from sparring.types import Reply

KUHN, TTT, TALK = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0", "sparring/SimpleNegotiation-v0"
TEAM, PLAN = "sparring/TabletopTeam-v0", "sparring/TabletopPlan-v0"
NEEDS_MORE = {"sparring/HumanEval-v0", "sparring/CodeIO-v0", "sparring/ToolTasks-v0"}
CHEAP = sorted(
    row.name
    for row in registry.envs
    if row.name.startswith("sparring/") and row.host == "inline" and row.extra in (None, "adventures")
)


def vector(env_id, num_envs=3, **kwargs):
    return gymnasium.make_vec(f"sparring.envs:{env_id}", num_envs=num_envs, **kwargs)


def in_sync(env_id, num_envs, autoreset_mode, **kwargs):
    how = {"vectorization_mode": "sync", "vector_kwargs": {"autoreset_mode": autoreset_mode}}
    return vector(env_id, num_envs, **how, **kwargs)


def require_equal(one, other):
    """Equal values of equal types, whatever they are nested in."""
    assert type(one) is type(other), (one, other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            require_equal(one[key], other[key])
    elif isinstance(one, np.ndarray) and one.dtype != object:
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, np.ndarray | tuple | list):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            require_equal(mine, theirs)
    else:
        assert one == other


def chosen(seen, infos, rng, num_envs):
    """A legal action for each game, now and then an illegal one in a game of text."""
    if isinstance(seen, dict):
        return np.array([rng.choice(np.flatnonzero(mask)) for mask in seen["action_mask"]])
    listed = infos.get("legal_actions", infos.get("suggested_actions", [None] * num_envs))
    return tuple(str(rng.choice(actions)) if actions and rng.random() < 0.95 else "nonsense" for actions in listed)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize(
    ("env_id", "options"),
    [
        (KUHN, {"seat": "random"}),
        (TTT, {"view": "discrete", "seat": "player_1"}),
        (KUHN, {"view": "discrete", "seat": "random", "opponent": "cfr"}),
        (TALK, {"opponent": "random", "turns": 4}),
        (TEAM, {"opponent": "random", "seat": "random"}),
        (PLAN, {}),
    ],
    ids=lambda value: value.removeprefix("sparring/") if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_the_games_are_those_of_sync_seed_for_seed(env_id, options, mode):
    require_games_of_sync(env_id, options, mode)


@pytest.mark.parametrize("game", ["kuhn_poker(players=3)", "oshi_zumo(coins=4,horizon=6)"])
def test_so_are_games_of_three_seats_and_of_moves_at_once(game):
    row = registry.envs.row(f"openspiel:{game}")
    with registry.envs.temporary(replace(row, name="test/Hosted-v0")):
        require_games_of_sync("test/Hosted-v0", {"seat": "random"}, AutoresetMode.NEXT_STEP)


def require_games_of_sync(env_id, options, mode):
    own, other = vector(env_id, autoreset_mode=mode, **options), in_sync(env_id, 3, mode, **options)
    assert isinstance(own.unwrapped, GamesVector)
    assert own.metadata["autoreset_mode"] is mode
    assert (own.observation_space, own.action_space) == (other.observation_space, other.action_space)
    rng, ends = np.random.default_rng(0), 0
    seen, infos = own.reset(seed=7)
    require_equal((seen, infos), other.reset(seed=7))
    for _ in range(25):
        actions = chosen(seen, infos, rng, 3)
        step = own.step(actions)
        require_equal(step, other.step(actions))
        seen, _, terminated, truncated, infos = step
        ends += int((terminated | truncated).sum())
    assert ends or env_id in (TEAM, PLAN)


def test_the_default_way_is_ours_and_sync_stays_gymnasiums():
    for mode, kind in ((None, GamesVector), ("vector_entry_point", GamesVector), ("sync", SyncVectorEnv)):
        assert type(vector(KUHN, vectorization_mode=mode).unwrapped) is kind
    env = vector(KUHN, 5)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert env.spec.id == KUHN
    assert gymnasium.make_vec(env.spec).num_envs == 5


def test_without_autoreset_only_the_games_that_are_named_begin_anew():
    env = vector(TTT, 2, view="discrete", opponent="constant:8/7/5/6", autoreset_mode="Disabled")
    with pytest.raises(ValueError, match="must choose all games at the first reset"):
        env.reset(options={"reset_mask": np.array([True, False])})
    before, _ = env.reset(seed=0)
    for moves in ((0, 0), (1, 3), (2, 4)):
        after, rewards, terminated, *_ = env.step(np.array(moves))
    assert rewards.tolist() == [1.0, 0.0]
    assert terminated.tolist() == [True, False]
    with pytest.raises(RuntimeError, match=r"games \[0\] have ended: reset them first"):
        env.step(np.array((0, 1)))
    again, infos = env.reset(options={"reset_mask": terminated})
    assert infos["_illegal"].tolist() == [True, False]
    np.testing.assert_array_equal(again["observation"][0], before["observation"][0])
    np.testing.assert_array_equal(again["observation"][1], after["observation"][1])
    assert not env.step(np.array((0, 1)))[2][0]


def test_what_was_returned_stays_as_it_was():
    env = vector(TTT, 2, view="discrete", opponent="random")
    first, infos = env.reset(seed=0)
    kept = {name: value.copy() for name, value in first.items()}, infos["action_mask"].copy()
    env.step(np.array([0, 1]))
    require_equal((first, infos["action_mask"]), kept)


def test_opponents_and_attributes_are_those_of_the_games():
    env = vector(KUHN, 2, opponent="constant:bet")
    env.reset(seed=0)
    assert env.get_attr("seat") == ("player_0", "player_0")
    env.call("set_opponent", "constant:check/fold")
    env.reset(seed=0)
    _, rewards, *_ = env.step(("bet", "bet"))
    assert rewards.tolist() == [1.0, 1.0], "both fold"
    env.set_attr("note", ["a", "b"])
    assert env.get_attr("note") == ("a", "b")
    env.close()
    assert env.closed


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda env: env.step(("check",)), ValueError, "actions must be 2, one a game, got 1"),
        (lambda env: env.step("ab"), ValueError, "actions must be 2, one a game, got one text"),
        (lambda env: env.step((1, 2)), TypeError, "action must be a str, got int"),
        (lambda env: env.reset(seed=[1]), ValueError, "seed must be one number, or 2, one a game, got 1"),
        (lambda env: env.reset(seed=1.5), TypeError, "a seed must be a whole number, got float 1.5"),
        (lambda env: env.reset(seed="ab"), TypeError, "a seed must be a whole number, got str 'a'"),
        (lambda env: env.reset(options={"reset_mask": [True, True]}), TypeError, r"boolean array of shape \(2,\)"),
        (lambda env: env.reset(options={"reset_mask": np.zeros(2, bool)}), ValueError, "at least one game"),
    ],
)
def test_what_does_not_fit_is_refused(use, error, message):
    env = vector(KUHN, 2)
    env.reset(seed=0)
    with pytest.raises(error, match=message):
        use(env)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "num_envs must be >= 1, got 0"),
        ({"num_envs": 1.5}, "num_envs must be a whole number >= 1, got 1.5"),
        ({"num_envs": "2"}, "num_envs must be a whole number >= 1, got '2'"),
        ({"num_envs": None}, "num_envs must be a whole number >= 1, got None"),
        ({"bogus": 1}, "has no option 'bogus'; it takes "),
        ({"autoreset_mode": "Sometimes"}, "'Sometimes' is not a valid AutoresetMode"),
        ({"max_episode_steps": 5}, "max_episode_steps .* needs vectorization_mode='sync' or 'async'"),
        ({"opponent": "rndom"}, "random"),
    ],
)
def test_options_that_there_are_not_are_refused(options, message):
    with pytest.raises((ValueError, LookupError, TypeError), match=message):
        vector(KUHN, **options)


def test_a_step_before_reset_says_so():
    with pytest.raises(RuntimeError, match="have not begun: step was called before reset"):
        vector(KUHN, 2).step(("bet", "bet"))


def test_an_opponent_that_fails_fails_the_step_and_reset_begins_anew():
    class Fails(ScriptedAgent):
        waits = True

        async def act(self, observation):
            if self.seat.seed == 1:
                raise ValueError("no idea")
            return Reply("check")

    env = vector(KUHN, 3, opponent=Fails("fails"))
    env.reset(seed=0)
    with pytest.raises(ValueError, match="no idea"):
        env.step(("check",) * 3)
    env.reset(seed=10)
    _, _, terminated, _, _ = env.step(("check",) * 3)
    assert terminated.all()


def test_seeds_of_numpy_are_seeds():
    env = vector(KUHN, 2)
    assert env.reset(seed=np.int64(3))[0] == env.reset(seed=np.array([3, 4]))[0] == env.reset(seed=[3, 4])[0]


@pytest.mark.parametrize("env_id", sorted(set(CHEAP) - NEEDS_MORE))
def test_every_cheap_environment_works_as_a_vector(env_id):
    env = vector(env_id, 2)
    seen, infos = env.reset(seed=0)
    rng, resets, over = np.random.default_rng(0), 0, np.zeros(2, bool)
    for _ in range(15):
        for space, one in zip((env.single_observation_space,) * 2, seen, strict=True):
            assert space.contains(one)
        resets += int(over.sum())
        if isinstance(env.single_action_space, Text):
            actions = chosen(seen, infos, rng, 2)
        else:
            actions = env.action_space.sample()
        seen, rewards, terminated, truncated, infos = env.step(actions)
        assert np.isfinite(rewards).all()
        assert not rewards[over].any(), "a step that begins a game anew pays nothing"
        over = terminated | truncated
    for space in (env.single_observation_space, env.single_action_space):
        assert not isinstance(space, Text) or isinstance(space, SharedText), "else async shows one text for ever"
    env.close()


INFOS = [
    {"illegal": True, "turns": 3, "mask": np.ones(2, np.int8), "parts": {"payoff": 0.5}, "legal": ("a", "b")},
    {"illegal": False, "mask": np.zeros(2, np.int8), "parts": {"payoff": 1.0, "forfeit": -1.0}, "text": "x"},
    {"turns": 4, "final_obs": np.ones(3), "final_info": {"illegal": False, "legal": ("a",)}},
    {},
]


def test_infos_are_in_the_format_of_gymnasium():
    theirs, env = {}, vector(KUHN, len(INFOS), vectorization_mode="sync").unwrapped
    for place, info in enumerate(INFOS):
        theirs = env._add_info(theirs, info, place)
    require_equal(batched(INFOS), theirs)


def test_infos_that_gymnasium_cannot_stack_stand_as_they_are():
    ragged = batched([{"at": np.zeros(2), "what": 1}, {"at": np.zeros(3), "what": "one"}, {"what": {"a": 1}}])
    assert [getattr(one, "shape", one) for one in ragged["at"]] == [(2,), (3,), None]
    assert ragged["what"].tolist() == [1, "one", {"a": 1}]
    assert batched([{"x": 1}, {"x": 0.5}])["x"].tolist() == [1.0, 0.5]
