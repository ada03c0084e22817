"""Replays of adventures: the map, what is known when, the plan beside what was done; and nothing of it is trusted."""

import math

import pytest

from sparring.rollout.loop import Match, play
from sparring.scoreboard.report.adventure import MOST_ROOMS, adventure
from sparring.types import Episode, Seen, Trajectory, Turn


def info(room, score=0, **more):
    return {"room": room, "score": score, "max_score": 3, "inventory": ("lamp",), **more}


def episode(steps, last, plan=()):
    """`steps`: (info, action, legal actions, reward)."""
    turns = tuple(
        Turn(place, Seen(("text",), legal, now), action, True, reward, hidden={"plan": list(plan)} if not place else {})
        for place, (now, action, legal, reward) in enumerate(steps)
    )
    seat = Trajectory("e/player_0", "player_0", "somebody", turns, 1.0, last=Seen(("end",), None, last))
    return Episode("e", "their/Game-v0", "0", {}, 1, "ok", {"player_0": seat})


WALK = [
    (info("hall"), "go north", ("go north", "go west", "take egg"), 0.0),
    (info("attic", skill="walking"), "take egg", ("go south",), 2.0),
    (info("attic", 2, skill="collecting"), "go south", ("go south",), 0.0),
]


def test_rooms_stand_where_the_ways_lead_and_untried_exits_are_known():
    found = adventure(episode(WALK, info("hall", 2, skill="walking")))
    rooms = {room.name: (room.x, room.y) for room in found.rooms}
    assert rooms == {"hall": (0, 1), "attic": (0, 0)}
    assert (found.width, found.height) == (1, 2)
    ways = {(way.room, way.to, way.direction, way.first) for way in found.ways}
    assert ways == {(0, 1, "north", 0), (1, 0, "south", 2), (0, -1, "west", 0)}


def test_each_step_has_the_state_before_it_and_the_skill_of_its_command():
    first, second, third = adventure(episode(WALK, info("hall", 2, skill="walking"))).steps
    assert (first.command, first.skill, first.score, first.room) == ("go north", "walking", 0.0, 0)
    assert (second.skill, second.gained, second.inventory) == ("collecting", 2.0, ("lamp",))
    assert (third.score, third.skill) == (2.0, "walking")


def test_a_command_of_the_plan_is_kept_once_by_the_first_turn_that_did_it():
    found = adventure(episode([WALK[1], WALK[2], WALK[1]], info("hall", 2), plan=("go south", "take egg", "eat egg")))
    assert found.plan == ("go south", "take egg", "eat egg")
    assert [step.planned for step in found.steps] == [1, 0, -1]


def test_two_rooms_never_share_a_place_on_the_map():
    names = ["a", "b", "a", "c", "a", "d"]
    steps = [(info(name), f"go {way}", (), 0.0) for name, way in zip(names, ["north", "south"] * 3, strict=True)]
    rooms = adventure(episode(steps, info("e"))).rooms
    assert len({(room.x, room.y) for room in rooms}) == len(rooms) == 5


def test_what_is_no_adventure_has_no_view():
    assert adventure(episode([({}, "bet", ("bet",), 0.0)], {})) is None
    assert adventure(episode([({"max_score": "many", "score": 1}, "bet", None, 0.0)], {})) is None
    assert adventure(episode([({"max_score": math.nan, "score": 1}, "bet", None, 0.0)], {})) is None
    assert adventure(episode([], {})) is None


@pytest.mark.parametrize("odd", [None, 7, ["x"], {"a": 1}, "\x00\ud800" * 1_000, math.inf])
def test_infos_of_any_kind_are_shown_as_far_as_they_can_be(odd):
    strange = {"room": odd, "score": 0, "max_score": 3, "inventory": odd, "skill": odd}
    found = adventure(
        episode([(strange, "go north", ("go " + "x" * 1_000,), 0.0)] * 2, strange, plan=[odd, "go north"])
    )
    assert len(found.steps) == 2
    assert all(len(room.name) <= 60 for room in found.rooms)


def test_a_map_has_so_many_rooms_at_most():
    steps = [(info(f"room {place}"), "go east", (), 0.0) for place in range(3 * MOST_ROOMS)]
    assert len(adventure(episode(steps, info("end"))).rooms) == MOST_ROOMS


def test_the_walkthrough_of_a_real_game_keeps_the_whole_plan():
    match = Match("a", "sparring/Adventure-v0", {"player_0": "walkthrough"}, 3, {"difficulty": 2})
    (played,) = play([match])
    found = adventure(played)
    assert [step.planned for step in found.steps] == list(range(len(found.plan)))
    assert found.last_score == found.max_score
    assert all(step.skill for step in found.steps)
