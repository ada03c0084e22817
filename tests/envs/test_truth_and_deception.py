"""Truth and deception: who knows what, how long they talk, who wins, and any input."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring import envs
from sparring.envs.games.hidden.truth_and_deception import MESSAGES, pairs, read_message


def start(seed=0, **kwargs):
    env = envs.make("sparring/TruthAndDeception-v0", **kwargs)
    env.reset(seed=seed)
    return env


def facts_of(env, seat):
    """The two facts as the seat reads them."""
    lines = env.observe(seat).split("\n")
    return [line.partition(": ")[2] for line in lines if line.startswith(("Fact 1: ", "Fact 2: "))]


def test_the_table_holds_sixty_pairs_of_different_short_statements():
    statements = [statement for pair in pairs() for statement in pair]
    assert len(pairs()) >= 60
    assert len(set(statements)) == len(statements)
    assert all(statement.endswith(".") and len(statement) <= 80 for statement in statements)


def test_random_games_are_won_by_whoever_the_true_fact_says():
    env, rng, true, outcomes = start(), random.Random(0), {true for true, _ in pairs()}, set()
    for seed in range(1_000):
        env.reset(seed=seed)
        movers = []
        facts = facts_of(env, "player_0")
        assert facts == facts_of(env, "player_1")
        assert len(true & set(facts)) == 1
        while not any(env.terminations.values()):
            info = env.infos[env.agent_selection]
            movers.append(env.agent_selection)
            action = rng.choice(info.get("legal_actions") or info["suggested_actions"])
            env.step(action)
        assert movers == ["player_0", "player_1"] * 3
        won = facts[int(action[-1]) - 1] in true
        assert env.rewards == {"player_0": -1.0 if won else 1.0, "player_1": 1.0 if won else -1.0}
        outcomes.add((action, won))
    assert len(outcomes) == 4


def test_only_the_deceiver_is_told_which_fact_is_true():
    env = start()
    for pair in range(len(pairs())):
        texts = []
        for true in (0, 1):
            env.reset(seed=0, options={"state": {"pair": pair, "true": true, "said": ["Hello", "Hello"]}})
            assert f"Fact {true + 1} is true, fact {2 - true} is false." in env.observe("player_0")
            texts.append(env.observe("player_1"))
        first, second = (text.split("\n") for text in texts)
        assert "is true" not in texts[0].split("\n", 1)[1]
        assert first[2].partition(": ")[2] == second[3].partition(": ")[2]  # the same facts the other way round
        assert first[4:] == second[4:]


def test_the_true_fact_is_as_often_the_first_as_the_second():
    env = start()
    first = 0
    for seed in range(2_000):
        env.reset(seed=seed)
        first += env.state()["true"] == 0
    assert 900 < first < 1_100


@pytest.mark.parametrize("turns", [2, 4, 10])
def test_the_guesser_answers_after_exactly_the_messages_that_are_announced(turns):
    env = start(turns=turns)
    for turn in range(turns - 1):
        assert f"Turn {turn + 1} of {turns}." in env.observe(env.agent_selection)
        env.step("say: hm")
    assert env.agent_selection == "player_1"
    assert env.infos["player_1"]["legal_actions"] == ("fact 1", "fact 2")
    env.step("[Fact 2]")
    assert all(env.terminations.values())
    assert "The answer was fact 2." in env.observe("player_0")
    assert "is true, fact" in env.observe("player_1")


def test_it_reads_as_written_here():
    env = start(instructions=False)
    env.reset(seed=0, options={"state": {"pair": 1, "true": 0, "said": []}})
    env.step("say: Everybody knows that it is fact 2.")
    assert env.observe("player_1").split("\n")[:-1] == [
        "You are player_1, the guesser.",
        "Fact 1: An octopus has three hearts.",
        "Fact 2: An octopus has two hearts.",
        'The deceiver said: "Everybody knows that it is fact 2."',
        "Turn 2 of 6.",
    ]
    assert env.observe("player_0").endswith("The other player is to move.")
    assert 'You said: "Everybody' in env.observe("player_0")


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("say: hello", "hello"),
        ("[say: hello]", "hello"),
        ("SAY:hello\n  there", "hello there"),
        ('say: he said "no"', "he said 'no'"),
        ("say: [fact 1]", "[fact 1]"),
        ("say: né\x00e\ud800", "ne"),
        ("say:", ""),
        ("say: \u2660", ""),
        ("say: fact 1", "fact 1"),
        ("hello", "hello"),
        ("[hello]", "hello"),
        ("I say: hello", "I say: hello"),
        ("It is fact 1", "It is fact 1"),
        ("?", "?"),
        ("x" * 256, "x" * 256),
        ("x" * 257, ""),
        ("hello \u2660", ""),
        ("say: " + "x" * 300_000, "x" * 256),
        ("fact 1", ""),
        ("[Fact 2]", ""),
        ("", ""),
        (" \n", ""),
        ("[]", ""),
    ],
)
def test_a_message_is_any_text_but_an_answer(action, message):
    assert read_message(action) == message


@pytest.mark.parametrize("text", ["", "fact 3", "say: fact 1", "fact 1 or fact 2", "1", "[[fact 1]]", "\ud800"])
def test_at_the_end_only_an_answer_is_legal(text):
    env = start(turns=2)
    env.step(MESSAGES[0])
    env.step(text)
    assert env.infos["player_1"]["illegal"] is True
    assert env.rewards == {"player_0": 1.0, "player_1": -1.0}


@given(st.lists(st.text(max_size=400), max_size=6))
@settings(max_examples=50, deadline=None)
def test_any_text_is_input_and_what_is_shown_stays_in_its_space(texts):
    env = start(illegal="noop")
    for text in texts:
        if any(env.terminations.values()):
            break
        env.step(f"say: {text}" if len(text) % 2 else text)
        assert all(env.observe(seat) in env.observation_space(seat) for seat in env.possible_agents)
        assert env.observe("player_0").count("\n") <= 12


@pytest.mark.parametrize("text", ["", "say:", "fact 1", "[Fact 2]"])
def test_while_they_talk_silence_and_answers_are_illegal(text):
    env = start()
    env.step(text)
    assert env.infos["player_0"]["illegal"] is True
    assert env.rewards == {"player_0": -1.0, "player_1": 1.0}


def test_a_conversation_needs_no_prefix():
    env = start(turns=4)
    for text in ("I am sure that it is fact 2.", "Why?", "say: I read it."):
        env.step(text)
    shown = env.observe("player_1")
    assert all(said in shown for said in ('"I am sure that it is fact 2."', 'You said: "Why?"', '"I read it."'))
    assert env.infos["player_1"]["legal_actions"] == ("fact 1", "fact 2")


def test_a_noop_says_nothing_and_the_answer_is_asked_again():
    env = start(turns=2, illegal="noop")
    env.step("")
    assert "The deceiver said nothing." in env.observe("player_1")
    env.step("?")
    assert env.agent_selection == "player_1"


def test_every_discrete_action_means_what_the_mask_says():
    for messages in range(2):
        for action in range(7):
            env = start(turns=2)
            for _ in range(messages):
                env.step(MESSAGES[0])
            seat, mask = env.agent_selection, env.mask()
            env.step(env.action_text(action))
            assert env.infos[seat]["illegal"] is not bool(mask[action])


def test_the_vector_hides_the_truth_from_the_guesser():
    env = start()
    env.step(MESSAGES[1])
    assert env.tensor("player_1")[:3].tolist() == [1, 0, 0]
    assert sum(env.tensor("player_0")[:3]) == 1
    assert env.tensor("player_1")[3:9].tolist() == [0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_turns_must_be_even(turns):
    with pytest.raises(ValueError, match=f"turns must be an even number >= 2, got {turns}"):
        envs.make("sparring/TruthAndDeception-v0", turns=turns)


@pytest.mark.parametrize(
    "state", [None, {}, {"pair": 999, "true": 0, "said": []}, {"pair": 0, "true": 2, "said": []},
              {"pair": 0, "true": 0, "said": ["a"] * 6}, {"pair": "x", "true": 0, "said": []}],
)  # fmt: skip
def test_a_state_that_there_is_not_is_refused(state):
    with pytest.raises(ValueError, match=r"state must be what state\(\) of sparring/TruthAndDeception-v0 gives"):
        start().reset(seed=0, options={"state": state})
