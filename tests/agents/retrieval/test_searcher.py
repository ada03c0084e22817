"""The scripted searcher: its skill is what it says, and it is right exactly where what it read suffices."""

import json

import pytest

from sparring.agents.retrieval.searcher import SearcherAgent
from sparring.answers.search_actions import STYLES
from sparring.rollout.loop import Match, play

ENV = "sparring/Search-v0"
EPISODES = 60


def played(agent, options=None, episodes=EPISODES):
    matches = [Match(f"m{seed}", ENV, {"player_0": agent}, seed, options or {}) for seed in range(episodes)]
    found = [one.trajectories["player_0"] for one in play(matches)]
    assert all(one.metrics for one in found)
    return found


def mean(trajectories, name):
    return sum(one.metrics[name] for one in trajectories) / len(trajectories)


def test_a_perfect_searcher_stops_when_it_has_enough_and_is_always_right():
    found = played("searcher", {"kinds": "chain"})
    assert mean(found, "correct") >= 0.95
    assert mean(found, "over_search") == 0
    assert mean(found, "lucky_guess") == mean(found, "misread") == 0


def test_more_skill_earns_more():
    rewards = [sum(one.reward for one in played(f"searcher:skill={skill}")) for skill in (0, 0.4, 0.8, 1)]
    assert rewards == sorted(rewards)
    assert rewards[-1] > rewards[0] + 10


@pytest.mark.parametrize("rounds", [0, 2])
def test_a_fixed_number_of_rounds_is_kept(rounds):
    assert {one.metrics["rounds"] for one in played(f"searcher:skill=0.6:rounds={rounds}")} == {rounds}


def test_it_is_right_exactly_where_what_it_read_suffices():
    for one in played("searcher:skill=0.5:rounds=3"):
        right = one.metrics["sufficient"] if one.metrics["answerable"] else 1.0
        assert one.metrics["correct"] == right
        assert [turn.notes["sufficient"] for turn in one.turns] == [turn.hidden["sufficient"] for turn in one.turns]


def test_a_critic_in_a_folder_stops_it(tmp_path):
    (tmp_path / "critic.json").write_text(json.dumps({"kind": "rounds", "k": 1}))
    agent = f"searcher:critic={tmp_path}"
    assert {one.metrics["rounds"] for one in played(agent, episodes=5)} == {1}


@pytest.mark.parametrize("style", STYLES)
def test_equal_seeds_give_equal_episodes_in_every_style(style):
    first, second = (played("searcher:skill=0.5", {"style": style}, 10) for _ in range(2))
    assert [[turn.action for turn in one.turns] for one in first] == [
        [turn.action for turn in one.turns] for one in second
    ]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"skill": 1.5}, "skill must be a probability from 0 to 1, got 1.5"),
        ({"rounds": -1}, "rounds must be a whole number >= 0, got -1"),
        ({"rounds": 1, "critic": "x"}, "give one of them"),
    ],
)
def test_options_out_of_range_name_rule_and_value(option, message):
    with pytest.raises(ValueError, match=message):
        SearcherAgent(**option)


def test_another_environment_is_named():
    (found,) = play([Match("m", "sparring/ToolTasks-v0", {"player_0": "searcher"}, 0)])
    assert found.status == "agent_error"
    assert "searcher plays Search-v0" in found.error
