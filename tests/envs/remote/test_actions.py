"""What a schema makes of an agent's text, and what an answer shows an agent."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sparring.envs.remote.actions import action_form
from sparring.envs.remote.frames import frame_of, seed_of, shown
from sparring.faults import ServerFailed

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
METADATA = {"type": "object"}


def schema(required=(), **properties):
    return {"type": "object", "properties": {"metadata": METADATA, **properties}, "required": list(required)}


FORMS = [
    schema(["message"], message=TEXT),
    schema(["column"], column=NUMBER),
    schema(["x", "y"], x=NUMBER, y={"type": "number"}),
    schema(["code"], code=TEXT, timeout={"anyOf": [{"type": "number"}, {"type": "null"}], "default": None}),
    schema(["tool_name"], tool_name=TEXT, arguments={"type": "object"}),
    {},
]


@pytest.mark.parametrize(
    ("form", "text", "payload"),
    [
        (FORMS[0], '{"message": 1}', {"message": '{"message": 1}'}),
        (FORMS[1], "3", {"column": 3}),
        (FORMS[1], '{"column": 3}', {"column": 3}),
        (FORMS[2], '{"x": 1, "y": 0.5}', {"x": 1, "y": 0.5}),
        (FORMS[3], "print(1)", {"code": "print(1)"}),
        (FORMS[4], '{"tool_name": "look"}', {"tool_name": "look"}),
    ],
)
def test_one_field_takes_the_text_and_others_are_json(form, text, payload):
    assert action_form(form).payload(text) == payload


@pytest.mark.parametrize(
    ("form", "text"), [(FORMS[2], "1"), (FORMS[4], "look"), (FORMS[1], "NaN"), (FORMS[1], "left"), (FORMS[0], "\udc80")]
)
def test_what_is_no_action_is_said(form, text):
    with pytest.raises(ValueError, match="an action must be"):
        action_form(form).payload(text)


@given(some.sampled_from(FORMS), some.text() | some.from_regex(r'[\[\]{}",:0-9eE+-]*'))
def test_any_text_is_an_action_that_can_be_sent_or_is_refused(form, text):
    try:
        payload = action_form(form).payload(text)
    except ValueError:
        return
    assert json.loads(json.dumps(payload)) == payload


@given(some.sampled_from(FORMS), some.integers(0, 100))
def test_samples_fill_what_is_required(form, seed):
    found = action_form(form).sample(random.Random(seed))
    assert set(form.get("required", ())) <= set(found)


def test_choices_are_read_through_references():
    form = {
        **schema(["move"], move={"allOf": [{"$ref": "#/$defs/Move"}], "default": "UP"}),
        "$defs": {"Move": {"enum": ["UP", "DOWN"], "type": "string"}},
    }
    assert action_form(form).choices == ("UP", "DOWN")
    assert action_form(schema(["n"], n={"type": "integer", "minimum": 1, "maximum": 3})).choices == ("1", "2", "3")
    assert action_form({**form, "$defs": {"Move": {"$ref": "#/$defs/Move"}}}).choices == ()  # a circle


@pytest.mark.parametrize(
    ("observation", "text"),
    [
        ("plain", "plain"),
        ({"message": "Go.", "error": None, "metadata": {"a": 1}}, "Go."),
        ({"text": "Go.", "board": [1]}, "Go."),
        ({"message": "Go.", "board": [1]}, '{"message":"Go.","board":[1]}'),
        ({"x": 0}, '{"x":0}'),
        ({"grid": "ä"}, "ä"),
        (None, "null"),
    ],
)
def test_what_an_agent_reads(observation, text):
    assert shown(frame_of("here", {"observation": observation, "done": False}, after_reset=True))[0] == text


def test_numbers_are_legal_actions_too():
    frame = frame_of("here", {"observation": {"legal_actions": [0, 3]}, "reward": 1, "done": False})
    assert shown(frame)[1]["legal_actions"] == ("0", "3")


@pytest.mark.parametrize("data", [{}, {"done": 1}, {"done": True, "reward": None}, {"done": False, "reward": []}])
def test_what_is_no_frame_is_the_servers_fault(data):
    with pytest.raises(ServerFailed):
        frame_of("here", data)


@given(some.integers(0, 2**63 - 1))
def test_seeds_have_32_bits_and_small_ones_stay(seed):
    assert 0 <= seed_of(seed) < 2**32
    assert seed_of(seed) == seed_of(seed)
    assert seed >= 2**32 or seed_of(seed) == seed
