"""Planning in a control world: what is seen, what an action does, what is paid, and how an episode ends."""

import re

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check

from sparring import registry
from sparring.envs.conformance import check_env
from sparring.envs.robot.plan import TabletopPlan
from sparring.envs.robot.tabletop.tasks import FAMILIES, task_of
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store

ENV = "sparring/TabletopPlan-v0"


def begun(seed=0, **kwargs):
    env = TabletopPlan(**kwargs)
    return env, *env.reset(seed=seed)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shortest_plan_reaches_the_goal_in_as_many_turns_as_it_has_steps(family):
    for seed in range(4):
        env, _, _ = begun(seed, task=family)
        plan, rewards = env.walkthrough(seed), []
        for number, step in enumerate(plan, 1):
            _, reward, terminated, truncated, info = env.step(step)
            rewards.append(reward)
            assert terminated == (number == len(plan))
            assert not truncated
        assert sum(rewards) == pytest.approx(1 - 0.01 * len(plan))
        assert info["metrics"]["success"] == info["metrics"]["success_at_cap"] == 1
        assert info["metrics"]["subgoals_reached"] == len(plan)


def test_a_whole_plan_is_one_action():
    env, seen, info = begun(1, ask="plan")
    assert "one step a line" in seen
    assert "legal_actions" not in info
    assert "done" in info["suggested_actions"]
    seen, reward, terminated, _, info = env.step(env.walkthrough(1)[0])
    assert terminated
    assert "The goal holds." in seen
    assert reward == pytest.approx(1 - 0.01 * len(task_of(1, "train").plan))


def test_a_plan_is_given_up_at_the_first_step_that_is_not_reached_unless_it_is_not_to_be():
    plan = "place red cube in bin\nturn on lamp"
    seed = next(seed for seed in range(50) if "red cube" in task_of(seed, "train", "light").cubes)
    env, _, _ = begun(seed, ask="plan", task="light", retries=0)
    seen = env.step(plan)[0]
    assert "place red cube in bin: not reached" in seen
    assert "turn on lamp" not in seen.partition("So far")[2].partition("Turns left")[0]
    env, _, _ = begun(seed, ask="plan", task="light", retries=0, replan=False)
    assert "turn on lamp: reached" in env.step(plan)[0]


def test_what_cannot_be_read_moves_nothing_and_costs():
    env, _, info = begun(2)
    before = env.world.state.tolist()
    for action in (
        "",
        "fly",
        "pick up the moon",
        "pick up bin",
        "x" * 10**6,
        "\x00",
        "pick up red cube\npick up red cube",
    ):
        seen, reward, terminated, truncated, info = env.step(action)
        assert info["illegal"]
        assert info["reward_parts"] == {"illegal": -0.05}
        assert reward == -0.05
        assert not terminated
        assert not truncated
        assert len(seen) < 5_000
    assert env.world.state.tolist() == before
    assert "not understood" in seen


def test_the_parts_of_a_half_solved_task():
    seed = 5
    env, _, _ = begun(seed, task="two")
    first, second, *_ = env.walkthrough(seed)
    env.step(first)
    env.step(second)
    _, reward, terminated, truncated, info = env.step("done")
    assert terminated
    assert not truncated
    assert info["reward_parts"] == {"goal": 0.5}
    assert reward == 0.5
    assert info["metrics"]["success"] == 0
    assert info["hidden"]["clauses"] == {str(clause): index == 0 for index, clause in enumerate(env.world.goal)}


@pytest.mark.parametrize("family", FAMILIES)
def test_doing_nothing_earns_nothing_whatever_holds_at_the_start(family):
    env, _, _ = begun(0, task=family)
    _, reward, terminated, _, info = env.step("done")
    assert terminated
    assert reward == 0
    assert info["reward_parts"] == {"goal": 0.0}


def test_undoing_what_held_at_the_start_costs():
    env, _, _ = begun(0, task="drawer")
    env.step("open drawer")
    assert env.step("done")[1] == -1.0


def test_turns_and_steps_are_budgets():
    env, _, _ = begun(0, max_turns=2)
    env.step("turn on lamp")
    _, _, terminated, truncated, _ = env.step("turn off lamp")
    assert truncated
    assert not terminated
    env, _, _ = begun(0, caps=0.02)
    _, _, terminated, truncated, info = env.step("turn on lamp")
    assert truncated
    assert info["metrics"]["steps"] == round(0.02 * env.world.cap)
    assert info["steps_left"] == 0


def test_the_truth_is_hidden_and_the_verdict_is_shown():
    env, _, _ = begun(3, verifier="noisy:fp=1:fn=0", window=1, agree=1)
    name = task_of(3, "train").cubes[0]
    seen, _, _, _, info = env.step(f"pick up {name}")
    assert f"pick up {name}: reached" in seen
    (attempt,) = info["hidden"]["attempts"]
    assert attempt["checks"] == [(10, True, False)]
    assert (attempt["accepted"], attempt["reached"]) == (True, False)
    shown = {key: value for key, value in info.items() if key != "hidden"}
    assert "attempt" not in str(shown)


