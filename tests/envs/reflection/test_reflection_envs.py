"""Critique-v0 and Judge-v0: verdicts are read from any text, and paid where the truth is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import make
from sparring.envs.reflection.words import FIRST, RIGHT, SECOND, WRONG, read_word, shown

CRITIQUE, JUDGE = "sparring/Critique-v0", "sparring/Judge-v0"
GIVEN = {"task": "What is 2 + 2?", "attempt": "5"}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("right", RIGHT),
        (" Wrong. ", WRONG),
        ("The sum is off by one, so it is [wrong]", WRONG),
        ("[right]? No: [wrong]", WRONG),
        ("It looks right at first.\nBut the answer is wrong.", WRONG),
        ("It is right or wrong", None),
        ("wright", None),
        ("", None),
        ("right\n\nI do not know", None),
    ],
)
def test_a_verdict_is_the_whole_text_or_the_last_bracket_or_the_only_word_of_the_last_line(text, verdict):
    assert read_word(text, (RIGHT, WRONG)) == verdict


@given(st.text(max_size=300))
def test_any_text_is_a_verdict_or_an_illegal_action_and_ends_the_episode(text):
    for env_id, kwargs in ((CRITIQUE, {}), (CRITIQUE, {"words": True}), (JUDGE, {})):
        env = make(env_id, **kwargs).unwrapped
        env.reset(seed=3)
        _, reward, terminated, truncated, info = env.step(text)
        assert terminated
        assert not truncated
        assert reward in (0.0, 1.0)
        assert not (info["illegal"] and reward)


@pytest.mark.parametrize("action", [None, 7, b"right", "right" * 10_000, "\x00", "\ud800"])
def test_what_is_no_verdict_is_illegal(action):
    for env_id in (CRITIQUE, JUDGE):
        env = make(env_id).unwrapped
        env.reset(seed=0)
        _, reward, terminated, _, info = env.step(action)
        assert (reward, terminated, info["illegal"]) == (0.0, True, True)


def test_a_given_attempt_is_paid_by_its_truth_and_not_at_all_where_nobody_knows_it():
    for right, action, reward in (
        (True, RIGHT, 1),
        (False, RIGHT, 0),
        (False, WRONG, 1),
        (None, RIGHT, 0),
        (None, WRONG, 0),
    ):
        env = make(CRITIQUE, **GIVEN, right=right).unwrapped
        seen, info = env.reset(seed=1)
        assert "What is 2 + 2?" in seen
        assert "5" in seen
        assert info["hidden"] == {"right": right}
        assert env.step(action)[1] == reward
    for better, action, reward in ((FIRST, FIRST, 1), (FIRST, SECOND, 0), (None, FIRST, 0)):
        env = make(JUDGE, task="t", first="a", second="b", better=better).unwrapped
        env.reset(seed=1)
        assert env.step(action)[1] == reward


def test_sums_are_about_as_often_right_as_wrong_and_the_walkthrough_knows():
    env, truths = make(CRITIQUE).unwrapped, []
    for seed in range(300):
        truths.append(env.reset(seed=seed)[1]["hidden"]["right"])
        (verdict,) = env.walkthrough(seed)
        assert env.step(verdict)[1] == 1.0
    assert 0.4 < sum(truths) / 300 < 0.6


def test_no_sum_of_training_is_held_out():
    def tasks(split, env_id):
        env = make(env_id, split=split).unwrapped
        return {env.reset(seed=seed)[0].partition("\n\n")[0] for seed in range(400)}

    for env_id in (CRITIQUE, JUDGE):
        assert not tasks("train", env_id) & tasks("held_out", env_id)


@pytest.mark.parametrize(
    ("env_id", "kwargs", "message"),
    [
        (CRITIQUE, {"task": "x"}, "task and attempt must be given together"),
        (CRITIQUE, {"task": 5, "attempt": "x"}, "task must be text, got 5"),
        (CRITIQUE, {"right": "yes"}, "right must be true, false or None"),
        (CRITIQUE, {"split": "test"}, "split must be one of train, held_out, got 'test'"),
        (JUDGE, {"task": "x", "first": "y"}, "task, first and second must be given together"),
        (JUDGE, {"better": "both"}, "better must be first, second or None, got 'both'"),
        (JUDGE, {"split": "test"}, "split must be one of train, held_out, got 'test'"),
    ],
)
def test_wrong_options_are_named(env_id, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(env_id, **kwargs)


def test_an_enormous_attempt_is_shown_shortened_and_marked():
    env = make(CRITIQUE, task="t" * 50_000, attempt="a" * 50_000).unwrapped
    seen, _ = env.reset(seed=0)
    assert len(seen) < 9_000
    assert seen.count("[...]") == 2
    assert shown("abc") == "abc"
