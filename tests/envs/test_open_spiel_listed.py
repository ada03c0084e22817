"""The listed OpenSpiel games: what they say, who is to move, what can be said, and which states texts tell apart."""

import random
import re
from pathlib import Path

import pyspiel
import pytest

from sparring import envs, registry
from sparring.agents.prompts import TEMPLATES
from sparring.envs.games.boards.amazons import AmazonsRendering
from sparring.envs.games.boards.breakthrough import BreakthroughRendering
from sparring.envs.games.boards.checkers import CheckersRendering
from sparring.envs.games.boards.chess import ChessRendering
from sparring.envs.games.boards.clobber import ClobberRendering
from sparring.envs.games.boards.dots_and_boxes import DotsAndBoxesRendering
from sparring.envs.games.boards.go import GoRendering
from sparring.envs.games.boards.hex import HexRendering
from sparring.envs.games.boards.mnk import MnkRendering
from sparring.envs.games.boards.nim import NimRendering
from sparring.envs.games.boards.nine_mens_morris import NineMensMorrisRendering
from sparring.envs.games.boards.othello import OthelloRendering
from sparring.envs.games.boards.pentago import PentagoRendering
from sparring.envs.games.boards.sowing import MancalaRendering, OwareRendering
from sparring.envs.games.boards.ultimate_tic_tac_toe import UltimateTicTacToeRendering
from sparring.envs.games.listed import listed_games, sayable
from sparring.envs.games.open_spiel import OpenSpielGame

LISTED = sorted(listed_games())
MOST_ACTIONS = 60
MOST_NODES = 30_000
SAYS_WHO_MOVES = re.compile(r"to move|Current [pP]layer|Turn:|to play|Player: -?\d|has not chosen", re.MULTILINE)


def game_of(name, **kwargs):
    """The environment with all seats; of one player, what is inside its Gymnasium environment."""
    env = envs.make(f"openspiel:{name}", **kwargs)
    return getattr(env.unwrapped, "game", env) if not hasattr(env, "agent_iter") else env


def played(env, seed, most=MOST_ACTIONS):
    """Random legal play: yields before each action, and at the end if it comes to one."""
    rng = random.Random(seed)
    env.reset(seed=seed)
    for _ in range(most):
        yield env
        if is_over(env):
            return
        env.step(rng.choice(env.infos[env.agent_selection]["legal_actions"]))


def is_over(env):
    return any(env.terminations.values()) or any(env.truncations.values())


PAGE = Path(__file__).parents[2] / "docs" / "open_spiel.md"


def test_the_page_lists_the_games_of_the_table_as_they_are():
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    rows = [row for row in rows if len(row) == 7 and row[0] != "| `openspiel:`"]
    assert sorted(row[0].strip("| `") for row in rows) == LISTED
    assert f"\n{len(LISTED)} games." in PAGE.read_text()
    kinds = {"ZERO_SUM": "zero-sum", "GENERAL_SUM": "general-sum", "IDENTICAL": "common payoff"}
    for name, _, players, payoffs, moves, seen, _ in ([cell.strip("| `") for cell in row] for row in rows):
        game = pyspiel.load_game(name)
        kind = game.get_type()
        assert players == str(game.num_players())
        assert payoffs == (kinds[kind.utility.name] if players != "1" else "-")
        assert moves == ("at once" if kind.dynamics.name == "SIMULTANEOUS" else "in turn")
        assert seen == ("all" if kind.information.name == "PERFECT_INFORMATION" else "part")


def test_the_table_lists_games_that_there_are():
    assert len(LISTED) >= 64
    assert set(LISTED) <= set(pyspiel.registered_names())
    assert [row.shows for row in listed_games().values() if row.shows not in SHOWN] == []


SHOWN = ("", "count", "last", "moves", "observation", "rounds")


@pytest.mark.parametrize("name", LISTED)
def test_a_listed_game_says_rules_marks_and_who_moves_and_every_action_can_be_said(name):
    env, row = game_of(name), listed_games()[name]
    assert 1 <= len(re.findall(r"[.:](?: |$)", row.rules)) <= 14
    ended = False
    for _ in played(env, seed=1):
        texts = {seat: env.observe(seat) for seat in env.possible_agents}
        for seat, text in texts.items():
            assert text in env.observation_space(seat)
            assert text.startswith(env.rendering.rules)
            assert len(env.possible_agents) == 1 or f"\nYou are {seat}" in text
            check_last_line(env, seat, text)
        for action in env.infos[env.agent_selection].get("legal_actions", ()):
            check_can_be_said(env, action)
        ended |= is_over(env)
    if row.seats:
        marks = row.seats[0].partition("{")[0]
        assert marks in env.observe("player_0")


