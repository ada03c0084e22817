import pyspiel
import pytest

from sparring import registry
from sparring.agents.pig import point_of, solve
from sparring.agents.solvers import best_actions
from sparring.scoreboard.perfect_play import is_small_and_open, play_quality

SMALL, HORIZON = 7, 150
PIG = f"sparring/Pig-v0:target={SMALL}"


def test_pig_to_a_hundred_is_what_neller_and_presser_found():
    # "Optimal Play of the Dice Game Pig", The UMAP Journal 25 (2004): the first player wins with probability .5306, and
    # at the beginning holds at 21.
    solved = solve(100)
    assert (solved.start[0, 0] + 1) / 2 == pytest.approx(0.5306, abs=5e-5)
    assert [solved.best((0, 0, points)) for points in (20, 21)] == [("roll",), ("hold",)]
    assert solved.best((60, 0, 40)) == ("hold",)


def test_a_game_with_a_horizon_walked_through_by_openspiel_agrees():
    """Plain recursion over OpenSpiel's own game, which ends after more actions than nearly all games have."""
    game = pyspiel.load_game(f"pig(winscore={SMALL},players=2,horizon={HORIZON})")
    known: dict[tuple[str, int, bool], float] = {}

    def value(state, actions: int, uniform: int | None) -> float:
        """Of player 0; `uniform` plays at random, everybody else perfectly."""
        if state.is_terminal():
            return state.returns()[0]
        if state.is_chance_node():
            return sum(odds * value(state.child(face), actions, uniform) for face, odds in state.chance_outcomes())
        key = (str(state), actions, uniform is None)
        if key not in known:
            after = [value(state.child(action), actions + 1, uniform) for action in state.legal_actions()]
            player = state.current_player()
            known[key] = sum(after) / len(after) if player == uniform else (max, min)[player](after)
        return known[key]

    assert solve(SMALL).start[0, 0] == pytest.approx(value(game.new_initial_state(), 0, None), abs=1e-9)
    first = value(game.new_initial_state(), 0, 1)
    known.clear()
    second = -value(game.new_initial_state(), 0, 0)
    quality = play_quality(registry.make_agent("random"), PIG)
    assert quality.exploitability == pytest.approx((first + second) / 2, abs=1e-9)


def test_minimax_plays_it_perfectly_and_holding_always_is_always_wrong():
    perfect = play_quality(registry.make_agent("minimax"), PIG)
    assert (perfect.optimal, perfect.blunders) == (1.0, 0.0)
    assert perfect.exploitability == pytest.approx(0.0, abs=1e-9)
    idle = play_quality(registry.make_agent("constant:hold"), PIG)
    assert (idle.optimal, idle.blunders) == (0.0, 1.0)
    assert idle.exploitability == pytest.approx(1.0)


def test_blunders_of_uniform_play_agree_with_a_walk_over_its_games():
    """To so few points rolling is always best, so that a blunder is a hold that could be a roll."""
    assert all(solve(SMALL).best((i, j, 0)) == ("roll",) for i in (0, 2, 5) for j in (0, 3, 6))
    game = pyspiel.load_game(f"pig(winscore={SMALL},players=2,horizon={HORIZON})")
    known: dict[tuple[str, int], tuple[float, float]] = {}

    def counts(state, actions: int) -> tuple[float, float]:
        """(moves that are wrong, moves) from here on."""
        if state.is_terminal():
            return 0.0, 0.0
        if state.is_chance_node():
            parts = [(odds, counts(state.child(face), actions)) for face, odds in state.chance_outcomes()]
            return sum(odds * part[0] for odds, part in parts), sum(odds * part[1] for odds, part in parts)
        key = (str(state), actions)
        if key not in known:
            after = [counts(state.child(action), actions + 1) for action in state.legal_actions()]
            wrong = 0.5 if len(after) == 2 else 0.0
            means = (sum(part[0] for part in after) / len(after), sum(part[1] for part in after) / len(after))
            known[key] = wrong + means[0], 1 + means[1]
        return known[key]

    wrong, moves = counts(game.new_initial_state(), 0)
    assert play_quality(registry.make_agent("random"), PIG).blunders == pytest.approx(wrong / moves, abs=1e-9)


def test_positions_are_read_from_both_seats_and_large_targets_are_refused():
    assert point_of("Scores: 12 3, Turn total: 5\nCurrent player: 1\n") == (3, 12, 5)
    assert is_small_and_open(PIG)
    assert not is_small_and_open("sparring/Pig-v0:target=100")
    assert not is_small_and_open(f"sparring/Pig-v0:players=3:target={SMALL}")
    with pytest.raises(ValueError, match="Pig to 200 points has too many positions to be solved; 100 is the most"):
        best_actions("sparring/Pig-v0", {"target": 200})
