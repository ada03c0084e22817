"""The negotiation game: its length, its offers, its outcome."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import envs
from sparring.envs.games.negotiation import DRAWN
from sparring.envs.games.trades import MENU, RESOURCES, Offer, Trader, menu_mask, read_offer, split_message, suggestions
from sparring.envs.rng import Rng

GOODS = st.tuples(*[st.integers(0, 99)] * len(RESOURCES))


def start(seed=0, **kwargs):
    env = envs.make("sparring/SimpleNegotiation-v0", **kwargs)
    env.reset(seed=seed)
    return env


def stock_of(env, seat):
    """Quantities by resource, as the seat reads them."""
    goods = env.observe(seat).split("You have ")[1].split(". Your gain")[0]
    return {item.split()[1]: int(item.split()[0]) for item in goods.split(", ")}


def gain_of(env, seat):
    return int(env.observe(seat).split("Your gain so far: ")[1].split(".")[0])


def play(env, *actions):
    for action in actions:
        seat = env.agent_selection
        env.step(action)
        assert env.infos[seat]["illegal"] is False, action


@pytest.mark.parametrize("turns", [1, 2, 10])
def test_the_game_ends_after_exactly_the_turns_it_announces(turns):
    env = start(turns=turns)
    for turn in range(turns):
        assert f"Turn {turn + 1} of {turns}." in env.observe(env.agent_selection)
        assert not any(env.terminations.values())
        env.step("pass")
    assert all(env.terminations.values())
    assert not any(env.truncations.values())


def test_doing_nothing_is_a_draw():
    env = start()
    play(env, *["pass"] * 10)
    assert env.rewards == {"player_0": 0.0, "player_1": 0.0}


def test_an_accepted_offer_moves_exactly_what_it_names():
    env = start()
    before = {seat: stock_of(env, seat) for seat in env.agents}
    play(env, "offer: 3 Sheep, 1 Ore -> 2 Brick", "accept")
    assert stock_of(env, "player_0") == {
        **before["player_0"],
        "Sheep": before["player_0"]["Sheep"] - 3,
        "Ore": before["player_0"]["Ore"] - 1,
        "Brick": before["player_0"]["Brick"] + 2,
    }
    for name in RESOURCES:
        assert sum(stock_of(env, seat)[name] for seat in env.agents) == sum(stock[name] for stock in before.values())


def test_a_denied_offer_is_gone():
    env = start()
    play(env, "offer: 1 Wheat -> 1 Wood", "deny")
    assert "accept" not in env.infos["player_0"]["suggested_actions"]
    env.step("accept")
    assert env.infos["player_0"]["illegal"] is True


@pytest.mark.parametrize("between", ["pass", "deny", "offer: 1 Wood -> 1 Wheat"])
def test_an_offer_stands_for_one_turn_only(between):
    env = start(illegal="retry")
    play(env, "offer: 1 Ore -> 1 Wood", between, "pass")
    env.step("accept")
    assert env.infos["player_1"]["illegal"] is True


def test_nobody_accepts_their_own_offer():
    env = start()
    play(env, "offer: 1 Ore -> 1 Wheat", "pass")
    env.step("accept")
    assert env.infos["player_0"]["illegal"] is True


def test_an_offer_of_goods_that_one_does_not_have_is_illegal():
    env = start()
    have = stock_of(env, "player_0")["Wheat"]
    play(env, f"offer: {have} Wheat -> 1 Ore")
    env = start()
    env.step(f"offer: {have + 1} Wheat -> 1 Ore")
    assert env.infos["player_0"]["illegal"] is True


def test_an_offer_that_one_cannot_pay_cannot_be_accepted():
    env = start(illegal="retry")
    want = stock_of(env, "player_1")["Ore"] + 1
    play(env, f"offer: 1 Wheat -> {want} Ore")
    assert "accept" not in env.infos["player_1"]["suggested_actions"]
    assert env.mask()[0] == 0
    env.step("accept")
    assert env.infos["player_1"]["illegal"] is True
    play(env, "deny")


def test_the_larger_gain_wins_and_the_outcome_is_zero_sum():
    env, rng, outcomes = start(), random.Random(0), set()
    for seed in range(300):
        env.reset(seed=seed)
        while not any(env.terminations.values()):
            env.step(rng.choice(env.infos[env.agent_selection]["suggested_actions"]))
        first, second = gain_of(env, "player_0"), gain_of(env, "player_1")
        assert env.rewards["player_0"] == np.sign(first - second) == -env.rewards["player_1"]
        outcomes.add(env.rewards["player_0"])
    assert outcomes == {-1.0, 0.0, 1.0}


def test_a_trade_can_be_good_for_both():
    trader, other = Trader([9] * 5, [5, 12, 18, 30, 40]), Trader([9] * 5, [6, 8, 12, 20, 32])
    trader.trade(gets=(0, 3, 0, 0, 0), gives=(6, 0, 0, 0, 0))
    other.trade(gets=(6, 0, 0, 0, 0), gives=(0, 3, 0, 0, 0))
    assert (trader.gain, other.gain) == (3 * 12 - 6 * 5, 6 * 6 - 3 * 8)


def test_what_was_said_is_heard_and_bounded():
    env = start()
    play(env, "Good for both of us! [offer: 1 Wheat -> 1 Wood] " + "really " * 100)
    assert 'opponent offered 1 Wheat -> 1 Wood, saying "Good for both of us!' in env.observe("player_1")
    assert env.observe("player_1") in env.observation_space("player_1")


def test_messages_never_leave_the_charset():
    env = start()
    for _ in range(10):
        env.step("é\x00\ud800♠" * 60 + "[pass]")
        assert env.observe("player_0") in env.observation_space("player_0")
    assert all(env.terminations.values())


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "[accept] [deny]",
        "[offer: 1 Wheat -> 1 Wood] [pass]",
        "offer: 1 Wheat -> 1 Wheat",
        "offer: 0 Wheat -> 1 Wood",
        "offer: 1 Gold -> 1 Wood",
        "offer: 1 Wheat",
        "offer: -1 Wheat -> 1 Wood",
        "offer: ² Wheat -> 1 Wood",
        "offer: 1 Wheat -> 1 Wood -> 1 Ore",
        "deny",
        "accept",
    ],
)
def test_what_is_not_one_clear_legal_action_is_illegal(text):
    env = start()
    env.step(text)
    assert env.infos["player_0"]["illegal"] is True


@given(GOODS, GOODS)
def test_offers_read_as_they_are_written(gives, wants):
    offer = Offer(gives, wants)
    clean = any(gives) and any(wants) and not any(g and w for g, w in zip(gives, wants, strict=True))
    assert read_offer(f"Offer: {offer}") == (offer if clean else None)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text):
    read_offer(text)
    command, message = split_message(text)
    assert "[" not in command + message or text.count("[") > text.count("]")


@given(st.lists(st.integers(0, 50), min_size=5, max_size=5), st.permutations([5, 10, 15, 25, 40]))
def test_suggestions_can_be_paid_and_gain(stock, values):
    for offer in map(read_offer, suggestions(stock, values)):
        trader = Trader(stock, values)
        trader.trade(gets=offer.wants, gives=offer.gives)
        assert min(trader.stock) >= 0
        assert trader.gain > 0


def test_the_menu_mask_is_what_the_stock_can_pay():
    stock = [0, 1, 2, 4, 30]
    payable = [all(have >= need for have, need in zip(stock, offer.gives, strict=True)) for offer in MENU]
    assert menu_mask(stock).tolist() == payable


def test_every_discrete_action_means_what_the_mask_says():
    env = start(seed=4)
    play(env, "offer: 1 Wheat -> 1 Wood")
    mask = env.mask()
    for action in range(env.num_actions):
        env.reset(seed=4)
        env.step("offer: 1 Wheat -> 1 Wood")
        env.step(env.action_text(action))
        assert env.infos["player_1"]["illegal"] is not bool(mask[action])


def test_stocks_and_values_keep_their_ranges():
    lows, highs = (5, 8, 12, 20, 32), (6, 12, 18, 30, 40)
    env = start()
    for seed in range(200):
        env.reset(seed=seed)
        for trader in env._traders.values():
            assert all(5 <= count <= 25 for count in trader.stock)
            assert all(low <= value <= high for low, value, high in zip(lows, trader.values, highs, strict=True))


def test_noop_passes_the_turn():
    env = start(illegal="noop")
    for _ in range(10):
        seat = env.agent_selection
        env.step("nonsense")
        assert env.infos[seat]["illegal"] is True
    assert all(env.terminations.values())
    assert env.rewards == {"player_0": 0.0, "player_1": 0.0}


def test_turns_must_be_positive():
    with pytest.raises(ValueError, match="turns must be >= 1, got 0"):
        envs.make("sparring/SimpleNegotiation-v0", turns=0)


def test_numbers_that_are_drawn_together_are_those_that_are_drawn_one_by_one():
    one, other = Rng(), Rng()
    one.seed(5)
    other.seed(5)
    assert one.integers(DRAWN) == [other.integer(low, high) for low, high in DRAWN]
    assert one.bits() == other.bits()
