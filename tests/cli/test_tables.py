"""Tables and lines in a narrow terminal: no row takes two lines, no line is wider than the screen."""

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from sparring.cli import records_view, terminal
from sparring.cli.app import main
from sparring.cli.tables import fitted_table, shortened
from sparring.plurals import number_of, plural
from sparring.scoreboard import suites
from sparring.scoreboard.verify import Fault, VerifyResult
from sparring.store.store import Store
from sparring.trainers.robot import studies
from sparring.wrapping import wrapped

LONG = "model:runs/a-long-name-of-a-run/checkpoints/best:temperature=0.5"


def lines_of(table, width):
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(table)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 79, 80, 100])
@pytest.mark.parametrize("names", [(0, 1), (1, 0)])
def test_every_row_is_one_line_however_long_the_names(width, names):
    rows = [[f"{LONG}/{at}", f"{LONG} +1, random -1", str(at)] for at in range(3)]
    lines = lines_of(fitted_table(("episode", "agents", "turns"), rows, names, width), width)
    assert len(lines) == 4
    assert max(map(cell_len, lines)) <= width
    assert [line.split()[-1] for line in lines[1:]] == ["0", "1", "2"]
    assert all(f"/{at}  model:" in line for at, line in enumerate(lines[1:]))


def test_nothing_is_shortened_where_there_is_room_or_nobody_looks():
    for width in (200, None):
        assert LONG in lines_of(fitted_table(("agent", "games"), [[LONG, "3"]], (0,), width), 300)[1]


@pytest.mark.parametrize(
    ("text", "room", "mark", "seen"),
    [("abcdefghij", 10, "…", "abcdefghij"), ("abcdefghijk", 7, "…", "ab…hijk"), ("abcdefghijk", 8, "..", "ab..hijk")],
)
def test_a_name_that_is_too_long_keeps_its_beginning_and_its_end(text, room, mark, seen):
    assert shortened(text, room, mark) == seen
    assert len(seen) <= room


def test_one_thing_is_one_and_not_several():
    assert [plural(2, noun) for noun in ("pass", "search", "query", "play")] == [
        "passes",
        "searches",
        "queries",
        "plays",
    ]
    said = [number_of(number, "game") for number in (0, 1, 2, 1000)]
    assert said == ["0 games", "1 game", "2 games", "1,000 games"]


@pytest.fixture
def screen(monkeypatch):
    """A terminal of 80 columns; gives the lines that stand on it."""
    said = io.StringIO()
    console = Console(width=80, file=said, force_terminal=True, color_system=None, legacy_windows=False)
    monkeypatch.setattr(terminal, "out", console)
    return lambda: said.getvalue().splitlines()


def test_what_verify_says_fits_into_eighty_columns(screen, monkeypatch):
    monkeypatch.setattr(terminal, "err", terminal.out)
    faults = tuple(
        Fault(f"cfr,{LONG}/0/sparring/KuhnPoker-v0/{at}", "reward", "is 1.0, not " + "-1.0 " * 20) for at in (1, 2)
    )
    records_view.show_verification(VerifyResult(592, 1317, 3, faults, "0" * 64, 0.4))
    records_view.show_verification(VerifyResult(592, 1317, 3, (), "0" * 64, 0.4))
    words = " ".join(line.strip() for line in screen())
    assert "are verified only as far as they went" in words
    wide = [line for line in screen() if cell_len(line) > 80]
    assert all(len(line.split()) == 1 for line in wide), wide  # one word, which cannot be broken


def test_one_episode_of_one_turn_is_verified(screen):
    records_view.show_verification(VerifyResult(1, 1, 1, (), "0" * 64, 0.4))
    said = " ".join(line.strip() for line in screen())
    assert "1 episode, 1 turn re-executed" in said
    assert "1 was broken off by a fault and is verified only as far as it went" in said


