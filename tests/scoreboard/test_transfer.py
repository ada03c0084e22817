"""Transfer: differences within games, counted over repetitions; the verdict; results that are read back, or refused."""

import json
import math

import pytest

from sparring.scoreboard.report.transfer import transfer_view
from sparring.scoreboard.standings import load_run
from sparring.scoreboard.stats import paired_difference
from sparring.scoreboard.transfer import RESULTS, Play, read_results, to_json, transfer
from sparring.store.run_files import RunError
from sparring.store.store import Store

PAIRS = (("pre-trained", "from scratch"), ("pre-trained", "random"))
SKILLS = frozenset({"cooking"})


def plays(agent, scores, episodes=0, seed=0, target="held-out", skills=frozenset()):
    return [
        Play(target, agent, seed, episodes, game, score, score == 1.0, skills, SKILLS)
        for game, score in enumerate(scores)
    ]


def found(*groups):
    return transfer([play for group in groups for play in group], PAIRS, ["a note"], {"seeds": 2})


def test_a_difference_is_taken_within_each_game_and_counted_over_repetitions():
    ours = [*plays("pre-trained", [1.0, 0.5, 0.9]), *plays("pre-trained", [0.8, 0.7, 0.5], seed=1)]
    theirs = [*plays("from scratch", [0.1, 0.2, 0.0]), *plays("from scratch", [0.9, 0.9, 0.9], seed=1)]
    (one,) = [one for one in found(ours, theirs).differences if one.against == "from scratch"]
    expected = paired_difference([(0, 0.9), (1, 0.6), (2, 0.7)], [(0, 0.5), (1, 0.55), (2, 0.45)])
    assert (one.score.value, one.score.low, one.score.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )
    assert (one.seeds_above, one.seeds, one.score.clusters) == (1, 2, 3)


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict", "said"),
    [
        ([0.9, 1.0, 0.8, 0.9], [0.1, 0.2, 0.1, 0.0], "better", "it helps at once, +0.80"),
        ([0.1, 0.2, 0.1, 0.0], [0.9, 1.0, 0.8, 0.9], "worse", "it hurts at once, -0.80"),
        ([0.9, 0.1, 0.5, 0.4], [0.2, 0.8, 0.4, 0.5], "open", "no clear difference at once"),
        ([0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], "open", "no interval: 4 games gave the same"),
    ],
)
def test_the_verdict_is_what_the_interval_allows(ours, theirs, verdict, said):
    result = found(plays("pre-trained", ours), plays("from scratch", theirs))
    assert result.differences[0].verdict == verdict
    assert said in result.verdict


def test_the_verdict_speaks_of_both_ends_of_the_curve():
    groups = [plays("pre-trained", [0.5, 0.7, 0.6], at) for at in (0, 8, 16)]
    groups += [plays("from scratch", [0.1, 0.2, 0.0], at) for at in (0, 8, 16)]
    verdict = found(*groups).verdict
    assert "at once" in verdict
    assert "after 16 episodes there" in verdict
    assert "after 8" not in verdict


def test_who_never_practises_is_compared_as_it_was():
    result = found(plays("pre-trained", [0.5, 0.7], 16), plays("random", [0.1, 0.2]))
    (one,) = result.differences
    assert (one.against, one.episodes, one.score.value) == ("random", 16, pytest.approx(0.45))


def test_a_skill_is_counted_in_the_games_that_need_it_and_before_practice():
    ours = plays("pre-trained", [1.0, 1.0], skills=SKILLS)
    theirs = [*plays("from scratch", [0.0, 0.0]), *plays("from scratch", [1.0, 1.0], 8, skills=SKILLS)]
    shares = {one.agent: one.share.value for one in found(ours, theirs).skills}
    assert shares == {"pre-trained": 1.0, "from scratch": 0.0}


def test_results_are_read_back_with_their_infinities(tmp_path):
    result = found(plays("pre-trained", [0.0, 0.0]), plays("from scratch", [0.0, 0.0]))
    (tmp_path / RESULTS).write_text(json.dumps(to_json(result), allow_nan=False))
    again = read_results(tmp_path)
    assert (again.verdict, again.differences[0].score.high) == (result.verdict, math.inf)
    assert again.measured == result.measured


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 9}', '{"format": 1, "measured": [{}]}'])
def test_damaged_results_are_named(tmp_path, text):
    (tmp_path / RESULTS).write_text(text)
    with pytest.raises(RunError, match=RESULTS):
        read_results(tmp_path)


def test_a_folder_without_results_has_none(tmp_path):
    assert read_results(tmp_path) is None


def test_the_report_shows_a_row_for_every_point_and_a_chart_for_every_target(tmp_path):
    groups = [plays("pre-trained", [0.5, 0.7], at, target=target) for at in (0, 8) for target in ("held-out", "twc")]
    groups += [plays("from scratch", [0.1, 0.2], at, target=target) for at in (0, 8) for target in ("held-out", "twc")]
    (tmp_path / RESULTS).write_text(json.dumps(to_json(found(*groups))))
    Store(tmp_path / "episodes", "a").close()
    view = transfer_view(load_run(tmp_path).transfer)
    assert [(row.target, row.episodes) for row in view.rows] == [
        ("held-out", 0), ("held-out", 8), ("twc", 0), ("twc", 8),
    ]  # fmt: skip
    assert [chart.x_label for chart in view.wide] == ["episodes of practice there"] * 2
