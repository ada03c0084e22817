"""Rewrite-v0: RIRS against a table that was worked out by hand, and one answer for every attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import envs
from sparring.envs.retrieval.rewrite import rewrite_in, rirs
from sparring.envs.retrieval.types import Conversation, Exchange, Hit, Passage

ENV = "sparring/Rewrite-v0"
TABLE = {
    1: 2.0,
    2: 17 / 9,
    5: 14 / 9,
    9: 10 / 9,
    10: 1.0,
    11: 89 / 90,
    50: 50 / 90,
    99: 1 / 90,
    100: 0.0,
    101: 0.0,
    None: 0.0,
}


class Places:
    """120 passages; the gold one is found at the rank that the query names."""

    name, fingerprint = "places", "ranks"
    passages = tuple(Passage(f"p{number:03}", f"place {number}", "text") for number in range(120))

    def conversation(self, split, number):
        before = Exchange("Where is <b>Tarn</b>?", "Where is Tarn?", "In Ostrel.", ("p000",))
        return Conversation(f"c{number}", (before, Exchange("50", "1", "mira", ("p000", "p001"))))

    def search(self, queries, k):
        return [self.ranked(query)[:k] for query in queries]

    def ranked(self, query):
        if not query.isdecimal():
            return []
        others = [passage for passage in self.passages if passage.id not in ("p000", "p001")]
        others.insert(int(query) - 1, self.passages[0])
        return [Hit(passage, 1.0 / rank) for rank, passage in enumerate(others, 1)]


def step(action, **options):
    env = envs.make(ENV, world=Places(), retriever=Places(), **options)
    env.reset(seed=0)
    return env.step(action)


@pytest.mark.parametrize(("rank", "reward"), TABLE.items())
def test_rirs_equals_the_table(rank, reward):
    assert rirs(rank) == pytest.approx(reward)
    found = step("nothing" if rank is None else str(rank))
    assert found[1] == pytest.approx(reward)
    assert found[2:4] == (True, False)
    assert found[4]["reward_parts"] == {"rirs": found[1]}


def test_a_better_rank_never_pays_less():
    rewards = [rirs(rank) for rank in range(1, 102)]
    assert rewards == sorted(rewards, reverse=True)


def test_the_question_as_it_was_asked_is_measured_beside_the_rewritten_one():
    metrics = step("2")[4]["metrics"]
    assert metrics["rirs"] == pytest.approx(17 / 9)
    assert metrics["rirs_as_asked"] == pytest.approx(50 / 90)
    assert metrics["reciprocal_rank"] == 0.5


FORMATS = [
    ("<think>why</think>\n<rewrite>1</rewrite>", "1"),
    ("  <think>why\nso</think>\n<rewrite> where  is it </rewrite>\n", "where is it"),
    ("<think></think>\n<rewrite>1</rewrite>", "1"),
    ("<think>why</think><rewrite>1</rewrite>", None),
    ("<think>why</think>\n\n<rewrite>1</rewrite>", None),
    ("<think>why</think>\n<rewrite></rewrite>", None),
    ("<rewrite>1</rewrite>", None),
    ("<think>why</think>\n<rewrite>1</rewrite> and so on", None),
    ("<think>a</think>\n<rewrite>b</rewrite></rewrite>", None),
    ("<think>a</think>\n<rewrite>b</rewrite>\n<rewrite>c</rewrite>", None),
    ("1", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "rewrite"), FORMATS)
def test_a_format_that_is_not_kept_costs_a_tenth_whatever_the_question_finds(text, rewrite):
    assert rewrite_in("think", text) == rewrite
    _, reward, _, _, info = step(text, format="think")
    assert info["illegal"] is (rewrite is None)
    if rewrite is None:
        assert reward == -0.1
        assert info["reward_parts"] == {"format": -0.1}


@pytest.mark.parametrize("text", ["", "  \n", "\x00", "a" * 100_000])
def test_a_plain_rewrite_of_nothing_is_no_rewrite(text):
    assert step(text)[1] == -0.1


@given(text=st.text(), format=st.sampled_from(["plain", "think"]))
def test_no_text_raises(text, format):
    assert rewrite_in(format, text) is None or rewrite_in(format, text).strip()


def test_attempts_at_one_conversation_are_answered_each_for_itself():
    """The release's server keys answers by the conversation: a group's attempts then share one reward."""
    env = envs.make(ENV, world=Places(), retriever=Places())
    rewards = []
    for query in ("1", "2", "nothing"):
        env.reset(seed=0)
        rewards.append(env.step(query)[1])
    assert rewards == pytest.approx([2.0, 17 / 9, 0.0])


def test_the_conversation_is_shown_escaped_and_its_rewrite_is_not():
    env = envs.make(ENV, world=Places(), retriever=Places())
    seen, info = env.reset(seed=0)
    assert "\u2039b\u203aTarn" in seen
    assert "In Ostrel." in seen
    assert "mira" not in seen
    assert info["hidden"] == {"conversation": "c0", "rewrite": "1", "gold": ["p000", "p001"]}


@pytest.mark.parametrize("format", ["plain", "think"])
def test_the_walkthrough_writes_the_gold_rewrite(format):
    env = envs.make(ENV, world=Places(), retriever=Places(), format=format)
    env.reset(seed=0)
    (action,) = env.walkthrough(0)
    assert env.step(action)[1] == 2.0


@pytest.mark.parametrize(
    ("option", "message"),
    [({"format": "xml"}, "format must be 'plain' or 'think', got 'xml'"), ({"split": 1}, "split")],
)
def test_options_out_of_range_name_rule_and_value(option, message):
    with pytest.raises(ValueError, match=message):
        envs.make(ENV, **option)
