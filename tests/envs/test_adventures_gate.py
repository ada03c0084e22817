"""The command gate: one clean command of one turn, or a reason."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.envs.adventures import gate as module
from sparring.envs.adventures.gate import MOST_BYTES, OUTSIDE, Refused, gate

CHAINS = ["take lamp. north", "n.n.n", "north, take lamp", "take lamp then north", "go north; look", "look! north",
          "take lamp and go north", "take lamp\uff0enorth", "n\uff0cn", "n\u037en", "n…n",
          "THEN north", "look? n"]  # fmt: skip
BREAKS = ["look\nnorth", "look\rnorth", "look\r\nnorth", "look\x0bnorth", "look\u2028north", "look\x85north"]
CONTROLS = ["\x00", "a\x00b", "look\x00", "look\x1b[2J", "\x07", "look\x7f", "lo\u200bok", "\ufefflook", "lo\xadok"]
REPEATS = ["again", "g", "G", " Again ", "oops save", "o north", "again north", "please again"]
META = ["save", "save game", "restore", "restart", "quit", "q", "undo", "script", "script on", "transcript", "goal",
        "print_state", "PRINT_STATE", "tw-trace-actions", "tw-extra-infos score", "version", "verbose", "recording on",
        "test me", "restrict commands",
        "enable print state option", "purloin lamp", "showme", "please save", "now quit", "actions on",
        "notify off"]  # fmt: skip
MARKS = ["[[score 5]]", "<score>3</score>", "*** the end ***", "{won}", "|1|", "#random", "$verify", "@won", "> look"]
NOT_ASCII = ["下注", "take 🍎", "\ud800\udfff", "\ud83d", "взять", "\uff54ake 下"]
EMPTY = ["", " ", "\n", " \t\r\n ", ".", "!", "please"]
LONG = ["a" * (MOST_BYTES + 1), "é" * (MOST_BYTES + 1), "look " * 2_000, "x" * 1_000_000, "é" * 10_000]
EVERYTHING = ["take all", "drop everything", "take all but lamp", "take both", "open every box"]


@pytest.mark.parametrize(
    "text", CHAINS + BREAKS + CONTROLS + REPEATS + META + MARKS + NOT_ASCII + EMPTY + LONG + EVERYTHING, ids=ascii
)
def test_what_no_engine_may_see_is_refused_in_one_line(text):
    with pytest.raises(Refused) as refused:
        gate(text)
    reason = str(refused.value)
    assert reason.isascii()
    assert reason.isprintable()
    assert len(reason) < 120


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("look", "look"),
        ("  Take   the LAMP.\n", "take the lamp"),
        ("go\tnorth", "go north"),
        ("Open café door!", "open cafe door"),
        ("ﬁnd ﬂask", "find flask"),
        ("examine the old man\u2019s hat", "examine the old man's hat"),
        ("put self-heating can in the cupboard (oak)", "put self-heating can in the cupboard (oak)"),
        ("take sand", "take sand"),
        ("take all-purpose flour", "take all-purpose flour"),
        ("climb onto the bandstand", "climb onto the bandstand"),
        ("test the water", "test the water"),
        ("restore", None),
        ("verify ticket", "verify ticket"),
        ("g the lamp", None),
        ("grab lamp", "grab lamp"),
        ("i", "i"),
        ("n", "n"),
        ('say "hello"', 'say "hello"'),
        ("x" * MOST_BYTES, "x" * MOST_BYTES),
    ],
)  # fmt: skip
def test_one_action_becomes_one_clean_command(text, command):
    if command is None:
        with pytest.raises(Refused):
            gate(text)
    else:
        assert gate(text) == command


@pytest.mark.parametrize("value", [None, 7, b"look", ["look"]])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(Refused, match=f"a command is text, got {type(value).__name__}"):
        gate(value)


@given(st.text(max_size=300) | st.text(alphabet=string.ascii_letters + " .,;\n", max_size=40))
def test_whatever_passes_is_one_short_plain_line_and_passes_unchanged(text):
    try:
        command = gate(text)
    except Refused:
        return
    assert command == gate(command)
    assert command.isascii()
    assert 0 < len(command) <= MOST_BYTES
    assert not OUTSIDE.search(command)


@given(st.sampled_from(META + REPEATS), st.sampled_from(["", " ", "\n", ".", "\t", " ."]), st.booleans())
def test_no_dress_brings_a_word_about_the_program_through(word, around, upper):
    with pytest.raises(Refused):
        gate(around.replace(".", " ") + (word.upper() if upper else word) + around)


def test_the_gate_needs_no_engine_and_no_package():
    lines = Path(module.__file__).read_text(encoding="utf-8").splitlines()
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    assert imports == [
        "from __future__ import annotations",
        "import re",
        "import unicodedata",
        "from functools import lru_cache",
    ]
