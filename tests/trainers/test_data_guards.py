"""What may be trained on: each rule against an episode that breaks only this one."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import pytest

from sparring import registry
from sparring.exports.guards import Guard, is_held_out, own_trajectories
from sparring.registry import UnknownName
from sparring.trainers.data.guards import require_trainable_task, trained
from sparring.types import Call, Episode, Policy, Seen, Segment, Trajectory, Turn

ONE, TWO = "test/One-v0", "test/Two-v0"


@pytest.fixture(autouse=True)
def rows():
    with (
        registry.envs.temporary(registry.EnvironmentRow(ONE, gymnasium.Env)),
        registry.envs.temporary(registry.EnvironmentRow(TWO, gymnasium.Env, seats=2)),
        registry.envs.temporary(registry.EnvironmentRow("test/Hard-v0", gymnasium.Env, kwargs={"split": "held_out"})),
    ):
        yield


def trajectory(seat, agent, trainable):
    call = Call(Policy("m", trainable=trainable), None, (Segment("prompt", (1,)), Segment("generated", (2,))))
    turn = Turn(0, Seen(("look",)), "go", True, 1.0, calls=(call,))
    return Trajectory(f"e/{seat}", seat, agent, (turn,), 1.0)


def episode(env_id=ONE, *, learnt=(True,), **changes):
    seats = {f"player_{n}": trajectory(f"player_{n}", f"agent-{n}", own) for n, own in enumerate(learnt)}
    return replace(Episode("e", env_id, "0", {}, 0, "ok", seats), **changes)


def chosen(one, agent=""):
    guard = Guard(agent)
    return [found.seat for _, found in guard.choose([one])], guard.in_words()


def test_a_sound_attempt_of_the_learner_is_taken():
    assert chosen(episode()) == (["player_0"], "")
    assert [t.seat for _, t in trained([episode()])] == ["player_0"]


@pytest.mark.parametrize("one", [
    episode(env_kwargs={"split": "held_out"}),
    episode("test/Hard-v0"),
])  # fmt: skip
def test_a_held_out_task_is_never_trained_on(one):
    assert is_held_out(one)
    assert chosen(one) == ([], "1 trajectory of held-out tasks")
    with pytest.raises(ValueError, match="episode e is a held-out task, which is not to be trained on"):
        require_trainable_task(one)


@pytest.mark.parametrize("env", [(), ("test/Hard-v0",)])
def test_a_task_for_training_passes(env):
    one = episode(*env, env_kwargs={"split": "train"})
    require_trainable_task(one)
    assert own_trajectories(one) == list(one.trajectories.values())


@pytest.mark.parametrize("status", ["env_error", "agent_error"])
def test_a_fault_is_never_trained_on(status):
    one = episode(status=status, error="gone")
    assert chosen(one) == ([], "1 trajectory broke off")
    assert own_trajectories(one) == []
    assert list(trained([one])) == []


def test_a_frozen_opponent_is_never_trained_on_not_even_by_name():
    one = episode(TWO, learnt=(True, False))
    assert chosen(one) == (["player_0"], "1 trajectory of frozen opponents")
    assert chosen(one, "agent-1") == (["player_0"], "1 trajectory of frozen opponents")
    assert [t.seat for t in own_trajectories(one)] == ["player_0"]


@pytest.mark.parametrize("group", ["probe/update 3", "evaluation/before"])
def test_what_a_run_played_to_measure_itself_is_never_trained_on(group):
    assert chosen(episode(group=group)) == ([], "1 trajectory of a run's measurements")


def test_where_nobody_learnt_the_player_of_several_has_to_be_named():
    one = episode(TWO, learnt=(False, False))
    assert chosen(one) == ([], "2 trajectories of games in which nobody learnt (--agent names whose to take)")
    assert chosen(one, "agent-1") == (["player_1"], "1 trajectory of other agents")
    assert chosen(episode(learnt=(False,))) == (["player_0"], "")


def test_of_an_environment_that_is_not_here_nobody_knows_what_it_holds_out():
    with pytest.raises(UnknownName, match="test/Gone-v0"):
        chosen(episode("test/Gone-v0"))
