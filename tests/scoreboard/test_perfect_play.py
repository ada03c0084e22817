import pyspiel
import pytest

from sparring import registry
from sparring.scoreboard.perfect_play import is_small_and_open, play_quality, positions

TIC_TAC_TOE = "sparring/TicTacToe-v0"
NIM = "sparring/OpenSpiel-v0:game=nim(pile_sizes=1;2;2)"


def test_every_position_of_tic_tac_toe_is_visited_once_and_it_is_a_draw():
    game = positions(TIC_TAC_TOE)
    # 5,478 positions, of which 958 are ends (https://oeis.org/A008907 and the usual count of finished boards)
    assert (len(game.movers), len(game.ends)) == (5_478 - 958, 958)
    assert set(game.observations) == set(game.movers)
    assert game.values[next(iter(game.movers))] == 0.0


def test_minimax_never_errs_and_cannot_be_exploited():
    quality = play_quality(registry.make_agent("minimax"), TIC_TAC_TOE)
    assert (quality.optimal, quality.blunders, quality.exploitability) == (pytest.approx(1.0), 0.0, 0.0)


def test_uniform_play_is_as_exploitable_as_openspiel_says():
    # pyspiel.nash_conv(tic_tac_toe, uniform) = 1.9196593915, which takes it a quarter of a minute
    quality = play_quality(registry.make_agent("random"), TIC_TAC_TOE)
    assert 2 * quality.exploitability == pytest.approx(1.9196593915343914)


def test_a_smaller_game_agrees_with_openspiel_on_the_spot():
    game = pyspiel.load_game("nim(pile_sizes=1;2;2)")
    quality = play_quality(registry.make_agent("random"), NIM)
    expected = pyspiel.nash_conv(game, pyspiel.UniformRandomPolicy(game))
    assert 2 * quality.exploitability == pytest.approx(expected)


def test_blunders_of_uniform_play_agree_with_a_count_over_all_games():
    game = positions(NIM)

    def expected_moves(key: str) -> tuple[float, float]:
        """(moves that give value away, moves) of uniform play from a position on, by plain recursion."""
        if key in game.ends:
            return 0.0, 0.0
        moves, best = game.moves[key], game.best(key)
        parts = [(action not in best, *expected_moves(after)) for action, after in moves.items()]
        return sum(p[0] + p[1] for p in parts) / len(parts), 1.0 + sum(p[2] for p in parts) / len(parts)

    given_away, played = expected_moves(next(iter(game.movers)))
    assert play_quality(registry.make_agent("random"), NIM).blunders == pytest.approx(given_away / played)


@pytest.mark.parametrize(
    "env_id", ["sparring/KuhnPoker-v0", "sparring/ConnectFour-v0", "sparring/Chess-v0", "sparring/SimpleNegotiation-v0"]
)
def test_games_with_hidden_cards_too_many_positions_or_no_tree_are_not_measured(env_id):
    assert not is_small_and_open(env_id)
    with pytest.raises(ValueError, match=env_id.removeprefix("sparring/").removesuffix("-v0")):
        positions(env_id)


def test_an_agent_without_probabilities_is_refused():
    with pytest.raises(TypeError, match="shows no probabilities"):
        play_quality(registry.make_agent("human"), TIC_TAC_TOE)
