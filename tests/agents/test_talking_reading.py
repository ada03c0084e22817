"""What an answer says: the thought, and the action; nothing is guessed and nothing raises."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.agents.talking.prompts import content, fit
from sparring.agents.talking.reading import read
from sparring.agents.talking.tools import tool_call_in

LEGAL = ("bet", "check", "[Accept]")


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        ("bet", "bet"),
        (" check\n", "check"),
        ("I think [bet].", "bet"),
        (r"So \boxed{check}.", "check"),
        ("[bet], I say [bet]", "bet"),
        ("[Accept]", "[Accept]"),
        ("Yes, [Accept]!", "[Accept]"),
        ("[bet] or [check]?", "[bet] or [check]?"),
        ("a] no, [bet]", "bet"),
        ("bet] because", "bet] because"),
        ("I bet.", "I bet."),
        ("[fold]", "fold"),
        ("", ""),
    ],
)
def test_a_legal_action_is_the_whole_answer_or_the_only_one_in_brackets(answer, action):
    assert read("chat", answer, LEGAL) == ("", action)


def test_any_text_is_the_action_where_the_environment_takes_any():
    assert read("chat", "I offer [3 Wheat] for [1 Ore].\n", None) == ("", "I offer [3 Wheat] for [1 Ore].")


@pytest.mark.parametrize(
    ("answer", "legal", "thought", "action"),
    [
        ("Thought: hm\nAction: [bet]", LEGAL, "hm", "bet"),
        ("hm Action: bet", LEGAL, "hm", "bet"),
        ("Thought: a\nAction: check\nno\nAction: bet", LEGAL, "a\nAction: check\nno", "bet"),
        ("Thought: a\nAction: go north\nObservation: a wall", None, "a", "go north"),
        ("Action: <execute>\nprint(1)\n</execute>", None, "", "<execute>\nprint(1)\n</execute>"),
        ("I think [bet]", LEGAL, "", "I think [bet]"),
        ("Thought: a\nAction:", LEGAL, "a", ""),
    ],
)
def test_a_react_action_follows_the_last_mark(answer, legal, thought, action):
    assert read("react", answer, legal) == (thought, action)


CALL = json.dumps({"name": "look", "arguments": {"at": "é"}}, ensure_ascii=False)


@pytest.mark.parametrize(
    "answer",
    [
        CALL,
        f"<tool_call>\n{CALL}\n</tool_call>",
        f"I look.\n<tool_call>{CALL}</tool_call> and wait",
        f"[{CALL}]",
        '{"name": "look", "parameters": {"at": "é"}}',
        json.dumps({"name": "look", "arguments": json.dumps({"at": "é"})}),
    ],
)
def test_a_tool_call_reaches_the_environment_in_one_form(answer):
    assert read("chat", answer, None, tools=True) == ("", CALL)
    assert read("chat", answer, None, tools=False) == ("", answer)
    assert read("react", f"Thought: hm\nAction: {answer}", None, tools=True) == ("hm", CALL)


def test_a_thought_before_a_tool_call_needs_no_mark():
    assert read("react", f"Thought: hm\n<tool_call>{CALL}</tool_call>", None, tools=True) == ("hm", CALL)


@pytest.mark.parametrize(
    "answer",
    [
        f"<tool_call>{CALL}</tool_call><tool_call>{CALL}</tool_call>",
        f"[{CALL}, {CALL}]",
        "<tool_call>look</tool_call>",
        "<tool_call>" * 100_000,
        "[" * 100_000,
        '{"name": 3}',
        '{"name": "look", "arguments": 7}',
        '{"name": "look", "arguments": "{"}',
        "9" * 5_000,
        "{}",
        "",
    ],
)
def test_what_is_not_one_tool_call_is_left_as_it_is(answer):
    assert tool_call_in(answer) == ""
    assert read("chat", answer, None, tools=True) == ("", answer)


@given(st.text(), st.sampled_from(["chat", "react"]), st.booleans())
def test_reading_never_raises(answer, kind, tools):
    thought, action = read(kind, answer, LEGAL, tools)
    assert isinstance(thought, str)
    assert isinstance(action, str)


def bytes_of(text):
    return len(text.encode())


@given(st.text(), st.integers(96, 400), st.integers(1, 60))
def test_a_message_has_no_more_tokens_than_there_is_room_for_and_ends_with_how_to_answer(text, room, times):
    offered = "Write one legal action in brackets."
    message = content(text * times, offered, room, bytes_of)
    assert bytes_of(message) <= room
    assert message.endswith(f"\n\n{offered}") or "characters are left out" in message


@given(st.text(min_size=1), st.integers(96, 400), st.integers(1, 60))
def test_a_text_that_fits_is_left_as_it_is_and_another_says_how_much_is_missing(text, room, times):
    text = text * times
    found = fit(text, room, bytes_of)
    if bytes_of(text) <= room:
        assert found == text
    else:
        head, _, rest = found.partition("\n[... ")
        left_out, _, tail = rest.partition(" characters are left out ...]\n")
        assert len(head) + len(tail) + int(left_out.replace(",", "")) == len(text)
        assert text.startswith(head)
        assert text.endswith(tail)
