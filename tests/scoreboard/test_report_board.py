"""Boards in replays: read out of the texts of every board game, and out of nothing else."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import registry
from sparring.rollout.loop import Match, play
from sparring.scoreboard.report.game_board import LOOKS, boards
from sparring.types import Episode, Seen, Trajectory, Turn

GAMES = sorted(set(LOOKS) & {row.name for row in registry.envs})
RANDOM = {"player_0": "random", "player_1": "random"}


def played(env_id, **kwargs):
    return play([Match("m", env_id, RANDOM, 3, kwargs)])[0]


def episode(env_id, *texts, last=""):
    turns = tuple(Turn(place, Seen((text,), None, {}), "a1", True, 0.0) for place, text in enumerate(texts))
    seat = Trajectory("e/player_0", "player_0", "somebody", turns, 0.0, last=Seen((last,), None, {}))
    return Episode("e", env_id, "1", {}, 1, "ok", {"player_0": seat})


@pytest.mark.parametrize("env_id", GAMES)
def test_every_text_of_a_board_game_has_its_board(env_id):
    game = played(env_id)
    found = boards(game)
    assert len(found.turns) == len(game.turns)
    marks = set()
    for board in (*found.turns, found.last):
        rows = [row.split(" ") for row in board.split("/")]
        assert len(rows) == len(found.rows)
        assert {len(row) for row in rows} == {len(rows[0])}
        marks |= {mark for row in rows for mark in row}
    assert len(set(found.turns)) > 3
    if env_id == "sparring/Backgammon-v0":
        assert all(mark == "." or re.fullmatch(r"[xo]\d+", mark) for mark in marks)
    elif env_id != "sparring/TicTacToe-v0":  # free cells have numbers
        assert {mark for mark in marks if not mark.isdecimal()} <= {*found.pieces, *".+-|"}


@pytest.mark.parametrize("instructions", [True, False])
def test_the_rules_in_front_of_a_board_do_not_matter(instructions):
    found = boards(played("sparring/MNK-v0", m=4, n=3, k=3, instructions=instructions))
    assert (found.columns, found.rows) == (("a", "b", "c", "d"), ("1", "2", "3"))


def test_boards_are_what_the_text_shows():
    shown = boards(
        episode("sparring/Checkers-v0", "8 . x\n7 O .\n  a b", "8 . x\n7 . O\n  a b", last="8 . .\n7 . O\n  a b")
    )
    assert shown.turns == (". x/O .", ". x/. O")
    assert shown.last == ". ./. O"
    assert (shown.rows, shown.columns) == (("8", "7"), ("a", "b"))


def test_dots_and_boxes_keep_blank_rows_between_the_dots():
    found = boards(played("sparring/DotsAndBoxes-v0", rows=2, columns=3))
    assert found.turns[0] == "/".join(
        ["+ . + . + . +", ". . . . . . .", "+ . + . + . +", ". . . . . . .", "+ . + . + . +"]
    )
    assert found.columns == ("a", " ", "b", " ", "c", " ", "d")
    assert set(found.last) == set("+-|xo /")


def test_pits_have_names_on_both_sides_and_a_store():
    found = boards(played("sparring/Mancala-v0"))
    assert found.columns == ("13", "12", "11", "10", "9", "8", "store")
    assert found.below == ("1", "2", "3", "4", "5", "6", "")
    assert found.turns[0] == "4 4 4 4 4 4 0/4 4 4 4 4 4 0"


@pytest.mark.parametrize(
    ("env_id", "sides"),
    [
        ("sparring/Chess-v0", "Black is player_0, White is player_1"),
        ("sparring/NineMensMorris-v0", "Black is player_1, White is player_0"),
        ("sparring/Hex-v0", ""),
    ],
)
def test_it_says_who_is_black_where_pieces_are_black_and_white(env_id, sides):
    assert boards(played(env_id)).sides == sides


def test_a_damaged_text_has_no_board_and_the_others_keep_theirs():
    board = "  a b\n1 . x\n2 o ."
    found = boards(episode("sparring/MNK-v0", board, "garbled", "  a b c\n1 . x o\n2 o . x", board))
    assert found.turns == (". x/o .", "", "", ". x/o .")
    assert found.last == ""


@pytest.mark.parametrize("env_id", ["their/Game-v0", "sparring/KuhnPoker-v0", "openspiel:chess"])
def test_other_games_have_no_boards(env_id):
    assert boards(episode(env_id, "  a b\n1 . x\n2 o .")) is None


def test_points_of_backgammon_are_words_between_their_numbers():
    text = """Backgammon. Actions so far: 0.
  13  14  15  16  17  18 |  19  20  21  22  23  24
  x5   .   .   .  o3   . |  o5   .   .   .   .  x2
  o5   .   .   .  x3   . |  x5   .   .   .   .  o2
  12  11  10   9   8   7 |   6   5   4   3   2   1
Your dice: 1 and 6."""
    found = boards(episode("sparring/Backgammon-v0", text))
    assert found.turns == ("x5 . . . o3 . o5 . . . . x2/o5 . . . x3 . x5 . . . . o2",)
    assert (found.columns[0], found.below[-1], found.private) == ("13", "1", True)


def test_each_seat_s_own_board_is_told_apart_from_the_other_s():
    text = "You are X.\nWhat you know of the board:\n  a b\n1 . X\n 2 O ."
    found = boards(episode("sparring/DarkHex-v0", text))
    assert (found.shape, found.turns, found.private) == ("hex", (". X/O .",), True)


def test_a_board_that_is_too_large_is_not_drawn():
    rows = "\n".join(f"{row} " + " ".join("." * 200) for row in range(1, 9))
    assert boards(episode("sparring/MNK-v0", rows)) is None
    assert boards(episode("sparring/Nim-v0", "A:  3 |||", "A:  99999999999 |")).turns == ("| | |", "")


@given(st.sampled_from(sorted(LOOKS)), st.lists(st.text("ab1 2.x|+-\n:AI/player_0 store", max_size=80), min_size=1))
def test_no_text_breaks_the_drawing(env_id, texts):
    found = boards(episode(env_id, *texts, last=random.Random(0).choice(texts)))
    assert found is None or len(found.turns) == len(texts)
