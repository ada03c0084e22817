"""The board games: what their texts say that rules need, how actions are called, which sizes there are."""

import random
import re

import pytest

from sparring import envs
from sparring.agents.prompts import TEMPLATES
from sparring.envs.games.two_player import match

CELL = re.compile(r"[a-i][1-9]")


def make(name, **kwargs):
    return envs.make(f"sparring/{name}-v0", instructions=False, **kwargs)


def begun(name, *actions, **kwargs):
    """A game after these actions, every one of which is listed."""
    env = make(name, **kwargs)
    env.reset(seed=0)
    for action in actions:
        assert action in legal(env), (action, legal(env))
        env.step(action)
    return env


def actions_of(line):
    """Of a game in one line."""
    return line.split()


def legal(env):
    return env.infos[env.agent_selection]["legal_actions"]


def seen(env):
    return env.observe(env.agent_selection)


def is_over(env):
    return any(env.terminations.values())


def positions(name, games, **kwargs):
    """Of random games: yields the environment before every action and at the end."""
    env, rng = make(name, **kwargs), random.Random(0)
    for seed in range(games):
        env.reset(seed=seed)
        yield env
        while not is_over(env):
            env.step(rng.choice(legal(env)))
            yield env


def board_of(text):
    """Cell -> mark, of a board whose rows begin with their number."""
    rows = re.findall(r"^ ?(\d) +(.*)$", text, re.MULTILINE)
    return {
        f"{column}{row}": mark for row, marks in rows for column, mark in zip("abcdefghi", marks.split(), strict=False)
    }


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Nim", {"piles": "3"}, "piles must be 2 to 9 sizes from 1 to 20 with hyphens between them"),
        ("Nim", {"piles": "3-21"}, "such as 1-3-5-7, got '3-21'"),
        ("Nim", {"piles": "3;4"}, "got '3;4'"),
        ("MNK", {"m": 1}, "m must be a whole number from 2 to 19, got 1"),
        ("MNK", {"n": 20}, "n must be a whole number from 2 to 19, got 20"),
        ("MNK", {"n": 2.5}, "n must be a whole number from 2 to 19, got 2.5"),
        ("MNK", {"k": 6}, "k must be a whole number from 2 to 5, got 6"),
        ("Hex", {"board_size": 1}, "board_size must be a whole number from 2 to 19, got 1"),
        ("Clobber", {"rows": 10}, "rows must be a whole number from 2 to 9, got 10"),
        ("DotsAndBoxes", {"columns": 0}, "columns must be a whole number from 1 to 8, got 0"),
        ("Breakthrough", {"rows": 3}, "rows must be a whole number from 4 to 9, got 3"),
        ("Oware", {"houses": 1}, "houses must be a whole number from 2 to 9, got 1"),
        ("Oware", {"seeds": 10}, "seeds must be a whole number from 1 to 9, got 10"),
        ("Checkers", {"board_size": 6}, "board_size must be a whole number from 7 to 9, got 6"),
        ("Amazons", {"board_size": 7}, "board_size must be 6, 8 or 10, got 7"),
        ("Go", {"board_size": 20}, "board_size must be a whole number from 2 to 19, got 20"),
        ("Go", {"komi": 401.0}, "komi must be from -400 to 400, got 401"),
    ],
)
def test_sizes_out_of_range_name_rule_and_value(name, options, message):
    with pytest.raises(ValueError, match=message):
        make(name, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Nim", {"piles": "20-1-20-1-20-1-20-1-20", "misere": False}),
        *[("MNK", {"m": m, "n": n, "k": 3}) for m, n in ((2, 19), (19, 3), (19, 19))],
        *[("Hex", {"board_size": size}) for size in (2, 19)],
        *[("Clobber", {"rows": rows, "columns": columns}) for rows, columns in ((2, 9), (9, 2), (9, 9))],
        *[("DotsAndBoxes", {"rows": rows, "columns": columns}) for rows, columns in ((1, 8), (8, 1), (8, 8))],
        *[("Breakthrough", {"rows": rows, "columns": columns}) for rows, columns in ((4, 9), (9, 2), (9, 9))],
        *[("Oware", {"houses": houses, "seeds": seeds}) for houses, seeds in ((2, 1), (9, 9))],
        *[("Checkers", {"board_size": size}) for size in (7, 9)],
        *[("Amazons", {"board_size": size}) for size in (8, 10)],
        *[("Go", {"board_size": size, "komi": komi}) for size, komi in ((2, -400.0), (13, 0.5), (19, 400.0))],
    ],
)
def test_the_smallest_and_the_largest_sizes_play_and_fit_their_space(name, options):
    for env in positions(name, 1, **options):
        assert seen(env) in env.observation_space(env.agent_selection)


