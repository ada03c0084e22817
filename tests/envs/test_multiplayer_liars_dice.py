"""Liar's dice for several: rounds, lost dice and the winner against the rules worked out here, and any input."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring import envs


def start(seed=0, **kwargs):
    env = envs.make("sparring/MultiplayerLiarsDice-v0", **kwargs)
    env.reset(seed=seed)
    return env


@pytest.mark.parametrize(
    ("games", "options"), [(1_000, {}), (200, {"players": 5, "numdice": 3}), (200, {"numdice": 1, "dice_sides": 2})]
)
def test_random_games_are_those_of_the_rules(games, options):
    env, rng, winners = start(**options), random.Random(0), set()
    players, sides = env.players, env.sides
    for seed in range(games):
        env.reset(seed=seed)
        dice = env.state()["dice"]
        assert [len(each) for each in dice] == [env.numdice] * players
        mover, last = 0, None
        while not any(env.terminations.values()):
            assert env.agent_selection == f"player_{mover}"
            total = sum(map(len, dice))
            every = [(count, face) for count in range(1, total + 1) for face in range(1, sides + 1)]
            higher = [bid for bid in every if last is None or bid > last[1]]
            legal = [f"bid {count} x {face}" for count, face in higher] + (["liar"] if last else [])
            assert env.infos[env.agent_selection]["legal_actions"] == tuple(legal)
            action = rng.choice(legal if rng.random() < 0.5 else legal[-1:])
            env.step(action)
            if action == "liar":
                count, face = last[1]
                is_true = sum(die in (face, sides) for each in dice for die in each) >= count
                mover = mover if is_true else last[0]
                left = [len(each) - (player == mover) for player, each in enumerate(dice)]
                dice, last = env.state()["dice"], None
                assert [len(each) for each in dice] == left
            else:
                last = (mover, tuple(int(number) for number in action[4:].split(" x ")))
                assert env.state()["dice"] == dice
                mover = (mover + 1) % players
            while not dice[mover]:
                mover = (mover + 1) % players
        (winner,) = [player for player, each in enumerate(dice) if each]
        expected = [1.0 if player == winner else -1 / (players - 1) for player in range(players)]
        assert [env.rewards[seat] for seat in env.possible_agents] == expected
        winners.add(winner)
    assert winners == set(range(players))


def test_a_text_is_the_same_whatever_the_others_hold():
    env = start()
    texts = set()
    for hidden in ([[1, 1], [2, 2]], [[6, 6], [3, 5]]):
        state = {"dice": [[2, 5], *hidden], "said": [[0, 1], [1, 4]], "mover": 2, "last": ""}
        env.reset(seed=0, options={"state": state})
        texts.add(env.observe("player_0"))
        assert env.state() == state
    assert len(texts) == 1


def test_it_reads_as_written_here():
    env = start(instructions=False)
    env.reset(seed=0, options={"state": {"dice": [[2], [3, 6], [1, 4]], "said": [], "mover": 1, "last": ""}})
    env.step("bid 3 x 3")
    assert env.observe("player_2").split("\n")[:-1] == [
        "You are player_2. Dice left: you 2, player_0 1, player_1 2; 5 in all.",
        "This round so far: player_1 bid 3 x 3.",
        "Your dice show 1 4.",
    ]
    env.step("liar")
    assert env.observe("player_0").split("\n")[1] == (
        "Last round: player_1 bid 3 x 3, player_2 said liar. "
        "The dice were: player_0 2, player_1 3 6, player_2 1 4. player_1 lost a die."
    )
    assert env.agent_selection == "player_1"
    env.reset(seed=0, options={"state": {"dice": [[2], [3], [1]], "said": [[0, 17]], "mover": 1, "last": ""}})
    env.step("liar")
    assert env.observe("player_0").split("\n")[-2] == "You have no dice left and are out."


@given(st.text())
@settings(max_examples=50, deadline=None)
def test_any_text_is_input(text):
    env = start()
    legal = env.infos["player_0"]["legal_actions"]
    env.step(text)
    assert env.infos["player_0"]["illegal"] is (text.strip("[] \t\r\n").lower() not in legal)
    assert sum(env.rewards.values()) == pytest.approx(0)


@pytest.mark.parametrize(
    "text", ["", "liar", "bid 7 x 1", "bid 1x1", "bid 1 x 7", "bid 0 x 1", "1 x 1", "[[bid 1 x 1]]"]
)
def test_nothing_is_guessed_and_no_bid_is_higher_than_all_dice(text):
    env = start()
    env.step(text)
    assert env.infos["player_0"]["illegal"] is True
    assert env.rewards == {"player_0": -1.0, "player_1": 0.5, "player_2": 0.5}


def test_the_mask_is_what_is_legal():
    env = start()
    env.step("bid 2 x 3")
    named = {env.action_text(action) for action, legal in enumerate(env.mask()) if legal}
    assert named == set(env.infos["player_1"]["legal_actions"])


@pytest.mark.parametrize(
    "state",
    [
        None,
        {"dice": [[1], [1]], "said": [], "mover": 0, "last": ""},
        {"dice": [[1], [1], [7]], "said": [], "mover": 0, "last": ""},
        {"dice": [[1], [], [2]], "said": [], "mover": 1, "last": ""},
        {"dice": [[1], [2], [2]], "said": [[0, 99]], "mover": 1, "last": ""},
        {"dice": [[1], [2], [2]], "said": [[0, 5], [1, 4]], "mover": 2, "last": ""},
    ],
)
def test_a_state_that_there_is_not_is_refused(state):
    with pytest.raises(ValueError, match=r"state must be what state\(\) of sparring/MultiplayerLiarsDice-v0 gives"):
        start().reset(seed=0, options={"state": state})


@pytest.mark.parametrize("option", [{"players": 2}, {"players": 7}, {"numdice": 0}, {"dice_sides": 1}])
def test_options_out_of_range_are_refused(option):
    (name,) = option
    with pytest.raises(ValueError, match=f"{name} must be a whole number from"):
        envs.make("sparring/MultiplayerLiarsDice-v0", **option)
