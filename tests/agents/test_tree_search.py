"""mcts and OpenSpiel's bots: strong where nothing is hidden, refused where something is, equal for equal seeds."""

import random

import pyspiel
import pytest

from sparring import registry
from sparring.agents.solvers import best_actions
from sparring.agents.tree_search import TreeSearch
from sparring.protocols import Seat
from sparring.registry import UnknownName
from sparring.rollout.loop import Match, act_now, play

TTT, FOUR, KUHN = "sparring/TicTacToe-v0", "sparring/ConnectFour-v0", "sparring/KuhnPoker-v0"


def rewards(first, second, env_id, games, **env_kwargs):
    """Of `first`, which takes the seats by turns."""
    seats = ("player_0", "player_1")
    matches = [
        Match(
            str(seed),
            env_id,
            dict(zip(seats, (first, second)[:: -1 if seed % 2 else 1], strict=True)),
            seed,
            env_kwargs,
        )
        for seed in range(games)
    ]
    episodes = play(matches)
    assert [episode.error for episode in episodes] == [None] * games
    assert all(turn.legal for episode in episodes for _, turn in episode.turns)
    return [episode.trajectories[seats[seed % 2]].reward for seed, episode in enumerate(episodes)]


def positions(env_id, count, left):
    """Positions of random play with at most `left` empty cells, each with its observation's situation."""
    env, rng, found = registry.envs.make(env_id), random.Random(0), 0
    for seed in range(100):
        env.reset(seed=seed)
        while not any(env.terminations.values()):
            legal = env.infos[env.agent_selection]["legal_actions"]
            if 1 < len(legal) <= left and len(best_actions(env_id)[env.infos[env.agent_selection]["state_key"]]) < len(
                legal
            ):
                yield env
                found += 1
                if found == count:
                    return
            env.step(rng.choice(legal))


@pytest.mark.parametrize("agent", ["mcts:simulations=200", "openspiel:mcts:simulations=200"])
def test_200_simulations_beat_random_play_in_connect_four(agent):
    won = sum(reward > 0 for reward in rewards(agent, "random", FOUR, 20))
    assert won >= 18


@pytest.mark.parametrize("agent", ["mcts:simulations=1000", "openspiel:mcts:simulations=1000"])
def test_enough_simulations_never_lose_tic_tac_toe(agent):
    assert set(rewards(agent, "minimax", TTT, 6)) == {0.0}
    assert min(rewards(agent, "random", TTT, 20)) >= 0


def test_small_endgames_are_played_as_minimax_plays_them():
    search = TreeSearch(2000, 1.4, 1, -1.0, 1.0)
    for env in positions(TTT, 40, left=4):
        seat = env.agent_selection
        tried = search.visits(env.agent_situation(seat).state(), random.Random(1))
        chosen = env.action_text(max(tried, key=tried.__getitem__))
        assert chosen in best_actions(TTT)[env.infos[seat]["state_key"]]


def test_equal_seeds_and_turns_give_equal_moves_and_another_seed_another_game():
    def actions(seed):
        (episode,) = play([Match("m", FOUR, {"player_0": "mcts:simulations=20", "player_1": "random"}, seed)])
        return [turn.action for _, turn in episode.turns]

    assert actions(3) == actions(3)
    assert len({tuple(actions(seed)) for seed in range(5)}) == 5


def test_every_simulation_is_counted_and_means_lie_within_the_bounds():
    tried = TreeSearch(50, 1.4, 3, -1.0, 1.0).visits(
        pyspiel.load_game("tic_tac_toe").new_initial_state(), random.Random(0)
    )
    assert sum(visits for visits, _ in tried.values()) == 50
    assert len(tried) == 9
    assert all(-1 <= mean <= 1 for _, mean in tried.values())


class Toy:
    """A game of a few actions, as OpenSpiel has them; what follows says who moves, how, and what comes of it."""

    def __init__(self, taken=()):
        self.taken = list(taken)

    def clone(self):
        return type(self)(self.taken)

    def apply_action(self, action):
        self.taken.append(action)

    def is_terminal(self):
        return len(self.taken) == 2

    def is_chance_node(self):
        return self.current_player() == -1


