"""Copies of games in play: equal, independent, cheap, and without a second copy of what all share."""

import copy
import pickle
import random
import time

import gymnasium
import numpy as np
import pytest

from sparring import envs, registry

GAMES = sorted(row.name for row in registry.envs if row.family == "games" and row.seats == 2)


def actions_of(env):
    info = env.infos[env.agent_selection]
    if "action_mask" in info:
        return [int(action) for action in np.flatnonzero(info["action_mask"])]
    return list(info.get("legal_actions") or info["suggested_actions"])


def is_over(env):
    return any(env.terminations.values()) or any(env.truncations.values())


def state_of(env):
    seen = [env.observe(seat) for seat in env.possible_agents]
    return repr((seen, env.rewards, env.agent_selection, env.terminations, env.infos))


def played(env, seed, turns=1_000):
    """What happens from here on, by actions that a seed draws."""
    rng, course = random.Random(seed), [state_of(env)]
    for _ in range(turns):
        if is_over(env):
            break
        env.step(rng.choice(actions_of(env)))
        course.append(state_of(env))
    return course


@pytest.mark.parametrize("how", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("view", ["text", "discrete"])
@pytest.mark.parametrize("env_id", GAMES)
def test_a_copy_goes_on_as_the_original_would_and_leaves_it_alone(env_id, view, how):
    for kept in range(3):  # by then the first positions are shared by all episodes
        env = envs.make(env_id, view=view)
        env.reset(seed=kept)
        played(env, kept, turns=2)
        before = state_of(env)
        other = how(env)
        course = played(other, 5)
        assert state_of(env) == before
        assert played(copy.deepcopy(env), 5) == course
        assert played(env, 5) == course


def test_a_copy_has_generators_and_infos_of_its_own():
    env = envs.make("sparring/KuhnPoker-v0", illegal="noop")
    env.reset(seed=0)
    env.action_space("player_0").seed(1)
    one, other = copy.deepcopy(env), copy.deepcopy(env)
    assert one.action_space("player_0").sample() == other.action_space("player_0").sample()
    one.step("x")
    assert "illegal_action" not in other.infos["player_0"]
    assert env.observation_space("player_0") is not one.observation_space("player_0")


@pytest.mark.parametrize("env_id", ["sparring/TicTacToe-v0", "sparring/ConnectFour-v0", "sparring/KuhnPoker-v0"])
def test_a_copy_stays_cheap_however_many_games_were_played(env_id):
    env = envs.make(env_id)
    for seed in range(300):
        env.reset(seed=seed)
        played(env, seed)
    env.reset(seed=1)
    assert len(pickle.dumps(env)) < 20_000
    started = time.process_time()
    for _ in range(200):
        copy.deepcopy(env)
    assert (time.process_time() - started) / 200 < 0.5e-3, "50 microseconds; 48,000 when the tree was copied too"
    assert copy.deepcopy(env)._tree is env._tree


@pytest.mark.parametrize("view", ["text", "discrete"])
def test_a_single_seat_is_copied_with_its_game_and_the_same_opponent(view):
    opponent = registry.make_agent("random")
    env = gymnasium.make("sparring.envs:sparring/TicTacToe-v0", opponent=opponent, view=view).unwrapped
    env.reset(seed=3)
    other = copy.deepcopy(env)
    assert other._opponent is opponent
    action = 0 if view == "discrete" else "0"
    assert repr(other.step(action)) == repr(env.step(action))
    assert other._game is not env._game
