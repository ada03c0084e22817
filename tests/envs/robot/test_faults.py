"""Faults strike every controller alike, and each kind does what it says."""

import numpy as np
import pytest

from sparring.envs.robot.executors.tabletop import ScriptedTabletop
from sparring.envs.robot.faults import DELAY, EARLIEST, KINDS, LASTS, LATEST, Disturbance, Fault, Faults
from sparring.envs.robot.tabletop.control import TabletopControl
from sparring.robotics.words import Clause, Subgoal

PICK = Subgoal("pick up", "red cube")


def table(seed):
    world = TabletopControl()
    world.reset(seed=seed)
    return world


def with_cube(colour="red"):
    return next(world for seed in range(100) if f"{colour} cube" in (world := table(seed)).things)


def test_equal_keys_meet_equal_faults():
    faults = Faults(0.5, KINDS)
    drawn = [faults.drawn(7, serial, "try", 0) for serial in range(400)]
    assert drawn == [faults.drawn(7, serial, "try", 0) for serial in range(400)]
    hit = [fault for fault in drawn if fault]
    assert 150 < len(hit) < 250
    assert {fault.kind for fault in hit} == set(KINDS)
    assert {fault.step for fault in hit} == set(range(EARLIEST, LATEST + 1))


def test_the_share_of_faulty_attempts_is_the_probability():
    assert not any(Faults(0.0).drawn(0, n) for n in range(500))
    assert all(Faults(1.0).drawn(0, n) for n in range(500))
    assert 250 < sum(Faults(0.3).drawn(0, n) is not None for n in range(1000)) < 350


@pytest.mark.parametrize(
    "wrong", [{"probability": 1.5}, {"probability": -0.1}, {"kinds": ("slip", "spill")}, {"kinds": ()}]
)
def test_senseless_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="fault"):
        Faults(**wrong)


def altered(kind, actions, step=3, direction=0.0):
    disturbance = Disturbance(Fault(kind, step, direction, 0.5))
    return [disturbance.alter(np.array(action, np.float32), at).tolist() for at, action in enumerate(actions, 1)]


HOLD = [[0.5, 0.25, -0.5, 1.0]] * 40


def test_a_slip_opens_the_fingers_for_a_moment():
    grips = [action[-1] for action in altered("slip", HOLD)]
    assert grips == [1.0] * 2 + [-1.0] * LASTS["slip"] + [1.0] * (38 - LASTS["slip"])


def test_a_drift_overrides_the_motion_across_the_table():
    moved = altered("motion", HOLD, direction=np.pi / 2)
    assert moved[1] == HOLD[0]
    assert moved[2] == pytest.approx([0.0, 1.0, -0.5, 1.0], abs=1e-6)
    assert moved[2 + LASTS["motion"]] == HOLD[0]


def test_a_stuck_gripper_keeps_its_last_command():
    wanted = [[0, 0, 0, -1.0]] * 4 + [[0, 0, 0, 1.0]] * 30
    grips = [action[-1] for action in altered("stuck", wanted)]
    assert grips == [-1.0] * (2 + LASTS["stuck"]) + [1.0] * (32 - LASTS["stuck"])


def test_delayed_actions_arrive_three_steps_late():
    wanted = [[at / 100, 0, 0, 1.0] for at in range(40)]
    xs = [round(action[0] * 100) for action in altered("delay", wanted, step=10)]
    assert xs[8] == 8
    assert xs[9:20] == [at - DELAY for at in range(9, 20)]


def test_a_knock_moves_the_thing_and_takes_it_from_the_hand():
    world = with_cube()
    before = world.position("red cube")
    Disturbance(Fault("knock", 3, 0.0, 1.0)).disturb(world, PICK, 3)
    assert world.position("red cube")[0] - before[0] == pytest.approx(0.09, abs=1e-6)
    Disturbance(Fault("knock", 3, 0.0, 1.0)).disturb(world, PICK, 4)
    assert world.position("red cube")[0] - before[0] == pytest.approx(0.09, abs=1e-6)


def test_wrong_grounding_names_another_thing_of_the_kind():
    world = with_cube()
    for strength in (0.0, 0.4, 0.99):
        given = Disturbance(Fault("grounding", 3, 0.0, strength)).grounded(PICK, world)
        assert given.verb == "pick up"
        assert given.thing != "red cube"
        assert "pick up" in world.things[given.thing].verbs
    alone = Subgoal("open", "drawer")
    assert Disturbance(Fault("grounding", 3, 0.0, 0.5)).grounded(alone, world) == alone


def test_a_dropout_shows_black():
    frame = np.full((4, 4, 3), 200, np.uint8)
    assert not Disturbance(Fault("dropout", 3, 0.0, 0.5)).seen(frame).any()
    assert Disturbance(None).seen(frame).all()


def test_a_held_thing_that_is_knocked_falls():
    world = with_cube()
    executor = ScriptedTabletop()
    executor.begin(world, PICK, 0)
    for _ in range(60):
        world.advance(executor.act(world))
    assert world.evaluate(Clause("holding", ("red cube",)))
    world.knock("red cube", (0.05, 0.0))
    assert not world.evaluate(Clause("holding", ("red cube",)))
    assert world.position("red cube")[2] == pytest.approx(0.02)