@pytest.mark.parametrize(
    "name",
    [
        "Amazons",
        "MNK",
        "Hex",
        "Clobber",
        "Breakthrough",
        "Othello",
        "Checkers",
        "Chess",
        "UltimateTicTacToe",
        "Pentago",
    ],
)
def test_actions_name_cells_of_the_board_that_is_shown(name):
    for env in positions(name, 3):
        if not is_over(env):
            board = board_of(seen(env).replace(" |", ""))
            named = {cell for action in legal(env) for cell in CELL.findall(action.removeprefix("board "))}
            assert named <= set(board), (named - set(board), seen(env))


@pytest.mark.parametrize("name", ["MNK", "Hex", "Othello", "Pentago", "UltimateTicTacToe"])
def test_marks_go_onto_empty_cells_and_stay_there(name):
    for env in positions(name, 3):
        if not is_over(env):
            board = board_of(seen(env).replace(" |", ""))
            cells = {action[:2] for action in legal(env) if CELL.match(action)}
            assert {board[cell] for cell in cells} <= {"."}


@pytest.mark.parametrize(
    "name", ["Amazons", "Breakthrough", "DotsAndBoxes", "NineMensMorris", "Pentago", "UltimateTicTacToe", "Chess"]
)
def test_every_action_can_be_said_in_every_template(name):
    for env in positions(name, 1):
        for action in () if is_over(env) else legal(env)[:3]:
            for template in TEMPLATES.values():
                words = "" if template.name == "plain" else "I think so.\n"
                said = template.parse(words + template.answer(action))
                moves = env._position.menu.moves
                assert match(said, moves, env._position.menu.folded) == moves[action], (template.name, action, said)


@pytest.mark.parametrize(("misere", "paid"), [(True, -1.0), (False, 1.0)])
def test_nim_says_what_the_last_object_is_worth(misere, paid):
    env = envs.make("sparring/Nim-v0", piles="1-2", misere=misere)
    env.reset(seed=0)
    assert ("of all loses." if misere else "of all wins.") in seen(env)
    for action in ("A1", "B1", "B1"):
        env.step(action)
    assert env.rewards == {"player_0": paid, "player_1": -paid}


def test_nim_s_actions_are_a_pile_and_a_count():
    env = begun("Nim", "D7", "B2")
    assert seen(env).split("\n")[:4] == ["A:  1 |", "B:  1 |", "C:  5 |||||", "D:  0"]
    assert legal(env) == ("A1", "B1", "C1", "C2", "C3", "C4", "C5")


def test_k_in_a_row_wins_on_the_board_that_was_asked_for():
    env = begun("MNK", "a1", "a2", "b1", "b2", "c1", m=4, n=2, k=3)
    assert is_over(env)
    assert seen(env).split("\n")[1:4] == ["  a b c d", "1 x x x .", "2 o o . ."]


def test_hex_says_whose_edges_are_which():
    env = begun("Hex", "a1", "b2", "a2", board_size=2)
    assert env.rewards["player_0"] == 1.0
    assert "Your stones are x and connect row 1 with row 2; the opponent's are o" in env.observe("player_0")
    env = begun("Hex", "a1", "a2", "b2", "b1", board_size=2)  # a2 touches b1, the next letter in the row above
    assert env.rewards["player_1"] == 1.0


