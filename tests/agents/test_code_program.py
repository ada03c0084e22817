"""What a model wrote is read strictly, what an environment says stands in its info; no reading raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.agents.code.critic import static_critic
from sparring.agents.code.program import LONGEST_PROSE, Feedback, feedback_of, read_program

PIECES = st.sampled_from(
    [
        "<execute>",
        "</execute>",
        "<answer>",
        "</answer>",
        "<thought>",
        "</thought>",
        "```python\n",
        "```",
        "x = 1\n",
        "\ud800",
        "\0",
    ]
)


def kind_and_content(text):
    written = read_program(text)
    return written.kind, written.content


def test_thought_and_program_are_told_apart():
    written = read_program("<thought>Add them.</thought>\n<execute>\nprint(1 + 2)\n</execute>")
    assert (written.thought, written.kind, written.content) == ("Add them.", "program", "print(1 + 2)")
    assert written.action == "<execute>\nprint(1 + 2)\n</execute>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```python\nprint(1)\n```", ("program", "print(1)")),
        ("<execute>\n```python\nprint(1)\n```\n</execute>", ("program", "print(1)")),
        ("<EXECUTE>print(1)</Execute>", ("program", "print(1)")),
        ("<execute>  print(1)</execute>", ("program", "  print(1)")),
        ("so <answer> 42 </answer>", ("answer", "42")),
        ("<answer></answer>", ("answer", "")),
        ("<execute>a</execute> Output: 3 <answer>3</answer>", ("program", "a")),
        ("<answer>3</answer><execute>a</execute>", ("answer", "3")),
        ("<thought>I shall end with <answer>x</answer>.</thought><execute>a</execute>", ("program", "a")),
        ("<thought><execute>a</execute></thought>", ("program", "a")),
        ("<execute>print('<answer>1</answer>')</execute>", ("program", "print('<answer>1</answer>')")),
        ("<execute>print(1) and never closed <answer>3</answer>", ("answer", "3")),
    ],
)
def test_the_first_closed_block_counts(text, expected):
    assert kind_and_content(text) == expected


@pytest.mark.parametrize("text", ["", "just prose", "<execute>print(1)", "```python\nprint(1)", "</execute><execute>"])
def test_a_text_without_a_closed_block_is_prose(text):
    assert kind_and_content(text) == ("prose", text)


def test_prose_reaches_the_environment_cut():
    assert read_program("a" * 10**6).action == "a" * LONGEST_PROSE


def test_a_million_unclosed_blocks_are_read_in_linear_time():
    text = "<execute><answer>```python\n" * 40_000
    assert read_program(text).kind == "prose"


@given(st.lists(PIECES | st.text(), max_size=12))
def test_any_text_is_read_without_an_error(pieces):
    text = "".join(pieces)
    written = read_program(text)
    again = read_program(written.action)
    assert written.kind in ("program", "answer", "prose")
    if written.kind == "program":
        assert (again.kind, again.content) == ("program", written.content)
    assert "</execute>" not in written.content or written.kind != "program"


@pytest.mark.parametrize(
    ("info", "feedback"),
    [
        ({"execution": {"status": "ok", "output": "5"}, "turns_left": 3}, Feedback("ok", "5", 3)),
        ({"execution": {"status": "memory", "output": ""}, "turns_left": 0}, Feedback("memory", "", 0)),
        ({"illegal": True, "turns_left": 2}, Feedback("illegal", "", 2)),
        ({"task": "of an environment that says nothing"}, Feedback("unknown")),
        ({"execution": "?", "turns_left": "many"}, Feedback("unknown")),
    ],
)
def test_what_came_of_a_program_is_taken_from_the_info(info, feedback):
    assert feedback_of(info) == feedback


@pytest.mark.parametrize(
    ("code", "output", "objection"),
    [
        ("print(3)", "3", ""),
        ("print(None)", "None", "the output is None"),
        ("x = 1", "", "the output is empty"),
        ("try:\n    f()\nexcept:\n    pass\nprint(0)", "0", "line 3 hides every error"),
        ("try:\n    f()\nexcept Exception as error:\n    print(error)", "e", "line 3 hides every error"),
        ("try:\n    f()\nexcept (KeyError, BaseException):\n    x = 0\nprint(x)", "0", "line 3 hides every error"),
        ("import contextlib\nwith contextlib.suppress(Exception):\n    f()\nprint(0)", "0", "line 2 hides every error"),
        ("try:\n    f()\nexcept KeyError:\n    x = 0\nprint(x)", "0", ""),
        ("try:\n    f()\nexcept Exception:\n    print('trying')\n    raise\nprint(1)", "1", ""),
        ("print(", "1", "the program cannot be parsed"),
        ("print(1)\0", "1", "the program cannot be parsed"),
    ],
)
def test_the_critic_objects_to_hidden_errors_and_to_nothing(code, output, objection):
    assert static_critic(code, output) == objection


@given(st.text(), st.text())
def test_the_critic_never_raises(code, output):
    assert isinstance(static_critic(code, output), str)
