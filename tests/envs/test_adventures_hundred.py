"""The hundred: frozen games that pass every proof, differ from each other, and cross no split."""

from collections import Counter
from importlib.resources import files

import pytest

from sparring import envs
from sparring.envs.adventures import hundred
from sparring.envs.adventures.hundred import SPLITS, games_of
from sparring.envs.adventures.worlds.novelty import fingerprint
from sparring.envs.adventures.worlds.proofs import prove
from sparring.envs.adventures.worlds.rules import read_game
from sparring.envs.adventures.writing.outline import Unbuilt, build
from sparring.envs.adventures.writing.reading import outlines_of

ALL = [one for split in SPLITS for one in games_of(split)]
BUILT_IN = {"navigation", "collecting", "placing", "opening", "unlocking"}


@pytest.mark.parametrize("start", range(0, 100, 10))
def test_every_frozen_game_passes_its_proofs_as_they_were_frozen(start):
    others = {str(one.proof["fingerprint"]) for one in ALL[:start]}
    for one in ALL[start : start + 10]:
        game = read_game(dict(one.data))
        manifest = prove(game, others)
        others.add(manifest.fingerprint)
        assert manifest.ok, (game.title, [check for check in manifest.checks if check.status == "fail"])
        frozen = one.manifest
        assert (manifest.game, manifest.plan, manifest.max_score) == (frozen.game, frozen.plan, frozen.max_score)
        assert manifest.fingerprint == frozen.fingerprint == fingerprint(game)


def test_75_are_to_train_on_and_25_held_out_and_no_theme_title_or_idea_is_there_twice():
    assert [len(games_of(split)) for split in SPLITS] == [75, 25]
    for field in ("theme", "title"):
        assert len({one.data[field] for one in ALL}) == 100
    assert len({one.idea for one in ALL}) == 100


def test_no_two_share_their_map_or_their_structure():
    assert len({one.proof["fingerprint"] for one in ALL}) == 100
    maps = Counter(str([(way["direction"], way["to"]) for way in one.data["exits"]]) for one in ALL)
    assert max(maps.values()) == 1
    assert len({tuple(one.proof["plan"]) for one in ALL}) == 100


def test_they_need_many_skills_and_plans_of_many_lengths():
    skills = Counter(skill for one in ALL for skill in one.manifest.plan_skills if skill not in BUILT_IN)
    assert sum(count >= 5 for count in skills.values()) >= 8
    lengths = sorted(one.manifest.length for one in ALL)
    assert lengths[0] <= 7
    assert lengths[-1] >= 35
    assert sum(length >= 20 for length in lengths) >= 20


def test_they_say_how_they_were_written():
    assert {one.data["origin"] for one in ALL} == {"an outline, written by hand; map, points and limits by code"}
    assert all(one.proof["origin"] == one.data["origin"] for one in ALL)


def test_the_outlines_of_the_package_are_those_of_the_games():
    folder = files(hundred).joinpath("outlines")
    outlines = [one for file in folder.iterdir() for one in outlines_of(file.read_text("utf-8"))]
    assert {(one.title, one.idea, one.split) for one in outlines} == {
        (one.data["title"], one.idea, split) for split in SPLITS for one in games_of(split)
    }
    by_title = {one.title: one for one in outlines}
    for frozen in games_of("held_out")[:3]:
        assert build(by_title[frozen.data["title"]]).hash == frozen.proof["game"]


@pytest.mark.parametrize("split", SPLITS)
def test_adventure_plays_the_hundred_in_turn_and_knows_their_plans(split):
    env = envs.make("sparring/Adventure-v0", games="hundred", split=split)
    count = len(games_of(split))
    for seed in (0, count - 1):
        text, info = env.reset(seed=seed + count)
        frozen = games_of(split)[seed]
        assert text.startswith(frozen.data["title"])
        assert info["hidden"]["plan"] == list(frozen.proof["plan"]) == env.walkthrough(seed)
        for command in info["hidden"]["plan"]:
            _, _, terminated, _, info = env.step(command)
        assert terminated
        assert info["score"] == info["max_score"]


def test_adventure_refuses_a_difficulty_of_the_hundred_and_another_word():
    with pytest.raises(ValueError, match="leave out difficulty, got 2"):
        envs.make("sparring/Adventure-v0", games="hundred", difficulty=2)
    with pytest.raises(ValueError, match="games must be a whole number or 'hundred', got 'fifty'"):
        envs.make("sparring/Adventure-v0", games="fifty")


TEA = """
=== Tea
theme kitchen
idea Somebody wants tea.
intro It rains.
room kitchen: Warm.
behind garden door with brass key
room yard: Wet.
item kettle in yard, cold/hot: It has a spout.
item brass key in kitchen: Small.
fixed hearth in kitchen: It glows.
do boil kettle at hearth [cooking] -> kettle hot: It sings.
goal kettle hot: Boil the kettle. | Tea.
"""


def test_an_outline_becomes_a_game_with_a_map_points_and_limits():
    game = build(outlines_of(TEA)[0])
    manifest = prove(game)
    assert manifest.plan == (
        "take brass key",
        *(command for command in manifest.plan[1:-1]),
        "boil kettle at hearth",
    )
    assert "unlock garden door with brass key" in manifest.plan
    assert game.max_score == 4  # the lock, the kettle, and 2 for the end
    assert game.limits.turns == 2 * len(manifest.plan) + 10


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("room yard: Wet.", "rooom yard: Wet.", "line 8: 'rooom yard: Wet.': no line begins with 'rooom'"),
        ("[cooking] -> kettle", "cooking -> kettle", "it is not written as such a line is"),
        ("intro It rains.\n", "", "intro"),
    ],
)
def test_a_line_of_an_outline_that_cannot_be_read_is_named(old, new, reason):
    with pytest.raises((ValueError, KeyError)) as error:
        outlines_of(TEA.replace(old, new))
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("boil kettle", "light kettle", "actions[0].verb: 'light' is a verb of the parser's own"),
        ("goal kettle hot", "goal kettle cold", "the goal holds before the first command"),
        ("kettle in yard", "kettle", "no command sequence wins"),
        ("with brass key", "with iron key", "there is no thing 'iron key'"),
    ],
)
def test_an_outline_of_which_no_game_comes_says_why(old, new, reason):
    with pytest.raises(Unbuilt) as error:
        build(outlines_of(TEA.replace(old, new))[0])
    assert reason in str(error.value)