def test_the_tensor_of_a_won_game_of_hex_does_not_depend_on_games_before():
    """OpenSpiel marks the winning stone: boards that are reached by another last move have other tensors."""
    rng, env = random.Random(0), make("Hex", board_size=3)
    for _ in range(1_000):
        env.reset(seed=0)
        while not env.terminations["player_0"]:
            env.step(rng.choice(legal(env)))
        assert env.tensor("player_0").tolist() == env.tensor_at("player_0", env.spiel_state).tolist()


def test_breakthrough_marks_captures_and_which_way_each_side_goes():
    captures = 0
    for env in positions("Breakthrough", 20):
        if is_over(env):
            continue
        board, down = board_of(seen(env)), env.agent_selection == "player_0"
        assert ("move down" if down else "move up") in seen(env)
        for action in legal(env):
            start, kind, end = action[:2], action[2], action[3:]
            assert board[start] == "bw"[not down]
            assert board[end] == (("w" if down else "b") if kind == "x" else ".")
            assert int(end[1]) - int(start[1]) == (-1 if down else 1)
            captures += kind == "x"
    assert captures


def test_othello_passes_and_counts_discs():
    passes = 0
    for env in positions("Othello", 40):
        marks = list(board_of(seen(env)).values())
        assert f"Discs: x {marks.count('x')}, o {marks.count('o')}." in seen(env)
        passes += not is_over(env) and legal(env) == ("pass",)
        if is_over(env):
            assert env.rewards["player_0"] == (marks.count("x") > marks.count("o")) - (
                marks.count("x") < marks.count("o")
            )
    assert passes


def test_whoever_closes_a_box_moves_again():
    env = begun("DotsAndBoxes", "a1-b1", "a1-a2", "b1-b2", "a2-b2", rows=1, columns=2)
    assert env.agent_selection == "player_1"
    assert seen(env).split("\n")[:4] == ["Boxes: yours (o) 1, the opponent's (x) 0.", "  a b c", "1 +-+ +", "  |o|"]
    for action in ("b2-c2", "b1-c1", "c1-c2"):
        env.step(action)
    assert env.rewards == {"player_0": -1.0, "player_1": 1.0}


def test_mancala_moves_again_after_a_stone_in_the_store():
    env = begun("Mancala", "3")
    assert env.agent_selection == "player_0"
    assert seen(env).split("\n")[1:5] == [
        "          13  12  11  10   9   8",
        "player_1   4   4   4   4   4   4   store 0",
        "player_0   4   4   0   5   5   5   store 1",
        "           1   2   3   4   5   6",
    ]


@pytest.mark.parametrize(("name", "total"), [("Mancala", 48), ("Oware", 48)])
def test_no_seed_is_lost(name, total):
    for env in positions(name, 20):
        rows = [line.split() for line in seen(env).split("\n") if line.startswith("player_")]
        assert sum(int(word) for row in rows for word in row[1:] if word.isdecimal()) == total


def test_oware_ends_when_a_position_comes_back():
    longest = 0
    for env in positions("Oware", 200, houses=2, seeds=1):
        if is_over(env):
            longest = max(longest, len(env.state()))
            assert "player_1   0   0" in seen(env)
            assert "player_0   0   0" in seen(env)
    assert longest < 20


def test_oware_lists_all_moves():
    env = begun("Oware", "C", "b", "A")
    assert seen(env).split("\n")[-2:] == ["Moves so far: C b A", "Legal actions: [a] [c] [d] [e] [f]"]


def test_a_game_of_oware_is_truncated_where_the_engine_ends():
    assert make("Oware").max_turns == 1_000
    assert make("Oware", max_turns=7).max_turns == 7
    assert make("Oware", max_turns=7_000).max_turns == 1_000
    assert make("Oware", illegal="noop").max_turns == 1_000


