"""OpenSpiel games: payoffs against OpenSpiel and against the rules, illegal actions, and what a seat reads."""

import random

import pyspiel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import envs
from sparring.envs.games.two_player import fold, match

RANDOM_GAMES = 10_000
BOARDS = {
    **dict.fromkeys(["KuhnPoker", "LeducPoker", "TicTacToe", "ConnectFour", "OpenSpiel"], RANDOM_GAMES),
    **dict.fromkeys(["Nim", "MNK", "Hex", "Clobber", "DotsAndBoxes", "Breakthrough", "Mancala"], RANDOM_GAMES),
    **dict.fromkeys(["Othello", "Oware", "Checkers", "Go", "UltimateTicTacToe", "Amazons"], 2_000),
    **dict.fromkeys(["NineMensMorris", "Pentago"], 1_000),
    "Chess": 60,
}
"""Fewer of long games."""
HIDDEN = [
    ("sparring/LiarsDice-v0", RANDOM_GAMES),
    ("sparring/LiarsDice-v0:numdice=3:dice_sides=4", 1_000),
    ("sparring/Goofspiel-v0", RANDOM_GAMES),
    ("sparring/Goofspiel-v0:num_cards=5:players=3:points_order=descending", 1_000),
    ("sparring/RockPaperScissors-v0", 1_000),
    ("sparring/Blotto-v0", RANDOM_GAMES),
    ("sparring/Pig-v0:target=12", RANDOM_GAMES),
    ("sparring/Pig-v0:players=4", 50),
    ("sparring/MultiplayerKuhnPoker-v0", RANDOM_GAMES),
    ("sparring/MultiplayerKuhnPoker-v0:players=5", 1_000),
    ("sparring/MultiplayerLeducPoker-v0", RANDOM_GAMES),
    ("sparring/MultiplayerLeducPoker-v0:players=4", 1_000),
    ("sparring/PhantomTicTacToe-v0", RANDOM_GAMES),
    ("sparring/DarkHex-v0", RANDOM_GAMES),
    ("sparring/DarkHex-v0:board_size=5", 500),
    ("sparring/Backgammon-v0", 60),
    ("sparring/GinRummy-v0", 100),
]
"""Ids with options, and how many games of each."""
NAMED_AGAIN = 200
"""Of how many games every action is named again in a state of OpenSpiel's own."""

KUHN_RULES = (
    "Kuhn poker with the cards J, Q and K; K is highest. Each player antes 1 chip and gets one card. A bet adds 1 chip "
    "and a call matches it. After a fold the other player wins the pot, otherwise the higher card does.\n"
)


def make(name, **kwargs):
    return envs.make(f"sparring/{name}-v0", **kwargs)


def play(env, seed, choose):
    """Play one game; `choose` picks from the legal actions. Returns the actions."""
    env.reset(seed=seed)
    actions = []
    while not any(env.terminations.values()):
        actions.append(choose(env.infos[env.agent_selection]["legal_actions"]))
        env.step(actions[-1])
    return actions


@pytest.mark.parametrize(
    ("env_id", "games"), [*((f"sparring/{name}-v0", games) for name, games in BOARDS.items()), *HIDDEN]
)
def test_returns_are_those_of_open_spiel_over_random_games(env_id, games):
    env, rng = envs.make(env_id), random.Random(0)
    for seed in range(games):
        actions = play(env, seed, rng.choice)
        assert [env.rewards[seat] for seat in env.possible_agents] == env.spiel_state.returns()
        if seed >= NAMED_AGAIN:
            continue
        replayed = env.spiel_game.new_initial_state()
        said = []
        for action in env.spiel_state.history():
            if not replayed.is_chance_node():
                seat = f"player_{replayed.current_player()}"
                said.append(env.action_strings(seat, replayed)[action])
            replayed.apply_action(action)
        assert replayed.is_terminal()
        assert said == actions
        assert [env.rewards[seat] for seat in env.possible_agents] == replayed.returns()
        assert not any(env.truncations.values())


