"""The libraries' own checks over every registered environment: PettingZoo, Gymnasium, SB3, TorchRL, RLlib, tianshou."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_of_gymnasium
from pettingzoo.test import api_test, seed_test
from ray.rllib.env.wrappers.pettingzoo_env import PettingZooEnv as OfRllib
from stable_baselines3.common.env_checker import check_env as check_of_sb3
from tianshou.algorithm.multiagent.marl import MultiAgentPolicy
from tianshou.algorithm.random import MARLRandomDiscreteMaskedOffPolicyAlgorithm
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.env import PettingZooEnv as OfTianshou
from torchrl.envs import GymEnv, GymWrapper, PettingZooWrapper
from torchrl.envs.utils import check_env_specs

import sparring
from sparring import registry

pytestmark = pytest.mark.filterwarnings("ignore")
LEFT_OUT = {"engine": "needs a game engine in a process of its own", "process": "needs a simulator"}
"""By the host that an environment is registered with."""


def ids(keep):
    """Every registered environment of ours that fits, those that need more than Python marked as skipped."""
    found = []
    for row in registry.envs:
        if row.name.startswith("sparring/") and keep(row):
            reason = LEFT_OUT.get(row.host) or (row.extra and f"needs the extra {row.extra}")
            marks = [pytest.mark.skip(reason=f"{row.name} {reason}")] if reason else []
            found.append(pytest.param(row.name, marks=marks))
    return found


GAMES = ids(lambda row: row.family == "games")
LONGEST = 3_000
"""Steps of random play; chess takes hundreds."""
SEVERAL = ids(lambda row: row.seats > 1)
ONE = ids(lambda row: row.seats == 1)


def discrete(env_id):
    return sparring.make(env_id, view="discrete")


def single(env_id, **kwargs):
    return gymnasium.make(f"sparring.envs:{env_id}", **kwargs)


@pytest.mark.parametrize("env_id", SEVERAL)
def test_texts_pass_pettingzoos_seed_test(env_id):
    seed_test(lambda: sparring.make(env_id), num_cycles=20)  # its api_test asks a text for its dtype


@pytest.mark.parametrize("env_id", ids(lambda row: True))
def test_texts_pass_torchrls_check_of_specs(env_id):
    check_env_specs(GymWrapper(single(env_id, disable_env_checker=True)), seed=0)


@pytest.mark.parametrize("env_id", GAMES)
def test_the_discrete_view_passes_pettingzoos_tests(env_id):
    api_test(discrete(env_id), num_cycles=50)
    seed_test(lambda: discrete(env_id), num_cycles=20)


@pytest.mark.parametrize("env_id", ONE)
def test_environments_of_one_seat_pass_gymnasiums_check(env_id):
    check_of_gymnasium(single(env_id).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("view", ["text", "discrete"])
@pytest.mark.parametrize("env_id", GAMES)
def test_one_seat_of_a_game_passes_gymnasiums_check(env_id, view):
    check_of_gymnasium(single(env_id, opponent="random", view=view).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("env_id", GAMES)
def test_one_seat_of_a_game_passes_the_check_of_stable_baselines3(env_id):
    check_of_sb3(single(env_id, opponent="random", view="discrete"))


@pytest.mark.parametrize("env_id", GAMES)
def test_one_seat_of_a_game_passes_the_check_of_torchrl(env_id):
    name = f"sparring.envs:{env_id}"
    check_env_specs(GymEnv(name, opponent="random", view="discrete", categorical_action_encoding=True), seed=0)


@pytest.mark.parametrize("env_id", GAMES)
def test_torchrl_rolls_out_all_seats(env_id):
    env = PettingZooWrapper(discrete(env_id), use_mask=True, categorical_actions=True)
    assert env.rollout(LONGEST)["next", "done"].any()  # it ends with the game


@pytest.mark.parametrize("view", ["text", "discrete"])
@pytest.mark.parametrize("env_id", GAMES)
def test_rllib_plays_all_seats_to_the_end(env_id, view):
    env = OfRllib(sparring.make(env_id, view=view))
    for seed in range(3):
        seen, _ = env.reset(seed=seed)
        over = {"__all__": False}
        for _ in range(LONGEST):
            (seat,) = seen
            assert env.get_observation_space(seat).contains(seen[seat])
            mask = seen[seat]["action_mask"] if view == "discrete" else None
            seen, _, over, _, _ = env.step({seat: env.get_action_space(seat).sample(mask)})
            if over["__all__"]:
                break
        assert over["__all__"]


@pytest.mark.parametrize("env_id", GAMES)
def test_tianshou_collects_games_of_all_seats(env_id):
    policy = MultiAgentPolicy({seat: _random_policy(env_id) for seat in sparring.make(env_id).possible_agents})
    venv = DummyVectorEnv([lambda: OfTianshou(discrete(env_id)) for _ in range(3)])
    collector = Collector(policy, venv, VectorReplayBuffer(1_000, 3))
    collector.reset()
    stats = collector.collect(n_episode=6)
    assert stats.n_collected_episodes == 6
    assert np.isfinite(stats.returns).all()


def _random_policy(env_id):
    return MARLRandomDiscreteMaskedOffPolicyAlgorithm(action_space=discrete(env_id).action_space("player_0")).policy