def test_a_mill_takes_off_a_man():
    env = begun("NineMensMorris", "a1", "a7", "d1", "d7", "g1")
    assert env.agent_selection == "player_0"
    assert "W has just made a mill and takes off a man." in seen(env)
    assert legal(env) == ("xa7", "xd7")
    env.step("XD7")
    assert env.infos["player_0"]["illegal"] is False
    assert seen(env).split("\n")[1:3] == ["Men to place: W 6, B 7. Men in all: W 9, B 8.", "7 B-----.-----."]


def test_men_move_along_the_lines_of_the_board():
    lines = [("a7", "d7"), ("d7", "d6"), ("b4", "c4"), ("g4", "g1"), ("e5", "e4")]
    moves = {action for env in positions("NineMensMorris", 60) if not is_over(env) for action in legal(env)}
    for one, other in lines:
        assert {f"{one}-{other}", f"{other}-{one}"} <= moves


@pytest.mark.parametrize("size", [7, 8, 9])
def test_checkers_begins_with_equal_men_on_cells_of_one_colour(size):
    board = board_of(seen(begun("Checkers", board_size=size)))
    men = {(ord(cell[0]) - ord("a"), int(cell[1]) - 1): mark for cell, mark in board.items() if mark != "."}
    assert len({(column + row) % 2 for column, row in men}) == 1
    turned = {(size - 1 - column, size - 1 - row): {"o": "x", "x": "o"}[mark] for (column, row), mark in men.items()}
    assert turned == men


def test_checkers_must_capture_and_go_on_jumping():
    went_on = drawn = 0
    for env in positions("Checkers", 150):
        quiet = int(re.search(r"last capture: (\d+) of 40", seen(env))[1])
        if is_over(env):
            drawn += env.rewards["player_0"] == 0
            assert (env.rewards["player_0"] == 0) == (quiet == 40)
            continue
        board, actions = board_of(seen(env)), legal(env)
        assert {board[action[:2]].lower() for action in actions} == {"ox"[env.agent_selection == "player_1"]}
        assert {board[action[3:]] for action in actions} == {"."}
        assert len({"x" in action for action in actions}) == 1
        if found := re.search(r"The piece on (..) must go on jumping", seen(env)):
            went_on += 1
            assert all(action.startswith(f"{found[1]}x") for action in actions)
    assert went_on
    assert drawn


def test_go_knows_ko_suicide_and_the_moves_so_far():
    env = begun("Go", *actions_of("b1 c1 a2 d2 b3 c3 pass b2 c2"))  # Black takes the stone on b2
    assert "b2" not in legal(env)
    assert seen(env).split("\n")[-2] == "Moves so far, Black first: b1 c1 a2 d2 b3 c3 pass b2 c2"
    env.step("a5")
    env.step("pass")
    assert "b2" in legal(env)
    env = begun("Go", "a2", "pass", "b1")
    assert "a1" not in legal(env)


def test_a_position_that_comes_back_draws_in_go():
    env = begun("Go", *actions_of("a1 b1 b2 pass pass"), board_size=2)
    assert is_over(env)
    draws = sum(env.rewards["player_0"] == 0 for env in positions("Go", 200, board_size=2, komi=0.5) if is_over(env))
    assert draws


def test_go_skips_the_column_i():
    env = begun("Go", board_size=9)
    assert "   a b c d e f g h j" in seen(env).split("\n")
    assert "j9" in legal(env)
    assert not [action for action in legal(env) if action.startswith("i")]


def test_chess_says_what_the_board_does_not_show():
    env = begun("Chess", "e2e4", "a7a6", "e4e5", "d7d5")
    assert env.agent_selection == "player_1"
    assert seen(env).split("\n")[:9] == [
        "You are White: your pieces are the upper-case letters.",
        "8 r n b q k b n r",
        "7 . p p . p p p p",
        "6 p . . . . . . .",
        "5 . . . p P . . .",
        "4 . . . . . . . .",
        "3 . . . . . . . .",
        "2 P P P P . P P P",
        "1 R N B Q K B N R",
    ]
    assert "En passant square: d6." in seen(env)
    assert "e5d6" in legal(env)
    for action in ("e1e2", "e8d7"):
        env.step(action)
    assert "May still castle: nobody. En passant square: none." in seen(env)
    assert "pawn move: 2 of 100. Moves from that one on: d7d5 e1e2 e8d7" in seen(env)


