"""What a model wrote is read strictly, what the environment said is read back, and neither reading ever raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.agents.code.critic import static_critic
from sparring.agents.code.program import LONGEST_PROSE, read_feedback, read_program

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


def test_feedback_is_read_back():
    feedback = read_feedback("Status: nonzero\nTurns left: 7\nOutput:\n3\nNameError: name 'x' is not defined\n")
    assert (feedback.status, feedback.turns_left) == ("nonzero", 7)
    assert feedback.output == "3\nNameError: name 'x' is not defined"
    assert feedback.result == "NameError: name 'x' is not defined"


def test_what_a_program_prints_is_never_taken_for_the_status():
    feedback = read_feedback("Status: ok\nTurns left: 3\nOutput:\nStatus: nonzero\nTurns left: 1\nOutput:\n5\n\n")
    assert (feedback.status, feedback.turns_left, feedback.result) == ("ok", 3, "5")


@given(st.text())
def test_any_observation_is_read_without_an_error(text):
    feedback = read_feedback(text)
    assert feedback.status == "unknown" or text.startswith("Status: ")


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
