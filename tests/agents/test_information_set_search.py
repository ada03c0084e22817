"""ismcts: the positions that it draws fit what the seat knows, and it wins where something is hidden."""

import random

import pyspiel
import pytest

from sparring import envs, registry
from sparring.agents.information_set_search import RESAMPLED, InformationSetSearch, Positions, knowledge
from sparring.rollout.loop import Match, play

KUHN, LIAR, PHANTOM = "sparring/KuhnPoker-v0", "sparring/LiarsDice-v0", "sparring/PhantomTicTacToe-v0"


def rewards(agent, env_id, games):
    """Of an agent, which takes the seats by turns against random play."""
    seats = envs.make(env_id).possible_agents
    own = [seats[seed % len(seats)] for seed in range(games)]
    matches = [
        Match(str(seed), env_id, {one: agent if one == seat else "random" for one in seats}, seed)
        for seed, seat in enumerate(own)
    ]
    episodes = play(matches)
    assert [episode.error for episode in episodes] == [None] * games
    assert all(turn.legal for episode in episodes for _, turn in episode.turns)
    return [episode.trajectories[seat].reward for episode, seat in zip(episodes, own, strict=True)]


@pytest.mark.parametrize(
    ("env_id", "games", "least"),
    [
        (KUHN, 150, 0.1),
        (LIAR, 40, 0.5),
        (PHANTOM, 20, 0.4),
        ("sparring/Goofspiel-v0", 30, 0.3),
        ("sparring/DarkHex-v0", 20, 0.3),
        ("sparring/LeducPoker-v0", 60, 0.5),
        ("sparring/MultiplayerKuhnPoker-v0", 60, 0.3),
    ],
)
def test_it_beats_random_play_by_far(env_id, games, least):
    assert sum(rewards("ismcts:simulations=50", env_id, games)) / games > least


def decisions(game, seed, most=10):
    """The positions of a random game in which a player decides."""
    rng, state = random.Random(seed), game.new_initial_state()
    for _ in range(most):
        while state.is_chance_node():
            outcomes, weights = zip(*state.chance_outcomes(), strict=True)
            state.apply_action(rng.choices(outcomes, weights)[0])
        if state.is_terminal():
            return
        yield state.clone()
        state.apply_action(rng.choice(state.legal_actions()))


@pytest.mark.parametrize(
    "name",
    [
        *sorted(RESAMPLED),
        "liars_dice(numdice=2)",
        "phantom_ttt",
        "dark_hex(board_size=3)",
        "turn_based_simultaneous_game(game=goofspiel(num_cards=4,imp_info=True))",
        "tiny_hanabi",
    ],
)
def test_a_position_that_is_drawn_looks_the_same_to_the_seat(name):
    game, rng, differs = pyspiel.load_game(name), random.Random(3), False
    for seed in range(4):
        for state in decisions(game, seed, most=3 if name == "bridge" else 10):
            player = state.current_player()
            drawn = Positions(state).draw(rng)
            assert drawn.current_player() == player
            assert knowledge(drawn, player) == knowledge(state, player)
            assert drawn.legal_actions() == state.legal_actions()
            differs |= str(drawn) != str(state)
    assert differs


def test_nothing_hidden_changes_the_search():
    """Two deals that look the same to the seat are searched the same."""
    game, found = pyspiel.load_game("liars_dice"), []
    for hidden in (0, 3):
        state = game.new_initial_state()
        for action in (2, hidden, 7):  # own die, the other's die, own bid
            state.apply_action(action)
        state.apply_action(9)
        search = InformationSetSearch(60, 1.4, -1.0, 1.0)
        found.append(search.visits(state, random.Random(5)))
    assert found[0] == found[1]
    assert sum(count for count, _ in found[0].values()) == 60


def test_liar_is_said_when_the_bid_cannot_be_true():
    game = pyspiel.load_game("liars_dice")
    state = game.new_initial_state()
    for action in (0, 1, 8):  # dice 1 and 2; the first player bids two threes
        state.apply_action(action)
    tried = InformationSetSearch(300, 1.4, -1.0, 1.0).visits(state, random.Random(0))
    assert max(tried, key=tried.__getitem__) == 12


def test_equal_seeds_give_equal_games():
    first, second = ([*rewards("ismcts:simulations=20", PHANTOM, 4)] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("env_id", "said"),
    [
        ("sparring/TicTacToe-v0", "sparring/TicTacToe-v0 hides nothing from its seats: use mcts"),
        ("sparring/SimpleNegotiation-v0", "is not a game on OpenSpiel: its position cannot be searched"),
    ],
)
def test_other_games_are_refused(env_id, said):
    (episode,) = play([Match("m", env_id, {"player_0": "ismcts", "player_1": "random"}, 1)])
    assert episode.status == "agent_error"
    assert said in episode.error


def test_a_game_in_which_no_position_is_found_is_refused(monkeypatch):
    monkeypatch.setattr("sparring.agents.information_set_search.MOST_STEPS", 1)
    (episode,) = play([Match("m", PHANTOM, {"player_0": "ismcts", "player_1": "ismcts"}, 1)])
    assert "ismcts finds no position of Phantom Tic Tac Toe that fits what the seat has seen" in episode.error


@pytest.mark.parametrize("spec", ["ismcts:simulations=0", "ismcts:c=-1", "cfr:iterations=0", "ismcts:rollouts=2"])
def test_wrong_settings_are_refused(spec):
    with pytest.raises(ValueError, match=r"must be|has no option 'rollouts'"):
        registry.make_agent(spec)
