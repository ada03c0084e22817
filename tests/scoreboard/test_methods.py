"""The table of compared methods: worked numbers, paired differences, and files that were tampered with."""

import json

import pytest

from sparring.scoreboard.methods import RESULTS, Arm, Play, compare, read_results, write_results
from sparring.scoreboard.stats import bounded_mean, paired_share_difference
from sparring.store.run_files import RunError


def arm(name, won, spent=(100, 300)):
    """`won`: one text a seed, a letter a task, x for solved."""
    plays = [
        Play(seed, task, 1.0 if letter == "x" else 0.25, letter == "x", 10)
        for seed, letters in enumerate(won)
        for task, letter in enumerate(letters)
    ]
    return Arm(name, plays, list(spent))


BASE = arm("base", ["x.......", "........"], (0, 0))
TRAINED = arm("self-training", ["xx......", "x......."])
BETTER = arm("re-rest", ["xxxxxxx.", "xxxxxx.."])
CLAIMS = {"self-training": ("base", "better"), "re-rest": ("self-training", "better")}


def test_rates_and_differences_are_those_of_the_plays_by_task():
    found = compare([BASE, TRAINED, BETTER], CLAIMS, {}, [])
    row = found.rows[2]
    assert row.success == bounded_mean([1.0] * 7 + [0.0] + [1.0] * 6 + [0.0] * 2, [*range(8), *range(8)], 0.0, 1.0)
    assert row.success.value == 13 / 16
    assert row.reward == pytest.approx((13 + 3 * 0.25) / 16)
    assert (row.spent, row.tokens_per_solved, row.by_seed) == (200, pytest.approx(160 / 13), (7 / 8, 6 / 8))
    over = {one.other: one for one in row.against}
    ours, theirs = ([(p.task, float(p.won)) for p in one.plays] for one in (BETTER, BASE))
    assert over["base"].difference == paired_share_difference(ours, theirs)
    assert (over["base"].seeds_above, over["base"].seeds) == (2, 2)


def test_a_claim_is_reproduced_where_the_interval_lies_above_nothing_and_open_where_it_holds_it():
    found = compare([BASE, TRAINED, BETTER], CLAIMS, {}, [])
    assert [(row.name, row.claim, row.claimed_over) for row in found.rows] == [
        ("base", "", ""),
        ("self-training", "open", "base"),
        ("re-rest", "reproduced", "self-training"),
    ]
    turned = compare([BETTER, BASE], {"base": ("re-rest", "better")}, {}, [])
    assert turned.rows[1].claim == "", "only base and self-training are held against"
    worse = compare([arm("base", ["xxxxxxxx"]), arm("self-training", ["........"])], CLAIMS, {}, [])
    assert worse.rows[1].claim in ("not reproduced", "open")
    assert found.verdict == (
        "Direction of effect: self-training over base: open; re-rest over self-training: reproduced."
    )


def test_nothing_solved_has_no_tokens_a_solved_task_and_an_interval_of_some_width():
    (row,) = compare([arm("base", ["........"])], {}, {}, []).rows
    assert row.tokens_per_solved is None
    assert row.success.value == 0
    assert row.success.high > 0.1


def test_results_come_back_as_they_were_written(tmp_path):
    found = compare([BASE, TRAINED, BETTER], CLAIMS, {"held_out": 8}, ["a note"])
    write_results(found, tmp_path)
    again = read_results(tmp_path)
    assert again.rows == tuple(found.rows) or list(again.rows) == list(found.rows)
    assert (again.settings, list(again.notes)) == ({"held_out": 8}, ["a note"])
    assert read_results(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 1}', '{"format": 1, "rows": [{"name": 3}], "settings": {}, "notes": []}']
)
def test_damaged_results_are_named(tmp_path, text):
    (tmp_path / RESULTS).write_text(text)
    with pytest.raises(RunError, match=rf"{RESULTS} is damaged"):
        read_results(tmp_path)


def test_results_of_another_format_are_named(tmp_path):
    (tmp_path / RESULTS).write_text(json.dumps({"format": 99}))
    with pytest.raises(RunError, match="has format 99, this version reads format 1"):
        read_results(tmp_path)