class Gift(Toy):
    """Player 0 names who gets a point, or 2: then player 2 gives it to player 1 or keeps it."""

    def current_player(self):
        return (0, 2)[len(self.taken)]

    def legal_actions(self):
        return [1, 2] if self.taken else [0, 1, 2]

    def returns(self):
        winner = self.taken[0] if self.taken[0] < 2 else self.taken[1]
        return [float(winner == seat) for seat in range(3)]


class Gamble(Toy):
    """Player 0 takes lot 0 or 1; lot 0 wins one time in ten, lot 1 nine times in ten."""

    def current_player(self):
        return (0, -1)[len(self.taken)]

    def legal_actions(self):
        return [0, 1]

    def chance_outcomes(self):
        return [(1, (0.1, 0.9)[self.taken[0]]), (0, (0.9, 0.1)[self.taken[0]])]

    def returns(self):
        return [2.0 * self.taken[1] - 1]


def most_tried(state, simulations, lowest=0.0):
    tried = TreeSearch(simulations, 1.4, 1, lowest, 1.0).visits(state, random.Random(0))
    return max(tried, key=tried.__getitem__), tried


def test_each_seat_looks_for_its_own_return_where_three_play():
    assert most_tried(Gift(), 300)[0] == 0
    assert most_tried(Gift([2]), 300)[0] == 2


def test_chance_is_sampled_by_its_probabilities():
    best, tried = most_tried(Gamble(), 2000, lowest=-1.0)
    assert best == 1
    assert tried[1][1] == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("agent", ["mcts", "openspiel:mcts"])
@pytest.mark.parametrize(
    ("env_id", "said"),
    [
        (KUHN, "sparring/KuhnPoker-v0 hides something from its seats"),
        ("sparring/SimpleNegotiation-v0", "is not a game on OpenSpiel: its position cannot be searched"),
    ],
)
def test_games_that_hide_something_are_refused(agent, env_id, said):
    (episode,) = play([Match("m", env_id, {"player_0": agent, "player_1": agent}, 1)])
    assert episode.status == "agent_error"
    assert said in episode.error


def test_bots_that_look_at_nothing_play_where_something_is_hidden():
    assert sum(rewards("openspiel:uniform_random", "openspiel:fixed_action_preference", KUHN, 40)) > 0
    assert len(set(rewards("openspiel:uniform_random", "openspiel:uniform_random", KUHN, 40))) > 2


def test_a_games_own_name_of_open_spiel_is_played_too():
    assert sum(rewards("mcts:simulations=30", "random", "sparring/OpenSpiel-v0", 6, game="tic_tac_toe")) > 2


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mcts:simulations=0", "simulations must be >= 1, got 0"),
        ("mcts:rollouts=0", "rollouts must be >= 1, got 0"),
        ("mcts:c=nan", "c must be a number >= 0, got nan"),
        ("openspiel:mcts:c=-1", "c must be a number >= 0, got -1.0"),
        ("mcts:depth=3", "has no option 'depth'; it takes c, rollouts, simulations"),
        ("openspiel", "needs an argument after a colon"),
    ],
)
def test_wrong_settings_say_what_would_be_right(spec, said):
    with pytest.raises(ValueError, match=said):
        registry.make_agent(spec)


def test_an_unknown_bot_is_answered_with_the_nearest_one():
    with pytest.raises(UnknownName, match="unknown bot of OpenSpiel 'uniform_randum'; did you mean 'uniform_random'"):
        registry.make_agent("openspiel:uniform_randum")


def test_an_observation_without_a_situation_is_refused_in_a_line():
    from sparring.types import Observation

    player = registry.make_agent("mcts").open(Seat(TTT, "player_0", seed=1))
    with pytest.raises(ValueError, match="shows text alone here, no vector and no position"):
        act_now(player, Observation(("text",), ("0", "1")))


def test_a_game_of_one_player_is_searched_too():
    (episode,) = play([Match("m", "openspiel:catch", {"player_0": "mcts:simulations=50"}, 3)])
    assert (episode.status, episode.error) == ("ok", None)
    assert episode.trajectories["player_0"].reward == 1.0
