import asyncio

import pytest

from sparring import registry
from sparring.agents import named
from sparring.agents.scripted import ScriptedAgent
from sparring.cli import play_view
from sparring.cli.app import main
from sparring.rollout.loop import play
from sparring.scoreboard import suites
from sparring.scoreboard.suites import SUITES, Part, matches_of, playable, run_suite, score
from sparring.store.store import Store
from sparring.types import Reply


class Constant(ScriptedAgent):
    """Answers every task with the same text."""

    name, policies, sampling = "constant answer", (), None

    def __init__(self, answer="<answer>7</answer>"):
        self.answer = answer

    async def act(self, observation):
        await asyncio.sleep(0)
        return Reply(self.answer)


class Broken(Constant):
    """Never answers."""

    name = "broken"

    async def act(self, observation):
        raise OSError("the model is gone")


@pytest.fixture
def constant(monkeypatch):
    monkeypatch.setattr(suites, "_agent", lambda spec, kwargs: Constant())


def test_a_suite_has_a_line_for_every_part_and_keeps_its_episodes(constant, tmp_path):
    seen = []
    with Store(tmp_path / "store", "a") as store:
        scores = suites.run_suite(
            "code", "any", 2, seed=0, store=store, on_event=lambda event: event.kind == "done" and seen.append(1)
        )
        assert store.count == len(seen) == 16
    assert [score.part for score in scores[-2:]] == ["HumanEval", "CodeI/O"]
    assert all(score.accuracy.n == 2 and score.turns == 1.0 and score.faults == 0 for score in scores)
    assert scores[-2].accuracy.value == 0.0


def test_faults_of_ours_are_no_wrong_answers(constant, monkeypatch):
    part = suites.SUITES["code"][0]
    match = suites._match("code", part, Constant(), 0, 0)
    broken = suites._match("code", part, Broken(), 1, 0)
    scored = suites.score("x", suites.play([match, broken], {"constant answer": Constant(), "broken": Broken()}))
    assert (scored.accuracy.n, scored.faults) == (1, 1)


def test_a_part_without_a_sound_episode_has_no_figures_and_says_why(capsys):
    match = suites._match("code", suites.SUITES["code"][0], Broken(), 0, 0)
    scored = suites.score("x", suites.play([match], {"broken": Broken()}))
    assert (scored.accuracy.n, scored.turns, scored.tokens, scored.faults) == (0, None, None, 1)
    play_view.show_scores("code", "broken", [scored], json=False)
    printed = capsys.readouterr()
    assert "nan" not in printed.out
    assert "no episodes" in printed.out
    assert "1 of 1 episode broke off" in printed.err
    assert "the model is gone" in printed.err


def test_a_suite_of_no_tasks_is_refused():
    with pytest.raises(ValueError, match="a suite needs games >= 1, got 0"):
        suites.run_suite("code", "random", 0, seed=0)


def test_an_unknown_suite_is_told_the_known_ones():
    with pytest.raises(registry.UnknownName, match="code"):
        suites.run_suite("coed", "random", 1, seed=0)


def test_the_answer_that_is_right_most_often_stands_beside_every_score(constant):
    scores = {score.part: score for score in suites.run_suite("code", "any", 8, seed=0)}
    part = next(part for part in suites.SUITES["code"] if part.name == "CodeI/O")
    answer = scores["CodeI/O"].constant_answer
    assert answer == suites.likely_answer(part)
    player = Constant(f"<answer>{answer}</answer>")
    right = suites.score("x", suites.play(suites.matches_of("code", part, player, 8, 0), {player.name: player}))
    assert scores["CodeI/O"].constant == right.accuracy
    assert (scores["HumanEval"].constant, scores["HumanEval"].constant_answer) == (None, None)
    assert all(score.constant.n == 8 for name, score in scores.items() if name != "HumanEval")


@pytest.mark.parametrize("name", ["HumanEval", "CodeI/O"])
def test_problems_of_a_finite_set_are_drawn_without_replacement(name):
    part = next(part for part in suites.SUITES["code"] if part.name == name)
    matches = suites.matches_of("code", part, Constant(), 150, 0)
    assert len({match.seed for match in matches}) == len({match.task for match in matches}) == 150
    again = suites.matches_of("code", part, Constant(), 150, 1)
    assert [match.seed for match in matches] != [match.seed for match in again]


def test_a_suite_plays_every_problem_of_a_finite_set_once_at_most():
    part = next(part for part in suites.SUITES["code"] if part.name == "HumanEval")
    assert sorted(match.seed for match in suites.matches_of("code", part, Constant(), 1000, 0)) == list(range(164))


def test_a_suite_never_asks_what_may_have_been_trained_on():
    assert all(part.env_kwargs.get("split") == "held_out" for part in suites.SUITES["code"] if part.name != "HumanEval")


def test_a_suite_says_in_a_log_which_part_starts_and_nothing_of_it_beside_json(constant, capsys):
    assert main(["eval", "random", "--suite", "code", "--games", "1"]) == 0
    started = [line for line in capsys.readouterr().err.splitlines() if line.startswith("suite code, part ")]
    assert started[0] == "suite code, part 1 of 8: tool tasks: messages"
    assert started[-1] == "suite code, part 8 of 8: CodeI/O"
    assert len(started) == 8
    assert main(["eval", "random", "--suite", "code", "--games", "1", "--json"]) == 0
    assert capsys.readouterr().err == ""


def test_the_suite_of_searching_says_how_answers_came_about(capsys):
    scores = {score.part: score for score in suites.run_suite("retrieval", "searcher:skill=1.0:rounds=2", 4, seed=0)}
    assert set(scores) == {part.name for part in suites.SUITES["retrieval"]}
    long, short = scores["chains of 4"], scores["chains of 1"]
    assert (long.accuracy.value, long.metrics["premature_stop"].value) == (0.0, 1.0)
    assert (short.accuracy.value, short.metrics["over_search"].value) == (1.0, 1.0)
    assert scores["unanswerable"].metrics["gave_up"].value == 1.0
    assert all(score.constant is None for score in scores.values())
    play_view.show_scores("retrieval", "searcher", list(scores.values()), json=False)
    assert "premature stop" in capsys.readouterr().out


def test_parts_that_are_not_installed_are_left_out_and_say_what_to_install(monkeypatch):
    def build():
        raise registry.MissingExtra("it needs the extra nowhere: pip install 'sparring[nowhere]'")

    row = registry.EnvironmentRow("test/Missing-v0", build)
    parts = (Part("here", "sparring/TabletopPlan-v0"), Part("elsewhere", "test/Missing-v0"))
    monkeypatch.setitem(SUITES, "mixed", parts)
    with registry.envs.temporary(row):
        installed, missing = playable("mixed")
        scores = run_suite("mixed", "planner:scripted", 1, 0)
    assert [part.name for part in installed] == ["here"]
    assert missing == ["elsewhere is left out: it needs the extra nowhere: pip install 'sparring[nowhere]'"]
    assert [score.part for score in scores] == ["here"]


def test_the_robot_suite_counts_successes_and_names_what_it_measures():
    (part,) = [part for part in SUITES["robot"] if part.name == "with faults"]
    player = named.make("sap")
    scored = score(part.name, play(matches_of("robot", part, player, 6, 0), {player.name: player}), part.metrics)
    assert scored.accuracy.value == 1
    assert scored.metrics["recovery"].value == 1
    assert 0 < scored.metrics["subgoal_success"].low < 1
    assert scored.metrics["steps"].value > 50