def test_kuhn_payoffs_follow_from_the_cards_and_the_betting():
    payoffs = {
        ("check", "check"): (1, None),
        ("check", "bet", "fold"): (1, "player_1"),
        ("check", "bet", "call"): (2, None),
        ("bet", "fold"): (1, "player_0"),
        ("bet", "call"): (2, None),
    }
    env, rng, lines = make("KuhnPoker"), random.Random(1), set()
    for seed in range(300):
        actions = tuple(play(env, seed, rng.choice))
        cards = ["JQK".index(env.observe(seat).split("Your card is ")[1][0]) for seat in ("player_0", "player_1")]
        stake, winner = payoffs[actions]
        winner = winner or ("player_0" if cards[0] > cards[1] else "player_1")
        assert env.rewards[winner] == stake
        assert sum(env.rewards.values()) == 0
        lines.add(actions)
    assert lines == set(payoffs)


def test_kuhn_deals_all_six_pairs_of_cards_equally_often():
    env, counts = make("KuhnPoker"), {}
    for seed in range(6_000):
        env.reset(seed=seed)
        deal = tuple(env.observe(seat).split("Your card is ")[1][0] for seat in ("player_0", "player_1"))
        counts[deal] = counts.get(deal, 0) + 1
    assert len(counts) == 6
    chi_square = sum((count - 1_000) ** 2 / 1_000 for count in counts.values())
    assert chi_square < 20.5  # 5 degrees of freedom, p = 0.001


def test_textarena_payoffs_are_one_chip_on_every_line_and_warn():
    with pytest.warns(UserWarning, match="pot never grows"):
        env = make("KuhnPoker", payoffs="textarena")
    assert {abs(_reward_of(env, seed)) for seed in range(100)} == {1.0}


def _reward_of(env, seed):
    play(env, seed, random.Random(seed).choice)
    return env.rewards["player_0"]


@pytest.mark.parametrize(("name", "stake"), [("KuhnPoker", 2), ("LeducPoker", 13), ("TicTacToe", 1)])
def test_a_forfeit_pays_the_stake_apart_from_the_payoff(name, stake):
    env = make(name)
    env.reset(seed=0)
    env.step("I resign")
    assert env.infos["player_0"]["reward_parts"] == {"payoff": 0.0, "forfeit": -stake}
    assert env.infos["player_1"]["reward_parts"] == {"payoff": 0.0, "forfeit": stake}
    assert env.rewards == {"player_0": -stake, "player_1": stake}
    assert env.infos["player_0"]["illegal"] is True


def test_the_spiral_rule_costs_one_and_a_half_and_pays_a_half():
    env = make("KuhnPoker", illegal="spiral")
    env.reset(seed=0)
    env.step("check")
    env.step("raise")
    assert env.rewards == {"player_0": 0.5, "player_1": -1.5}
    assert env.infos["player_1"]["reward_parts"]["payoff"] == 0.0


def test_retry_asks_again_as_often_as_it_says_and_then_forfeits():
    env = make("TicTacToe", illegal="retry", retries=2)
    env.reset(seed=0)
    before = env.observe("player_0")
    for _ in range(2):
        env.step("9")
        assert env.infos["player_0"]["illegal"] is True
        assert env.infos["player_0"]["legal_actions"] == tuple("012345678")
        assert (env.agent_selection, env.observe("player_0")) == ("player_0", before)
    env.step("4")
    assert env.infos["player_0"]["illegal"] is False
    for _ in range(3):
        env.step("4")
    assert env.rewards == {"player_0": 1.0, "player_1": -1.0}


def test_noop_asks_again_until_the_turn_budget_truncates():
    env = make("KuhnPoker", illegal="noop")
    env.reset(seed=0)
    asked = 0
    while not any(env.truncations.values()):
        env.step("")
        asked += 1
        assert asked <= 100
    assert asked == 4 * pyspiel.load_game("kuhn_poker").max_game_length()
    assert env.rewards == {"player_0": -2.0, "player_1": 2.0}  # not less than losing
    assert env.infos["player_0"]["reward_parts"] == {"payoff": 0.0, "forfeit": -2.0}
    assert env.terminations == {"player_0": False, "player_1": False}


@pytest.mark.parametrize("text", ["bet", "BET", " bet\n", "[bet]", "[ Bet ]"])
def test_an_action_may_be_bracketed_and_in_any_case(text):
    env = make("KuhnPoker")
    env.reset(seed=0)
    env.step(text)
    assert env.infos["player_0"]["illegal"] is False
    assert env.infos["player_1"]["legal_actions"] == ("fold", "call")


