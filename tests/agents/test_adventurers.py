"""Players of text adventures that need no model: the known way, and patient curiosity."""

import pytest

from sparring import registry
from sparring.agents.adventurers import known_plan
from sparring.rollout.loop import Match, play

ID = "sparring/Adventure-v0"


def reward_of(name: str, seed: int, **kwargs: object) -> float:
    (episode,) = play([Match(f"{name}-{seed}", ID, {"player_0": name}, seed, kwargs)])
    assert episode.sound, episode.error
    return episode.trajectories["player_0"].reward


def test_the_walkthrough_gets_every_point_of_every_game():
    env = registry.envs.make(ID, difficulty=2)
    for seed in range(6):
        assert reward_of("walkthrough", seed, difficulty=2) == env.reset(seed=seed)[1]["max_score"]


def test_the_explorer_earns_more_than_random_play():
    seeds = range(12)
    explored = sum(reward_of("explorer", seed, difficulty=1) for seed in seeds)
    assert explored > 1.5 * sum(reward_of("random", seed, difficulty=1) for seed in seeds)


def test_the_explorer_plays_a_seed_the_same_way_twice():
    assert reward_of("explorer", 4) == reward_of("explorer", 4)


def test_the_walkthrough_of_a_game_without_a_known_way_says_so():
    with pytest.raises(ValueError, match="sparring/KuhnPoker-v0 knows no way to win the game of seed 1"):
        known_plan("sparring/KuhnPoker-v0", "{}", 1)
