"""What a task and an answer come to in the sandbox.

    program ──► its value ──► verify(value) is True?
     one interpreter           another one, which has never seen the program

Only the value, plain data, goes from one to the other: a program cannot reach the verify function, and a verify
function sees nothing but the answer. Every call starts from the same state, so what one call leaves behind no other
finds. What a program or a verify function does wrong is a finding; SandboxError is raised for faults of the sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from sparring.envs.code.feedback import cut, shown
from sparring.envs.reflection.task_form import WrittenTask
from sparring.sandbox import Answer, Limits, Outcome, Sandbox, SandboxError, Session
from sparring.sandbox.grader import equal
from sparring.sandbox.inside.wire import encode_value

LIMITS = Limits(wall_seconds=3.0, cpu_seconds=2.0, output_bytes=64 * 1024)
"""Of one call."""
SECONDS = 10.0
"""For all calls of a task, or of an answer, together: what comes later is not run, and counts as timed out."""
MOST_VALUE = 20_000
"""Characters of an answer as JSON."""
FORM, NEW, RUNS, ACCEPTS, FAILS, REJECTS, DISCERNS, REPEATS = CHECKS = (
    "form",
    "new",
    "runs",
    "accepts",
    "fails",
    "rejects",
    "discerns",
    "repeats",
)
"""What a task has to pass, in this order: it has the four parts; it is no earlier one; the solution has a value; verify
accepts it; every failure has another value; verify rejects each, and rejects what answers nothing; and all is the same
when it is done again."""
NOTHING = (None, "no answer")
"""No task has these for an answer, unless its solution is one of them."""
SEEDS = (1, 2)
"""Of `random` in the two tries of a task."""
EVALUATE = """
def _value_of(text):
    import ast
    tree = ast.parse(text)
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        raise ValueError("the last line must be an expression, whose value is the answer")
    last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, "answer.py", "exec"), globals())
    return eval(compile(last, "answer.py", "eval"), globals())
