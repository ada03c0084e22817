"""One grammar of programs and answers: agents and environments read the same blocks of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.agents.code.program import read_program
from sparring.answers.blocks import closed_blocks, first_opening, unfenced
from sparring.envs.code.action import parse_action

PIECES = st.sampled_from(
    [
        "<execute>",
        "</execute>",
        "<answer>",
        "</answer>",
        "```python\n",
        "```PY \r\n",
        "```",
        "x = 1\n",
        "\r\n",
        " ",
        "\0",
    ]
)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("<execute>a</execute> and <answer> b </answer>", [("program", "a", 0), ("answer", " b ", 25)]),
        ("so\n```python\na\n```\n", [("program", "a\n", 3)]),
        ("<execute>a <answer>b</answer>", [("answer", "b", 11)]),
        ("<execute><answer>1</answer></execute>", [("program", "<answer>1</answer>", 0)]),
        ("</execute><execute>", []),
    ],
)
def test_closed_blocks_come_in_order_with_what_stands_between(text, blocks):
    assert [(block.kind, block.content, block.start) for block in closed_blocks(text)] == blocks


def test_the_first_opening_counts_whether_it_is_closed_or_not():
    assert first_opening("so <execute>") == 3
    assert first_opening("so </execute>") is None


@pytest.mark.parametrize(
    ("code", "plain", "any_fence"),
    [
        ("```python\nx\n```", "x", "x"),
        (" ```\nx```", "x", "x"),
        ("```python3\nx\n```", "```python3\nx\n```", "x"),
        ("```Python\nx\n```", "```Python\nx\n```", "x"),
        ("``` py\nx\n```", "``` py\nx\n```", "x"),
        ("```py\r\nx\r\n```", "```py\r\nx\r\n```", "x"),
        ("```ruby\nx\n```", "```ruby\nx\n```", "```ruby\nx\n```"),
        ("\n  x\n", "  x", "  x"),
    ],
)
def test_a_fence_is_taken_off_where_it_is_one(code, plain, any_fence):
    assert unfenced(code, any_fence=False) == plain
    assert unfenced(code, any_fence=True) == any_fence


@given(st.lists(PIECES | st.text(), max_size=12))
def test_what_an_agent_reads_the_environment_understands_as_the_same(pieces):
    """The agent takes the first block of several, and the environment is given that block alone."""
    written = read_program("".join(pieces))
    action = parse_action(written.action)
    if written.kind == "answer":
        assert (action.kind, action.text) == ("answer", written.content)
    if written.kind == "program" and written.content.strip():
        assert action.kind == "program" or unfenced(written.content, any_fence=True).strip() == ""
        assert action.kind == "illegal" or action.text == unfenced(written.content, any_fence=True)
