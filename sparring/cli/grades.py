"""What programs passed: shown in lines, and written as JSON lines or JUnit XML."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

from sparring.cli import terminal
from sparring.scoreboard.output import require_output, write_parts

XML, SUITES = '<?xml version="1.0" encoding="UTF-8"?>\n', "sparring sandbox grade"


@dataclass(frozen=True, slots=True)
class Grade:
    """What a program passed of all tests, and why it did not pass the others."""

    passed: int
    total: int
    detail: tuple[str, ...] = ()


def require_grade_files(jsonl: Path | None, junit: Path | None) -> None:
    """Raises OSError, before anything is graded, where something else than earlier grades is in the way."""
    if jsonl is not None:
        require_output(jsonl, "file of grades", lambda head: head.startswith(b'{"program": '))
    if junit is not None:
        require_output(junit, "JUnit file of ours", _is_junit)


def write_grades(grades: Mapping[str, Grade], jsonl: Path | None, junit: Path | None) -> None:
    """One JSON object a program, and JUnit XML, where they were asked for."""
    if jsonl is not None:
        write_parts(jsonl, (jsonlib.dumps(row) + "\n" for row in _plain(grades)))
    if junit is not None:
        write_parts(junit, [_junit_of(grades)])


def show_grades(grades: Mapping[str, Grade], json: bool) -> None:
    """What each program passed, and the first reasons why not more."""
    if json:
        terminal.dump(_plain(grades))
        return
    for name, grade in grades.items():
        head = f"{terminal.printable(name, keep='')}: {grade.passed} of {grade.total} passed"
        terminal.say("\n  ".join([head, *grade.detail[:5]]))
        if len(grade.detail) > 5:
            terminal.say(f"  and {len(grade.detail) - 5} more; --json lists all")


def _plain(grades: Mapping[str, Grade]) -> list[dict[str, object]]:
    return [{"program": name, **asdict(grade)} for name, grade in grades.items()]


def _is_junit(head: bytes) -> bool:
    """Whether a file begins as `_junit_of` writes it."""
    return head.startswith(f'{XML}<testsuites name="{SUITES}"'.encode())


def _junit_of(grades: Mapping[str, Grade]) -> str:
    """JUnit XML: a test case a program, which fails where the program did not pass all of its tests."""
    failed = sum(grade.passed < grade.total for grade in grades.values())
    counts = {"tests": str(len(grades)), "failures": str(failed), "errors": "0"}
    root = ElementTree.Element("testsuites", {"name": SUITES, **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": "programs", **counts})
    for name, grade in grades.items():
        case = ElementTree.SubElement(suite, "testcase", classname="programs", name=terminal.printable(name, keep=""))
        if grade.passed < grade.total:
            failure = ElementTree.SubElement(case, "failure", message=f"{grade.passed} of {grade.total} passed")
            failure.text = terminal.printable("\n".join(grade.detail))
    ElementTree.indent(root)
    return f"{XML}{ElementTree.tostring(root, encoding='unicode')}\n"
