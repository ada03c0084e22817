"""Executors by name, and the one that was cloned."""

import json
from pathlib import Path

import numpy as np
import pytest

from sparring.envs.robot.executors.cloned import FORMAT, ClonedExecutor, Policy, load_policy, save_policy
from sparring.envs.robot.executors.features import FEATURES, features_of
from sparring.envs.robot.executors.named import ByWorld, executor_of
from sparring.envs.robot.executors.network import Network
from sparring.envs.robot.executors.seeing import INPUTS, Eye, Seen, small
from sparring.envs.robot.executors.tabletop import HastyTabletop, ScriptedTabletop
from sparring.envs.robot.tabletop.control import TabletopControl
from sparring.envs.robot.types import ExecutorFailed
from sparring.registry import UnknownName
from sparring.robotics.words import Clause, Subgoal


def begun(seed=0, **kwargs):
    world = TabletopControl("twin", **kwargs)
    world.reset(seed=seed)
    return world


def network(ins, outs, hidden=8, seed=0):
    rng = np.random.default_rng(seed)
    sizes = [(ins, hidden), (hidden, outs)]
    return Network([(rng.normal(0, 0.1, size).astype(np.float32), np.zeros(size[1], np.float32)) for size in sizes])


def saved(folder, eye=None):
    file = folder / "policy.npz"
    save_policy(file, Policy(network(FEATURES, 4), {"seed": 3}, eye))
    return file


@pytest.mark.parametrize(("name", "kind"), [("scripted", ScriptedTabletop), ("hasty", HastyTabletop)])
def test_a_name_is_the_executor_of_the_world_at_hand(name, kind):
    world = begun()
    executor = executor_of(name)
    executor.begin(world, world.task.plan[0], 0)
    direct = kind()
    direct.begin(world, world.task.plan[0], 0)
    assert executor.name == direct.name == name
    assert np.array_equal(executor.act(world), direct.act(world))


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ("scriptd", UnknownName, "unknown executor 'scriptd'; did you mean 'scripted'?"),
        ("", UnknownName, "known: cloned, hasty, remote, scripted"),
        ("scripted:fast", ValueError, "takes nothing after a colon"),
        ("cloned", ValueError, "needs an argument after a colon"),
        ("cloned:nowhere.npz", FileNotFoundError, "nowhere.npz"),
        ("remote:", ValueError, "needs an argument after a colon"),
        ("remote:localhost", ValueError, "the address of an executor must begin with http"),
    ],
)
def test_a_wrong_name_is_told_in_one_line(spec, error, said):
    with pytest.raises(error, match=said):
        executor_of(spec)


def test_a_world_without_scripted_skills_is_named():
    class Other(TabletopControl):
        metadata = {"name": "mine/Kitchen-v3"}

    world = Other("twin")
    world.reset(seed=0)
    with pytest.raises(ValueError, match="no skills for 'mine/Kitchen'; it has for: sparring/TabletopControl"):
        ByWorld("hasty", {"sparring/TabletopControl": "nowhere:Nothing"}).begin(world, world.task.plan[0], 0)


def test_features_are_seen_from_the_hand_and_do_not_name_colours():
    world, other = begun(1, task="bin"), begun(1, task="bin")
    pick = world.task.plan[0]
    seen = features_of(world, pick)
    assert seen.shape == (FEATURES,)
    assert np.isfinite(seen).all()
    other.bodies.cubes[other.task.cubes.index(pick.thing)][0] += 0.05
    other.bodies.hand[0] += 0.05
    assert np.allclose(features_of(other, pick), seen, atol=1e-5)


def test_a_policy_that_is_saved_is_the_policy_that_is_read(tmp_path):
    policy = load_policy(saved(tmp_path, Eye(network(INPUTS, 1), network(2, 2))))
    assert policy.made == {"seed": 3}
    inputs = np.ones((5, FEATURES), np.float32)
    assert np.array_equal(policy.network(inputs), network(FEATURES, 4)(inputs))
    assert policy.eye is not None
    assert np.array_equal(policy.eye.places(np.ones(2, np.float32)), network(2, 2)(np.ones(2, np.float32)))


def test_equal_policies_are_equal_files(tmp_path):
    first = saved(tmp_path).read_bytes()
    assert saved(tmp_path).read_bytes() == first


