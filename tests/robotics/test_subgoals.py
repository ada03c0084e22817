"""Plans are read from anything that a model may write; what is none of the six forms is said to be wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.robotics.subgoals import MOST_STEPS, Wrong, parse_plan, subgoals_of
from sparring.robotics.words import Subgoal, Thing

THINGS = {
    thing.name: thing
    for thing in (
        Thing("red cube", frozenset({"pick up"}), "on"),
        Thing("blue cube", frozenset({"pick up"}), "on"),
        Thing("bin", holds="in"),
        Thing("drawer", frozenset({"open", "close"}), "in"),
        Thing("lamp", frozenset({"turn on", "turn off"})),
        Thing("mug on the left", frozenset({"pick up"})),
    )
}
PLAN = [Subgoal("pick up", "red cube"), Subgoal("place", "red cube", "in", "bin"), Subgoal("turn on", "lamp")]


@pytest.mark.parametrize(
    "written",
    [
        "pick up red cube\nplace red cube in bin\nturn on lamp",
        "1. Pick up [the red cube].\n2. Place [the red cube] in the [bin].\n3. Turn on the lamp.",
        "- pick up red_cube\n- place red_cube into bin\n- turn on lamp",
        "Step 1: pick up the red cube\nStep 2: place the red cube inside the bin\nStep 3: turn on lamp",
        "pick up red cube; place red cube in bin; turn on lamp",
        "```\npick up red cube\nplace red cube in bin\nturn on lamp\n```",
        "Pick up red cube!\nPlace red cube in bin!\nTurn on lamp!",
        'The plan: ["pick up red cube", "place red cube in bin", "turn on lamp"]',
    ],
)
def test_one_plan_in_many_shapes(written):
    assert parse_plan(written, THINGS) == PLAN


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("fly to the moon", "none of the forms"),
        ("pick up bin", "nothing to pick up; there is: red cube, blue cube, mug on the left"),
        ("pick up green cube", "there is no 'green cube'; there is: red cube"),
        ("place red cube", "what is placed and where"),
        ("place red cube on drawer", "nothing can be placed on drawer; there is: on blue cube, in bin, in drawer"),
        ("place red cube on red cube", "nothing can be placed on red cube"),
        ("place drawer in bin", "drawer cannot be moved"),
        ("open lamp", "lamp is nothing to open; there is: drawer"),
    ],
)
def test_what_is_wrong_is_said(line, why):
    (wrong,) = parse_plan(line, THINGS)
    assert isinstance(wrong, Wrong)
    assert why in wrong.why


def test_names_may_hold_the_words_of_a_place():
    assert parse_plan("place mug on the left in bin", THINGS) == [Subgoal("place", "mug on the left", "in", "bin")]


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_exception(text):
    assert all(isinstance(step, Subgoal | Wrong) for step in parse_plan(text, THINGS))


@pytest.mark.parametrize(
    "text", ["", "\n;;\n", "[" * 5000, "pick up " * 100_000, "\x00\ud800", '["' + "[" * 3000 + '"]']
)
def test_hostile_texts_are_read_without_an_exception(text):
    assert all(isinstance(step, Wrong) for step in parse_plan(text, THINGS))


def test_a_plan_without_end_is_refused_as_a_whole():
    (wrong,) = parse_plan("open drawer\n" * (MOST_STEPS + 1), THINGS)
    assert "at most 50 steps" in wrong.why
    (wrong,) = parse_plan("pick up red cube\n" * 10_000, THINGS)
    assert "at most 20000 characters, and this has 170000" in wrong.why
    assert len(parse_plan("open drawer\n" * MOST_STEPS, THINGS)) == MOST_STEPS


def test_every_subgoal_reads_back_as_itself():
    for subgoal in subgoals_of(THINGS):
        assert parse_plan(str(subgoal), THINGS) == [subgoal]
        assert parse_plan(json.dumps([str(subgoal)]), THINGS) == [subgoal]
    assert len(set(map(str, subgoals_of(THINGS)))) == 3 + 2 + 2 + 2 * 3 + 4
