"""Card and dice games and other games that hide something: what texts tell apart, and the rules that they state."""

import random

import pytest

from sparring import envs, registry
from sparring.agents.information_set_search import Positions
from sparring.agents.prompts import TEMPLATES
from sparring.envs.conformance import check_env

SMALL = [
    "LiarsDice-v0:dice_sides=3",
    "LiarsDice-v0:numdice=2:dice_sides=2",
    "Goofspiel-v0:num_cards=3",
    "Goofspiel-v0:num_cards=4:points_order=ascending",
    "Goofspiel-v0:num_cards=2:players=3",
    "RockPaperScissors-v0",
    "Blotto-v0:coins=3",
    "Blotto-v0:coins=2:fields=2",
    "MultiplayerKuhnPoker-v0",
    "DarkHex-v0:board_size=2",
]
MOST_POSITIONS = 60_000


def texts_and_keys(env):
    """(seat, the text without its last line, OpenSpiel's information state) of all seats in all positions."""
    tree, stack, seen = env._tree, [env._tree.root], 0
    while stack:
        position, seen = stack.pop(), seen + 1
        assert seen <= MOST_POSITIONS
        branches = position.chance[0] if position.chance else list(position.menu.names) if position.mover else []
        stack.extend(tree.child(position, action) for action in branches)
        if position.mover:
            for player, seat in enumerate(env.possible_agents):
                whole = tree.text(position) if position.mover == seat else tree.waiting_text(position, player, False)
                yield seat, whole.rpartition("\n")[0], position.state.information_state_string(player)


@pytest.mark.parametrize("env_id", SMALL)
def test_a_text_tells_exactly_what_the_seat_knows(env_id):
    """Equal information states read the same, so nothing hidden is shown; different ones read differently."""
    texts, keys = {}, {}
    for seat, text, key in texts_and_keys(envs.make(f"sparring/{env_id}")):
        key = key.partition("\n")[2] if key.startswith("Current player") else key
        assert texts.setdefault((seat, key), text) == text
        assert keys.setdefault((seat, text), key) == key
    assert len(texts) > 1


@pytest.mark.parametrize(
    ("env_id", "problem"),
    [
        ("LiarsDice-v0:numdice=0", "numdice must be a whole number from 1 to 5, got 0"),
        ("LiarsDice-v0:dice_sides=10", "dice_sides must be a whole number from 2 to 9, got 10"),
        ("Goofspiel-v0:num_cards=14", "num_cards must be a whole number from 2 to 13, got 14"),
        ("Goofspiel-v0:players=11", "players must be a whole number from 2 to 10, got 11"),
        ("Goofspiel-v0:points_order=odd", "must be random or descending or ascending, got 'odd'"),
        ("Pig-v0:target=1", "target must be a whole number from 2 to 500, got 1"),
        ("Pig-v0:players=1", "players must be a whole number from 2 to 10, got 1"),
        ("MultiplayerKuhnPoker-v0:players=2", "players must be a whole number from 3 to 10, got 2"),
        ("MultiplayerLeducPoker-v0:players=11", "players must be a whole number from 3 to 10, got 11"),
        ("DarkHex-v0:board_size=1", "board_size must be a whole number from 2 to 9, got 1"),
        ("Blotto-v0:fields=5", "fields must be a whole number from 2 to 4, got 5"),
        ("Blotto-v0:coins=0", "coins must be a whole number from 1 to 10, got 0"),
    ],
)
def test_options_out_of_range_are_refused_in_words(env_id, problem):
    with pytest.raises(ValueError, match=problem):
        envs.make(f"sparring/{env_id}")


@pytest.mark.parametrize("env_id", ["sparring/Goofspiel-v0", "sparring/Pig-v0"])
def test_the_number_of_players_decides_the_seats(env_id):
    assert registry.envs.row(f"{env_id}:players=4").seats == 4
    assert registry.envs.row(env_id).given({"players": 3}).seat_ids == ("player_0", "player_1", "player_2")
    assert envs.make(env_id, players=5).possible_agents == [f"player_{seat}" for seat in range(5)]
    assert registry.envs.row(env_id).seats == 2


def play(env, seed):
    """A random game: (seat, action) of every turn."""
    rng, said = random.Random(seed), []
    env.reset(seed=seed)
    while not any(env.terminations.values()):
        seat = env.agent_selection
        said.append((seat, rng.choice(env.infos[seat]["legal_actions"])))
        env.step(said[-1][1])
    return said


def test_a_bid_of_liars_dice_is_true_if_enough_dice_show_the_face_or_the_wild_one():
    env, true = envs.make("sparring/LiarsDice-v0", numdice=2, dice_sides=4), set()
    for seed in range(300):
        said = play(env, seed)
        last = env.observe("player_0").split("\n")[-2]
        dice = [int(word.strip(".")) for word in last.split() if word.strip(".").isdecimal()]
        bidder, bid = said[-2]
        count, face = (int(word) for word in bid.removeprefix("bid ").split(" x "))
        is_true = sum(die in (face, 4) for die in dice) >= count
        assert len(dice) == 4
        assert env.rewards[bidder] == (1 if is_true else -1)
        true.add(is_true)
    assert true == {False, True}