def test_commands_keep_to_eighty_columns_with_long_names(screen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    players = "constant:check/call/fold/bet,constant:bet/call/check/fold,random"
    assert main(["play", "KuhnPoker", "--agents", players, "--episodes", "2", "--store", "ladder"]) == 0
    assert main(["replay", "ladder"]) == 0
    assert main(["replay", "ladder", "--illegal"]) == 0
    assert main(["verify", "ladder"]) == 0
    assert main(["eval", "random", "--games", "1"]) == 0
    assert max(map(cell_len, screen())) <= 80
    assert "played 1 game against uniform" in "\n".join(screen())
    listed = [line for line in screen() if line.startswith("6    ")]
    assert len(listed) == 1
    assert listed[0].split()[-4][-4:] in "+1,+2,-1,-2,"  # each agent's reward can be read
    assert listed[0].split()[-2] in ("+1", "+2", "-1", "-2")


def test_an_episode_can_be_asked_for_by_its_number_in_the_list(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["play", "KuhnPoker", "--episodes", "3", "--store", "games"]) == 0
    capsys.readouterr()
    assert main(["replay", "games", "2"]) == 0
    assert capsys.readouterr().out.startswith("random,random/0/sparring/KuhnPoker-v0/1: ")
    for number in ("0", "4"):
        assert main(["replay", "games", number]) == 2
        assert f"episodes are numbered from 1 to 3, got {number}" in capsys.readouterr().err


def test_no_line_of_a_table_ends_in_blanks(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (
        ["envs"],
        ["doctor"],
        [],
        ["play", "KuhnPoker", "--episodes", "4", "--agents", "random,cfr,constant:bet"],
    ):
        assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 40
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_bold_last_cell_is_trimmed_and_an_empty_row_stays():
    table = fitted_table(("name", "value"), [["a", "1"], ["", ""], ["bb", "two words"]], (0,), None)
    assert lines_of(table, 60) == ["name  value", "a     1", "", "bb    two words"]


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A folder with two recorded games of Kuhn poker, `games`."""
    monkeypatch.chdir(tmp_path)
    assert main(["play", "KuhnPoker", "--episodes", "2", "--store", "games", "--seed", "3"]) == 0


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_replay_breaks_its_lines_between_words(stored, monkeypatch, width):
    said = io.StringIO()
    console = Console(width=width, file=said, force_terminal=True, color_system=None, legacy_windows=False)
    monkeypatch.setattr(terminal, "out", console)
    assert main(["replay", "games", "1"]) == 0
    lines = said.getvalue().splitlines()
    assert "otherwise the higher card does." in " ".join(line.strip() for line in lines)
    assert [line for line in lines if cell_len(line) > width and " " in line.strip()] == []


def test_a_replay_in_a_pipe_has_short_rules_and_payoffs_in_words(stored, capsys):
    capsys.readouterr()
    assert main(["replay", "games", "1"]) == 0
    printed = capsys.readouterr().out
    assert "\n--- turn 0: player_0 (random)\n" in printed
    assert "─" not in printed
    assert re.search(r"player_0 \(random\): reward ([+-]\d) \(payoff \1\)\n", printed)


def test_prose_is_broken_between_words_and_short_lines_stay_as_they_are():
    board = "X  O\n    .  X"
    assert wrapped(board, 12) == board
    assert wrapped("    a number of words\n\nend", 12) == "    a number\nof words\n\nend"
    assert wrapped("self-play_without_blanks a b", 9, "  ") == "self-play_without_blanks\n  a b"


def bars_of(monkeypatch, *words):
    """What the command draws on a terminal of 80 columns beside its output."""
    drawn = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(width=80, file=drawn, force_terminal=True, color_system=None))
    assert main(list(words)) == 0
    return drawn.getvalue()


def test_there_is_no_bar_where_nothing_is_missing(stored, monkeypatch, capsys):
    again = ("play", "KuhnPoker", "--store", "games", "--seed", "3", "--episodes")
    assert bars_of(monkeypatch, *again, "2") == ""
    assert "2 of these games were in games already" in capsys.readouterr().out
    drawn = bars_of(monkeypatch, *again, "5")
    assert "3/3" in drawn
    assert "/5" not in drawn
    assert bars_of(monkeypatch, "eval", "random", "--games", "0") == ""


def test_a_suite_counts_what_is_stored_as_done(tmp_path):
    seen = []
    for played in (1, 2):
        with Store(tmp_path / "suite", "a") as store:
            suites.run_suite(
                "code",
                "constant:x",
                1,
                seed=0,
                store=store,
                on_event=lambda event: event.kind == "done" and seen.append(1),
            )
        assert len(seen) == played * len(suites.SUITES["code"])


def test_prose_goes_down_and_where_even_that_is_too_wide_a_row_is_a_few_lines():
    rows = [["sparring/Game-v0", "2", "a board on which two people place stones"]]
    columns = ("environment", "seats", "what it is")
    wide = lines_of(fitted_table(columns, rows, (), 60, prose=2), 60)
    assert [line[:25].split() for line in wide] == [["environment", "seats"], ["sparring/Game-v0", "2"], []]
    assert lines_of(fitted_table(columns, rows, (), 30, prose=2), 30) == [
        "sparring/Game-v0", "  seats: 2", "  what it is: a board on which", "    two people place stones",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [40, 60])
def test_tables_can_be_read_in_a_narrow_terminal(monkeypatch, tmp_path, width):
    monkeypatch.chdir(tmp_path)
    said = io.StringIO()
    console = Console(width=width, file=said, force_terminal=True, color_system=None, legacy_windows=False)
    monkeypatch.setattr(terminal, "out", console)
    players = "random,constant:bet/call,constant:check"
    train = "train spiral --run runs/a --steps 1 --games-per-update 2 --evaluation-games 2"
    for words in ("envs", "train --help", f"play KuhnPoker --agents {players} --episodes 2", "eval random --games 2",
                  f"{train} --device cpu", "runs", "doctor"):  # fmt: skip
        main(words.split())
    lines = said.getvalue().splitlines()
    wide = [line for line in lines if cell_len(line) > width and not line.startswith(("its settings:", "Next:"))]
    assert all(len(line.split()) <= 2 for line in wide), wide  # words that cannot be broken
    words = set(said.getvalue().split())
    assert {"sparring/KuhnPoker-v0", "Group-relative", "reinforce", "(CFR+)"} <= words
    assert any("role-conditioned" in line for line in lines)
    assert any(re.search(r"[+-]\d\.\d\d \([+-]\d", line) for line in lines), "a reward stands whole"


def test_a_study_of_robots_keeps_one_line_a_controller_in_eighty_columns(screen):
    assert main(["robot", "study", "faults", "--episodes", "2", "--rates", "0.3"]) == 0
    assert max(map(cell_len, screen())) <= 80
    assert len([line for line in screen() if line.startswith("0.3 ")]) == 2 * len(studies.FAULTS)
