"""Planners repair what faults undo; verifiers judge what they are shown, and refuse what they are not."""

import itertools

import pytest

from sparring.agents.named import make
from sparring.agents.robot import next_step, rest_of_plan
from sparring.envs.robot.tabletop.tasks import FAMILIES, task_of
from sparring.robotics.skills import postcondition
from sparring.robotics.subgoals import subgoals_of
from sparring.robotics.words import Subgoal
from sparring.rollout.loop import Match, play

PLAN_ENV, TEAM_ENV = "sparring/TabletopPlan-v0", "sparring/TabletopTeam-v0"


def facts_of(*clauses):
    return frozenset(clauses)


def test_the_next_step_is_the_first_that_is_not_done():
    open_it, pick, place, close = task_of(0, "train", "drawer").plan
    plan, thing = (open_it, pick, place, close), pick.thing
    assert next_step(plan, facts_of("closed(drawer)")) == open_it
    assert next_step(plan, facts_of("open(drawer)")) == pick
    assert next_step(plan, facts_of("open(drawer)", f"holding({thing})")) == place
    assert next_step(plan, facts_of("open(drawer)", f"in({thing}, drawer)")) == close
    assert next_step(plan, facts_of("closed(drawer)", f"in({thing}, drawer)")) is None


def test_what_a_fault_undid_is_done_again():
    plan = task_of(0, "train", "drawer").plan
    thing = plan[1].thing
    assert next_step(plan, facts_of("closed(drawer)", f"holding({thing})")) == plan[0]
    assert next_step(plan, facts_of("open(drawer)", f"on({thing}, blue cube)")) == plan[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_from_the_start_the_rest_of_the_plan_is_the_plan(family):
    for seed in range(5):
        task = task_of(seed, "train", family)
        start = facts_of("open(drawer)" if task.drawer_open else "closed(drawer)", "turned off(lamp)")
        assert rest_of_plan(task.plan, start) == list(task.plan)


@pytest.mark.parametrize("ask", ["subgoal", "plan"])
def test_the_scripted_planner_solves_every_family_although_things_go_wrong(ask):
    kwargs = [{"task": family, "ask": ask, "fault": 0.5, "retries": 0} for family in FAMILIES]
    matches = [
        Match(f"{one['task']}/{seed}", PLAN_ENV, {"player_0": "planner:scripted"}, seed, one)
        for one, seed in itertools.product(kwargs, range(3))
    ]
    for episode in play(matches):
        assert episode.sound, episode.error
        assert episode.trajectories["player_0"].metrics["success"] == 1, episode.id


def test_sap_is_the_planner():
    assert make("sap").name == "sap"
    assert make("sap:scripted").name == "sap:scripted"
    assert make("planner").name == make("planner:scripted").name == "planner:scripted"
    assert type(make("sap")) is type(make("planner"))


def test_a_language_model_plans_and_verifies(tmp_path):
    seats = {"planner": "planner:nano:decoding=legal", "chooser": "random", "verifier": "verifier:nano:decoding=legal"}
    (episode,) = play([Match("m", TEAM_ENV, seats, 0, {"max_subgoals": 2, "retries": 0})])
    assert episode.sound, episode.error
    said = {turn.action for turn in episode.trajectories["verifier"].turns}
    assert said <= {"yes", "no"}
    for turn in episode.trajectories["planner"].turns:
        assert turn.legal
        assert turn.calls[0].segments


def test_every_question_to_a_verifier_stands_for_itself():
    """The prompt of a later check holds nothing of the earlier ones."""
    seats = {"planner": "planner:scripted", "chooser": "constant:scripted", "verifier": "verifier:nano:decoding=legal"}
    (episode,) = play([Match("m", TEAM_ENV, seats, 0, {"max_subgoals": 1, "retries": 0})])
    calls = [call for turn in episode.trajectories["verifier"].turns for call in turn.calls]
    assert len(calls) > 2
    assert all(call.continues is None for call in calls)


def test_no_agent_sees_the_truth():
    with pytest.raises(ValueError, match="no agent sees the truth"):
        make("verifier:oracle")


def test_a_file_that_is_no_verifier_is_refused(tmp_path):
    file = tmp_path / "heads.json"
    file.write_text("{}")
    with pytest.raises(ValueError, match="is no verifier of the format"):
        make(f"verifier:{file}")
    with pytest.raises(ValueError, match="No such file"):
        make(f"verifier:{tmp_path / 'none.json'}")


def test_planners_and_verifiers_refuse_environments_that_tell_them_nothing():
    (episode,) = play([Match("m", "sparring/ToolTasks-v0", {"player_0": "planner:scripted"}, 0)])
    assert not episode.sound
    assert "knows no plan" in episode.error
    (episode,) = play([Match("m", PLAN_ENV, {"player_0": "verifier:rule"}, 0)])
    assert "shows none" in episode.error


def test_every_step_of_a_plan_brings_about_something_that_can_be_checked():
    things = task_of(0, "train").things
    assert len({str(postcondition(subgoal)) for subgoal in subgoals_of(things)}) == len(list(subgoals_of(things)))
    assert str(postcondition(Subgoal("place", "red cube", "on", "blue cube"))) == "on(red cube, blue cube)"