def test_bids_of_liars_dice_rise_by_number_then_face():
    env = envs.make("sparring/LiarsDice-v0", dice_sides=3)
    env.reset(seed=0)
    env.step("bid 1 x 2")
    assert env.infos["player_1"]["legal_actions"] == ("bid 1 x 3", "bid 2 x 1", "bid 2 x 2", "bid 2 x 3", "liar")


def test_pig_pays_whoever_holds_the_target_first():
    env, winners = envs.make("sparring/Pig-v0", target=10, players=3), set()
    for seed in range(50):
        winner, last = play(env, seed)[-1]
        scores = env.observe(winner).split("Scores: you ")[1]
        assert last == "hold"
        assert int(scores.split(",")[0]) >= 10
        assert env.rewards == {seat: 1.0 if seat == winner else -0.5 for seat in env.possible_agents}
        winners.add(winner)
    assert len(winners) == 3


def test_goofspiel_pays_the_higher_sum_of_the_prizes_that_the_text_says_were_won():
    env, outcomes = envs.make("sparring/Goofspiel-v0"), set()
    for seed in range(200):
        said = play(env, seed)
        bids = {seat: [int(action[4:]) for who, action in said if who == seat] for seat in env.possible_agents}
        for seat in bids:
            bids[seat] += [card for card in (1, 2, 3, 4) if card not in bids[seat]]
        prizes = [int(line.split()[1][:-1]) for line in env.observe("player_0").split("\n") if line[:6] == "Prize "]
        gains = [prize * ((a > b) - (a < b)) for prize, a, b in zip(prizes, *bids.values(), strict=True)]
        assert env.rewards["player_0"] == (sum(gains) > 0) - (sum(gains) < 0)
        outcomes.add(env.rewards["player_0"])
    assert outcomes == {-1.0, 0.0, 1.0}


def card_of(env, seat):
    return int(env.observe(seat).split("Your card is ")[1].split(".")[0])


def test_kuhn_poker_for_three_pays_the_highest_card_that_did_not_fold():
    env, lines = envs.make("sparring/MultiplayerKuhnPoker-v0"), set()
    for seed in range(1_000):
        said = play(env, seed)
        paid = {
            seat: 1 + any(who == seat and action in ("bet", "call") for who, action in said) for seat in env.rewards
        }
        left = [seat for seat in paid if (seat, "fold") not in said]
        winner = max(left, key=lambda seat: card_of(env, seat))
        pot = sum(paid.values())
        assert env.rewards == {seat: pot * (seat == winner) - chips for seat, chips in paid.items()}
        assert f"The pot is {pot} chips." in env.observe("player_2")
        lines.add(tuple(action for _, action in said))
    assert len(lines) == 13  # all pass, or a bet at one of three seats and two answers to it


def test_leduc_poker_for_three_pays_a_pair_then_the_highest_card_and_equal_ones_share():
    env, shared = envs.make("sparring/MultiplayerLeducPoker-v0"), 0
    for seed in range(1_000):
        said = play(env, seed)
        text = env.observe("player_0")
        words = text.split("Chips in the pot: ")[1].split(".\n")[0].split(", ")
        paid = dict(zip(env.rewards, (int(word.split()[0]) for word in words), strict=True))
        left = [seat for seat in paid if (seat, "fold") not in said]
        public = text.split("The public card is ")[1].split(".")[0]
        rank = {seat: (str(card_of(env, seat)) == public, card_of(env, seat)) for seat in left}
        winners = [seat for seat in left if rank[seat] == max(rank.values())]
        share = sum(paid.values()) / len(winners)
        assert env.rewards == {seat: share * (seat in winners) - chips for seat, chips in paid.items()}
        shared += len(winners) > 1
    assert shared > 5


def test_phantom_tic_tac_toe_shows_a_cell_that_was_tried_and_nothing_else():
    env = envs.make("sparring/PhantomTicTacToe-v0")
    env.reset(seed=0)
    for action in ("4", "0", "0"):
        env.step(action)
    assert env.agent_selection == "player_0"
    assert env.observe("player_0").split("\n")[1:-1] == [
        "You are X.",
        "Your tries so far: 4, 0 (taken).",
        "What you know of the board:",
        "O 1 2",
        "3 X 5",
        "6 7 8",
    ]
    assert env.observe("player_1").split("\n")[4:7] == ["O 1 2", "3 4 5", "6 7 8"]


