"""Eliminate-v0: rewards, MRR and NDCG against tables that were worked out by hand."""

import math

import pytest

from sparring import envs
from sparring.envs.retrieval.eliminate import ndcg, reciprocal_rank
from sparring.envs.retrieval.types import Passage, Pool

ENV = "sparring/Eliminate-v0"


class Letters:
    """Pools of passages a, b, c, ...; gold is c, and e where it is there."""

    name = "letters"

    def pool(self, split, number, size):
        candidates = tuple(Passage(letter, letter, f"about <{letter}>") for letter in "abcdefghij"[:size])
        return Pool(f"pool{number}", "which?", candidates, tuple(one.id for one in candidates if one.id in "ce"))


def played(*actions, size=4):
    env = envs.make(ENV, world=Letters(), size=size)
    env.reset(seed=0)
    return env, [env.step(action) for action in actions]


@pytest.mark.parametrize(
    ("actions", "rewards", "ranking", "mrr"),
    [
        (["1", "2", "4"], [1, 1, 1], "cdba", 1),
        (["4", "3", "1"], [1, 0, 1], "bacd", 1 / 3),
        (["3", "1", "2"], [0, 1, 1], "dbac", 1 / 4),
        (["1", "1", "2"], [1, -0.5, 1], "cdba", 1),  # a step was lost: c and d are left, in their order
        (["none", "5", ""], [-0.5, -0.5, -0.5], "abcd", 1 / 3),
        (["[1]", " 2 ", "4"], [1, 1, 1], "cdba", 1),
    ],
)
def test_rewards_and_ranking_equal_the_table(actions, rewards, ranking, mrr):
    env, steps = played(*actions)
    assert [step[1] for step in steps] == rewards
    assert "".join(env.ranking) == ranking
    metrics = steps[-1][4]["metrics"]
    assert metrics["mrr"] == pytest.approx(mrr)
    assert metrics["ndcg"] == pytest.approx(1 / math.log2(1 / mrr + 1))
    assert [step[2:4] for step in steps] == [(False, False)] * 2 + [(True, False)]


@pytest.mark.parametrize(
    ("ranking", "gold", "mrr", "expected"),
    [
        ("abc", "a", 1, 1),
        ("abc", "c", 1 / 3, 0.5),
        ("abcd", "bd", 1 / 2, (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3))),
        ("abcd", "ab", 1, 1),
        ("abc", "x", 0, 0),
        ("", "a", 0, 0),
        ("abc", "", 0, 0),
    ],
)
def test_mrr_and_ndcg_equal_the_table(ranking, gold, mrr, expected):
    assert reciprocal_rank(ranking, gold) == pytest.approx(mrr)
    assert ndcg(ranking, gold) == pytest.approx(expected)


@pytest.mark.parametrize("size", [2, 5, 10])
def test_an_episode_has_one_step_less_than_candidates_and_lists_who_is_left(size):
    env = envs.make(ENV, world=Letters(), size=size)
    seen, info = env.reset(seed=0)
    for left in range(size, 1, -1):
        assert len(info["legal_actions"]) == left
        assert seen.count("\n[") == left
        seen, _, terminated, _, info = env.step(info["legal_actions"][0])
        assert terminated is (left == 2)
    assert "legal_actions" not in info
    assert env.step("1")[1:4] == (0.0, True, False)


@pytest.mark.parametrize("size", [2, 5, 10])
def test_the_walkthrough_ranks_gold_first(size):
    env = envs.make(ENV, world=Letters(), size=size)
    env.reset(seed=0)
    *_, (_, _, terminated, _, info) = [env.step(action) for action in env.walkthrough(0)]
    assert terminated
    assert info["metrics"]["ndcg"] == (1 if size > 2 else 0)


def test_candidates_are_shown_escaped():
    _, steps = played("1")
    assert "\u2039b\u203a" in steps[0][0]
    assert "<" not in steps[0][0]


@pytest.mark.parametrize("text", ["\x00", "\ud800", "1" * 5_000, "\u0661", "1.0", "0", "-1"])
def test_what_names_no_candidate_is_illegal_and_costs_half_a_point(text):
    _, (step,) = played(text)
    assert step[1] == -0.5
    assert step[4]["illegal"] is True


@pytest.mark.parametrize("size", [1, 101, 2.5])
def test_a_size_out_of_range_is_named(size):
    with pytest.raises(ValueError, match="size must be a whole number from 2 to 100, got"):
        envs.make(ENV, size=size)