def check_last_line(env, seat, text):
    last = text.rpartition("\n")[2]
    if is_over(env):
        assert last == "The game is over."
        assert not SAYS_WHO_MOVES.search(text.removeprefix(env.rendering.rules))
    elif seat == env.agent_selection:
        assert last.startswith("Legal actions: [")
    elif env.rendering.simultaneous:
        assert last == f"All players choose at the same time; {env.agent_selection} has not chosen yet."
    else:
        assert last in ("The other player is to move.", f"{env.agent_selection} is to move.")


def check_can_be_said(env, action):
    """Copied into any template, alone or after words (which `plain` leaves no room for), the action is that move."""
    menu = env._position.menu
    assert action in env.action_space(env.agent_selection)
    for template in TEMPLATES.values():
        for words in ("",) if template.name == "plain" else ("", "I think so.\n"):
            said = template.parse(words + template.answer(action))
            assert menu.moves[said] == menu.moves[action], (template.name, action, said)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("[P0]Bid: 1", "Bid: 1"), ("[0,0,10]", "0,0,10"), ("pile:1, take:1;", "pile:1, take:1"), ("wQ wA1\\", "wQ wA1\\")],
)
def test_actions_lose_what_prompts_read_as_their_own_marks(theirs, ours):
    assert sayable(theirs) == ours


@pytest.mark.parametrize("said", ["Bid: 2", "[P0]Bid: 2", "[[P0]Bid: 2]", " bid: 2\n"])
def test_openspiel_s_own_spelling_is_understood_too(said):
    env = game_of("goofspiel(num_cards=3)")
    env.reset(seed=0)
    env.step(said)
    assert env.infos["player_0"]["illegal"] is False
    assert env.state()[-1] == 1


@pytest.mark.parametrize("name", ["havannah", "y", "pentago", "twixt", "chinese_checkers"])
def test_the_first_row_of_a_board_keeps_its_indent(name):
    env = game_of(name)
    env.reset(seed=0)
    shown = env.observe("player_0").split("\n")
    first = re.sub(r"\x1b\[[0-9;]*m", "", str(env.spiel_state)).split("\n")[0].rstrip()
    assert first.startswith(" ")
    assert first in shown


def test_rules_can_be_left_out():
    env = game_of("hex(board_size=2)", instructions=False)
    env.reset(seed=0)
    assert env.observe("player_0").startswith("You are player_0: your stones are x")


def test_a_game_that_is_not_listed_says_so():
    env = game_of("coordinated_mp")
    env.reset(seed=0)
    assert "Its rules are not written here" in env.observe("player_0")
    assert "coordinated_mp" not in LISTED


def test_matrix_games_show_their_payoffs():
    env = game_of("matrix_pd")
    env.reset(seed=0)
    text = env.observe("player_0")
    for line in ("Cooperate, Cooperate: 5, 5", "Cooperate, Defect: 0, 10", "Defect, Defect: 1, 1"):
        assert f"\n{line}\n" in text


def test_nobody_sees_a_choice_of_the_round_that_goes_on():
    env = game_of("goofspiel(num_cards=4)")
    seen = set()
    for bid in ("1", "2", "3"):
        env.reset(seed=3)
        before = env.observe("player_1").split("\n")[:-1]
        env.step(f"Bid: {bid}")
        assert env.observe("player_1").split("\n")[:-1] == before
        seen.add(env.observe("player_0"))
    assert len(seen) == 3  # the one who chose does


SMALL = sorted(row.small for row in listed_games().values() if row.small)
BOARDS = {
    "nim(pile_sizes=1;2;2)": NimRendering,
    "mnk(m=2,n=3,k=2)": MnkRendering,
    "hex(board_size=2)": HexRendering,
    "clobber(rows=2,columns=4)": ClobberRendering,
    "dots_and_boxes(num_rows=1,num_cols=2)": DotsAndBoxesRendering,
    "breakthrough(rows=4,columns=2)": BreakthroughRendering,
    "oware(num_houses_per_player=2,num_seeds_per_house=1)": OwareRendering,
    "checkers(rows=7,columns=2)": CheckersRendering,
    "go(board_size=2,max_game_length=5)": GoRendering,
}