"""
Ask = Callable[[str, object], Answer]


@dataclass(slots=True)
class Budget:
    """What is left of the time of a task."""

    seconds: float = SECONDS


class Value(NamedTuple):
    """What a program came to."""

    ok: bool
    value: object = None
    said: str = ""
    """Why there is no value."""


class Finding(NamedTuple):
    """The first check that a task does not pass, and why."""

    check: str
    said: str


def values_of(sandbox: Sandbox, library: str, programs: Sequence[str], budget: Budget, seed: int = 0) -> list[Value]:
    """The value of the last line of each program, after a library; up to the first that has none."""
    found = list[Value]()
    with _prepared(sandbox, library + EVALUATE, seed, budget) as ask:
        for program in programs:
            found.append(_value(ask("_value_of", program)))
            if not found[-1].ok:
                break
    return found


def verdicts_of(
    sandbox: Sandbox, library: str, verify: str, values: Sequence[object], budget: Budget, seed: int = 0
) -> list[str]:
    """What a verify function says of each value: "accepted", "rejected", or how it broke off.

    True alone accepts; an exception rejects. Nothing more is asked once it has hung or used up what it may use.
    """
    said = list[str]()
    with _prepared(sandbox, f"{library}\n{verify}", seed, budget) as ask:
        for value in values:
            answer = ask("verify", value)
            rejected = answer.outcome.ok or answer.outcome.status == "nonzero"
            accepted = answer.outcome.ok and answer.value is True
            said.append("accepted" if accepted else "rejected" if rejected else answer.outcome.status)
            if not rejected:
                break
    return said


def trial(sandbox: Sandbox, library: str, task: WrittenTask) -> Finding | None:
    """The first check that a task does not pass in the sandbox; None where it passes all."""
    budget = Budget()
    finding, values = _tried(sandbox, library, task, budget, SEEDS[0])
    if finding is not None:
        return finding
    finding, again = _tried(sandbox, library, task, budget, SEEDS[1])
    if finding is not None:
        return Finding(REPEATS, f"it passed at first, then: {finding.said}")
    same = all(map(equal, again, values))
    return None if same else Finding(REPEATS, "an answer has another value when it is run again")


def _tried(
    sandbox: Sandbox, library: str, task: WrittenTask, budget: Budget, seed: int
) -> tuple[Finding | None, list[object]]:
    """What one try finds, and the values that verify was asked about: the solution's, the failures', then nothing."""
    answers = values_of(sandbox, library, [task.solution, *task.failures], budget, seed)
    finding = _of_answers(answers)
    if finding is not None:
        return finding, []
    values = [one.value for one in answers]
    values += [value for value in NOTHING if not equal(value, values[0])]
    return _of_verdicts(task, values, verdicts_of(sandbox, library, task.verify, values, budget, seed)), values


def _of_answers(answers: Sequence[Value]) -> Finding | None:
    solution, *failures = answers
    if not solution.ok:
        return Finding(RUNS, f"the solution has no value: {solution.said}")
    for number, failure in enumerate(failures, 1):
        if not failure.ok:
            return Finding(FAILS, f"failure {number} has no value: {failure.said}")
        if equal(failure.value, solution.value):
            return Finding(FAILS, f"failure {number} has the solution's value, {in_words(failure.value)}")
    return None


def _of_verdicts(task: WrittenTask, values: Sequence[object], verdicts: Sequence[str]) -> Finding | None:
    """values: as `_tried` gives them."""
    if verdicts[0] != "accepted":
        return Finding(ACCEPTS, f"verify does not accept the solution's value {in_words(values[0])}: {verdicts[0]}")
    for number, (said, value) in enumerate(zip(verdicts[1:], values[1:], strict=False), 1):
        if said != "rejected":
            known = number <= len(task.failures)
            check, what = (REJECTS, f"failure {number}") if known else (DISCERNS, "no answer")
            return Finding(check, f"verify must reject {what}, {in_words(value)}: {said}")
    return None


def in_words(value: object) -> str:
    """A plain value as it is shown: short, and the same everywhere."""
    try:
        return cut(shown(_written(value)), 200)
    except ValueError:  # a number of thousands of digits
        return "a number too long to be written"


def _written(value: object) -> str:
    """As `repr` writes it, but sets in order: theirs is another one in every process."""
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({', '.join(sorted(map(_written, value)))})"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_written, value))}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_written(key)}: {_written(item)}" for key, item in value.items()) + "}"
    return repr(value)


def _value(answer: Answer) -> Value:
    if not answer.outcome.ok:
        return Value(False, said=how_it_ended(answer.outcome))
    size = len(json.dumps(encode_value(answer.value)))
    if size > MOST_VALUE:
        return Value(False, said=f"the value must have at most {MOST_VALUE} characters, it has {size}")
    return Value(True, answer.value)


def how_it_ended(outcome: Outcome) -> str:
    """How a call ended that gave nothing, and the last line of its error."""
    error = shown(outcome.stderr.strip().rpartition("\n")[2]) if outcome.status == "nonzero" else ""
    return cut(": ".join(part for part in (outcome.status, error) if part), 300)


@contextmanager
def _prepared(sandbox: Sandbox, program: str, seed: int, budget: Budget) -> Iterator[Ask]:
    """Calls of one argument, each from the state after a program; what ruins that state costs only its own call."""
    session, loaded = _load(sandbox, program, seed, budget)

    def ask(function: str, argument: object) -> Answer:
        nonlocal session, loaded
        if session.is_over:
            session, loaded = _load(sandbox, program, seed, budget)
        if not loaded.ok or budget.seconds <= 0:
            return Answer(Outcome("timeout") if loaded.ok else loaded)
        with session.fork() as branch:
            answer = branch.call(function, [argument])
        if answer.outcome.is_ours:
            raise SandboxError(answer.outcome.error)
        budget.seconds -= answer.outcome.seconds
        return answer

    try:
        yield ask
    finally:
        session.close()


def _load(sandbox: Sandbox, program: str, seed: int, budget: Budget) -> tuple[Session, Outcome]:
    """A session after a program, and how that went."""
    session = sandbox.session(limits=LIMITS, seed=seed)
    try:
        loaded = session.run(program)
        if loaded.is_ours:
            raise SandboxError(loaded.error)
        budget.seconds -= loaded.seconds
    except BaseException:
        session.close()
        raise
    return session, loaded