@pytest.mark.parametrize(("env_id", "size"), [("sparring/DarkHex-v0", 4), ("sparring/PhantomTicTacToe-v0", 3)])
def test_the_whole_board_at_the_end_holds_what_both_know(env_id, size):
    env = envs.make(env_id, **({"board_size": size} if "Hex" in env_id else {}))
    for seed in range(100):
        said = play(env, seed)
        first, second = (env.observe(seat).split("The whole board:\n")[1] for seat in env.possible_agents)
        assert first == second
        placed = {action for _, action in said}
        assert sum(mark in "XO" for mark in first.replace("The game is over.", "")) == len(placed)


def hex_winner(stones, size):
    """Who has a chain in Hex: {cell: mark}, by flood fill from X's top row and O's left column."""
    for mark, starts in (("X", [(0, at) for at in range(size)]), ("O", [(at, 0) for at in range(size)])):
        reached = {cell for cell in starts if stones.get(cell) == mark}
        while True:
            near = {(r + a, c + b) for r, c in reached for a, b in ((0, 1), (0, -1), (1, 0), (-1, 0), (-1, 1), (1, -1))}
            more = {cell for cell in near if stones.get(cell) == mark} - reached
            if not more:
                break
            reached |= more
        if any(cell[mark == "O"] == size - 1 for cell in reached):
            return mark
    return None


def test_dark_hex_is_won_by_the_chain_that_its_rules_describe():
    env, winners = envs.make("sparring/DarkHex-v0", board_size=4), set()
    for seed in range(300):
        stones = {}
        for seat, action in play(env, seed):
            assert hex_winner(stones, 4) is None
            stones.setdefault((int(action[1]) - 1, "abcd".index(action[0])), "XO"[seat == "player_1"])
        winner = hex_winner(stones, 4)
        assert env.rewards["player_0"] == (1 if winner == "X" else -1)
        winners.add(winner)
    assert winners == {"X", "O"}


HIDDEN = [row.name for row in registry.envs if ".hidden." in row.build.__module__]


@pytest.mark.parametrize("env_id", HIDDEN)
def test_every_action_can_be_said_in_every_template(env_id):
    """Copied into any template, alone or after words (which `plain` leaves no room for), it is that action."""
    env, rng = envs.make(env_id), random.Random(2)
    env.reset(seed=2)
    for _ in range(12):
        info = env.infos[env.agent_selection]
        listed = info.get("legal_actions") or info["suggested_actions"]
        for action in listed:
            assert action in env.action_space(env.agent_selection)
            for template in TEMPLATES.values():
                for words in ("",) if template.name == "plain" else ("", "I think so.\n"):
                    assert template.parse(words + template.answer(action)) == action
        env.step(rng.choice(listed))
        if any(env.terminations.values()):
            break


@pytest.mark.parametrize("env_id", HIDDEN)
def test_the_rules_come_first_and_a_seat_is_told_what_it_may_do_last(env_id):
    env, bare = envs.make(env_id), envs.make(env_id, instructions=False)
    for one in (env, bare):
        one.reset(seed=1)
    seat = env.agent_selection
    assert env.observe(seat) == f"{env.instructions(seat)}\n{bare.observe(seat)}"
    assert "\n" not in env.instructions(seat)
    assert env.observe(seat).rpartition("\n")[2].startswith(("Legal actions: [", "Actions: "))
    lines = bare.observe(seat).split("\n")[:-1]
    assert max(map(len, lines)) <= 80 or env_id == "sparring/MultiplayerLeducPoker-v0"


@pytest.mark.parametrize(
    ("env_id", "players"),
    [
        ("Pig-v0", 4),
        ("Goofspiel-v0", 3),
        ("Snake-v0", 4),
        ("MultiplayerKuhnPoker-v0", 5),
        ("MultiplayerLiarsDice-v0", 4),
    ],
)
def test_games_for_several_conform(env_id, players):
    check_env(f"sparring/{env_id}", players=players)


@pytest.mark.parametrize(
    "env_id", ["PhantomTicTacToe-v0", "DarkHex-v0", "Goofspiel-v0", "LiarsDice-v0", "MultiplayerLeducPoker-v0"]
)
def test_a_text_is_the_same_in_another_position_that_the_seat_may_be_in(env_id):
    env, rng, others = envs.make(f"sparring/{env_id}"), random.Random(4), 0
    for seed in range(8):
        env.reset(seed=seed)
        while not any(env.terminations.values()):
            seat, state = env.agent_selection, env.search_state()
            other = Positions(state).draw(rng)
            others += str(other) != str(state)
            key = env.state_key(seat, other)
            view = env.rendering.view(int(seat[-1]), other, key)
            assert view in env.observe(seat)
            assert env.infos[seat]["legal_actions"] == tuple(env.action_strings(seat, other).values())
            env.step(rng.choice(env.infos[seat]["legal_actions"]))
    assert others > 8
