"""Start positions, and copies of games in play: `reset(options={"state": ...})` and `copy.deepcopy`."""

import copy
import random

import numpy as np
import pytest

from sparring import envs

HIDDEN = [
    "LiarsDice",
    "Goofspiel",
    "MultiplayerLeducPoker",
    "PhantomTicTacToe",
    "DarkHex",
    "Pig",
    "Snake",
    "TruthAndDeception",
]
GAMES = [
    "KuhnPoker",
    "LeducPoker",
    "TicTacToe",
    "ConnectFour",
    "SimpleNegotiation",
    "OpenSpiel",
    "Chess",
    "Oware",
    *HIDDEN,
]


def make(name, **kwargs):
    return envs.make(name if ":" in name else f"sparring/{name}-v0", **kwargs)


def listed(env):
    info = env.infos[env.agent_selection]
    return info.get("legal_actions") or info["suggested_actions"]


def seen(env):
    return env.agent_selection, {seat: env.observe(seat) for seat in env.possible_agents}, env.infos, env.rewards


def finish(env, seed):
    rng, shown = random.Random(seed), []
    while not any(env.terminations.values()):
        env.step(rng.choice(listed(env)))
        shown.append(copy.deepcopy(seen(env)))
    return shown


@pytest.mark.parametrize("name", [*GAMES, "openspiel:goofspiel(num_cards=4)", "openspiel:kuhn_poker(players=3)"])
def test_a_game_goes_on_from_a_state_as_it_went_on_itself(name):
    env, other, rng = make(name), make(name), random.Random(5)
    env.reset(seed=3)
    env.step(rng.choice(listed(env)))
    other.reset(seed=8, options={"state": env.state()})
    assert seen(other)[:2] == seen(env)[:2]
    assert listed(other) == listed(env)


def test_a_state_may_be_openspiel_s_own_serialization():
    env = make("TicTacToe")
    for state in ([4, 0], (4, 0), "4\n0\n", "4\n0", np.array([4, 0]), [4, 0]):
        env.reset(seed=0, options={"state": state})
        assert env.observe("player_0").split("\n")[2:5] == ["O 1 2", "3 X 5", "6 7 8"]
    assert env.state() == [4, 0] == env.spiel_state.history()


def test_the_seed_draws_the_chance_that_is_left_open():
    env = make("KuhnPoker")
    cards = set()
    for seed in range(30):
        env.reset(seed=seed, options={"state": [2]})  # player_0 has the king
        assert "Your card is K" in env.observe("player_0")
        cards.add(env.observe("player_1").split("Your card is ")[1][0])
    assert cards == {"J", "Q"}


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("TicTacToe", {"state": [4, 4]}, r"after \[4\] the next action .* must be one of \[0, 1, 2, 3, 5.* got 4"),
        ("TicTacToe", {"state": [0, 3, 1, 4, 2]}, "is over before its first action"),
        ("TicTacToe", {"state": [0, 3, 1, 4, 2, 5]}, "the next action"),
        ("TicTacToe", {"state": {"board": 1}}, "state must be OpenSpiel's history"),
        ("TicTacToe", {"state": "e2e4"}, "state must be OpenSpiel's history"),
        ("TicTacToe", {"state": [1.5]}, "state must be OpenSpiel's history"),
        ("TicTacToe", {"state": "01"}, "one a line, got '01'"),
        ("TicTacToe", {"state": "1 2"}, "one a line, got '1 2'"),
        ("TicTacToe", {"state": ["1"]}, "state must be OpenSpiel's history"),
        ("TicTacToe", {"state": np.array([1.5])}, "state must be OpenSpiel's history"),
        ("TicTacToe", {"stat": [0]}, "reset has no option 'stat'; it takes 'state'"),
        ("SimpleNegotiation", {"stat": [0]}, "reset has no option 'stat'; it takes 'state'"),
        ("openspiel:catch", {"stat": [0]}, "reset has no option 'stat'; it takes 'state'"),
        ("SimpleNegotiation", {"state": {"traders": 3}}, r"state must be what state\(\) of"),
        ("SimpleNegotiation", {"state": None}, r"state must be what state\(\) of"),
    ],
)
def test_a_state_that_there_is_not_is_refused(name, options, problem):
    with pytest.raises(ValueError, match=problem):
        make(name).reset(seed=0, options=options)


@pytest.mark.parametrize("options", ["state", [("state", [0])], 3])
@pytest.mark.parametrize("view", ["text", "discrete"])
def test_options_that_are_no_dict_are_refused(view, options):
    with pytest.raises(TypeError, match="options must be a dict or None, got "):
        make("TicTacToe", view=view).reset(seed=0, options=options)


@pytest.mark.parametrize("name", [*GAMES, "openspiel:goofspiel(num_cards=4)", "openspiel:go(board_size=5)"])
def test_a_copy_plays_on_by_itself(name):
    env, twin = make(name), None
    env.reset(seed=3)
    env.step(listed(env)[0])
    before = copy.deepcopy(seen(env))
    twin = copy.deepcopy(env)
    of_the_twin = finish(twin, 1)
    assert seen(env) == before
    assert finish(env, 1) == of_the_twin


def test_a_copy_shares_the_tree_of_positions():
    env = make("TicTacToe")
    env.reset(seed=0)
    twin = copy.deepcopy(env)
    assert twin._tree is env._tree
    assert twin.spiel_game is env.spiel_game
    assert twin._history is not env._history
