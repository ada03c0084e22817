"""A table has the positions, payoffs, information states and tensors of the game that it was compiled from."""

import gymnasium
import numpy as np
import pytest

import sparring
from sparring import registry
from sparring.agents import make
from sparring.envs.tables import MOST_NODES, compile_game, play_policies
from sparring.scoreboard import game_theory

KUHN, TTT, LEDUC = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0", "sparring/LeducPoker-v0"
SMALL = [
    (KUHN, {}),
    (LEDUC, {}),
    (TTT, {}),
    ("sparring/Nim-v0", {"piles": "1-3-5"}),
    ("sparring/Hex-v0", {"board_size": 3}),
    ("sparring/RockPaperScissors-v0", {}),
    ("sparring/Goofspiel-v0", {"num_cards": 3}),
    ("sparring/MultiplayerKuhnPoker-v0", {}),
    ("openspiel:connect_four(rows=3,columns=3,x_in_row=3)", {}),
    ("openspiel:liars_dice(dice_sides=3)", {}),
    ("openspiel:dark_hex(board_size=2)", {}),
    ("openspiel:tiny_hanabi", {}),
    ("openspiel:matrix_pd", {}),
]
NAMES = [env_id.partition("(")[0].removeprefix("sparring/") for env_id, _ in SMALL]


def expected_payoffs(table, policies):
    """By seat, exactly: probability flows from node to node until all of it is at the ends."""
    mass, total = np.zeros(len(table.child_NW)), np.zeros(len(table.seats))
    mass[table.root] = 1.0
    while mass.any():
        total += mass[table.first_end :] @ table.payoff_NS[table.first_end :]
        flow = np.zeros(len(mass))
        for node in np.flatnonzero(mass[: table.first_end]):
            children = table.child_NW[node][table.child_NW[node] >= 0]
            if node < table.num_chance:
                law = np.diff(np.minimum(table.cumulative_CW[node], 1.0), prepend=0.0)[: len(children)]
            else:
                row = table.state_N[node]
                law = policies[table.mover_N[node]][row][table.mask_IA[row] == 1]
            np.add.at(flow, children, mass[node] * law)
        mass = flow
    return total


@pytest.mark.parametrize(("env_id", "settings"), SMALL, ids=NAMES)
def test_every_position_of_a_random_game_is_that_of_open_spiel(env_id, settings):
    table, game = compile_game(env_id, **settings), sparring.make(env_id, **settings)
    rng = np.random.default_rng(0)
    for _ in range(200):
        state, node = game.spiel_game.new_initial_state(), table.root
        while not state.is_terminal():
            player, child = state.current_player(), table.child_NW[node]
            if player < 0:
                outcomes = [outcome for outcome, _ in state.chance_outcomes()]
                column = rng.integers(len(outcomes))
                state.apply_action(outcomes[column])
            else:
                legal, row = state.legal_actions(), table.state_N[node]
                assert table.mover_N[node] == player
                assert np.flatnonzero(child >= 0).tolist() == np.flatnonzero(table.mask_IA[row]).tolist() == legal
                seat = table.seats[player]
                assert table.information_states[row] == (seat, game.state_key(seat, state))
                assert table.actions[row] == game.action_strings(seat, state)
                column = rng.choice(legal)
                state.apply_action(column)
            node = child[column]
            if state.is_chance_node():
                assert node < table.num_chance
                continue
            for place, seat in enumerate(table.seats):
                seen = table.seen_RD[table.row_NS[node, place]]
                np.testing.assert_array_equal(seen, game.tensor_at(seat, state))
        assert node >= table.first_end
        assert table.payoff_NS[node].tolist() == state.returns()


def test_equal_positions_of_tic_tac_toe_are_one_node():
    assert len(compile_game(TTT).child_NW) == 5_478
    assert len(compile_game(KUHN).child_NW) == 58


def test_a_table_is_made_once():
    assert compile_game(KUHN) is compile_game(KUHN)


@pytest.mark.parametrize("env_id", [KUHN, LEDUC])
def test_expected_payoffs_are_those_of_game_theory(env_id):
    table = compile_game(env_id)
    one, other = (make("cfr:iterations=20"), make("random"))
    first, second = (game_theory.tabular_policy(agent, env_id) for agent in (one, other))
    values = expected_payoffs(table, [table.policy(first), table.policy(second)])
    np.testing.assert_allclose(values[0], game_theory.values(env_id, first, second)[0], atol=1e-12)
    np.testing.assert_allclose(values.sum(), 0.0, atol=1e-12)


def test_kuhn_poker_in_equilibrium_is_worth_minus_an_eighteenth():
    """Kuhn 1950: player_0 never bets first, calls a bet with the queen at 1/3; player_1 bluffs and calls at 1/3."""
    table, third = compile_game(KUHN), 1 / 3
    bets = {"0": 0, "1": 0, "2": 0, "0pb": 0, "1pb": third, "2pb": 1}
    bets |= {"0p": third, "1p": 0, "2p": 1, "0b": 0, "1b": third, "2b": 1}
    actions = {key: ("fold", "call") if "b" in key else ("check", "bet") for key in bets}
    policy = table.policy({key: dict(zip(actions[key], (1 - bet, bet), strict=True)) for key, bet in bets.items()})
    np.testing.assert_allclose(expected_payoffs(table, [policy, policy]), [-1 / 18, 1 / 18], atol=1e-12)
    paid = play_policies(table, [policy, policy], 200_000, np.random.default_rng(0))
    assert abs(paid[:, 0].mean() + 1 / 18) < 5 * paid[:, 0].std() / np.sqrt(len(paid))


