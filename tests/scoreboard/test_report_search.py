"""Replays of searches: what each round found and proves, the verdict, the answer; and nothing of it is trusted."""

import math

import pytest

from sparring.rollout.loop import Match, play
from sparring.scoreboard.report.search_rounds import MOST_PASSAGES, MOST_TEXT, search_rounds
from sparring.types import Episode, Seen, Trajectory, Turn

FIRST = {"question": "Who?", "style": "tags", "rounds_left": 5}


def episode(steps, last, hidden=None):
    """`steps`: (info, action, hidden, notes)."""
    turns = tuple(
        Turn(place, Seen(("text",), None, now), action, True, -0.05, hidden=known, notes=notes)
        for place, (now, action, known, notes) in enumerate(steps)
    )
    seat = Trajectory("e/player_0", "player_0", "somebody", turns, 1.0, Seen(("end",), None, last), hidden or {})
    return Episode("e", "their/Game-v0", "0", {}, 1, "ok", {"player_0": seat})


def test_a_round_has_its_query_its_passages_and_what_they_prove():
    known = {"sufficient": False, "answers": ["mira"], "kind": "chain", "hops": 2}
    told = {"rounds_left": 4, "passages": [{"id": "p", "title": "Tarn", "text": "Tarn lies there."}, {"title": "T"}]}
    then = {"sufficient": True, "proves": [[["Tarn", "lies in", "Ostrel"]], []]}
    notes = {"answer": "dollar", "verdict": 0.25}
    steps = [(FIRST, "<search>Tarn</search>", known, notes), (told, "<answer>mira</answer>", then, {})]
    found = search_rounds(episode(steps, {}))
    assert (found.question, found.answers, found.kind, found.hops) == ("Who?", ("mira",), "chain", 2)
    search, answer = found.steps
    assert (search.kind, search.said, search.sufficient) == ("search", "Tarn", False)
    assert (search.draft, search.probability) == ("dollar", 0.25)
    assert [(one.title, one.text, one.proves) for one in search.passages] == [
        ("Tarn", "Tarn lies there.", ("Tarn lies in Ostrel",)),
        ("T", "", ()),
    ]
    assert (answer.kind, answer.said, answer.sufficient) == ("answer", "mira", True)
    assert found.first_sufficient == 1


def test_what_is_no_search_has_no_view():
    assert search_rounds(episode([({}, "bet", {}, {})], {})) is None
    assert search_rounds(episode([(FIRST | {"style": "xml"}, "bet", {}, {})], {})) is None
    assert search_rounds(episode([(FIRST | {"question": 7}, "bet", {}, {})], {})) is None
    assert search_rounds(episode([], {})) is None


@pytest.mark.parametrize("odd", [None, 7, ["x"], {"a": 1}, [[7]], [["a", None]], math.nan, "\x00\ud800" * 1_000])
def test_infos_of_any_kind_are_shown_as_far_as_they_can_be(odd):
    known = {"sufficient": odd, "answers": odd, "kind": odd, "hops": odd, "proves": odd}
    told = {"passages": [{"title": odd, "text": odd}, odd]}
    steps = [(FIRST, "<search>a</search>", known, {"answer": odd, "verdict": odd}), (told, "\ud800", known, {})]
    found = search_rounds(episode(steps, {"passages": odd}, known))
    assert [step.kind for step in found.steps] == ["search", "malformed"]
    assert all(len(step.said) <= MOST_TEXT for step in found.steps)


def test_a_round_shows_so_many_passages_at_most():
    told = {"passages": [{"title": "t", "text": "x"}] * (3 * MOST_PASSAGES)}
    steps = [(FIRST, "<search>a</search>", {}, {}), (told, "<give_up/>", {}, {})]
    assert len(search_rounds(episode(steps, {})).steps[0].passages) == MOST_PASSAGES


def test_a_real_search_shows_every_round():
    (played,) = play([Match("a", "sparring/Search-v0", {"player_0": "searcher"}, 3, {"kinds": "chain", "hops": 3})])
    found = search_rounds(played)
    assert [step.kind for step in found.steps] == ["search"] * 3 + ["answer"]
    assert [step.sufficient for step in found.steps] == [False, False, False, True]
    assert all(step.passages and any(one.proves for one in step.passages) for step in found.steps[:3])
    assert found.steps[-1].said in found.answers


def test_a_real_duel_shows_both_seats_in_the_order_of_their_turns():
    match = Match("a", "sparring/SearchDuel-v0", {"reasoner": "random", "critic": "constant:reject"}, 3)
    found = search_rounds(play([match])[0])
    assert [step.kind for step in found.steps[:4]] == ["answer", "verdict", "search", "answer"]
    assert [step.turn for step in found.steps] == list(range(len(found.steps)))
    assert any(step.passages for step in found.steps)
