import asyncio

import pytest

from sparring import registry, terminal
from sparring.scoreboard import suites
from sparring.scoreboard.store import Store
from sparring.types import Policy, Reply


class Constant:
    """Answers every task with the same text."""

    name, policy, sampling = "constant answer", Policy("constant"), None

    def __init__(self, answer="<answer>7</answer>"):
        self.answer = answer

    async def act(self, observation):
        await asyncio.sleep(0)
        return Reply(self.answer)


class Broken(Constant):
    """Never answers."""

    async def act(self, observation):
        raise OSError("the model is gone")


@pytest.fixture
def constant(monkeypatch):
    monkeypatch.setattr(suites, "_agent", lambda spec, kwargs: Constant())


def test_a_suite_has_a_line_for_every_part_and_keeps_its_episodes(constant, tmp_path):
    seen = []
    with Store(tmp_path / "store", "a") as store:
        scores = suites.run_suite("code", "any", 2, seed=0, store=store, on_episode=lambda: seen.append(1))
        assert store.count == len(seen) == 16
    assert [score.part for score in scores[-2:]] == ["HumanEval", "CodeI/O"]
    assert all(score.accuracy.n == 2 and score.turns == 1.0 and score.faults == 0 for score in scores)
    assert scores[-2].accuracy.value == 0.0


def test_faults_of_ours_are_no_wrong_answers(constant, monkeypatch):
    part = suites.SUITES["code"][0]
    match = suites._match("code", part, Constant(), 0, 0)
    broken = suites._match("code", part, Broken(), 1, 0)
    scored = suites.score("x", suites.play([match, broken]))
    assert (scored.accuracy.n, scored.faults) == (1, 1)


def test_a_part_without_a_sound_episode_has_no_figures_and_says_why(capsys):
    match = suites._match("code", suites.SUITES["code"][0], Broken(), 0, 0)
    scored = suites.score("x", suites.play([match]))
    assert (scored.accuracy.n, scored.turns, scored.tokens, scored.faults) == (0, None, None, 1)
    terminal.show_scores("code", "broken", [scored], json=False)
    printed = capsys.readouterr()
    assert "nan" not in printed.out
    assert "no episodes" in printed.out
    assert "1 of 1 episodes broke off" in printed.err
    assert "the model is gone" in printed.err


def test_a_suite_of_no_tasks_is_refused():
    with pytest.raises(ValueError, match="a suite needs games >= 1, got 0"):
        suites.run_suite("code", "random", 0, seed=0)


def test_an_unknown_suite_is_told_the_known_ones():
    with pytest.raises(registry.UnknownName, match="code"):
        suites.run_suite("coed", "random", 1, seed=0)
