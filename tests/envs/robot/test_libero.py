"""LIBERO: every task comes up and steps, says its goal in plain words, replays, and draws; bad input is named."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("libero", reason="needs the extra libero")

from gymnasium.utils.env_checker import check_env

from sparring import MissingExtra, UnknownName, envs, registry
from sparring.envs.robot import drawing
from sparring.envs.robot.executors.libero import ScriptedLibero
from sparring.envs.robot.executors.named import executor_of
from sparring.envs.robot.libero import scene, suites
from sparring.envs.robot.libero.loading import load
from sparring.envs.robot.skills import reached
from sparring.envs.robot.types import RenderingUnavailable
from sparring.robotics.subgoals import parse_step, subgoals_of
from sparring.robotics.words import Clause, Subgoal

ID = "sparring/LiberoControl-v0"
STANDARD = ("libero_spatial", "libero_object", "libero_goal", "libero_10")
NOTHING = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)


def make(suite="libero_goal", task=1, **kwargs):
    return envs.make(ID, suite=suite, task=task, **kwargs)


@pytest.fixture(scope="module")
def world():
    made = make()
    yield made
    made.close()


@pytest.fixture(scope="module")
def twins():
    """A scene with two bowls, one of them in an open drawer."""
    made = make("libero_spatial", 4)
    yield made
    made.close()


def states_of(env, actions, **reset):
    first, _ = env.reset(**reset)
    steps = [env.step(action) for action in actions]
    return np.array([first, *(step[0] for step in steps)]), [step[2] for step in steps], env.facts()


def carry_out(env, subgoal, attempt=0, steps=150):
    executor = ScriptedLibero()
    executor.begin(env, subgoal, attempt)
    for _ in range(steps):
        env.advance(executor.act(env))
        if executor.done:
            break
    return reached(env, subgoal)


def problem_of(suite, task):
    parsed = load("envs.bddl_utils").robosuite_parse_problem(str(suites.find_task(suite, task).problem))
    return scene.read_problem(parsed)


def moves(name):
    drawers = ("top_region", "middle_region", "bottom_region")
    return "stove" in name or "microwave" in name or ("cabinet" in name and name.endswith(drawers))


@pytest.mark.slow
@pytest.mark.parametrize("suite", STANDARD)
def test_all_tasks_of_a_suite_are_made_reset_and_stepped(suite):
    env = envs.make(ID, suite=suite)
    seen = set()
    for task in range(suites.tasks_in(suite)):
        env.task = task
        state, info = env.reset(options={"init": 0})
        assert state in env.observation_space
        assert not env.solved()
        assert info["goal"] == [str(clause) for clause in env.goal]
        assert all(set(clause.arguments) <= set(env.things) for clause in env.goal)
        after, reward, terminated, truncated, _ = env.step(NOTHING)
        assert (reward, terminated, truncated) == (0.0, False, False)
        assert np.isfinite(after).all()
        seen.add((env.instruction, *map(str, env.goal)))
    env.close()
    assert len(seen) == 10


def test_every_goal_of_all_290_tasks_is_said_in_words_that_the_grammar_reads():
    for suite in suites.SUITES:
        for task in range(suites.tasks_in(suite)):
            parts = scene.parts_of(problem_of(suite, task), moves)
            goal = scene.goal_of(problem_of(suite, task), parts)
            things = {name: part.thing for name, part in parts.items()}
            offered = list(subgoals_of(things))
            assert goal
            for clause in goal:
                if clause.name in ("on", "in"):
                    wanted = Subgoal("place", clause.arguments[0], clause.name, clause.arguments[1])
                    assert wanted in offered, (suite, task, str(clause))
            assert all(parse_step(str(subgoal), things) == subgoal for subgoal in offered)


def test_no_scene_has_more_things_than_the_state_has_room_for():
    most = max(
        len(problem_of(suite, task).movable) for suite in suites.SUITES for task in range(suites.tasks_in(suite))
    )
    assert most == 8


def test_names_are_plain_unique_and_numbered_only_among_twins(world, twins):
    world.reset(seed=0)
    twins.reset(seed=0)
    assert {"black bowl", "plate", "wine bottle", "top drawer of wooden cabinet", "stove"} <= set(world.things)
    assert {"black bowl 1", "black bowl 2"} <= set(twins.things)
    assert world.things["stove"].verbs == {"turn on", "turn off"}
    assert world.things["stove"].holds == "on"
    assert world.things["top drawer of wooden cabinet"].verbs == {"open", "close"}


@pytest.mark.parametrize("init", [0, 7])
def test_predicates_hold_at_the_official_initial_states(twins, init):
    twins.reset(options={"init": init})
    facts = {str(fact) for fact in twins.facts()}
    assert "open(top drawer of wooden cabinet)" in facts
    assert "in(black bowl 1, top drawer of wooden cabinet)" in facts
    assert "on(black bowl 2, wooden cabinet)" in facts
    assert not any(fact.startswith("holding") for fact in facts)
    assert not twins.evaluate(Clause("on", ("black bowl 1", "plate")))
    assert not twins.solved()


def test_twins_are_told_apart_by_where_they_stand():
    env = make("libero_spatial", 0)
    env.reset(options={"init": 0})
    facts = {str(fact) for fact in env.facts()}
    env.close()
    assert "at(black bowl 1, area between plate ramekin)" in facts
    assert "at(black bowl 2, area next to ramekin)" in facts


def test_the_same_seed_and_actions_give_the_same_states_and_predicates_in_a_used_and_in_a_new_simulator(world):
    actions = np.random.default_rng(0).uniform(-1, 1, (30, 7)).astype(np.float32)
    one = states_of(world, actions, seed=5)
    again = states_of(world, actions, seed=5)
    fresh = make()
    other = states_of(fresh, actions, seed=5)
    fresh.close()
    for repeated in (again, other):
        assert np.array_equal(one[0], repeated[0])
        assert one[1:] == repeated[1:]
    different = states_of(world, actions, seed=6)
    assert not np.array_equal(one[0], different[0])


def test_a_reset_leaves_the_global_generator_as_it_was(world):
    np.random.seed(3)
    expected = np.random.random(4)
    np.random.seed(3)
    world.reset(seed=1)
    assert np.array_equal(np.random.random(4), expected)


def test_an_episode_of_the_same_task_reuses_the_simulator_and_another_task_closes_it(world):
    world.reset(seed=0)
    first = world.sim
    world.reset(seed=1)
    assert world.sim is first
    world.task = 7
    world.reset(seed=0)
    assert world.sim is not first
    assert first.env.sim is None
    world.task = 1
    world.reset(seed=0)


def test_the_hand_picks_places_and_solves_the_task(world):
    world.reset(options={"init": 0})
    assert world.shortest_plan == (
        Subgoal("pick up", "black bowl"),
        Subgoal("place", "black bowl", "on", "stove"),
    )
    before = world.position("black bowl")
    assert carry_out(world, world.shortest_plan[0])
    assert world.evaluate(Clause("holding", ("black bowl",)))
    assert world.position("black bowl")[2] > before[2] + 0.06
    assert 0 < world.opening < 0.5
    assert carry_out(world, world.shortest_plan[1])
    assert world.solved()
    assert not world.evaluate(Clause("holding", ("black bowl",)))


def test_a_thing_that_is_put_down_is_held_until_the_fingers_open(world):
    world.reset(options={"init": 0})
    stood = world.position("black bowl")[2]
    carry_out(world, world.shortest_plan[0])
    while world.position("black bowl")[2] > stood + 0.002:
        world.advance(np.array([0, 0, -0.15, 0, 0, 0, 1], np.float32))
    assert world.evaluate(Clause("holding", ("black bowl",)))
    for _ in range(6):
        world.advance(NOTHING)
    assert not world.evaluate(Clause("holding", ("black bowl",)))


def test_a_knock_moves_a_thing_and_takes_it_out_of_the_hand(world):
    world.reset(options={"init": 0})
    before = world.position("plate")
    world.knock("plate", (0.03, -0.02))
    assert world.position("plate") == pytest.approx(before + np.array([0.03, -0.02, 0]), abs=1e-6)
    carry_out(world, world.shortest_plan[0])
    assert world.evaluate(Clause("holding", ("black bowl",)))
    world.knock("black bowl", (0.05, 0.0))
    assert not world.evaluate(Clause("holding", ("black bowl",)))
    assert world.position("black bowl")[2] < before[2] + 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "task", "subgoal"),
    [
        ("libero_goal", 0, Subgoal("open", "middle drawer of wooden cabinet")),
        ("libero_goal", 7, Subgoal("turn on", "stove")),
        ("libero_10", 9, Subgoal("close", "microwave")),
    ],
)
def test_drawers_doors_and_knobs_are_worked(suite, task, subgoal):
    env = make(suite, task)
    env.reset(options={"init": 0})
    assert not reached(env, subgoal)
    assert carry_out(env, subgoal)
    env.close()


def test_the_executor_of_the_world_is_found_by_name(world):
    world.reset(options={"init": 0})
    executor = executor_of("scripted")
    executor.begin(world, world.shortest_plan[0], 0)
    for _ in range(60):
        world.advance(executor.act(world))
    assert reached(world, world.shortest_plan[0])


def test_every_attempt_takes_hold_in_another_way(world):
    world.reset(options={"init": 0})
    executor, part = ScriptedLibero(), world.sim.parts["black bowl"]
    grasps = [executor._grasp(world.sim, part, attempt) for attempt in range(4)]
    assert len({(*np.round(grasp.at, 4), round(grasp.yaw, 3)) for grasp in grasps}) == 4


def test_the_step_cap_is_that_of_the_suite_and_max_steps_overrides_it(world):
    assert [suites.cap_of(suite) for suite in suites.CAPS] == [220, 280, 300, 520, 400]
    assert suites.cap_of("libero_10_swap") == 520
    env = make(max_steps=2)
    env.reset(seed=0)
    assert [env.step(NOTHING)[3] for _ in range(2)] == [False, True]
    env.close()


def test_the_checks_of_gymnasium_pass(world):
    check_env(world, skip_render_check=True)


def test_a_picture_is_the_right_way_up_and_not_black(world):
    world.reset(options={"init": 0})
    try:
        picture = world.frame("agentview", 96)
    except RenderingUnavailable as error:
        pytest.skip(str(error))
    assert picture.shape == (96, 96, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 10
    wall, table = picture[:20].mean(axis=(0, 1)), picture[-20:, 48:].mean(axis=(0, 1))
    assert table[0] - table[2] > 15 > abs(wall[0] - wall[2])  # a wooden table below, a grey wall above
    assert world.frame("robot0_eye_in_hand", 64).std() > 10


@pytest.mark.slow
def test_drawing_and_loading_leave_the_environment_variables_alone():
    code = (
        "import json, os, numpy as np\n"
        "from sparring import envs\n"
        "env = envs.make('sparring/LiberoControl-v0', suite='libero_object', task=0)\n"
        "env.reset(seed=0)\n"
        "print(json.dumps([os.environ.get('MUJOCO_GL'), os.environ.get('PYOPENGL_PLATFORM')]))"
    )
    told = {name: value for name, value in os.environ.items() if name not in ("MUJOCO_GL", "PYOPENGL_PLATFORM")}
    done = subprocess.run([sys.executable, "-P", "-c", code], env=told, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [None, None]
    assert done.stderr == ""


def test_a_machine_that_cannot_draw_says_what_to_install(world, monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(drawing, "_works", lambda name: False)
    monkeypatch.delenv("DISPLAY", raising=False)
    drawing.platform.cache_clear()
    try:
        with pytest.raises(RenderingUnavailable, match="libosmesa6"):
            drawing.platform()
    finally:
        drawing.platform.cache_clear()


def test_a_missing_package_gives_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(registry.errors.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'pip install "sparring\[libero\]"'):
        make()


def test_an_unknown_suite_names_the_nearest():
    with pytest.raises(UnknownName, match="libero_spatial"):
        envs.make(ID, suite="libero_spacial")


@pytest.mark.parametrize("task", [10, -1, "3", True, 1.0])
def test_a_task_that_there_is_not_is_refused(task):
    with pytest.raises(ValueError, match="task must be None or a whole number from 0 to 9 in libero_goal, got"):
        make(task=task)


@pytest.mark.parametrize("init", [50, -1, "0", True])
def test_an_initial_state_that_there_is_not_is_refused(world, init):
    with pytest.raises(ValueError, match="init must be a whole number from 0 to 49, got"):
        world.reset(options={"init": init})


def test_options_that_there_are_not_are_refused(world):
    with pytest.raises(ValueError, match="options may have init, got inits"):
        world.reset(options={"inits": 3})


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_an_action_that_is_not_finite_is_illegal_and_moves_nothing(world, wrong):
    before, _ = world.reset(seed=0)
    action = NOTHING.copy()
    action[1] = wrong
    after, _, terminated, truncated, info = world.step(action)
    assert info["illegal"]
    assert not terminated
    assert not truncated
    assert np.array_equal(before, after)


def test_clauses_cameras_and_shifts_that_make_no_sense_are_named(world):
    world.reset(seed=0)
    for clause in (Clause("open", ("plate",)), Clause("on", ("stove", "plate")), Clause("flies", ("plate",))):
        with pytest.raises(ValueError, match="makes no sense in this scene"):
            world.evaluate(clause)
    with pytest.raises(ValueError, match="unknown thing 'plates'; did you mean 'plate'"):
        world.position("plates")
    with pytest.raises(ValueError, match="stove cannot be knocked"):
        world.knock("stove", (0, 0))
    with pytest.raises(ValueError, match="shift must be 2 finite numbers"):
        world.knock("plate", (float("nan"), 0))
    with pytest.raises(ValueError, match="camera must be one of agentview"):
        world.frame("top")
    with pytest.raises(ValueError, match="size must be a whole number from 1 to 1024, got 0"):
        drawing.require_size(0)


def test_what_is_asked_before_the_first_reset_is_refused():
    env = make()
    for ask in (lambda: env.state, env.facts, lambda: env.hand, lambda: env.step(NOTHING)):
        with pytest.raises(RuntimeError, match="before reset"):
            ask()
