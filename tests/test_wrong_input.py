"""What a newcomer mistypes: one line says what was wrong; exit code 2, no traceback, nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparring.__main__ import COMMANDS, main
from sparring.parsing import UsageError, in_one_line

WRONG = [
    ("trian", "did you mean 'train'?"),
    ("", "known: "),
    ("paly KuhnPoker", "did you mean 'play'"),
    ("version --verbose", "unknown command 'version'"),
    ("help trian", "did you mean 'train'?"),
    ("--verbose", "--verbose"),
    ("play", "missing: "),
    ("play KuhnPokr", "did you mean 'sparring/KuhnPoker-v0'?"),
    ("play OpenSpeil:game=nim", "did you mean 'sparring/OpenSpiel-v0'?"),
    ("play OpenSpiel:game=nimm", "unknown OpenSpiel game 'nimm'; did you mean 'nim'"),
    ("play KuhnPoker:max_turns=0", "max_turns must be"),
    ("play KuhnPoker --episods 3", "did you mean --episodes?"),
    ("play KuhnPoker --episodes many", "--episodes"),
    ("play KuhnPoker --episodes 1.5", "--episodes"),
    ("play KuhnPoker --episodes -1", "episodes must be >= 1, got -1"),
    ("play KuhnPoker --agents randm,cfr", "did you mean 'random'?"),
    ("play KuhnPoker --agents constant,cfr", "needs an argument after a colon"),
    ("play KuhnPoker --store /proc/games", "/proc/games"),
    ("play KuhnPoker --store FILE", "FILE"),
    ("train spirl --run r", "did you mean 'spiral'?"),
    ("train spiral", "missing: --run"),
    ("train spiral --run r --steps 0", "steps must be >= 1, got 0"),
    ("train spiral --run r --steps ten", "--steps"),
    ("train spiral --run r --stepps 3", "did you mean --steps?"),
    ("train spiral --run r --estimator ray", "rae"),
    ("train spiral --run r --probe-every -1", "probe_every must be >= 0, got -1"),
    ("train spiral --run /proc/r --steps 1 --device cpu", "/proc/r"),
    ("train spiral --run r --resume", "r is not a run folder: it has no config.json"),
    ("eval cfrr", "did you mean 'cfr'?"),
    ("eval random --games -3", "games must be >= 0, got -3"),
    ("report -o r.html", "at least one run folder"),
    ("report nowhere -o r.html", "nowhere is not a run folder"),
    ("runs nowhere", "there is no folder nowhere"),
    ("runs FILE", "there is no folder FILE"),
    ("compare nowhere", "at least two run folders, got 1"),
    ("compare nowhere elsewhere", "nowhere is not a run folder"),
    ("watch nowhere", "nowhere is not a run folder"),
    ("replay nowhere", "no episode store at nowhere"),
    ("replay nowhere --last 0", "last must be >= 1, got 0"),
    ("verify nowhere", "no episode store at nowhere"),
    ("verify FILE", "no episode store at FILE"),
    ("data nowhere -o rows.jsonl --kind sfd", "sft"),
    ("store reindx nowhere", "reindex"),
    ("sandbox runn FILE", "run"),
    ("sandbox run nowhere.py", "nowhere.py"),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty place but for a file that is nothing of ours."""
    (tmp_path / "FILE").write_text("years of work")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[words or "an empty word" for words, _ in WRONG])
def test_a_wrong_input_gets_one_line_and_leaves_nothing(place, capsys, words, said):
    assert main(words.split() or [""]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1, printed.err
    assert printed.err.startswith("sparring: ")
    assert said in printed.err
    assert [(path.name, path.read_text()) for path in place.iterdir()] == [("FILE", "years of work")]


def test_there_are_at_least_thirty_wrong_inputs_of_every_command():
    assert len(WRONG) >= 30
    assert {words.split()[0] for words, _ in WRONG if words} >= set(COMMANDS) - {"envs", "doctor"}


@pytest.mark.parametrize(("words", "same"), [(["help"], ["--help"]), (["help", "play"], ["play", "--help"])])
def test_help_is_a_command_too(capsys, words, same):
    assert main(words) == main(same) == 0
    first, _, second = capsys.readouterr().out.partition("usage: ")[2].partition("usage: ")
    assert first == second != ""


def test_version_is_a_command_too(capsys):
    assert main(["version"]) == main(["--version"]) == 0
    assert len(set(capsys.readouterr().out.splitlines())) == 1


def test_a_box_becomes_its_fault_what_is_near_and_the_help_to_read():
    box = """
╭─ Unrecognized options ────────────╮
│ Unrecognized options: --episods   │
│ ───────────────────────────────── │
│ Perhaps you meant:                │
│     --episodes INT                │
│         How many. (default: 100)  │
│         in sparring play --help   │
│ ───────────────────────────────── │
│ For full helptext, run sparring --help │
╰───────────────────────────────────╯
"""
    said = in_one_line(box.strip())
    assert said == "unrecognized options: --episods; did you mean --episodes?; see `sparring play --help`"
    assert in_one_line("no box at all") == "no box at all"
    assert issubclass(UsageError, ValueError)


# Real processes on difficult terminals


def started(*words, **environment):
    return subprocess.run(
        [sys.executable, "-P", "-m", "sparring", *map(str, words)],
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        timeout=120,
        check=False,
    )


ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}


@pytest.mark.slow
@pytest.mark.parametrize("environment", [ASCII, {"COLUMNS": "60"}, {"TERM": "dumb"}, {**ASCII, "COLUMNS": "20"}])
@pytest.mark.parametrize("words", ["trian", "play KuhnPoker --episods 3", "train spiral", "replay nöwhere"])
def test_a_difficult_terminal_gets_the_same_line(tmp_path, environment, words):
    ended = started(*words.split(), **environment)
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert ended.stderr.count(b"\n") == 1
    assert b"Traceback" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("envs",), ("play", "KuhnPoker", "--episodes", "2"), ("doctor",), ("train",)])
def test_an_ascii_terminal_can_show_every_page(words):
    ended = started(*words, **ASCII)
    assert ended.returncode == (2 if words == ("train",) else 0)
    assert ended.stdout.isascii()
    assert b"Error" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", ["envs", "envs --json", "--help", "play --help", "play KuhnPoker --episodes 300"])
def test_a_reader_that_leaves_early_hears_nothing(words):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "sparring", *words.split()], stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    assert process.communicate(timeout=120)[1] == b""
    assert process.returncode == 1


@pytest.mark.slow
def test_no_color_is_respected_where_colour_is_forced():
    coloured, plain = (started("trian", FORCE_COLOR="1", **more).stderr for more in ({}, {"NO_COLOR": "1"}))
    assert b"\x1b[1;31m" in coloured
    assert b"31m" not in plain


def test_the_examples_of_wrong_input_name_no_place_that_exists():
    assert not any(Path(name).exists() for name in ("/proc/games", "/proc/r"))