def about(**said):
    return np.array(json.dumps({"format": FORMAT, **said}))


LAYER = {"policy.0.weight": np.zeros((FEATURES, 4), np.float32), "policy.0.bias": np.zeros(4, np.float32)}


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "about"),
        ({"about": np.array("{}"), **LAYER}, f"its format must be {FORMAT}"),
        ({"about": np.array("[" * 100_000)}, "no policy"),
        ({"about": about()}, "no layers of the network 'policy'"),
        ({"about": about(), "policy.0.weight": np.zeros((3, 4)), "policy.0.bias": np.zeros(4)}, "must take 36 numbers"),
        ({"about": about(), "policy.0.weight": np.zeros(4), "policy.0.bias": np.zeros(4)}, "weights \\[in, out\\]"),
        ({"about": about(), **LAYER, "policy.0.bias": np.full(4, np.nan)}, "finite numbers"),
        ({"about": about(), **LAYER, "scores.0.weight": np.zeros((2, 1)), "scores.0.bias": np.zeros(1)}, "'scores'"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_with_the_reason(tmp_path, arrays, said):
    file = tmp_path / "policy.npz"
    np.savez(file, **arrays)
    with pytest.raises(ValueError, match=said):
        load_policy(file)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04" + b"\0" * 50, b"\x93NUMPY" + b"\0" * 20])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    file = tmp_path / "policy.npz"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"policy\.npz is no policy"):
        load_policy(file)


def test_a_file_with_pickled_objects_is_never_opened(tmp_path):
    class Loud:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "opened",))

    file = tmp_path / "policy.npz"
    np.savez(file, about=np.array([Loud()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="is no policy"):
        load_policy(file)
    assert not (tmp_path / "opened").exists()


def test_a_network_that_gives_no_number_is_a_fault_of_the_executor():
    huge = Network([(np.full((FEATURES, 4), 1e38, np.float32), np.full(4, 1e38, np.float32))])
    world, executor = begun(), ClonedExecutor(Policy(huge, {}))
    executor.begin(world, world.task.plan[0], 0)
    with np.errstate(all="ignore"), pytest.raises(ExecutorFailed, match="the network gave"):
        executor.act(world)


class Blind:
    """Sees every cube where the twin has it, but only when the hand is far away."""

    def __init__(self, world):
        self.world, self.looks = world, 0

    def find(self, frame, colours):
        from sparring.envs.robot.executors.seeing import Sight

        self.looks += 1
        sure = float(self.world.hand[0] < -0.2)
        places = [self.world.position(f"{colour} cube") for colour in colours]
        return [Sight(float(x), float(y), sure) for x, y, _ in places]


def test_a_hand_that_hides_the_cube_steps_aside_and_the_executor_looks_once():
    world = begun(2, task="bin")
    executor = ClonedExecutor(Policy(network(FEATURES, 4), {}, Blind(world)))
    executor.begin(world, world.task.plan[0], 0)
    for _ in range(40):
        world.advance(executor.act(world))
    hidden = executor._eye.looks
    assert 5 <= hidden <= 20
    assert executor._seen is not None
    executor.act(world)
    assert executor._eye.looks == hidden


def test_what_was_seen_is_believed_until_the_fingers_feel_otherwise():
    world = begun(task="bin")
    cube = world.task.plan[0].thing
    seen = Seen(world, {name: tuple(world.position(name)[:2]) for name in world.task.cubes}, None)
    executor = ScriptedTabletop()
    executor.begin(world, Subgoal("pick up", cube), 0)
    for _ in range(40):
        world.advance(executor.act(world))
        seen.feel(cube)
    assert seen.evaluate(Clause("holding", (cube,)))
    assert np.array_equal(seen.position(cube), world.hand)
    for _ in range(4):
        world.advance(world.rest(-1))
        seen.feel(cube)
    assert not seen.evaluate(Clause("holding", (cube,)))


def test_a_picture_of_another_shape_is_a_fault_of_the_executor():
    assert small(np.full((128, 128, 3), 255, np.uint8)).shape == (64, 64, 3)
    for shape in [(0, 0, 3), (63, 63, 3), (64, 128, 3), (64, 64)]:
        with pytest.raises(ExecutorFailed, match="a multiple of 64"):
            small(np.zeros(shape, np.uint8))
