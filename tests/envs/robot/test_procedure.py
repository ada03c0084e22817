"""Act, verify, recover: what the procedure does, step by step, against checks and worlds that the test controls."""

import numpy as np
import pytest

from sparring.envs.robot.executors.tabletop import ScriptedTabletop
from sparring.envs.robot.faults import Faults
from sparring.envs.robot.procedure import LIFT_STEPS, OutOfSteps, Procedure, Settings
from sparring.envs.robot.tabletop.control import TabletopControl
from sparring.envs.robot.types import ExecutorFailed
from sparring.robotics.words import Subgoal


def table(seed):
    world = TabletopControl()
    world.reset(seed=seed)
    return world


def procedure(world, settings=Settings(), max_steps=10_000, executor=None, faults=Faults(), seed=0):  # noqa: B008
    return Procedure(world, executor or ScriptedTabletop(), settings, faults, seed, max_steps, 0.0)


def pursued(running, subgoal, judge):
    """Carry out a subgoal; `judge` gives the verdicts. Returns whether it was accepted, and the checks."""
    asked, pursuit = [], running.pursue(subgoal)
    try:
        check = next(pursuit)
        while True:
            asked.append(check)
            check = pursuit.send(judge(check))
    except StopIteration as end:
        return end.value, asked


def truth(check):
    return check.truth


def never(check):
    return False


def always(check):
    return True


class Idle:
    """An executor that does nothing."""

    name = "idle"

    def begin(self, world, subgoal, attempt):
        self.begun = [*getattr(self, "begun", []), (str(subgoal), attempt)]

    def act(self, world):
        return world.rest(-1.0)


@pytest.fixture
def world():
    return table(3)


@pytest.fixture
def pick(world):
    return Subgoal("pick up", world.task.cubes[0])


def test_a_reached_subgoal_is_accepted_after_as_many_yes_as_are_wanted(world, pick):
    running = procedure(world, Settings(period=10, window=2, agree=2))
    accepted, asked = pursued(running, pick, truth)
    assert accepted
    assert [check.step for check in asked] == [10 * (at + 1) for at in range(len(asked))]
    assert [check.truth for check in asked][-2:] == [True, True]
    assert not any(check.truth for check in asked[:-2])
    assert running.steps == asked[-1].step
    (attempt,) = running.attempts
    assert (attempt.kind, attempt.accepted, attempt.reached) == ("try", True, True)


def test_k_of_the_last_K_must_agree(world, pick):
    answers = iter([True, False, True, True, False, False])
    accepted, asked = pursued(procedure(world, Settings(window=3, agree=3)), pick, lambda check: next(answers, True))
    assert accepted
    assert len(asked) > 6
    answers = iter([True, False, True])
    accepted, asked = pursued(procedure(table(3), Settings(window=3, agree=2)), pick, lambda check: next(answers))
    assert accepted
    assert len(asked) == 3


def test_a_believed_lie_is_a_false_advance(world, pick):
    running = procedure(world, Settings(window=1, agree=1), executor=Idle())
    accepted, asked = pursued(running, pick, always)
    assert accepted
    assert len(asked) == 1
    assert (running.attempts[0].accepted, running.attempts[0].reached) == (True, False)


def test_an_attempt_ends_with_its_budget_and_is_tried_again(world, pick):
    idle = Idle()
    settings = Settings(period=10, budget=30, retries=2)
    running = procedure(world, settings, executor=idle)
    accepted, asked = pursued(running, pick, never)
    assert not accepted
    assert idle.begun == [(str(pick), 0), (str(pick), 1), (str(pick), 2)]
    assert len(asked) == 9
    assert running.steps == 3 * 30 + 2 * LIFT_STEPS
    assert [attempt.number for attempt in running.attempts] == [0, 1, 2]


def test_without_lifting_no_steps_are_spent_between_attempts(world, pick):
    running = procedure(world, Settings(budget=30, retries=2, lift=False), executor=Idle())
    pursued(running, pick, never)
    assert running.steps == 90


def test_what_was_lost_is_picked_up_again_before_it_is_placed(world, pick):
    place = Subgoal("place", pick.thing, "in", "bin")
    running = procedure(world)
    assert pursued(running, pick, truth)[0]
    world.knock(pick.thing, (0.03, 0.0))
    accepted, _ = pursued(running, place, truth)
    assert accepted
    kinds = [(attempt.kind, attempt.subgoal) for attempt in running.attempts[1:]]
    assert kinds == [("try", str(place)), ("look", str(pick)), ("repair", str(pick)), ("try", str(place))]


def test_recovery_asks_the_verifier_and_not_the_world(world, pick):
    """The verifier says that the thing is held, which is not so: nothing is picked up, and the place fails."""
    place = Subgoal("place", pick.thing, "in", "bin")
    running = procedure(world, Settings(retries=1))
    accepted, asked = pursued(running, place, lambda check: check.subgoal.verb == "pick up")
    assert not accepted
    assert [attempt.kind for attempt in running.attempts] == ["try", "look", "try"]
    assert running.attempts[1].accepted
    assert not running.attempts[1].reached
    assert any(check.subgoal == pick and check.step == 0 for check in asked)


def test_without_verifier_every_subgoal_gets_its_slot(world, pick):
    running = procedure(world, Settings(slot=45))
    accepted, asked = pursued(running, pick, never)
    assert accepted
    assert asked == []
    assert running.steps == 45


def test_the_episode_ends_when_its_steps_are_spent(world, pick):
    running = procedure(world, max_steps=25)
    with pytest.raises(OutOfSteps):
        pursued(running, pick, never)
    assert running.steps == 25
    assert len(running.attempts) == 1


@pytest.mark.parametrize("action", [[0.0, 0.0], [np.nan, 0, 0, 1], [[0, 0, 0, 1]], [np.inf] * 4])
def test_an_executor_that_lies_is_a_fault_of_the_environment(world, pick, action):
    class Lying(Idle):
        def act(self, world):
            return np.array(action)

    with pytest.raises(ExecutorFailed, match="executor idle must give 4 finite numbers"):
        pursued(procedure(world, executor=Lying()), pick, truth)


def test_all_controllers_meet_the_same_faults(pick):
    faults = Faults(1.0)
    met = []
    for settings in (Settings(retries=0), Settings(retries=0, window=1, agree=1), Settings(slot=45)):
        running = procedure(table(3), settings, faults=faults, seed=5)
        pursued(running, pick, truth)
        met.append([(attempt.fault, attempt.fault_step) for attempt in running.attempts])
    assert met[0] == met[1] == met[2]
    assert met[0][0][0] is not None


def test_repeated_repairs_meet_faults_of_their_own(pick):
    running = procedure(table(3), Settings(budget=20, retries=3), faults=Faults(0.5), executor=Idle())
    place = Subgoal("place", pick.thing, "in", "bin")
    pursued(running, place, never)
    repairs = [(attempt.fault, attempt.fault_step) for attempt in running.attempts if attempt.kind == "repair"]
    assert len(repairs) == 3
    assert len(set(repairs)) > 1


@pytest.mark.parametrize(
    "wrong", [{"period": 0}, {"agree": 3, "window": 2}, {"retries": -1}, {"budget": 0}, {"slot": 0}, {"window": 0}]
)
def test_senseless_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must be"):
        Settings(**wrong)


def test_the_goal_is_noticed_at_the_step_in_which_it_holds(world):
    running = procedure(world)
    for subgoal in world.task.plan:
        assert pursued(running, subgoal, truth)[0]
    assert world.solved()
    assert running.solved_at is not None
    assert 0 < running.solved_at <= running.steps
