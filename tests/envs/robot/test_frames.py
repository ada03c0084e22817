"""What a verifier may look at: frames that are drawn when somebody asks, black ones, and a sensor that is read once."""

import numpy as np
import pytest

from sparring.envs.robot.executors.tabletop import ScriptedTabletop
from sparring.envs.robot.faults import Faults
from sparring.envs.robot.procedure import Procedure, Settings
from sparring.envs.robot.tabletop.control import TabletopControl
from sparring.envs.robot.verifiers import Sensor
from sparring.robotics.words import Subgoal


class Counting(TabletopControl):
    """The tabletop, which counts its pictures."""

    drawn = 0

    def frame(self, camera, size=128):
        self.drawn += 1
        return super().frame(camera, size)


def begun(faults=Faults(), executor=None, settings=Settings()):  # noqa: B008
    world = Counting("twin", task="bin")
    world.reset(seed=3)
    running = Procedure(world, executor or ScriptedTabletop(), settings, faults, 0, 10_000, 0.03)
    return world, running, Subgoal("pick up", world.task.cubes[0])


def asked(pursuit, judge):
    """Carry out a subgoal by a verifier."""
    try:
        check = next(pursuit)
        while True:
            check = pursuit.send(judge(check))
    except StopIteration as end:
        return end.value


def test_frames_are_drawn_only_for_a_verifier_that_asks():
    world, running, pick = begun()
    assert asked(running.pursue(pick), lambda check: check.truth)
    assert world.drawn == 0

    def looks(check):
        frames = check.frames(24)
        assert set(frames) == set(world.cameras)
        assert all(frame.shape == (24, 24, 3) and frame.any() for frame in frames.values())
        return check.truth

    world, running, pick = begun()
    assert asked(running.pursue(pick), looks)
    assert world.drawn == len(world.cameras) * running.checks > 0


def test_without_cameras_frames_are_black_for_the_attempt_and_for_it_alone():
    faults, seen = Faults(0.5, ("dropout",)), {}
    _, running, pick = begun(faults, settings=Settings(retries=12, lift=False))

    def looks(check):
        seen.setdefault(len(running.attempts) - 1, []).append(any(frame.any() for frame in check.frames(24).values()))
        return False

    asked(running.pursue(pick), looks)
    dark = [running.attempts[at].fault == "dropout" for at in seen]
    assert {True, False} == set(dark)
    for attempt, is_dark in zip(seen, dark, strict=True):
        assert set(seen[attempt]) == {not is_dark}, attempt


def test_a_sensor_that_nobody_reads_is_not_asked_and_one_that_is_read_twice_says_the_same(monkeypatch):
    reads, original = [], Sensor.read

    def counted(self, *arguments):
        reads.append(arguments)
        return original(self, *arguments)

    monkeypatch.setattr(Sensor, "read", counted)
    _, running, pick = begun()
    assert asked(running.pursue(pick), lambda check: check.truth)
    assert reads == []

    def reader(check):
        assert check.readings is check.readings
        return check.truth

    _, running, pick = begun()
    assert asked(running.pursue(pick), reader)
    assert len(reads) == running.checks


class Reusing(ScriptedTabletop):
    """Writes every action into one array of its own."""

    def __init__(self):
        self.buffer = np.zeros(4, np.float32)

    def act(self, world):
        self.buffer[:] = super().act(world)
        return self.buffer


@pytest.mark.parametrize("kind", ["delay", "slip", "stuck", "motion"])
def test_an_executor_may_give_the_same_array_again(kind):
    """Faults keep and change actions; what they keep is not the executor's own array."""
    states = []
    for executor in (ScriptedTabletop(), Reusing()):
        world, running, pick = begun(Faults(1.0, (kind,)), executor, Settings(retries=1))
        asked(running.pursue(pick), lambda check: check.truth)
        states.append(world.state.tolist())
    assert states[0] == states[1]