@pytest.mark.parametrize(("env_id", "settings"), SMALL, ids=NAMES)
def test_played_games_pay_on_average_what_they_are_worth(env_id, settings):
    table, rng = compile_game(env_id, **settings), np.random.default_rng(1)
    drawn = rng.random(table.mask_IA.shape) ** 4 * table.mask_IA
    drawn /= drawn.sum(axis=1, keepdims=True)
    policies = [drawn, *[None] * (len(table.seats) - 1)]
    paid = play_policies(table, policies, 40_000, rng)
    assert paid.shape == (40_000, len(table.seats))
    uniform = table.uniform_policy()
    expected = expected_payoffs(table, [drawn, *[uniform] * (len(table.seats) - 1)])
    assert (np.abs(paid.mean(axis=0) - expected) <= 5 * paid.std(axis=0) / 200 + 1e-12).all()


def test_uniform_tic_tac_toe_is_won_as_often_as_counting_says():
    """All 255,168 orders of marks, weighted: X wins 0.58485, O 0.28809, draws 0.12698 (to five places)."""
    table = compile_game(TTT)
    uniform = table.uniform_policy()
    np.testing.assert_allclose(expected_payoffs(table, [uniform, uniform])[0], 0.2968, atol=1e-4)
    paid = play_policies(table, [None, None], 100_000, np.random.default_rng(0))[:, 0]
    np.testing.assert_allclose([np.mean(paid == won) for won in (1, -1, 0)], [0.5849, 0.2881, 0.1270], atol=0.01)


def test_games_come_in_no_order_of_their_length():
    paid = play_policies(compile_game(TTT), [None, None], 8_000, np.random.default_rng(0))[:, 0]
    halves = [np.mean(half == 0) for half in np.split(paid, 2)]
    assert abs(halves[0] - halves[1]) < 0.03


def test_equal_generators_play_equal_games():
    table = compile_game(LEDUC)
    runs = [play_policies(table, [None, None], 10_000, np.random.default_rng(3)) for _ in range(2)]
    np.testing.assert_array_equal(*runs)
    assert play_policies(table, [None, None], 0, np.random.default_rng(3)).shape == (0, 2)


def test_an_action_of_probability_zero_is_never_played():
    table = compile_game(TTT)
    first_legal = np.zeros(table.mask_IA.shape)
    first_legal[np.arange(len(first_legal)), table.mask_IA.argmax(axis=1)] = 1.0
    paid = play_policies(table, [first_legal, first_legal], 10_000, np.random.default_rng(0))
    assert (paid == [1.0, -1.0]).all(), "0, 1, 2, ... in turn: X has 2, 4 and 6"


def test_payoffs_that_are_not_open_spiels_are_the_environments():
    with pytest.warns(UserWarning, match="not Kuhn poker"):
        table = compile_game(KUHN, payoffs="textarena")
    assert set(np.abs(table.payoff_NS[table.first_end :]).ravel()) == {1.0}
    assert table.forfeit_SS.tolist() == [[-1.0, 1.0], [1.0, -1.0]]


@pytest.mark.parametrize(
    ("env_id", "settings", "message"),
    [
        ("sparring/SimpleNegotiation-v0", {}, "SimpleNegotiation-v0 is no game of OpenSpiel with several seats"),
        ("sparring/Adventure-v0", {}, "Adventure-v0 is no game of OpenSpiel with several seats"),
        ("sparring/LiarsDice-v0", {}, f"LiarsDice-v0 has more than {MOST_NODES} positions: too many for a table"),
        (KUHN, {"illegal": "retry"}, "needs illegal='forfeit' and max_turns=None, got 'retry', None"),
        (KUHN, {"max_turns": 3}, "needs illegal='forfeit' and max_turns=None, got 'forfeit', 3"),
        ("openspiel:catch", {}, "no game of OpenSpiel with several seats"),
        ("openspiel:coop_box_pushing", {}, "pays on the way, and a table only at the end"),
        ("sparring/Kuhn-v0", {}, "KuhnPoker"),
        (KUHN, {"cards": 3}, "no option 'cards'"),
    ],
)
def test_what_has_no_table_says_why(env_id, settings, message):
    with pytest.raises((ValueError, LookupError), match=message):
        compile_game(env_id, **settings)


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        ([None], "policies must be 2, one a seat, got 1"),
        ([np.ones((3, 2)), None], r"array of shape \(12, 2\) \(information states, actions\), got \(3, 2\)"),
        ([np.ones((12, 2)), None], r"at \('player_0', '.'\) of sparring/KuhnPoker-v0, row \d+, it is \[1.0, 1.0\]"),
        ([None, np.full((12, 2), [1.5, -0.5])], r"at \('player_1', "),
        ([np.full((12, 2), np.nan), None], "must be a distribution"),
    ],
)
def test_policies_that_are_none_are_refused(policies, message):
    with pytest.raises(ValueError, match=message):
        play_policies(compile_game(KUHN), policies, 10, np.random.default_rng(0))


def test_a_policy_with_an_illegal_action_is_refused():
    table = compile_game(TTT)
    policy = np.zeros(table.mask_IA.shape)
    policy[:, 4] = 1.0
    with pytest.raises(ValueError, match="must be a distribution over legal actions"):
        play_policies(table, [policy, None], 10, np.random.default_rng(0))
    with pytest.raises(ValueError, match="the actions are check, bet, got 'raise'"):
        compile_game(KUHN).policy({"0": {"raise": 1.0}})


def test_every_table_that_the_registry_can_make_is_found_by_make_vec():
    assert KUHN in {row.name for row in registry.envs}
    assert gymnasium.make_vec(f"sparring.envs:{KUHN}", num_envs=2, view="table").num_envs == 2


def test_a_table_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        compile_game(KUHN).payoff_NS[0, 0] = 1.0
