"""The tabletop: its tasks, and the rules that the twin and MuJoCo share."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.envs.robot.executors.tabletop import HastyTabletop, ScriptedTabletop
from sparring.envs.robot.skills import reached
from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.tabletop.control import SIMULATORS, STATE, TabletopControl
from sparring.envs.robot.tabletop.tasks import CUBES, FAMILIES, task_of
from sparring.robotics.skills import CONTRACTS, postcondition
from sparring.robotics.words import Clause, Subgoal

RETREAT = 8
OPEN, SHUT = -1.0, 1.0


@pytest.fixture(params=SIMULATORS)
def simulator(request):
    if request.param == "mujoco":
        pytest.importorskip("mujoco")
    return request.param


def begun(simulator, seed=0, **kwargs):
    world = TabletopControl(simulator, max_steps=10**6, **kwargs)
    world.reset(seed=seed)
    return world


def carry_out(world, subgoal, executor=None, attempt=0):
    executor = executor or ScriptedTabletop()
    executor.begin(world, subgoal, attempt)
    for _ in range(CONTRACTS[subgoal.verb].budget):
        world.advance(executor.act(world))
        if reached(world, subgoal):
            break
    for _ in range(RETREAT if CONTRACTS[subgoal.verb].retreats else 0):
        world.advance(executor.act(world))
    return reached(world, subgoal)


def hold_still(world, steps, grip):
    for _ in range(steps):
        world.advance(world.rest(grip))


def move_to(world, point, grip, steps=40):
    for _ in range(steps):
        world.advance(np.array([*np.clip((np.array(point) - world.hand) / g.SPEED, -1, 1), grip], np.float32))


# Tasks.


def test_training_and_held_out_tasks_share_no_instruction():
    train, held_out = ({task_of(seed, split).instruction for seed in range(400)} for split in ("train", "held_out"))
    assert len(train) > 100
    assert len(held_out) > 100
    assert not train & held_out


@pytest.mark.parametrize("family", FAMILIES)
def test_a_task_has_its_things_apart_and_a_goal_of_its_own_cubes(family):
    for seed in range(30):
        task = task_of(seed, "train", family)
        assert task.family == family
        assert len(set(task.cubes)) == CUBES
        assert {name for clause in task.goal for name in clause.arguments} <= set(task.things)
        places = np.array(task.places)
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.eye(CUBES)
        assert apart.min() >= 0.075


def test_no_task_is_solved_at_the_start(simulator):
    for seed in range(40):
        assert not begun(simulator, seed).solved()


def test_the_same_seed_is_the_same_task_in_both_simulators():
    pytest.importorskip("mujoco")
    twin, physics = (begun(name, 5) for name in SIMULATORS)
    assert twin.task == physics.task
    assert np.allclose(twin.state, physics.state, atol=1e-6)


# Scripted play.


def test_scripted_play_solves_the_tasks(simulator):
    tasks = 60 if simulator == "twin" else 24
    unsolved = []
    for seed in range(tasks):
        world = begun(simulator, seed)
        if not all(carry_out(world, subgoal) for subgoal in world.task.plan) or not world.solved():
            unsolved.append(seed)
    assert unsolved == []


def test_both_simulators_say_the_same_facts_after_every_subgoal_of_scripted_play():
    pytest.importorskip("mujoco")
    for seed in range(16):
        twin, physics = (begun(name, seed) for name in SIMULATORS)
        for subgoal in twin.task.plan:
            assert carry_out(twin, subgoal)
            assert carry_out(physics, subgoal)
            assert twin.facts() == physics.facts(), (seed, str(subgoal))


def test_the_hasty_executor_is_faster_and_fails_now_and_then():
    steps, failed = {}, {}
    for executor in (ScriptedTabletop(), HastyTabletop()):
        counts = []
        for seed in range(60):
            world = begun("twin", seed, task="bin")
            executor.begin(world, world.task.plan[0], 0)
            for step in range(70):
                world.advance(executor.act(world))
                if reached(world, world.task.plan[0]):
                    counts.append(step)
                    break
        steps[executor.name], failed[executor.name] = np.mean(counts), 60 - len(counts)
    assert failed["scripted"] == 0
    assert 2 <= failed["hasty"] <= 20
    assert steps["hasty"] < 0.9 * steps["scripted"]


def test_the_hasty_executor_fails_in_the_same_way_again_and_in_another_way_at_the_next_attempt():
    def path(attempt):
        world = begun("twin", 3)
        carry_out(world, Subgoal("pick up", world.task.cubes[0]), HastyTabletop(), attempt)
        return world.state

    assert np.array_equal(path(0), path(0))
    assert not np.array_equal(path(0), path(1))


# Rules.


def test_a_cube_is_held_when_it_is_lifted_and_falls_when_the_fingers_open(simulator):
    world = begun(simulator)
    cube = world.task.cubes[0]
    holding = Clause("holding", (cube,))
    move_to(world, world.position(cube) + np.array([0, 0, 0.1]), OPEN)
    move_to(world, world.position(cube), OPEN)
    hold_still(world, 6, SHUT)
    assert not world.evaluate(holding)
    move_to(world, world.hand + np.array([0, 0, 0.1]), SHUT, 8)
    assert world.evaluate(holding)
    assert world.position(cube)[2] > 0.1
    hold_still(world, 12, OPEN)
    assert not world.evaluate(holding)
    assert world.position(cube)[2] == pytest.approx(g.HALF, abs=0.002)


def test_fingers_that_close_beside_a_cube_hold_nothing(simulator):
    world = begun(simulator)
    cube = world.task.cubes[0]
    beside = world.position(cube) + np.array([0.05, 0, 0])
    move_to(world, beside + np.array([0, 0, 0.1]), OPEN)
    move_to(world, beside, OPEN)
    hold_still(world, 6, SHUT)
    move_to(world, beside + np.array([0, 0, 0.12]), SHUT)
    assert not any(fact.name == "holding" for fact in world.facts())
    assert world.position(cube)[2] == pytest.approx(g.HALF, abs=0.002)


def test_a_held_cube_is_in_no_bin_until_it_is_let_go(simulator):
    world = begun(simulator, task="bin")
    pick, place = world.task.plan
    assert carry_out(world, pick)
    inside = postcondition(place)
    x, y = g.BIN_MIDDLE
    move_to(world, (x, y, 0.15), SHUT)
    move_to(world, (x, y, 0.04), SHUT)
    assert not world.evaluate(inside)
    hold_still(world, 8, OPEN)
    assert world.evaluate(inside)


def test_a_stack_stands_and_only_the_upper_cube_is_on_the_other(simulator):
    world = begun(simulator, task="stack")
    assert all(carry_out(world, subgoal) for subgoal in world.task.plan)
    (clause,) = world.goal
    hold_still(world, 20, OPEN)
    assert world.evaluate(clause)
    assert not world.evaluate(Clause("on", clause.arguments[::-1]))


def test_the_drawer_opens_closes_and_takes_its_cube_along(simulator):
    world = begun(simulator, task="drawer")
    opened, pick, place, close = world.task.plan
    assert world.evaluate(Clause("closed", ("drawer",)))
    assert carry_out(world, opened)
    assert world.evaluate(Clause("open", ("drawer",)))
    assert carry_out(world, pick)
    assert carry_out(world, place)
    before = world.position(pick.thing)
    assert carry_out(world, close)
    after = world.position(pick.thing)
    assert after[1] - before[1] > 0.05
    assert world.evaluate(Clause("in", (pick.thing, "drawer")))


def test_one_press_toggles_the_lamp_once_and_the_next_one_needs_a_release(simulator):
    world = begun(simulator)
    lamp = world.position("lamp")
    lit = Clause("turned on", ("lamp",))
    move_to(world, lamp + np.array([0, 0, 0.1]), SHUT)
    for expected in (True, False, True):
        move_to(world, lamp - np.array([0, 0, 0.012]), SHUT, 12)
        assert world.evaluate(lit) == expected
        hold_still(world, 10, SHUT)
        assert world.evaluate(lit) == expected
        move_to(world, lamp + np.array([0, 0, 0.06]), SHUT, 12)
        assert world.evaluate(lit) == expected


def test_what_slips_out_of_the_hand_falls(simulator):
    world = begun(simulator)
    pick = world.task.plan[0] if world.task.plan[0].verb == "pick up" else Subgoal("pick up", world.task.cubes[0])
    assert carry_out(world, pick)
    world.bodies.let_go()
    hold_still(world, 6, SHUT)
    assert not world.evaluate(postcondition(pick))
    assert world.position(pick.thing)[2] < 0.03


def test_a_knock_moves_a_cube_and_a_held_one_is_lost_first(simulator):
    world = begun(simulator)
    cube = world.task.cubes[1]
    before = world.position(cube)
    world.knock(cube, (0.0, 0.05))
    hold_still(world, 4, OPEN)
    assert np.allclose(world.position(cube) - before, [0, 0.05, 0], atol=0.003)
    pick = Subgoal("pick up", cube)
    assert carry_out(world, pick)
    world.knock(cube, (0.03, 0.0))
    assert not world.evaluate(postcondition(pick))


def test_a_cube_that_is_knocked_onto_another_ends_up_beside_or_on_it(simulator):
    world = begun(simulator)
    first, second = world.task.cubes[:2]
    world.knock(first, (world.position(second) - world.position(first))[:2])
    hold_still(world, 20, OPEN)
    apart = world.position(first) - world.position(second)
    assert np.abs(apart).max() >= 2 * g.HALF - 0.002
    assert np.isfinite(world.state).all()


@pytest.mark.parametrize("thing", ["bin", "drawer", "lamp"])
def test_what_cannot_be_knocked_stands_fast(simulator, thing):
    world = begun(simulator)
    before = world.state
    world.knock(thing, (0.1, 0.1))
    assert np.array_equal(world.state, before)


# Invariants.

NUMBERS = st.one_of(
    st.floats(-1, 1, width=32), st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e30, -7.0, 0.0])
)


@given(
    actions=st.lists(st.lists(NUMBERS, min_size=4, max_size=4), max_size=40),
    seed=st.integers(0, 50),
    name=st.sampled_from(SIMULATORS),
)
@settings(max_examples=40, deadline=None)
def test_no_action_breaks_the_world(actions, seed, name):
    if name == "mujoco":
        pytest.importorskip("mujoco")
    world = begun(name, seed)
    for action in actions:
        before = world.state
        state, reward, terminated, _, info = world.step(np.array(action, np.float32))
        finite = bool(np.isfinite(action).all())
        assert info["illegal"] == (not finite)
        assert finite or np.array_equal(state, before)
        assert state.shape == (STATE,)
        assert np.isfinite(state).all()
        assert reward == float(terminated)
        require_sane(world)


def require_sane(world):
    """Within reach, within the joints, above the table, and each cube in one place at most."""
    for value, (low, high) in zip(world.hand, g.REACH, strict=True):
        assert low - 0.01 <= value <= high + 0.01
    assert 0 <= world.opening <= 1
    assert 0 <= world.state[-2] <= g.DRAWER_TRAVEL + 1e-6
    assert all(world.position(cube)[2] > g.HALF - 0.006 for cube in world.task.cubes)
    held = [fact for fact in world.facts() if fact.name == "holding"]
    assert len(held) <= 1
    for cube in world.task.cubes:
        assert sum(world.evaluate(Clause("in", (cube, place))) for place in ("bin", "drawer")) <= 1


def test_rough_play_never_makes_the_physics_unstable():
    pytest.importorskip("mujoco")
    for seed in range(3):
        world, rng = begun("mujoco", seed), np.random.default_rng(seed)
        for step in range(400):
            near = world.position(world.task.cubes[step // 50 % CUBES]) - world.hand
            wild = np.sign(rng.normal(size=4)) if step % 3 else np.array([*near / g.SPEED, (-1) ** (step // 7)])
            world.step(wild.astype(np.float32))
            if step % 60 == 30:
                world.knock(world.task.cubes[step % CUBES], rng.uniform(-0.1, 0.1, 2))
            require_sane(world)
        assert [int(warning.number) for warning in world.bodies._data.warning] == [0] * len(world.bodies._data.warning)


# Replay.


def trace(world, seed, steps=120):
    rng = np.random.default_rng(seed)
    states = [world.reset(seed=seed)[0].tobytes()]
    executor = ScriptedTabletop()
    executor.begin(world, world.task.plan[0], 0)
    for _ in range(steps):
        action = executor.act(world) + rng.normal(0, 0.2, 4)
        states.append(world.step(action.astype(np.float32))[0].tobytes())
    return states


def test_the_same_seed_and_actions_give_the_same_bytes_and_a_reset_leaves_nothing_behind(simulator):
    used, fresh = (TabletopControl(simulator, max_steps=10**6) for _ in range(2))
    first = trace(used, 7)
    trace(used, 8)
    assert trace(used, 7) == first
    assert trace(fresh, 7) == first


def test_two_worlds_in_one_process_do_not_touch_each_other(simulator):
    alone = trace(TabletopControl(simulator, max_steps=10**6), 4, 30)
    world, other = (begun(simulator, seed) for seed in (4, 9))
    rng = np.random.default_rng(4)
    executor = ScriptedTabletop()
    executor.begin(world, world.task.plan[0], 0)
    states = [world.state.tobytes()]
    for _ in range(30):
        action = executor.act(world) + rng.normal(0, 0.2, 4)
        states.append(world.step(action.astype(np.float32))[0].tobytes())
        other.step(np.ones(4, np.float32))
    assert states == alone


# The interface.


@pytest.mark.filterwarnings("ignore")
def test_gymnasium_and_stable_baselines3_accept_the_world(simulator):
    made = gymnasium.make("sparring.envs:sparring/TabletopControl-v0", simulator=simulator)
    check_env(made.unwrapped, skip_render_check=True)
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(made.unwrapped, warn=False)
    made.close()


def test_the_reward_comes_with_the_end_and_only_then(simulator):
    world = begun(simulator, task="bin")
    executor, rewards, over = ScriptedTabletop(), [], False
    for subgoal in world.task.plan:
        executor.begin(world, subgoal, 0)
        for _ in range(70):
            _, reward, over, truncated, _ = world.step(executor.act(world))
            rewards.append(reward)
            assert not truncated
            if over or reached(world, subgoal):
                break
    assert over
    assert rewards == [0.0] * (len(rewards) - 1) + [1.0]
    before = world.state
    _, reward, terminated, truncated, _ = world.step(np.ones(4, np.float32))
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert np.array_equal(world.state, before)


def test_an_episode_is_truncated_after_its_steps(simulator):
    world = TabletopControl(simulator, max_steps=3)
    world.reset(seed=0)
    assert [world.step(np.zeros(4, np.float32))[3] for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"simulator": "mujco"}, "simulator must be one of twin, mujoco, got 'mujco'"),
        ({"split": "test"}, "split must be 'train' or 'held_out', got 'test'"),
        ({"task": "fly"}, "task must be one of bin, two"),
        ({"max_steps": 0}, "max_steps must be a whole number >= 1, got 0"),
    ],
)
def test_a_wrong_setting_is_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        TabletopControl(**wrong)


def test_a_wrong_thing_clause_camera_or_action_is_named(simulator):
    world = begun(simulator)
    with pytest.raises(ValueError, match="there is no 'cup'"):
        world.position("cup")
    with pytest.raises(ValueError, match="there is no clause"):
        world.evaluate(Clause("broken", ("lamp",)))
    with pytest.raises(ValueError, match="camera must be one of top"):
        world.frame("side")
    with pytest.raises(ValueError, match="size must be a whole number from 1 to 1024, got 5000"):
        world.frame("top", 5000)
    with pytest.raises(ValueError, match="shape"):
        world.step(np.zeros(3, np.float32))


def test_step_before_reset_says_so(simulator):
    with pytest.raises(RuntimeError, match="before reset"):
        TabletopControl(simulator).step(np.zeros(4, np.float32))
