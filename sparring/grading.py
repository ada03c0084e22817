"""Tests for programs that nobody trusts, as the command line reads them: cases in JSON, or a check in Python."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from sparring import terminal
from sparring.sandbox import Sandbox
from sparring.sandbox.grader import Verdict, grade_calls, load, remote

SHOWN = 80
"""Characters of a value in a line."""
XML, SUITES = '<?xml version="1.0" encoding="UTF-8"?>\n', "sparring sandbox grade"
Case = tuple[list[Any], Any]
Checker = Callable[[Sandbox, str], "Grade"]


@dataclass(frozen=True, slots=True)
class Grade:
    """What a program passed of all tests, and why it did not pass the others."""

    passed: int
    total: int
    detail: tuple[str, ...] = ()


def is_junit(head: bytes) -> bool:
    """Whether a file begins as `junit_of` writes it."""
    return head.startswith(f'{XML}<testsuites name="{SUITES}"'.encode())


def junit_of(grades: Mapping[str, Grade]) -> str:
    """JUnit XML: a test case a program, which fails where the program did not pass all of its tests."""
    failed = sum(grade.passed < grade.total for grade in grades.values())
    counts = {"tests": str(len(grades)), "failures": str(failed), "errors": "0"}
    root = ElementTree.Element("testsuites", {"name": SUITES, **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": "programs", **counts})
    for name, grade in grades.items():
        case = ElementTree.SubElement(suite, "testcase", classname="programs", name=terminal.printable(name))
        if grade.passed < grade.total:
            failure = ElementTree.SubElement(case, "failure", message=f"{grade.passed} of {grade.total} passed")
            failure.text = terminal.printable("\n".join(grade.detail))
    ElementTree.indent(root)
    return f"{XML}{ElementTree.tostring(root, encoding='unicode')}\n"


def checker(tests: Path, function: str) -> Checker:
    """The check that a file of tests describes; the file is read once. Raises ValueError, OSError."""
    if tests.suffix == ".json":
        cases = _cases(tests)
        return lambda sandbox, code: _by_cases(sandbox, code, function, cases)
    namespace: dict[str, Any] = {"__name__": "tests", "__file__": str(tests)}
    exec(compile(tests.read_text(), str(tests), "exec"), namespace)  # the caller's own file
    if "check" not in namespace:
        raise ValueError(f"{tests} must define check(candidate)")
    return lambda sandbox, code: _by_check(sandbox, code, function, namespace["check"])


def _by_cases(sandbox: Sandbox, code: str, function: str, cases: Sequence[Case]) -> Grade:
    verdicts = grade_calls(sandbox, code, function, cases)
    failed = [
        f"case {at}: {_failure(function, case, verdict)}"
        for at, (case, verdict) in enumerate(zip(cases, verdicts, strict=True))
        if not verdict.passed
    ]
    missing = _missing(code, function) if len(failed) == len(cases) else ()
    return Grade(len(cases) - len(failed), len(cases), (*missing, *failed))


def _by_check(sandbox: Sandbox, code: str, function: str, check: Callable[[Any], None]) -> Grade:
    session, loaded = load(sandbox, code)
    with session:
        if not loaded.ok:
            return Grade(0, 1, (f"the program did not load: {loaded.status}",))
        try:
            check(remote(session, function))
        except Exception as error:  # noqa: BLE001  (a check says no by raising, whatever it raises)
            return Grade(0, 1, (*_missing(code, function), f"{type(error).__name__}: {error}"))
    return Grade(1, 1)


def _failure(function: str, case: Case, verdict: Verdict) -> str:
    """The call, and what came of it. What is expected is shown here, to the caller, and never to the program."""
    args, expected = case
    call = f"{function}({', '.join(map(_shown, args))})"
    if verdict.answer.outcome.ok:
        return f"{call} gave {_shown(verdict.answer.value)}, expected {_shown(expected)}"
    last = verdict.answer.outcome.stderr.strip().rpartition("\n")[2]
    return f"{call}: {verdict.reason}" + (f": {last[:SHOWN]}" if last else "")


def _missing(code: str, function: str) -> tuple[str, ...]:
    """A line that says which functions there are, where the one that is called is none of them."""
    try:
        found = [node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    if function in found:
        return ()
    return (f"it defines no {function!r}; it defines {', '.join(found) or 'nothing'} (--function names another)",)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _cases(tests: Path) -> list[Case]:
    """(arguments, expected) of a file. Raises ValueError for another shape, and for no case at all."""
    try:
        cases = json.loads(tests.read_text())
    except ValueError as error:
        raise ValueError(f"{tests} is no JSON: {error}") from error
    if not isinstance(cases, list) or not all(
        isinstance(case, list) and len(case) == 2 and isinstance(case[0], list) for case in cases
    ):
        raise ValueError(f"{tests} must hold [[arguments, expected], ...], arguments being a list")
    if not cases:
        raise ValueError(f"{tests} must hold at least one case: with no tests there is nothing to pass")
    return [(args, expected) for args, expected in cases]
