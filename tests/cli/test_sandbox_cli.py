"""`sparring sandbox run` and `grade`: streams and exit codes are the program's, verdicts are ours."""

import json
import os
from xml.etree import ElementTree

import pytest

from sparring.cli.app import main
from sparring.sandbox.types import MAX_CODE_BYTES


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text("def solution(a, b): return a + b\n")
    return path


def test_a_program_is_tested_outside(program, tmp_path, capsys):
    tests = tmp_path / "tests.json"
    tests.write_text("[[[1, 2], 3], [[1, 1], 3]]")
    assert main(["sandbox", "run", str(program), "--tests", str(tests)]) == 1
    said = capsys.readouterr().out
    assert "1 of 2 passed" in said
    assert "case 1: solution(1, 1) gave 2, expected 3" in said


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


def code_of(path, source, *words):
    path.write_text(source)
    return main(["sandbox", "run", str(path), *words])


def test_streams_and_exit_code_are_the_programs(program, capfd):
    source = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    assert code_of(program, source) == 7
    said = capfd.readouterr()
    assert said.out == "out\n"
    assert said.err.startswith("err\n[nonzero, ")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("print(1)", 0),
        ("raise SystemExit(3)", 3),
        ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 139),
        ("while True: pass", 124),
    ],
)
def test_every_ending_has_its_exit_code(program, source, code):
    assert code_of(program, source, "--limits.wall-seconds", "0.5") == code


def test_a_program_reads_its_input_and_files(program, tmp_path, capfd):
    (tmp_path / "in.txt").write_text("three\n")
    (tmp_path / "data.csv").write_text("1,2")
    source = "print(input(), open('data.csv').read())"
    words = ["--stdin", str(tmp_path / "in.txt"), "--files", str(tmp_path / "data.csv")]
    assert code_of(program, source, *words) == 0
    assert capfd.readouterr().out == "three 1,2\n"


@pytest.mark.parametrize("size", [["--limits.memory-bytes", "64MB"], ["--limits.memory-bytes=64MiB"]])
def test_sizes_may_have_units(program, size, capfd):
    source = "x = bytearray(200 * 2**20)"
    assert code_of(program, source, *size) != 0
    assert "[memory" in capfd.readouterr().err
    assert code_of(program, source, "--limits.memory-bytes", "512MB") == 0


def test_an_unknown_function_says_which_there_are(program, tmp_path, capsys):
    tests = tmp_path / "tests.json"
    tests.write_text("[[[1, 2], 3]]")
    assert main(["sandbox", "run", str(program), "--tests", str(tests), "--function", "add"]) == 1
    assert "it defines no 'add'; it defines solution (--function names another)" in capsys.readouterr().out


def test_a_folder_is_graded_and_written_as_json_lines(tmp_path, capsys):
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "right.py").write_text("def add(a, b): return a + b")
    (folder / "wrong.py").write_text("def add(a, b): return a - b")
    (folder / "torn.py").write_text("def add(a, b:")
    tests = tmp_path / "tests.json"
    tests.write_text("[[[1, 2], 3], [[5, 0], 5]]")
    words = ["sandbox", "grade", str(folder), "--tests", str(tests), "--function", "add"]
    assert main([*words, "--jsonl", str(tmp_path / "grades.jsonl")]) == 1
    said = capsys.readouterr().out
    assert "right.py: 2 of 2 passed" in said
    assert "wrong.py: 1 of 2 passed\n  case 0: add(1, 2) gave -1, expected 3" in said
    rows = [json.loads(line) for line in (tmp_path / "grades.jsonl").read_text().splitlines()]
    assert [(row["program"], row["passed"], row["total"]) for row in rows] == [
        ("right.py", 2, 2),
        ("torn.py", 0, 2),
        ("wrong.py", 1, 2),
    ]
    (folder / "wrong.py").unlink()
    (folder / "torn.py").unlink()
    assert main(words) == 0
    assert main(["sandbox", "grade", str(tmp_path), "--tests", str(tests)]) == 2


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["a", "b c"], ["a", "b c"]),
        (["--", "-x", "--seed", "3"], ["-x", "--seed", "3"]),
        (["--seed", "3", "--", "--limits.memory-bytes", "64MB", ""], ["--limits.memory-bytes", "64MB", ""]),
        (["--", "--", "ünï"], ["--", "ünï"]),
    ],
)
def test_words_after_the_program_are_its_arguments(program, capfd, words, seen):
    assert code_of(program, "import sys; print(sys.argv[1:])", *words) == 0
    assert capfd.readouterr().out == f"{seen}\n"