@pytest.mark.slow
@pytest.mark.parametrize("small", SMALL)
def test_equal_texts_mean_one_information_state(small):
    check_texts_tell_states_apart(game_of(small))


@pytest.mark.slow
@pytest.mark.parametrize("small", BOARDS)
def test_equal_texts_of_a_board_mean_one_state(small):
    check_texts_tell_states_apart(OpenSpielGame(small, BOARDS[small], instructions=False))


LATE = {
    "amazons(board_size=6)": (AmazonsRendering, 6),
    "othello": (OthelloRendering, 5),
    "mancala": (MancalaRendering, 5),
    "nine_mens_morris": (NineMensMorrisRendering, 2),
    "chess": (ChessRendering, 2),
    "ultimate_tic_tac_toe": (UltimateTicTacToeRendering, 4),
    "pentago": (PentagoRendering, 2),
}
"""Boards without a small size, and how many actions before the end of random games they are looked at."""


@pytest.mark.slow
@pytest.mark.parametrize("game", LATE)
def test_equal_texts_of_a_board_mean_one_state_for_the_next_actions(game):
    rendering, depth = LATE[game]
    env, known = OpenSpielGame(game, rendering, instructions=False), {}

    def visit(position, depth):
        if position.mover is None or not depth:
            return (position.mover, *(() if position.mover else position.state.returns()))
        after = tuple(
            (name, visit(env._tree.child(position, move), depth - 1)) for move, name in position.menu.names.items()
        )
        future = hash((position.mover, after))
        for player, seat in enumerate(env.possible_agents):
            text = (
                env._tree.text(position) if seat == position.mover else env._tree.waiting_text(position, player, False)
            )
            assert known.setdefault((seat, text, depth), future) == future, text
        return future

    for seed in range(8):
        actions = [env.state() for env in played(env, seed, most=2_000)][-1]
        env.reset(options={"state": actions[:-depth]})
        visit(env._position, depth)
    assert len(known) > 20


def check_texts_tell_states_apart(env):
    """Where all is seen, one state: equal movers, actions, chances and results from there on, worked out backwards."""
    classes, known = {}, {}

    def told_apart(position, number):
        """(seat, text, what the text has to tell apart) of everybody who sees the position."""
        state = position.state
        for player, seat in enumerate(env.possible_agents):
            if position.mover == seat:
                text = env._tree.text(position)
            else:
                text = env._tree.waiting_text(position, player, position.mover is None)
            if not env.rendering.imperfect:
                yield seat, text, number
            elif position.mover == seat:
                yield seat, text, state.information_state_string(player)

    def visit(position):
        if position.chance:
            outcomes, tree = position.chance[0], [env._tree.child(position, one) for one in position.chance[0]]
            future = ("chance", tuple(outcomes), tuple(position.chance[1]), tuple(map(visit, tree)))
        elif position.mover is None:
            future = ("end", tuple(position.state.returns()))
        else:
            moves = position.menu.names.items()
            after = tuple((name, visit(env._tree.child(position, move))) for move, name in moves)
            future = (position.mover, after)
        number = classes.setdefault(future, len(classes))
        for seat, text, meaning in () if position.chance else told_apart(position, number):
            assert known.setdefault((seat, text), meaning) == meaning, f"{seat} reads the same twice:\n{text}"
        return number

    visit(env._tree.root)
    assert 1 < len(known) < MOST_NODES


@pytest.mark.parametrize(
    "name",
    [
        "catch(rows=4)",  # one player
        "cliff_walking(horizon=10)",  # one player, paid at each step
        "2048(max_tile=32)",
        "matrix_pd",  # at the same time, general-sum
        "matching_pennies_3p",
        "kuhn_poker(players=3)",
        "goofspiel(num_cards=3,players=3)",
        "first_sealed_auction(max_value=3)",
        "pathfinding(horizon=5)",
        "hex(board_size=3)",
    ],
)
def test_games_of_every_kind_conform(name):
    from sparring.envs.conformance import check_env, review

    found = review(f"openspiel:{name}")
    assert found.ok, found.faults
    if registry.envs.row(f"openspiel:{name}").seats == 2:
        check_env(f"openspiel:{name}", episodes=1)


