"""Meta-World: its 50 tasks by its own policies, in words where the verbs reach, replayed and drawn."""

import numpy as np
import pytest

pytest.importorskip("metaworld", reason="needs the extra metaworld")

from gymnasium.utils.env_checker import check_env

from sparring import MissingExtra, UnknownName, envs, registry
from sparring.envs.robot.executors.metaworld import PackagedPolicies
from sparring.envs.robot.executors.named import executor_of
from sparring.envs.robot.metaworld.tasks import MOVED, SHIFTED, TASKS, VERSION, said_of
from sparring.envs.robot.types import RenderingUnavailable
from sparring.robotics.skills import postcondition
from sparring.robotics.subgoals import parse_step
from sparring.robotics.words import Clause, Subgoal

ID = "sparring/MetaWorldControl-v0"


def make(task="pick-place", **kwargs):
    return envs.make(ID, task=task, **kwargs)


@pytest.fixture
def world():
    made = make()
    yield made
    made.close()


def play(env, seed):
    """One episode of the packaged policy: what was true on the way, and whether it ended solved."""
    executor, seen = PackagedPolicies(), []
    env.reset(seed=seed)
    executor.begin(env)
    while True:
        *_, terminated, truncated, _ = env.step(executor.act(env))
        seen.append(tuple(map(str, env.facts())))
        if terminated or truncated:
            return terminated, seen


def test_the_tasks_are_those_of_the_package():
    import metaworld.env_dict as packaged

    assert {task + VERSION for task in TASKS} == set(packaged.ALL_V3_ENVIRONMENTS)
    assert set(MOVED) | set(SHIFTED) <= set(TASKS)
    assert len(TASKS) == 50


@pytest.mark.slow
def test_all_50_tasks_are_made_reset_and_stepped():
    for task in TASKS:
        env = make(task)
        state, info = env.reset(seed=0)
        assert state in env.observation_space
        assert info["goal"] == [str(clause) for clause in env.goal]
        after, _, terminated, truncated, _ = env.step(np.zeros(4, np.float32))
        assert np.isfinite(after).all()
        assert not truncated
        assert terminated == env.solved()
        env.close()


@pytest.mark.parametrize("task", ["reach", "pick-place", "drawer-open", "window-close"])
def test_packaged_policies_solve_tasks(task):
    env = make(task)
    solved, _ = play(env, seed=3)
    env.close()
    assert solved


def test_a_puck_is_held_before_it_is_at_the_goal(world):
    solved, seen = play(world, seed=0)
    assert solved
    assert seen[0] == ()
    assert any(facts == ("holding(puck)",) for facts in seen)
    assert "on(puck, goal)" in seen[-1]


@pytest.mark.parametrize("task", [*MOVED, *SHIFTED])
def test_plans_are_read_by_the_grammar_and_end_in_the_goal(task):
    said = said_of(task)
    assert all(parse_step(str(step), said.things) == step for step in said.plan)
    assert (postcondition(said.plan[-1]),) == said.goal


def test_a_task_that_the_verbs_do_not_say_has_no_plan():
    said = said_of("hammer")
    assert (said.plan, said.things) == ((), {})
    assert said.goal == (Clause("solved", ("hammer",)),)


@pytest.mark.parametrize("task", ["push", "basketball", "stick-pull", "door-lock"])
def test_the_same_seed_and_actions_give_the_same_states_in_a_used_and_in_a_new_world(task):
    actions = np.random.default_rng(1).uniform(-1, 1, (25, 4)).astype(np.float32)

    def states(env, seed):
        return np.array([env.reset(seed=seed)[0], *(env.step(action)[0] for action in actions)])

    used, fresh = make(task), make(task)
    one, other, again = states(used, 4), states(used, 5), states(used, 4)
    assert np.array_equal(one, again)
    assert np.array_equal(one, states(fresh, 4))
    assert not np.array_equal(one, other)
    used.close()
    fresh.close()


def test_a_seed_draws_the_task_where_none_is_given():
    env = envs.make(ID)
    drawn = []
    for seed in (0, 1, 2, 0):
        env.reset(seed=seed)
        drawn.append(env.name)
    env.close()
    assert drawn[0] == drawn[3]
    assert len(set(drawn)) > 1


def test_the_checks_of_gymnasium_pass(world):
    check_env(world, skip_render_check=True)


def test_a_picture_is_the_right_way_up_and_not_black(world):
    world.reset(seed=0)
    try:
        picture = world.frame("corner", 96)
    except RenderingUnavailable as error:
        pytest.skip(str(error))
    assert picture.shape == (96, 96, 3)
    assert picture.std() > 10
    wall, below = picture[:10].reshape(-1, 3).astype(float), picture[48:70, :48].reshape(-1, 3).astype(float)
    assert abs(wall.mean(0)[0] - wall.mean(0)[2]) < 15 < below.mean(0)[0] - below.mean(0)[2]


def test_a_knock_moves_what_is_loose_and_nothing_else(world):
    world.reset(seed=0)
    before = world.position("puck")
    world.knock("puck", (0.02, -0.01))
    assert world.position("puck") == pytest.approx(before + np.array([0.02, -0.01, 0]), abs=1e-6)
    with pytest.raises(ValueError, match="goal cannot be knocked"):
        world.knock("goal", (0, 0))


def test_names_of_tasks_are_read_with_and_without_their_version():
    assert make("reach-v3").task == make("reach").task == "reach"
    with pytest.raises(UnknownName, match="did you mean 'reach'"):
        make("reech")


def test_a_missing_package_gives_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(registry.errors.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'pip install "sparring\[metaworld\]"'):
        make()


def test_an_action_that_is_not_finite_is_illegal_and_moves_nothing(world):
    before, _ = world.reset(seed=0)
    after, _, terminated, truncated, info = world.step(np.array([0, np.nan, 0, 0], np.float32))
    assert info["illegal"]
    assert not terminated
    assert not truncated
    assert np.array_equal(before, after)


def test_clauses_that_make_no_sense_are_named(world):
    world.reset(seed=0)
    with pytest.raises(ValueError, match="makes no sense in this scene"):
        world.evaluate(Clause("open", ("puck",)))
    with pytest.raises(ValueError, match="unknown thing 'pluck'"):
        world.evaluate(Clause("holding", ("pluck",)))
    assert world.shortest_plan == (Subgoal("pick up", "puck"), Subgoal("place", "puck", "on", "goal"))
    with pytest.raises(ValueError, match="has no options"):
        world.reset(options={"init": 0})


def test_the_executor_of_the_world_is_found_by_name(world):
    world.reset(seed=0)
    executor = executor_of("scripted")
    executor.begin(world, world.shortest_plan[0], 0)
    for _ in range(60):
        world.advance(executor.act(world))
    assert world.solved()