def test_metrics_of_a_known_episode():
    """Every attempt slips or is knocked; the oracle sees it, and every subgoal is reached in the end."""
    env, _, _ = begun(4, task="bin", fault=0.5, window=1, agree=1)
    for step in env.walkthrough(4):
        info = env.step(step)[-1]
    measured = info["metrics"]
    attempts = [attempt for pursued in env._run.pursued for attempt in pursued.attempts]
    checks = [check for attempt in attempts for check in attempt.checks]
    assert measured["checks"] == len(checks) == measured["true_yes"] + measured["true_no"]
    assert measured["false_yes"] == measured["false_no"] == measured["delay"] == 0
    assert measured["faults"] == sum(attempt.fault is not None for attempt in attempts)
    assert measured["verifier_precision"] == measured["verifier_recall"] == 1
    assert measured["subgoal_success"] == 1


def test_the_libraries_checks_and_ours_pass():
    gymnasium_check(gymnasium.make(f"sparring.envs:{ENV}").unwrapped, skip_render_check=True)
    check_env(ENV)
    check_env(
        ENV, ask="plan", fault=0.4, verifier="noisy+fp=0.1+fn=0.1", faults="slip+knock+motion+stuck+delay+grounding"
    )


def test_recorded_episodes_come_out_the_same_again(tmp_path):
    kwargs = {"fault": 0.4, "verifier": "noisy+fp=0.1+fn=0.1"}
    matches = [Match(f"m{seed}", ENV, {"player_0": "random"}, seed, kwargs) for seed in range(4)]
    matches += [Match(f"s{seed}", ENV, {"player_0": "planner:scripted"}, seed, kwargs) for seed in range(4)]
    episodes = play(matches)
    with Store(tmp_path, "a") as store:
        store.append(episodes)
    with Store(tmp_path) as store:
        assert verify(store).ok
    assert all(episode.sound for episode in episodes)


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"ask": "plans"}, "ask must be one of 'subgoal', 'plan', got 'plans'"),
        ({"verifier": "oracel"}, r"the verifier must be oracle, noisy\+fp=0.1\+fn=0.1, rule, trained:FILE or none"),
        ({"verifier": "noisy:fp=2"}, "fp must lie between 0 and 1, got 2.0"),
        ({"verifier": "trained:/nowhere.json"}, "/nowhere.json is no verifier"),
        ({"fault": 2.0}, "probability of a fault must lie between 0 and 1"),
        ({"faults": "slip+spill"}, "faults must be some of .*, got spill"),
        ({"task": "juggle"}, "task must be one of bin, two"),
        ({"split": "test"}, "split must be 'train' or 'held_out'"),
        ({"simulator": "gazebo"}, "simulator must be one of twin, mujoco"),
        ({"max_turns": 0}, "max_turns must be a whole number >= 1, got 0"),
        ({"caps": 0.0}, "caps must be > 0 and < 1e6, got 0.0"),
        ({"agree": 3, "window": 2}, "agree must be at most window, got 3 of 2"),
        ({"step_cost": -1.0}, "step_cost must be a finite number >= 0, got -1.0"),
        ({"step_cost": float("nan")}, "step_cost must be a finite number >= 0, got nan"),
        ({"fault": "0.3"}, "the probability of a fault must lie between 0 and 1, got '0.3'"),
        ({"executor": 7}, "an executor must have begin"),
    ],
)
def test_senseless_settings_are_refused_in_one_line(kwargs, said):
    with pytest.raises(ValueError, match=said) as raised:
        registry.envs.make(ENV, **kwargs)
    assert "\n" not in str(raised.value)


def test_training_and_held_out_tasks_share_no_instruction():
    said = {split: {task_of(seed, split).instruction for seed in range(400)} for split in ("train", "held_out")}
    assert not said["train"] & said["held_out"]
    assert min(map(len, said.values())) > 100


def test_the_plan_lists_what_makes_sense():
    env, seen, info = begun(0)
    actions = info["legal_actions"]
    assert len(actions) == len(set(actions)) == 4 + 2 + 2 + 4 * (2 + 3) + 1
    assert all(re.match(r"(pick up|place|open|close|turn on|turn off) |done$", action) for action in actions)
    assert f"Task: {env.world.instruction}." in seen


def test_options_of_a_verifier_can_be_given_where_colons_mean_something_else():
    row = registry.envs.row("sparring/TabletopPlan-v0:verifier=noisy+fp=0.25+fn=0:fault=0.3")
    env = row.build(**row.kwargs)
    assert (env.verifier.fp, env.verifier.fn) == (0.25, 0.0)
    assert env.setup.faults.probability == 0.3


def test_an_executor_of_ones_own_is_an_object():
    class Still:
        name = "still"

        def begin(self, world, subgoal, attempt):
            self.world = world

        def act(self, world):
            return world.rest(-1.0)

    env, _, _ = begun(0, executor=Still(), retries=0)
    info = env.step("turn on lamp")[-1]
    assert [attempt["steps"] for attempt in info["hidden"]["attempts"]] == [70]
    assert not info["hidden"]["attempts"][0]["reached"]