@pytest.mark.parametrize("text", ["[[bet]]", "bet!", "bet or check", "[bet", "chec\u212a", "b e t", "bet\x00", "1"])
def test_nothing_is_guessed(text):
    env = make("KuhnPoker")
    env.reset(seed=0)
    env.step(text)
    assert env.infos["player_0"]["illegal"] is True


def test_two_actions_that_differ_in_case_only_need_their_exact_case():
    moves = {"Bc3": 1, "bc3": 2, "Kd2": 3}
    assert match("Bc3", moves, fold(moves)) == 1
    assert match("[bc3]", moves, fold(moves)) == 2
    assert match("BC3", moves, fold(moves)) is None
    assert match("KD2", moves, fold(moves)) == 3


@given(st.text())
def test_any_text_is_input(text):
    env = make("LeducPoker")
    env.reset(seed=0)
    env.step(text)
    assert env.infos["player_0"]["illegal"] is (text.strip("[] \t\r\n").lower() not in ("check", "raise"))


def test_kuhn_reads_as_written_here():
    env = make("KuhnPoker")
    env.reset(seed=3)
    assert env.observe("player_0") == (
        KUHN_RULES + "You act first. Betting so far: none.\nYour card is J.\nLegal actions: [check] [bet]"
    )
    assert env.observe("player_1").endswith("The other player is to move.")
    env.step("check")
    env.step("bet")
    assert env.observe("player_0") == (
        KUHN_RULES
        + "You act first. Betting so far: you checked, opponent bet.\nYour card is J.\nLegal actions: [fold] [call]"
    )
    env.step("call")
    assert env.observe("player_1") == (
        KUHN_RULES
        + "You act second. Betting so far: opponent checked, you bet, opponent called.\n"
        + "Your card is K.\nThe game is over."
    )


def test_leduc_reads_as_written_here():
    env = make("LeducPoker")
    env.reset(seed=3)
    offered = []
    for action in ("check", "raise", "raise", "call", "check"):
        offered.append(env.infos[env.agent_selection]["legal_actions"])
        env.step(action)
    free = ("check", "raise")
    assert offered == [free, free, ("fold", "call", "raise"), ("fold", "call"), free]
    assert env.observe("player_1") == (
        "Leduc poker with two each of J, Q and K. Each player antes 1 chip and gets one card; a public card is "
        "revealed after the first of two betting rounds. A raise is 2 chips in round 1 and 4 in round 2, at most two "
        "raises a round. A pair with the public card wins, otherwise the higher card.\n"
        "You act second. Chips in the pot: 5 from you, 5 from the opponent.\n"
        "Betting in round 1: opponent checked, you raised, opponent raised, you called.\n"
        "Betting in round 2: opponent checked.\n"
        "The public card is Q. Your card is K.\n"
        "Legal actions: [check] [raise]"
    )


def test_leduc_chips_in_the_pot_are_those_of_open_spiel():
    env, rng = make("LeducPoker"), random.Random(0)
    for seed in range(300):
        env.reset(seed=seed)
        while not any(env.terminations.values()):
            pot = int(str(env.spiel_state).split("Pot: ")[1].split("\n")[0])
            line = env.observe("player_0").split("Chips in the pot: ")[1].split("\n")[0]
            mine, theirs = [int(word) for word in line.split() if word.isdecimal()]
            assert mine + theirs == pot
            env.step(rng.choice(env.infos[env.agent_selection]["legal_actions"]))


def test_tic_tac_toe_reads_as_written_here():
    env = make("TicTacToe")
    env.reset(seed=0)
    env.step("4")
    env.step("0")
    assert env.observe("player_0") == (
        "Tic-tac-toe. The cells are numbered 0 to 8, row by row; a number on the board is an empty cell. "
        "Three in a row, column or diagonal win. An action is the number of an empty cell.\n"
        "You are X.\nO 1 2\n3 X 5\n6 7 8\nLegal actions: [1] [2] [3] [5] [6] [7] [8]"
    )


