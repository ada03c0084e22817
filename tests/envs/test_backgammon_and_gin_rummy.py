"""Backgammon and gin rummy: what is said of them beyond OpenSpiel, and the rules that the text states."""

import random

from sparring import envs
from sparring.rollout.loop import Match, play


def test_backgammon_reads_the_same_from_both_sides():
    env = envs.make("sparring/Backgammon-v0", instructions=False)
    texts = {}
    for seed in range(40):
        env.reset(seed=seed)
        lines = env.observe(env.agent_selection).split("\n")
        texts.setdefault(env.agent_selection, set()).add("\n".join(lines[:-2]))
    assert len(texts) == 2
    assert texts["player_0"] == texts["player_1"]


def test_backgammon_names_the_two_orders_of_the_same_moves_once():
    env = envs.make("sparring/Backgammon-v0")
    env.reset(seed=11)
    listed = env.infos[env.agent_selection]["legal_actions"]
    assert len(set(listed)) == len(listed)
    legal = env.spiel_state.legal_actions()
    assert len(legal) > len(listed)
    assert {env.action_text(action) for action in legal} == set(listed)
    assert env.mask().sum() == len(legal)


def test_a_search_may_choose_either_order_of_the_moves_of_backgammon():
    seats = {"player_0": "mcts:simulations=8", "player_1": "random"}
    (episode,) = play([Match("m", "sparring/Backgammon-v0", seats, 3, {"max_turns": 12})])
    assert episode.error is None
    assert all(turn.legal for _, turn in episode.turns)


def test_checkers_of_backgammon_are_never_lost():
    env, rng = envs.make("sparring/Backgammon-v0", instructions=False), random.Random(0)
    for seed in range(3):
        env.reset(seed=seed)
        while not any(env.terminations.values()):
            lines = env.observe(env.agent_selection).split("\n")
            for mark, at in (("x", 0), ("o", 1)):
                on = sum(int(cell[1:]) for line in lines[2:4] for cell in line.split() if cell[0] == mark)
                aside = [int(line.split(", ")[at].split()[-1].strip(".")) for line in lines[5:7]]
                assert on + sum(aside) == 15
            env.step(rng.choice(env.infos[env.agent_selection]["legal_actions"]))
        assert "15" in env.observe("player_0").split("\n")[-2]


WANTED = ("knock", "draw stock", "lay off", "meld", "pass")


def gin_games(seeds):
    """Gin rummy of players who keep their deadwood low and knock when they may: yields at each decision and the end."""
    env = envs.make("sparring/GinRummy-v0", instructions=False)
    for seed in seeds:
        env.reset(seed=seed)
        while not any(env.terminations.values()):
            yield env
            seat = env.agent_selection
            legal = env.infos[seat]["legal_actions"]
            wanted = [name for word in WANTED for name in legal if name.startswith(word)]
            if not wanted:
                state, player = env.spiel_state, int(seat[-1])
                numbers = {name: action for action, name in env.action_strings(seat, state).items()}
                wanted = [min(legal, key=lambda name: state.child(numbers[name]).deadwood()[player])]
            env.step(wanted[0])
        yield env


def test_a_knock_in_gin_rummy_pays_what_the_rules_say():
    seen = set()
    for env in gin_games([*range(20), 43, 53, 58, 275]):
        if not any(env.terminations.values()):
            continue
        state = env.spiel_state
        knocker = next((player for player, has in enumerate(state.knocked()) if has), None)
        if knocker is None:
            assert set(env.rewards.values()) == {0.0}
            continue
        own, other = state.deadwood()[knocker], state.deadwood()[1 - knocker]
        kind = "gin" if own == 0 else "undercut" if other < own else "equal" if other == own else "knock"
        paid = {"gin": other + 25, "undercut": other - own - 25, "equal": 0, "knock": other - own}[kind]
        assert env.rewards[f"player_{knocker}"] == paid == -env.rewards[f"player_{1 - knocker}"]
        seen.add(kind)
    assert seen >= {"undercut", "equal", "knock"}


def test_a_text_of_gin_rummy_is_the_same_whatever_the_other_holds():
    rng, phases = random.Random(1), set()
    for env in gin_games(range(12)):
        if any(env.terminations.values()):
            continue
        seat, state = env.agent_selection, env.search_state()
        other = state.resample_from_infostate(int(seat[-1]), rng.random)
        phases.add(state.current_phase().name)
        assert env.state_key(seat, other) == env.infos[seat]["state_key"]
        assert env.action_strings(seat, other) == env.action_strings(seat, state)
    assert phases >= {"FIRST_UPCARD", "DRAW", "DISCARD", "KNOCK", "LAYOFF"}


def test_gin_rummy_shows_cards_that_were_seen_to_be_taken():
    env = envs.make("sparring/GinRummy-v0")
    env.reset(seed=0)
    upcard = env.observe("player_0").split("The upcard is ")[1][:2]
    env.step("draw upcard")
    other = env.observe("player_0").split("You hold ")[1][:2]
    env.step(f"discard {other}")
    assert f"You have seen these cards in the opponent's hand: {upcard}." in env.observe("player_1")
    assert f"The upcard is {other}." in env.observe("player_1")


def test_gin_rummy_is_a_draw_when_both_throw_the_same_upcard_back():
    env = envs.make("sparring/GinRummy-v0")
    env.reset(seed=0)
    upcard = env.observe("player_0").split("The upcard is ")[1][:2]
    for _ in range(2):
        env.step("draw upcard")
        env.step(f"discard {upcard}")
    assert all(env.terminations.values())
    assert env.rewards == {"player_0": 0.0, "player_1": 0.0}
