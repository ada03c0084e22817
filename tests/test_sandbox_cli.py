"""`sparring sandbox run`: what cannot be run or tested is refused in one line, with exit code 2."""

import pytest

from sparring.__main__ import main


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text("def solution(a, b): return a + b\n")
    return path


def test_a_program_is_tested_outside(program, tmp_path, capsys):
    tests = tmp_path / "tests.json"
    tests.write_text("[[[1, 2], 3], [[1, 1], 3]]")
    assert main(["sandbox", "run", str(program), "--tests", str(tests)]) == 1
    assert "1 of 2 passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ("[]", "at least one case"),
        ("{}", "must hold [[arguments, expected], ...]"),
        ("[[1, 2]]", "arguments being a list"),
        ("[[[1], 2, 3]]", "must hold [[arguments, expected], ...]"),
        ("[", "Expecting value"),
    ],
)
def test_tests_that_are_none_are_refused(program, tmp_path, capsys, cases, message):
    tests = tmp_path / "tests.json"
    tests.write_text(cases)
    assert main(["sandbox", "run", str(program), "--tests", str(tests)]) == 2
    said = capsys.readouterr()
    assert "passed" not in said.out
    assert message in said.err.replace("\n", " ")


def test_a_program_that_python_cannot_read_is_refused(program, capsys):
    program.write_bytes(b"a\0b")
    assert main(["sandbox", "run", str(program)]) == 2
    assert "code must not hold NUL bytes, got one at byte 1" in capsys.readouterr().err
