"""The split grader: the candidate runs inside, the verdict is decided outside.

Arguments go in, plain values of exact built-in types come out, and what they are compared with never enters. So there
is nothing inside to steal, to patch or to print: an object that claims to be equal to everything is no plain value and
does not come out, an exit code or a line on standard output decides nothing, and nothing is ever unpickled or run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.sandbox.sandbox import Sandbox
from sparring.sandbox.session import Session
from sparring.sandbox.types import Answer, Limits, Outcome, SandboxError


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one case passed, and what the candidate did."""

    passed: bool
    answer: Answer
    reason: str = ""
    """Why not, in a few words; it says nothing of what was expected."""


class CandidateFailed(Exception):
    """A candidate's function did not return; raised on the trusted side by a remote function."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"the candidate's function ended as {outcome.status}: {_last_line(outcome.stderr)}")
        self.outcome = outcome


def grade_calls(
    sandbox: Sandbox,
    code: str,
    function: str,
    cases: Sequence[tuple[Sequence[object], object]],
    tolerance: float = 0.0,
    limits: Limits | None = None,
) -> list[Verdict]:
    """Call `function` of a program with each case's arguments and compare what it returns with what is expected.

    cases: (arguments, expected) with plain values. tolerance: relative and absolute, for floats.
    A candidate that dies is loaded anew for the next case. Raises SandboxError for faults of ours, ValueError for
    arguments that are not plain.
    """
    verdicts: list[Verdict] = []
    session: Session | None = None
    try:
        for args, expected in cases:
            if session is None:
                session, loaded = load(sandbox, code, limits)
                if not loaded.ok:
                    return [Verdict(False, Answer(loaded), "the program did not load")] * len(cases)
            answer = session.call(function, args)
            verdicts.append(_verdict(answer, expected, tolerance))
            if session.is_over:
                session = None
    finally:
        if session is not None:
            session.close()
    return verdicts


def load(sandbox: Sandbox, code: str, limits: Limits | None = None) -> tuple[Session, Outcome]:
    """A session that has run a program, and how that went. Raises SandboxError for faults of ours."""
    session = sandbox.session(limits=limits)
    try:
        loaded = session.run(code)
    except BaseException:
        session.close()
        raise
    if loaded.is_ours:
        session.close()
        raise SandboxError(loaded.error)
    return session, loaded


def remote(session: Session, function: str) -> Callable[..., object]:
    """A function of the candidate's as a function here: for checks that are Python code and trusted.

    It raises CandidateFailed where the candidate raised, died or returned nothing plain.
    """

    def call(*args: object) -> object:
        answer = session.call(function, args)
        if answer.outcome.is_ours:
            raise SandboxError(answer.outcome.error)
        if not answer.outcome.ok:
            raise CandidateFailed(answer.outcome)
        return answer.value

    call.__name__ = function
    return call


def equal(value: Any, expected: Any, tolerance: float = 0.0) -> bool:
    """Equal types, equal contents; floats within the tolerance, NaN equal to NaN, bool never equal to int."""
    if type(value) is not type(expected):
        return False
    if isinstance(expected, complex):
        return equal(value.real, expected.real, tolerance) and equal(value.imag, expected.imag, tolerance)
    if isinstance(expected, float):
        return (
            value == expected
            or (math.isnan(value) and math.isnan(expected))
            or (tolerance > 0 and math.isclose(value, expected, rel_tol=tolerance, abs_tol=tolerance))
        )
    if isinstance(expected, list | tuple):
        return len(value) == len(expected) and all(map(lambda a, b: equal(a, b, tolerance), value, expected))
    if isinstance(expected, dict):
        item_of = {key if key == key else repr(key): item for key, item in value.items()}
        return _typed(value.keys()) == _typed(expected.keys()) and all(
            equal(item_of[key if key == key else repr(key)], item, tolerance) for key, item in expected.items()
        )
    if isinstance(expected, set | frozenset):
        return _typed(value) == _typed(expected)
    return bool(value == expected)


def _typed(keys: Iterable[object]) -> set[tuple[type, object]]:
    """With what is NaN written as text: no NaN equals another one."""
    return {(type(key), key if key == key else repr(key)) for key in keys}


def _verdict(answer: Answer, expected: object, tolerance: float) -> Verdict:
    if answer.outcome.is_ours:
        raise SandboxError(answer.outcome.error)
    if not answer.outcome.ok:
        return Verdict(False, answer, answer.outcome.status)
    right = equal(answer.value, expected, tolerance)
    return Verdict(right, answer, "" if right else "another value")


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2][:200]