def test_connect_four_reads_as_written_here():
    env = make("ConnectFour")
    env.reset(seed=0)
    for action in "3364":
        env.step(action)
    assert env.observe("player_0").splitlines()[1:] == [
        "You are x.",
        " 0 1 2 3 4 5 6",
        *[" . . . . . . ."] * 4,
        " . . . o . . .",
        " . . . x o . x",
        "Legal actions: [0] [1] [2] [3] [4] [5] [6]",
    ]


def test_a_full_column_is_not_listed():
    env = make("ConnectFour")
    env.reset(seed=0)
    for _ in range(6):
        env.step("2")
    assert env.infos["player_0"]["legal_actions"] == ("0", "1", "3", "4", "5", "6")


def test_the_order_of_the_actions_can_be_reversed():
    env = make("KuhnPoker", action_order="reversed")
    env.reset(seed=0)
    assert env.infos["player_0"]["legal_actions"] == ("bet", "check")
    assert env.observe("player_0").endswith("Legal actions: [bet] [check]")
    env.step("check")
    assert env.spiel_state.history()[-1] == 0


@pytest.mark.parametrize(("name", "count"), [("KuhnPoker", 12), ("LeducPoker", 936), ("TicTacToe", 4_520)])
def test_information_states_are_all_of_the_game(name, count):
    states = list(make(name).information_states())
    assert len(states) == count
    assert len({(seat, state.state_key) for seat, state in states}) == count


def test_information_states_are_what_play_shows():
    env = make("LeducPoker")
    listed = {(seat, state.state_key): state for seat, state in env.information_states()}
    turns = {"player_0": 0, "player_1": 0}
    rng = random.Random(0)
    for seed in range(200):
        env.reset(seed=seed)
        turns = dict.fromkeys(turns, 0)
        while not any(env.terminations.values()):
            seat = env.agent_selection
            info = env.infos[seat]
            state = listed[seat, info["state_key"]]
            assert (state.text, state.legal_actions) == (env.observe(seat), info["legal_actions"])
            assert state.turn == turns[seat]
            turns[seat] += 1
            env.step(rng.choice(info["legal_actions"]))


def test_state_keys_are_those_of_open_spiel():
    env = make("KuhnPoker")
    env.reset(seed=3)
    env.step("check")
    assert env.infos["player_1"]["state_key"] == env.spiel_state.information_state_string(1)
    board = make("ConnectFour")
    board.reset(seed=0)
    assert (
        board.infos["player_0"]["state_key"] == str(board.spiel_state) == board.state_key("player_0", board.spiel_state)
    )


def test_a_game_too_large_to_list_says_so():
    with pytest.raises(ValueError, match="has more than 500 positions"):
        list(make("ConnectFour").information_states(limit=500))


def test_the_rules_come_first_and_are_the_same_for_every_state():
    for name in ("KuhnPoker", "LeducPoker", "TicTacToe"):
        env = make(name)
        assert {state.text.split("\n")[0] for _, state in env.information_states()} == {env.rendering.rules}


@pytest.mark.parametrize("game", ["catch", "kuhn_poker(players=3)"])
def test_games_that_are_not_for_two_are_refused_with_the_name_that_plays_them(game):
    with pytest.raises(ValueError, match="game must have two players here") as refused:
        make("OpenSpiel", game=game)
    assert f"write openspiel:{game}" in str(refused.value)


@pytest.mark.parametrize(
    ("game", "parameters"),
    [
        ("nim(foo=3)", "nim: is_misere, pile_sizes"),
        ("nim(", "nim: is_misere, pile_sizes"),
        ("nfg_game", "nfg_game: filename"),
        ("crossword", "crossword: "),
        ("hex(board_size=0)", "hex: board_size"),
    ],
)
def test_a_game_that_openspiel_cannot_begin_is_refused_by_its_words(game, parameters):
    for make_it in (lambda: make("OpenSpiel", game=game), lambda: envs.make(f"openspiel:{game}")):
        with pytest.raises(ValueError, match="game must be one that OpenSpiel can load") as refused:
            make_it()
        assert repr(game) in str(refused.value)
        assert f"parameters of {parameters}" in str(refused.value)


def test_game_parameters_survive_a_reset():
    env = make("OpenSpiel", game="mnk(m=4,n=4,k=3)")
    env.reset(seed=0)
    env.reset(seed=1)
    assert len(env.infos["player_0"]["legal_actions"]) == 16