def test_the_third_time_of_a_chess_position_is_a_draw_that_its_text_foretells():
    round_trip = ("g1f3", "g8f6", "f3g1", "f6g8")
    env = make("Chess")
    env.reset(seed=0)
    texts = {seen(env)}
    for action in round_trip * 2:
        assert not is_over(env)
        env.step(action)
        if not is_over(env) and action == round_trip[-1]:
            texts.add(seen(env))
    assert is_over(env)
    assert env.rewards == {"player_0": 0.0, "player_1": 0.0}
    assert len(texts) == 2


def test_castling_and_promotion_are_moves_like_others():
    env = begun("Chess", *actions_of("g1f3 a7a5 g2g3 a5a4 f1g2 a4a3 e1g1 a3b2 a2a3 b2a1q"))
    board = board_of(seen(env))
    assert (board["g1"], board["f1"], board["a1"]) == ("K", "R", "q")


def test_all_four_promotions_are_listed():
    env = begun("Chess", *actions_of("a2a4 b7b5 a4b5 a7a6 b5a6 c8b7 a6b7 h7h5"))
    assert {f"b7a8{piece}" for piece in "qrbn"} <= set(legal(env))
    assert len(legal(env)) == len(set(legal(env)))


def test_the_cell_names_the_board_of_the_next_mark():
    env = begun("UltimateTicTacToe", "board 5", "d4")
    assert seen(env).endswith(
        "Next: a mark on board 1, cells a1 to c3.\nLegal actions: [a1] [b1] [c1] [a2] [b2] [c2] [a3] [b3] [c3]"
    )
    for env in positions("UltimateTicTacToe", 30):
        won = dict(re.findall(r"board (\d) by ([xo])", seen(env)))
        if not is_over(env) and legal(env)[0].startswith("board"):
            assert not set(won) & {action[-1] for action in legal(env)}


def test_a_turn_of_the_amazons_is_a_choice_a_move_and_a_shot():
    env = begun("Amazons", "b1")
    assert board_of(seen(env))["b1"] == "X"
    assert seen(env).split("\n")[-2] == "Next: a move of the amazon on b1."
    env.step("b1-e4")
    assert env.agent_selection == "player_0"
    assert seen(env).split("\n")[-2] == "Next: a shot of the amazon on e4."
    env.step("e4/b1")
    assert env.agent_selection == "player_1"
    board = board_of(seen(env))
    assert (board["b1"], board["e4"]) == ("#", "X")
    assert seen(env).split("\n")[-2] == "Next: the choice of an amazon."


@pytest.mark.parametrize(
    ("turn", "cell"),
    [("1R", "c1"), ("1L", "a3"), ("2R", "f1"), ("2L", "d3"), ("3R", "c4"), ("3L", "a6"), ("4R", "f4"), ("4L", "d6")],
)
def test_a_quarter_of_pentago_turns_to_the_side_that_its_action_says(turn, cell):
    corner = {"1": "a1", "2": "d1", "3": "a4", "4": "d4"}[turn[0]]
    marks = board_of(seen(begun("Pentago", f"{corner}-{turn}")))
    assert [at for at, mark in marks.items() if mark == "x"] == [cell]


@pytest.mark.parametrize("name", ["Nim", "Breakthrough", "NineMensMorris", "Chess", "Pentago", "Oware"])
def test_the_case_of_an_action_does_not_matter(name):
    env = begun(name)
    mover = env.agent_selection
    env.step(legal(env)[-1].swapcase())
    assert env.infos[mover].get("illegal", False) is False
    assert not is_over(env)
