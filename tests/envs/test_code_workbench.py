"""The environment around programs: feedback without verdicts, budgets, faults, and one course of events per seed."""

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparring import envs, registry
from sparring.envs.code import sandboxes
from sparring.envs.code.feedback import CHARSET, MAX_OUTPUT_LENGTH, cut, last_line_of, output_of, shown
from sparring.sandbox import Outcome, Sandbox, SandboxError

ENV_ID = "sparring/ToolTasks-v0"


class Scripted:
    """A sandbox whose outcomes are given."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.asked = []

    def run(self, code, **options):
        self.asked.append((code, options))
        return self.outcomes.pop(0)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as box:
        yield box


def program(text):
    return f"<execute>\n{text}\n</execute>"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("env_id", [row.name for row in registry.envs if row.family == "code"])
def test_every_code_environment_passes_the_check_of_gymnasium(env_id):
    env = gymnasium.make(f"sparring.envs:{env_id}", render_mode="ansi")
    check_env(env.unwrapped)
    observation, info = env.reset(seed=5)
    assert observation in env.observation_space
    assert env.render() == observation
    assert "Turns left: 10" in observation
    assert set(info) == {"task", "turns_left"}
    assert info["turns_left"] == 10


def test_feedback_shows_status_and_output(sandbox):
    env = envs.make(ENV_ID, sandbox=sandbox)
    env.reset(seed=0)
    seen, reward, terminated, truncated, info = env.step(program("print('a')\nprint('b')\nprint()"))
    assert seen == "Status: ok\nTurns left: 9\nOutput:\na\nb"
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert info["execution"] == {"status": "ok", "output": "b"}
    assert (info["illegal"], info["turns_left"]) == (False, 9)


def test_a_traceback_speaks_of_the_program_alone(sandbox):
    env = envs.make(ENV_ID, sandbox=sandbox)
    env.reset(seed=0)
    seen, *_, info = env.step(program("import json\n\nprint(object())\njson.loads('x')"))
    assert info["execution"]["status"] == "nonzero"
    assert 'File "program.py", line 4, in <module>' in seen
    assert "<object object at 0x...>" in seen
    assert "main.py" not in seen
    assert 'File "/' not in seen


def test_programs_know_nothing_of_each_other(sandbox):
    env = envs.make(ENV_ID, sandbox=sandbox)
    env.reset(seed=0)
    env.step(program("kept = 1\nopen('kept.txt', 'w').write('1')"))
    seen, *_ = env.step(program("import os\nprint('kept' in globals(), os.path.exists('kept.txt'))"))
    assert seen.endswith("False False")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("import sys\nsys.exit(3)", "nonzero"),
        ("def f(:", "nonzero"),
        ("print('\x00')", "nonzero"),
        ("print('\ud800')", "nonzero"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "signal"),
        ("while True: print('x' * 1000)", "output_limit"),
    ],
)
def test_a_program_may_fail_in_any_way(sandbox, text, status):
    env = envs.make(ENV_ID, sandbox=sandbox)
    env.reset(seed=0)
    seen, reward, *_, info = env.step(program(text))
    assert seen.startswith(f"Status: {status}\n")
    assert info["execution"]["status"] == status
    assert (reward, info["illegal"]) == (0.0, False)
    assert seen in env.observation_space


def test_an_illegal_action_uses_up_its_turn():
    env = envs.make(ENV_ID, max_turns=2, sandbox=Scripted())
    env.reset(seed=0)
    seen, reward, terminated, truncated, info = env.step("I do not know.")
    assert seen.startswith("Status: illegal\nTurns left: 1\nOutput:\nThere is neither a program nor an answer.")
    assert (reward, terminated, truncated, info["illegal"], info["turns_left"]) == (0.0, False, False, True, 1)
    assert "execution" not in info


def test_a_turn_budget_truncates_with_reward_zero():
    env = envs.make(ENV_ID, max_turns=2, sandbox=Scripted())
    env.reset(seed=0)
    env.step("?")
    _, reward, terminated, truncated, info = env.step("?")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["reward_parts"] == {"payoff": 0.0}
    assert env.step("<answer>1</answer>")[1:4] == (0.0, False, True)


def test_nothing_is_paid_after_the_end():
    env = envs.make(ENV_ID, family="apis", sandbox=Scripted())
    env.reset(seed=0)
    answer = f"<answer>{env._task.gold!r}</answer>"
    assert env.step(answer)[1:4] == (1.0, True, False)
    assert env.step(answer)[1:4] == (0.0, True, False)


@pytest.mark.parametrize("status", ["setup_error", "sandbox_died"])
def test_a_fault_of_the_sandbox_is_raised_and_never_scored(status):
    env = envs.make(ENV_ID, sandbox=Scripted(Outcome(status, error="the engine is gone")))
    env.reset(seed=0)
    with pytest.raises(SandboxError, match=f"{status}: the engine is gone"):
        env.step(program("print(1)"))


def test_the_same_seed_and_actions_give_the_same_episode_twice(sandbox):
    actions = [
        program("import random\nprint(random.random(), {'b', 'a', 'c'})"),
        "nothing",
        program("raise ValueError('no')"),
        program("import random\nprint([random.randint(0, 9) for _ in range(5)])"),
        "<answer>5</answer>",
    ]

    def play(env):
        return [env.reset(seed=11), *(env.step(action) for action in actions)]

    env = envs.make(ENV_ID, sandbox=sandbox)
    first = play(env)
    env.reset(seed=12)
    env.step(program("print(1)"))
    assert play(env) == first
    assert play(envs.make(ENV_ID, sandbox=sandbox)) == first


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text() | st.text().map(lambda text: f"<answer>{text}</answer>"))
def test_any_text_is_an_action(text):
    env = envs.make(ENV_ID, sandbox=Scripted(*[Outcome("ok", stdout="1")] * 3))
    env.reset(seed=0)
    seen, reward, terminated, _, info = env.step(text)
    assert seen in env.observation_space
    assert terminated != info["illegal"] or not terminated
    assert reward in (0.0, 1.0)


def test_an_action_that_is_no_text_is_refused():
    env = envs.make(ENV_ID, sandbox=Scripted())
    env.reset(seed=0)
    with pytest.raises(TypeError, match="action must be a str, got int"):
        env.step(3)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"max_turns": 0}, "max_turns must be >= 1, got 0"),
        ({"family": "chess"}, "family must be 'all' or one of .*, got 'chess'"),
        ({"split": "test"}, "split must be 'train' or 'held_out', got 'test'"),
    ],
)
def test_options_out_of_range_name_rule_and_value(option, message):
    with pytest.raises(ValueError, match=message):
        envs.make(ENV_ID, **option)


def test_long_output_is_cut_in_the_middle_and_says_so():
    outcome = Outcome("nonzero", stdout="a" * 5_000, stderr="\n".join(map(str, range(100))))
    seen = output_of(outcome)
    assert len(seen) <= MAX_OUTPUT_LENGTH
    assert seen.startswith("aaa")
    assert "characters left out" in seen
    assert seen.endswith("88\n89\n90\n91\n92\n93\n94\n95\n96\n97\n98\n99")
    assert "\n87\n" not in seen


def test_a_warning_stands_before_what_was_printed_and_an_error_after():
    assert output_of(Outcome("ok", stdout="42\n", stderr="a warning\n")) == "a warning\n42"
    assert output_of(Outcome("nonzero", stdout="42\n", stderr="an error\n")) == "42\nan error"


def test_how_far_a_stopped_program_came_is_not_shown():
    assert output_of(Outcome("timeout", stdout="1\n2\n")) == output_of(Outcome("timeout", stdout="1\n2\n3\n"))
    assert last_line_of(Outcome("timeout", stdout="1\n2\n")) == ""
    few, many = Outcome("output_limit", stdout="x" * 10**5), Outcome("output_limit", stdout="x" * 10**6)
    assert output_of(few) == output_of(many)


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_is_printed_lies_in_the_observation_space(out, err):
    outcome = Outcome("ok", stdout=out, stderr=err)
    assert set(output_of(outcome)) | set(last_line_of(outcome)) <= CHARSET
    assert set(shown(out)) <= CHARSET


@given(st.text(max_size=300), st.integers(60, 200))
def test_a_cut_keeps_both_ends(text, length):
    short = cut(text, length)
    assert len(short) <= length
    assert short == text or (short[:5] == text[:5] and short[-5:] == text[-5:])


def test_environments_share_one_sandbox_a_process_and_open_it_late():
    first, second = envs.make(ENV_ID), envs.make(ENV_ID)
    first.reset(seed=0)
    assert first.sandbox is second.sandbox
    shared = first.sandbox
    sandboxes.close_shared()
    assert first.sandbox is not shared
    assert first.step(program("print(1)"))[0].endswith("\n1")
    sandboxes.close_shared()