def test_a_folder_beside_the_program_can_be_imported_and_read(program, tmp_path, capfd):
    folder = tmp_path / "mine"
    (folder / "data" / "__pycache__").mkdir(parents=True)
    (folder / "__init__.py").write_text("from mine.add import add")
    (folder / "add.py").write_text("def add(a, b): return a + b")
    (folder / "data" / "numbers.txt").write_text("4")
    (folder / "data" / "__pycache__" / "left.pyc").write_bytes(b"")
    source = "import mine, os; print(mine.add(3, int(open('mine/data/numbers.txt').read())), os.listdir('mine/data'))"
    assert code_of(program, source, "--files", str(folder)) == 0
    assert capfd.readouterr().out == "7 ['numbers.txt']\n"


def test_two_files_of_one_name_are_refused(program, tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.csv").touch()
    words = ["--files", str(tmp_path / "a" / "data.csv"), "--files", str(tmp_path / "b" / "data.csv")]
    assert code_of(program, "print(1)", *words) == 2
    assert "two files would lie at data.csv" in capsys.readouterr().err


def test_a_package_that_is_named_can_be_imported(program, tmp_path, capfd):
    source = "import mdurl; print(mdurl.__name__)"
    assert code_of(program, source) == 1
    assert "No module named 'mdurl'" in capfd.readouterr().err
    assert code_of(program, source, "--packages", "mdurl") == 0
    assert capfd.readouterr().out == "mdurl\n"
    program.write_text("import mdurl\ndef solution(): return mdurl.__name__")
    tests = tmp_path / "tests.json"
    tests.write_text('[[[], "mdurl"]]')
    assert main(["sandbox", "grade", str(program), "--tests", str(tests), "--packages", "mdurl"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--packages", "no-such-package"], "pip install no-such-package"),
        (["run", "--backend", "docker"], "no Docker engine answers"),
        (["selftest", "docker", "--families", "files"], "no Docker engine answers"),
    ],
)
def test_what_the_sandbox_cannot_do_here_is_one_line(program, capsys, monkeypatch, words, said):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    words = ["run", str(program), *words[1:]] if words[0] == "run" else words
    assert main(["sandbox", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sparring: ")
    assert said in line


@pytest.mark.parametrize("words", [["a"], ["--stdin", "-"], ["--files", "x"]])
def test_what_tests_would_not_use_is_refused(program, tmp_path, capsys, words):
    tests = tmp_path / "tests.json"
    tests.write_text("[[[1, 2], 3]]")
    assert main(["sandbox", "run", str(program), *words, "--tests", str(tests)]) == 2
    assert "with --tests a function is called" in capsys.readouterr().err


@pytest.fixture
def graded(tmp_path):
    """The words that grade a folder of a right and a wrong program, whose texts XML cannot hold."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "right.py").write_text("def add(a, b): return a + b")
    (folder / "wrong.py").write_text("def add(a, b): return '<&\\x00\\ud800' if a else 1 / a")
    (folder / "says.py").write_text("def add(a, b): raise ValueError('\\x1b[2J<b>&\\ufffe')")
    tests = tmp_path / "tests.json"
    tests.write_text("[[[1, 2], 3], [[0, 5], 5]]")
    return ["sandbox", "grade", str(folder), "--tests", str(tests), "--function", "add"]


def test_grades_are_written_as_junit(graded, tmp_path):
    file = tmp_path / "grades.xml"
    for _ in range(2):  # what an earlier call wrote may be replaced
        assert main([*graded, "--junit", str(file)]) == 1
    root = ElementTree.parse(file).getroot()
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "3", "2")
    (suite,) = root
    assert (suite.tag, suite.get("tests"), suite.get("failures")) == ("testsuite", "3", "2")
    failures = {case.get("name"): case.find("failure") for case in suite}
    assert failures["right.py"] is None
    assert {name: failure.get("message") for name, failure in failures.items() if failure is not None} == {
        "says.py": "0 of 2 passed",
        "wrong.py": "0 of 2 passed",
    }
    assert "case 1: add(0, 5): nonzero: ZeroDivisionError" in failures["wrong.py"].text
    assert "<b>&" in failures["says.py"].text


@pytest.mark.parametrize("option", ["--jsonl", "--junit"])
def test_a_file_of_somebody_else_is_not_replaced_by_grades(graded, tmp_path, capsys, option):
    mine = tmp_path / "mine.txt"
    mine.write_text("years of work")
    assert main([*graded, option, str(mine)]) == 2
    assert mine.read_text() == "years of work"
    assert main([*graded, option, str(tmp_path / "nowhere" / "grades")]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.slow
def test_the_selftest_ends_with_a_verdict(capsys):
    assert main(["sandbox", "selftest", "--families", "files"]) == 0
    assert "namespaces: held against" in capsys.readouterr().out.splitlines()[-1]


@pytest.fixture
def odd(tmp_path):
    """A folder with one right program among everything else that can be named .py; the tests; the words that grade."""
    folder = tmp_path / "odd"
    (folder / "dir.py").mkdir(parents=True)
    (folder / "deeper").mkdir()
    (folder / "deeper" / "unseen.py").write_text("def add(a, b): return a + b")
    (folder / "right.py").write_text("def add(a, b): return a + b")
    (folder / "linked.py").symlink_to("right.py")
    (folder / "nul.py").write_bytes(b"def add(a, b): return a + b\0")
    (folder / "latin.py").write_bytes(b"# \xe9\ndef add(a, b): return a + b")
    (folder / "torn.py").write_text("\n\ndef add(a, b:")
    (folder / "large.py").write_bytes(b"#" * (MAX_CODE_BYTES + 1))
    (folder / "two\nlines.py").write_text("def add(a, b): return 0")
    (folder / "dangling.py").symlink_to("nothing.py")
    (folder / "circle.py").symlink_to("circle.py")
    (tmp_path / "mine.py").write_text("def add(a, b): return a + b")
    (folder / "leaving.py").symlink_to("../mine.py")
    (folder / "device.py").symlink_to("/dev/zero")
    os.mkfifo(folder / "fifo.py")
    (folder / "pipe.py").symlink_to("fifo.py")
    (tmp_path / "tests.json").write_text("[[[1, 2], 3], [[5, 0], 5]]")
    return ["sandbox", "grade", str(folder), "--tests", str(tmp_path / "tests.json"), "--function", "add"]


ODD = {
    "circle.py": "its links lead in a circle",
    "dangling.py": "it is a link to nothing.py; there is no such file or folder",
    "device.py": "it is a link to /dev/zero, which leads out of the folder",
    "dir.py": "it is a folder, and a file is wanted",
    "fifo.py": "it is no regular file but a pipe, socket or device",
    "large.py": f"code must be at most {MAX_CODE_BYTES} bytes, got {MAX_CODE_BYTES + 1}",
    "latin.py": "code must be UTF-8: invalid continuation byte at byte 2",
    "leaving.py": "it is a link to ../mine.py, which leads out of the folder",
    "linked.py": "",
    "nul.py": "code must not hold NUL bytes, got one at byte 27",
    "pipe.py": "it is no regular file but a pipe, socket or device",
    "right.py": "",
    "torn.py": "line 3: SyntaxError: '(' was never closed",
    "two\nlines.py": "case 0: add(1, 2) gave 0, expected 3",
}


def test_one_odd_file_does_not_stop_the_grading_of_its_folder(odd, tmp_path, capsys):
    assert main([*odd, "--jsonl", str(tmp_path / "grades.jsonl"), "--junit", str(tmp_path / "grades.xml")]) == 1
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in (tmp_path / "grades.jsonl").read_text().splitlines()]
    assert [row["program"] for row in rows] == sorted(ODD)
    for row in rows:
        reason = ODD[row["program"]]
        assert (row["passed"], row["total"]) == ((0, 2) if reason else (2, 2)), row
        assert reason in " ".join(row["detail"][:1]), row
    (suite,) = ElementTree.parse(tmp_path / "grades.xml").getroot()
    assert suite.get("failures") == "12"
    assert "two\\nlines.py" in [case.get("name") for case in suite]
    assert "two\\nlines.py: 0 of 2 passed\n" in printed.out
    assert printed.err == "left out 1 subfolder: deeper\n"


def test_a_pipe_that_is_named_passes_nothing_and_a_missing_program_is_refused(tmp_path, capsys):
    (tmp_path / "tests.py").write_text("def check(candidate): assert candidate() == 1")
    words = ["sandbox", "grade", str(tmp_path / "secret.py"), "--tests", str(tmp_path / "tests.py")]
    assert main(words) == 2
    assert f"{tmp_path / 'secret.py'}: there is no such file or folder" in capsys.readouterr().err
    os.mkfifo(tmp_path / "secret.py")
    assert main(words) == 1
    assert "secret.py: 0 of 1 passed\n  it is no regular file" in capsys.readouterr().out


@pytest.mark.parametrize(("source", "said"), [("def f(:", "SyntaxError: invalid syntax"), ("1 / 0", "ZeroDivision")])
def test_tests_that_cannot_be_run_are_refused_in_one_line(program, tmp_path, capsys, source, said):
    (tmp_path / "tests.py").write_text(source)
    assert main(["sandbox", "grade", str(program), "--tests", str(tmp_path / "tests.py")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "tests.py cannot be run: " in line
    assert said in line
