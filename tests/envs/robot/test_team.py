"""Planner, chooser and verifier: who is to move, what each sees, and what each is paid for."""

import pytest
from pettingzoo.test import api_test, seed_test

from sparring import registry
from sparring.envs.conformance import check_env
from sparring.envs.robot.team import TabletopTeam
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store

ENV = "sparring/TabletopTeam-v0"


def begun(seed=0, **kwargs):
    env = TabletopTeam(**kwargs)
    env.reset(seed=seed)
    return env


def truth(env):
    return "yes" if env.infos["verifier"]["hidden"]["truth"] else "no"


def judged(env, answer=truth):
    """Answer checks until somebody else is to move; what the verifier earned."""
    earned = 0.0
    while env.agent_selection == "verifier":
        env.step(answer(env))
        earned += env.rewards["verifier"]
    return earned


def test_a_subgoal_goes_from_seat_to_seat():
    env = begun(1)
    name = env.world.task.cubes[0]
    assert env.agent_selection == "planner"
    assert f"pick up {name}" in env.infos["planner"]["legal_actions"]
    env.step(f"pick up {name}")
    assert env.rewards["planner"] == pytest.approx(-0.01)
    assert env.agent_selection == "chooser"
    assert env.infos["chooser"]["legal_actions"] == ["scripted", "hasty"]
    assert f"Subgoal: pick up {name}." in env.observe("chooser")
    env.step("scripted")
    assert env.agent_selection == "verifier"
    assert "Is " + name + " grasped and lifted? Answer yes or no." in env.observe("verifier")
    assert judged(env) > 0
    assert env.agent_selection == "planner"
    assert env.rewards["chooser"] == pytest.approx(1 / 20)
    assert f"pick up {name}: reached" in env.observe("planner")


def test_true_verdicts_pay_and_false_ones_cost():
    env = begun(1)
    env.step(f"pick up {env.world.task.cubes[0]}")
    env.step("scripted")
    env.step("no" if truth(env) == "no" else "yes")
    assert env.rewards["verifier"] == pytest.approx(0.1)
    env.step("yes" if truth(env) == "no" else "no")
    assert env.rewards["verifier"] == pytest.approx(-0.1)
    env.step("perhaps")
    assert env.rewards["verifier"] == pytest.approx(-0.1)
    assert env.infos["verifier"]["illegal"]
    assert env.infos["verifier"]["reward_parts"] == {"agreement": -0.1}


def test_a_chooser_pays_for_a_subgoal_that_was_never_reached():
    env = begun(1, window=1, agree=1)
    env.step(f"place {env.world.task.cubes[0]} in bin")
    env.step("scripted")
    env.step("yes")
    assert env.rewards["chooser"] == pytest.approx(-1 / 20)


def test_no_seat_sees_the_truth_before_it_answers():
    env = begun(2)
    env.step(f"pick up {env.world.task.cubes[0]}")
    env.step("scripted")
    shown = {key: value for key, value in env.infos["verifier"].items() if key != "hidden"}
    assert "truth" not in str(shown)
    assert len(shown["readings"]) == 12


def test_the_planner_ends_it_and_gets_its_share():
    env = begun(1, task="bin")
    for subgoal in map(str, env.plan(1)):
        env.step(subgoal)
        env.step("scripted")
        judged(env)
    assert env.terminations["planner"]
    assert env.rewards["planner"] == pytest.approx(1.0)
    assert env.infos["planner"]["metrics"]["success"] == 1
    assert env.infos["verifier"]["metrics"]["right_verdicts"] == 1
    env = begun(1)
    env.step("done")
    assert env.terminations["planner"]
    assert env.rewards["planner"] == 0


def test_unreadable_subgoals_use_up_the_budget():
    env = begun(1, max_subgoals=2)
    env.step("fly")
    assert env.rewards["planner"] == pytest.approx(-0.05)
    assert env.agent_selection == "planner"
    env.step("x" * 10**6)
    assert env.truncations["planner"]
    assert not env.terminations["planner"]
    assert env.infos["planner"]["reward_parts"] == {"goal": 0.0, "illegal": -0.05}


@pytest.mark.filterwarnings("ignore")
def test_the_checks_of_pettingzoo_pass(as_numbers):
    api_test(as_numbers(TabletopTeam)(), num_cycles=200)
    seed_test(as_numbers(TabletopTeam), num_cycles=30)


def test_the_environment_conforms():
    check_env(ENV, fault=0.3)


def test_recorded_episodes_come_out_the_same_again_pictures_included(tmp_path):
    seats = {"planner": "planner:scripted", "chooser": "random", "verifier": "verifier:rule"}
    matches = [Match(f"m{seed}", ENV, seats, seed, {"fault": 0.3, "frames": 32}) for seed in range(4)]
    episodes = play(matches)
    with Store(tmp_path, "a") as store:
        store.append(episodes)
    with Store(tmp_path) as store:
        assert verify(store).ok
    assert all(episode.sound for episode in episodes)
    assert all(any(True for _ in episode.blobs) for episode in episodes)


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"max_subgoals": 0}, "max_subgoals must be a whole number >= 1, got 0"),
        ({"frames": 7}, r"frames must be 0 \(none\) or from 16 to 512 pixels, got 7"),
        ({"noise": 2.0}, "noise must lie between 0 and 1 metre"),
    ],
)
def test_senseless_settings_are_refused(kwargs, said):
    with pytest.raises(ValueError, match=said):
        registry.envs.make(ENV, **kwargs)
