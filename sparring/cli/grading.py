"""Tests for programs that nobody trusts, as the command line reads them: cases in JSON, or a check in Python."""

from __future__ import annotations

import ast
import json
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparring.cli.grades import Grade
from sparring.faults import reason_of
from sparring.sandbox import Sandbox
from sparring.sandbox.checks import source_bytes
from sparring.sandbox.grader import Verdict, grade_calls, load, remote
from sparring.sandbox.types import MAX_CODE_BYTES

SHOWN = 80
"""Characters of a value in a line."""
Case = tuple[list[object], object]
Check = Callable[[Sandbox, str], Grade]


@dataclass(frozen=True, slots=True)
class Tests:
    """What decides whether a program is right."""

    total: int
    """How many there are."""
    check: Check

    def grade(self, sandbox: Sandbox, file: Path, folder: Path | None = None) -> Grade:
        """The grade of a file; one that cannot be read as a program passes nothing. Raises SandboxError."""
        try:
            code = read_program(file, folder)
        except ValueError as error:
            return Grade(0, self.total, (str(error),))
        return self.check(sandbox, code)


def find_programs(folder: Path) -> tuple[list[Path], list[str]]:
    """Everything in a folder that is named .py, whatever it is, and the subfolders, whose files are left out."""
    entries = sorted(folder.iterdir())
    programs = [entry for entry in entries if entry.name.endswith(".py")]
    others = [entry.name for entry in entries if entry.is_dir() and entry not in programs]
    return programs, [name for name in others if name != "__pycache__"]


def read_program(file: Path, folder: Path | None = None) -> str:
    """The source of a program. Raises ValueError, saying why, for what is none: a pipe or device is never opened.

    folder: a link that leads out of this folder is not followed. None: any link is.
    """
    try:
        place = Path(os.path.realpath(file, strict=True))
        if folder is not None and not place.is_relative_to(os.path.realpath(folder)):
            raise ValueError(f"it is a link to {os.readlink(file)}, which leads out of the folder")
        _require_regular(os.stat(place))
        with open(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            _require_regular(os.fstat(opened.fileno()))
            return source_bytes(opened.read(MAX_CODE_BYTES + 1)).decode()
    except OSError as error:
        lost = f"it is a link to {os.readlink(file)}; " if file.is_symlink() else ""
        raise ValueError(f"{lost}{reason_of(error)}") from error


def _require_regular(found: os.stat_result) -> None:
    """Raises ValueError for what is no file, or holds more than the sandbox takes."""
    if stat.S_ISDIR(found.st_mode):
        raise ValueError("it is a folder, and a file is wanted")
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no regular file but a pipe, socket or device")
    if found.st_size > MAX_CODE_BYTES:
        raise ValueError(f"code must be at most {MAX_CODE_BYTES} bytes, got {found.st_size}")


def read_tests(tests: Path, function: str) -> Tests:
    """The tests that a file describes; the file is read once. Raises ValueError, OSError."""
    if tests.suffix == ".json":
        cases = _cases(tests)
        return Tests(len(cases), lambda sandbox, code: _by_cases(sandbox, code, function, cases))
    check = _check_of(tests)
    return Tests(1, lambda sandbox, code: _by_check(sandbox, code, function, check))


def _check_of(tests: Path) -> Callable[[Callable[..., object]], object]:
    source = tests.read_bytes()
    namespace: dict[str, object] = {"__name__": "tests", "__file__": str(tests)}
    try:
        exec(compile(source, str(tests), "exec"), namespace)  # the caller's own file
    except Exception as error:
        raise ValueError(f"{tests} cannot be run: {type(error).__name__}: {error}") from error
    check = namespace.get("check")
    if not callable(check):
        raise ValueError(f"{tests} must define check(candidate)")
    return check


def _by_cases(sandbox: Sandbox, code: str, function: str, cases: Sequence[Case]) -> Grade:
    verdicts = grade_calls(sandbox, code, function, cases)
    failed = [
        f"case {at}: {_failure(function, case, verdict)}"
        for at, (case, verdict) in enumerate(zip(cases, verdicts, strict=True))
        if not verdict.passed
    ]
    explained = _explained(code, function) if len(failed) == len(cases) else ()
    return Grade(len(cases) - len(failed), len(cases), (*explained, *failed))


def _by_check(sandbox: Sandbox, code: str, function: str, check: Callable[[Callable[..., object]], object]) -> Grade:
    session, loaded = load(sandbox, code)
    with session:
        if not loaded.ok:
            return Grade(0, 1, (*_explained(code, function), f"the program did not load: {loaded.status}"))
        try:
            check(remote(session, function))
        except Exception as error:  # noqa: BLE001  (a check says no by raising, whatever it raises)
            return Grade(0, 1, (*_explained(code, function), f"{type(error).__name__}: {error}"))
    return Grade(1, 1)


def _failure(function: str, case: Case, verdict: Verdict) -> str:
    """The call, and what came of it. What is expected is shown here, to the caller, and never to the program."""
    args, expected = case
    call = f"{function}({', '.join(map(_shown, args))})"
    if verdict.answer.outcome.ok:
        return f"{call} gave {_shown(verdict.answer.value)}, expected {_shown(expected)}"
    last = verdict.answer.outcome.stderr.strip().rpartition("\n")[2]
    return f"{call}: {verdict.reason}" + (f": {last[:SHOWN]}" if last else "")


def _explained(code: str, function: str) -> tuple[str, ...]:
    """A line that says where the program is no Python, or which functions it has where the wanted one is missing."""
    try:
        body = ast.parse(code).body
    except SyntaxError as error:
        return (f"line {error.lineno}: {type(error).__name__}: {error.msg}",)
    except (ValueError, RecursionError, MemoryError):
        return ()
    found = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if function in found:
        return ()
    return (f"it defines no {function!r}; it defines {', '.join(found) or 'nothing'} (--function names another)",)


def _shown(value: object) -> str:
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