@pytest.mark.parametrize(
    "name", ["cliff_walking(horizon=10)", "pathfinding(horizon=9)", "2048(max_tile=16)", "matrix_sh"]
)
def test_rewards_are_the_differences_of_the_returns(name):
    env = game_of(name)
    for seed in range(3):
        paid = dict.fromkeys(env.possible_agents, 0.0)
        for _ in played(env, seed, most=500):
            for seat, reward in env.rewards.items():
                paid[seat] += reward
            assert list(paid.values()) == pytest.approx(env.spiel_state.returns())
        assert is_over(env)


@pytest.mark.parametrize(
    ("name", "least", "others"),
    [
        ("kuhn_poker(players=3)", -2, 1),
        ("matrix_pd", 0, 0),
        ("hex(board_size=2)", -1, 1),
        ("cliff_walking(horizon=10)", -109, 0),
    ],
)
def test_a_forfeit_costs_the_most_that_the_game_can_cost(name, least, others):
    env = game_of(name)
    env.reset(seed=0)
    first = env.agent_selection
    if name.startswith("cliff"):
        env.step("UP")
        assert env.rewards[first] == -1
        least += 1  # what was paid before counts
    env.step("I resign")
    assert env.rewards[first] == least
    assert {env.rewards[seat] for seat in env.possible_agents if seat != first} <= {others}


def test_three_players_share_what_a_forfeit_costs_another():
    env = game_of("kuhn_poker(players=3)")
    env.reset(seed=0)
    env.step("?")
    assert sum(env.rewards.values()) == 0


@pytest.mark.parametrize(
    ("game", "problem"),
    [
        ("negotiation", "game must show its chance"),
        ("mfg_garnet", "is a mean-field game"),
        ("nim(foo=3)", "game must be one that OpenSpiel can load"),
    ],
)
def test_games_whose_chance_no_seed_decides_are_refused(game, problem):
    with pytest.raises(ValueError, match=problem):
        envs.make(f"openspiel:{game}")


def test_solvers_play_openspiel_games_with_their_options():
    from sparring.agents.solvers import best_actions, equilibrium
    from sparring.scoreboard.game_theory import is_solvable, nash_conv, uniform_policy

    nim = best_actions("openspiel:nim(pile_sizes=1;2)", {"action_order": "reversed", "instructions": False})
    assert nim["(0): 1 2\nplayer_0 to move"] == ("pile:2, take:2",)  # whoever takes the last object loses
    assert equilibrium("openspiel:matrix_rps")
    assert nash_conv(
        "openspiel:kuhn_poker:instructions=false", uniform_policy("openspiel:kuhn_poker")
    ) == pytest.approx(11 / 12)
    assert not is_solvable("openspiel:matrix_pd")
    with pytest.raises(ValueError, match="openspiel:matrix_pd is not of zero sum, so it cannot be solved"):
        equilibrium("openspiel:matrix_pd")


@pytest.mark.parametrize(
    ("env_id", "why"),
    [
        ("openspiel:kuhn_poker(players=3)", "has 3 seats, not two"),
        ("openspiel:2048", "has 1 seat, not two"),
        ("openspiel:tiny_hanabi", "is not of zero sum"),
        ("openspiel:dark_chess", "has no information states in OpenSpiel"),
        ("sparring/SimpleNegotiation-v0", "is not an OpenSpiel game"),
    ],
)
def test_the_true_reason_is_said_why_a_game_cannot_be_solved(env_id, why):
    from sparring.agents.solvers import best_actions, equilibrium
    from sparring.scoreboard.game_theory import solved_game

    for solve in (best_actions, equilibrium, solved_game):
        with pytest.raises(ValueError, match=f"^{re.escape(f'{env_id} {why}, so it cannot be solved')}$"):
            solve(env_id)


def test_a_game_of_one_player_starts_from_the_state_of_another():
    env, other = envs.make("openspiel:2048"), envs.make("openspiel:2048")
    _, info = env.reset(seed=1)
    env.step(info["legal_actions"][0])
    seen, _ = other.reset(seed=5, options={"state": env.state()})
    assert other.state() == env.state()
    assert seen == env.game.observe("player_0")
