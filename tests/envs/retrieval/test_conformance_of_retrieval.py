"""Rewrite-v0 and Eliminate-v0 over a real world: the contract, and recorded episodes that come out the same again."""

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env

from sparring import envs
from sparring.envs.conformance import check_env
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store

VARIANTS = [
    ("sparring/Rewrite-v0", {}),
    ("sparring/Rewrite-v0", {"format": "think", "split": "held_out"}),
    ("sparring/Eliminate-v0", {}),
    ("sparring/Eliminate-v0", {"size": 2, "split": "held_out"}),
]


@pytest.mark.parametrize(("env_id", "options"), VARIANTS)
def test_the_environment_conforms(env_id, options):
    check_env(env_id, **options)
    gymnasium_check_env(gymnasium.make(f"sparring.envs:{env_id}", **options).unwrapped)


@pytest.mark.parametrize(("env_id", "options"), VARIANTS)
def test_recorded_episodes_come_out_the_same_again(tmp_path, env_id, options):
    agents = ("walkthrough", "random")
    matches = [Match(f"{a}{seed}", env_id, {"player_0": a}, seed, options) for a in agents for seed in range(5)]
    with Store(tmp_path, "a") as store:
        store.append(play(matches))
    with Store(tmp_path) as store:
        assert verify(store).ok


def test_the_gold_rewrites_find_their_passages_much_more_often_than_the_questions_as_they_were_asked():
    env = envs.make("sparring/Rewrite-v0")
    written = asked = 0.0
    for seed in range(60):
        env.reset(seed=seed)
        metrics = env.step(env.walkthrough(seed)[0])[4]["metrics"]
        written, asked = written + metrics["rirs"], asked + metrics["rirs_as_asked"]
    assert written / 60 > 1.5
    assert written > asked + 10
