"""What a game may not be: each broken rule is a sentence with the place, for people and for models that write games."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.envs.adventures.worlds.compiler import compile_game
from sparring.envs.adventures.worlds.proofs import prove
from sparring.envs.adventures.worlds.rules import InvalidGame, read_game, violations_of
from sparring.envs.adventures.worlds.sampler import sample_game

LAMP = {
    "title": "The Lamp",
    "theme": "house",
    "intro": "It is dark.",
    "start": "hall",
    "rooms": [{"name": "hall"}, {"name": "cellar"}],
    "exits": [{"room": "hall", "direction": "down", "to": "cellar", "door": "trap door"}],
    "things": [
        {"name": "lamp", "place": "shelf", "portable": True, "states": [["dark", "lit"]]},
        {"name": "shelf", "place": "hall", "kind": "supporter"},
        {"name": "trap door", "kind": "door", "openable": True, "locked": True, "key": "bronze key"},
        {"name": "bronze key", "place": "hall", "portable": True},
        {"name": "stove", "place": "cellar"},
    ],
    "actions": [
        {
            "verb": "kindle",
            "thing": "lamp",
            "preposition": "at",
            "second": "stove",
            "requires": [{"thing": "lamp", "state": "dark"}],
            "effects": [{"thing": "lamp", "state": "lit"}],
            "message": "The lamp burns.",
            "skill": "lighting",
            "reward": 1,
        }
    ],
    "goal": {"text": "Light the lamp.", "when": [{"thing": "lamp", "state": "lit"}], "reward": 1},
}
LIT = {"thing": "lamp", "state": "lit"}


def changed(path: str, value: object) -> dict:
    """The game of the lamp with one value changed: `things.0.place`."""
    data = copy.deepcopy(LAMP)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    target = data
    for part in way:
        target = target[part]
    if value is None:
        del target[last]
    elif isinstance(target, list) and last == len(target):
        target.append(value)
    else:
        target[last] = value
    return data


def test_a_sound_game_is_read_proven_and_written_again():
    game = read_game(LAMP)
    assert violations_of(game) == []
    assert prove(game).checks[0].status == "pass"
    assert read_game(game.model_dump_json()) == game
    assert read_game(game.model_dump_json(exclude_defaults=True)).hash == game.hash


@pytest.mark.parametrize(
    ("path", "value", "place", "rule"),
    [
        ("start", "attic", "start", "there is no room 'attic'"),
        ("rooms.1.name", "lamp", "things[0].name", "cannot be told from 'lamp'"),
        ("rooms.2", {"name": "north wing"}, "rooms[2].name", "the parser owns the word 'north'"),
        ("rooms.2", {"name": "Wing"}, "rooms[2].name", "a name is 1 to 4 words of small letters, got 'Wing'"),
        ("rooms.2", {"name": "all"}, "rooms[2].name", "the parser owns the word 'all'"),
        ("things.5", {"name": "key", "place": "hall"}, "things", "'key' may mean 'bronze key' too"),
        ("things.0.place", "attic", "things[0].place", "there is no room or thing 'attic'"),
        ("things.0.place", "stove", "things[0]", "'stove' is neither container, supporter nor person"),
        ("things.4.place", "shelf", "things[4]", "what cannot be carried stands in a room, or nowhere, got 'shelf'"),
        ("things.1.portable", True, "things[1]", "a supporter cannot be carried"),
        ("things.1.openable", True, "things[1]", "only a container or a door can be opened, not a supporter"),
        ("things.2.key", None, "things[2]", "what is locked needs a key"),
        ("things.2.key", "stove", "things[2]", "its key 'stove' must be portable"),
        ("things.2.open", True, "things[2]", "what is locked cannot be open"),
        ("things.2.place", "hall", "things[2]", "the exits say where a door is"),
        ("things.0.states", [["dark", "very lit"]], "things[0].states", "a state is one word of small letters"),
        ("things.0.states", [["dark", "lit"], ["lit", "hot"]], "things[0].states", "'lit' stands there 2 times"),
        ("things.0.states", [["lit"]], "things[0].states", "a group has at least two states"),
        ("exits.0.to", "hall", "exits[0]", "not from 'hall' to itself"),
        ("exits.0.to", "moon", "exits[0].to", "there is no room 'moon'"),
        ("exits.0.door", "stove", "exits[0].door", "'stove' must be of the kind 'door'"),
        ("exits.0.door", None, "exits", "the door 'trap door' must stand in one exit, got 0"),
        ("exits.1", {"room": "hall", "direction": "down", "to": "cellar"}, "exits[1]", "'hall' has two exits down"),
        ("actions.0.verb", "take", "actions[0].verb", "'take' is a verb of the parser's own"),
        ("actions.0.verb", "light", "actions[0].verb", "'light' is a verb of the parser's own"),
        ("actions.0.verb", "set fire", "actions[0].verb", "a verb is one word of small letters"),
        ("actions.0.verb", "save", "actions[0].verb", "'save' is a verb of the parser's own"),
        ("actions.0.second", "moon", "actions[0].second", "there is no thing 'moon'"),
        ("actions.0.second", "lamp", "actions[0].second", "an action needs two different things"),
        ("actions.0.preposition", "", "actions[0]", "preposition and second come together"),
        (
            "actions.0.effects.0.state",
            "bright",
            "actions[0].effects[0]",
            "'lamp' has no state 'bright'; it has dark, lit",
        ),
        ("actions.0.effects.0.holds", False, "actions[0].effects[0]", "an effect says what holds afterwards"),
        ("actions.0.effects.0", {"thing": "stove", "place": "inventory"}, "actions[0].effects[0]", "cannot be carried"),
        (
            "actions.0.requires.0",
            {"thing": "lamp", "place": "here"},
            "actions[0].requires[0]",
            "no room or thing 'here'",
        ),
        ("goal.when.0", {"thing": "lamp", "place": "reach"}, "goal.when[0]", "there is no room or thing 'reach'"),
        ("goal.when.0", {"thing": "stove", "state": "open"}, "goal.when[0]", "'stove' is not openable"),
        ("goal.when.0", {"thing": "shelf", "state": "locked"}, "goal.when[0]", "'shelf' has no key"),
        ("goal.reward", 100, "goal.reward", "all rewards together must be from 1 to 100, got 101"),
        ("intro", 'Say "hello"', "intro", "printable ASCII without double quotes"),
        ("intro", "[print the secret]", "intro", "printable ASCII without double quotes, brackets"),
        ("intro", "café", "intro", "printable ASCII"),
        ("fails", [{"message": "Late."}], "fails[0]", "a deadline for the whole game needs turns >= 1"),
        ("goal.when", [], "goal.when", "tuple should have at least 1 item"),
        ("limits", {"turns": 0}, "limits.turns", "greater than or equal to 1, got 0"),
        (
            "rooms",
            [{"name": f"hall {'abcdefghij'[at % 10]}{'abcd'[at // 10]}"} for at in range(31)],
            "rooms",
            "most 30",
        ),
        ("things.0.colour", "red", "things[0].colour", "extra inputs are not permitted, got 'red'"),
        ("version", 2, "version", "input should be 1, got 2"),
    ],
)
def test_a_broken_rule_is_a_sentence_with_its_place(path, value, place, rule):
    with pytest.raises(InvalidGame) as caught:
        read_game(changed(path, value))
    said = [str(violation) for violation in caught.value.violations]
    assert any(line.startswith(f"{place}: ") and rule in line for line in said), said


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", '"game"', "\x00", "[" * 50_000, "{}", b"\xff\xfe", "x" * 1_000_001]
)
def test_what_is_no_game_at_all_is_one_refusal(text):
    with pytest.raises(InvalidGame):
        read_game(text)


@settings(max_examples=30, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists, max_leaves=6), st.data())
def test_any_json_in_any_place_is_read_or_refused_with_a_sentence(value, data):
    game = json.loads(sample_game("train", 1, 1).model_dump_json())
    target, path = game, []
    while isinstance(target, dict | list) and target and len(path) < 4:
        keys = sorted(target) if isinstance(target, dict) else list(range(len(target)))
        path.append(data.draw(st.sampled_from(keys)))
        owner, target = target, target[path[-1]]
    owner[path[-1]] = value
    try:
        read = read_game(game)
    except InvalidGame as refusal:
        violations = refusal.violations
    else:
        violations = []
        assert prove(read, most_states=500).checks
    assert all(violation.place and violation.rule for violation in violations)


def test_facts_that_contradict_each_other_fail_the_first_proof():
    game = read_game(changed("goal.when", [LIT, LIT | {"holds": False}]))
    with pytest.raises(ValueError, match="the facts of the goal contradict each other"):
        compile_game(game)
    first = prove(game).checks[0]
    assert (first.number, first.status) == (1, "fail")


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        ("milestones", [{"when": [{"room": "hall"}], "reward": 1, "skill": "walking"}], "milestone"),
        ("fails", [{"when": [{"room": "hall"}], "message": "Too bad."}], "fail"),
    ],
)
def test_what_is_paid_or_lost_before_the_first_command_fails_the_first_proof(path, value, kind):
    first = prove(read_game(changed(path, value))).checks[0]
    assert (first.number, first.status) == (1, "fail")
    assert f"a {kind} must not hold before the first command" in first.evidence


def test_a_game_that_is_won_before_it_begins_fails_the_second_proof():
    manifest = prove(read_game(changed("goal.when", [{"thing": "lamp", "state": "dark"}])))
    assert [check.evidence for check in manifest.checks if check.status == "fail" and check.number == 2] == [
        "the goal holds before the first command"
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("x-ray-lid", "x-ray-lot"), "cannot be told from 'x-ray-lid'"),
        (("other shoe",), "the parser owns the word 'other'"),
        (("another shoe",), "the parser owns the word 'another'"),
    ],
)
def test_names_that_a_z_machine_takes_for_others_are_refused(names, said):
    data = copy.deepcopy(LAMP)
    data["things"] += [{"name": name, "place": "hall"} for name in names]
    with pytest.raises(InvalidGame, match=said):
        read_game(data)
