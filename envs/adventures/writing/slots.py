"""Slots: what a writer is asked for, one answer at a time, and how an answer is read. No answer is trusted.

A choice is one of the listed texts. A name is made of the words that a parser takes. A sentence is printable and
short. What cannot be read so is refused with a sentence that says what would be right.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from sparring.envs.adventures.worlds.words import PARSER_WORDS
from sparring.envs.adventures.writing.stock import Example, Stock

Kind = Literal["choice", "name", "sentence"]
MOST_READ = 2_000
"""Characters of an answer that are looked at."""
MOST_LINES = 6
MOST_NAME_WORDS, LONGEST_NAME = 3, 30
LEAST_SENTENCE_WORDS, LONGEST_SENTENCE = 3, 160
FRAMED = re.compile(r"^[\w '-]{0,40}:\s*(?=\S)")
"""`Name: the old mill`, `Answer: ...`."""
ABOUT_WRITING = frozenset(
    {
        "adventure",
        "answer",
        "example",
        "game",
        "label",
        "name",
        "player",
        "sentence",
        "story",
        "text",
        "title",
        "word",
        "words",
    }
)
"""Words of somebody who speaks about the game instead of writing it."""
SAYS_NOTHING = frozenset(
    {
        "box",
        "door",
        "fixture",
        "furniture",
        "key",
        "machine",
        "person",
        "piece",
        "place",
        "room",
        "thing",
        "things",
        "tool",
    }
)
WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
ENDS = re.compile(r"(?<=[.!?])\s+")
LEFT_OUT = re.compile(r"[^ !#-Z^-~]")
"""What the text of a game may not hold."""


class NotRead(ValueError):
    """An answer that cannot be taken; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One question to a writer."""

    name: str
    """What it fills: `room 2`, `sentence: room 2`."""
    question: str
    kind: Kind = "sentence"
    choices: tuple[str, ...] = ()
    """Of a choice: the only answers that there are."""
    examples: tuple[Example, ...] = ()
    """Shown in the prompt; a name or sentence that repeats one of them is refused at first."""
    label: str = ""
    """What the answer is to: the prompt ends with it, as each example begins with its own."""
    stock: Stock = "thing"
    """Of a name: from which names of `stock` it is chosen where nothing else helped."""


def read_choice(answer: str, choices: tuple[str, ...]) -> str:
    """The choice that an answer is, or the only one in brackets. Raises NotRead."""
    said = answer[:MOST_READ].strip().strip("[]").strip()
    if said in choices:
        return said
    raise NotRead(f"answer with one of: {'; '.join(choices)}")


def names_in(answer: str) -> list[str]:
    """The names in an answer, of each line that is short enough: small letters, without articles and words of the
    parser. Raises NotRead where there is none.
    """
    found: list[str] = []
    wrong: NotRead | None = None
    for line in _lines(answer) or [""]:
        try:
            found.append(_name(line))
        except NotRead as error:
            wrong = wrong or error
    if not found and wrong:
        raise wrong
    return found


def _name(line: str) -> str:
    words = WORD.findall(line.lower())
    if len(words) > MOST_NAME_WORDS + 3:
        raise NotRead(f"a name has one to {MOST_NAME_WORDS} words, got {len(words)} words")
    _require_no_talk(words)
    kept = [word for word in words if word not in PARSER_WORDS and len(word) > 1]
    name = " ".join(kept[:MOST_NAME_WORDS]).removesuffix(" of")
    if not name or len(name) > LONGEST_NAME:
        raise NotRead(f"a name has one to {MOST_NAME_WORDS} words of letters, got {line[:40]!a}")
    if name in SAYS_NOTHING:
        raise NotRead(f"{name!r} may be anything: say which one")
    return name


def read_sentence(answer: str) -> str:
    """The first sentences of an answer, as far as there is room. Raises NotRead."""
    line = " ".join(LEFT_OUT.sub(" ", _line(answer).replace('"', "'")).split()).strip("' ")
    text = ""
    for sentence in ENDS.split(line):
        if len(f"{text} {sentence}") > LONGEST_SENTENCE:
            break
        text = f"{text} {sentence}".strip()
    text = text or line[:LONGEST_SENTENCE].rpartition(" ")[0]
    if len(WORD.findall(text.lower())) < LEAST_SENTENCE_WORDS:
        raise NotRead(f"a sentence has at least {LEAST_SENTENCE_WORDS} words, got {answer[:40]!a}")
    _require_no_talk(WORD.findall(text.lower()))
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else f"{text.rstrip(',;:- ')}."


def _require_no_talk(words: list[str]) -> None:
    talk = [word for word in words if word in ABOUT_WRITING]
    if talk:
        raise NotRead(f"write what is in the game, not about it: leave out {talk[0]!r}")


def _line(answer: str) -> str:
    """The first line that says something."""
    return next(iter(_lines(answer)), "")


def _lines(answer: str) -> list[str]:
    """The first lines that say something, as ASCII, without a heading such as `Name:`, list marks and quotes."""
    parts = unicodedata.normalize("NFKD", answer[:MOST_READ])
    plain = parts.replace("\u2019", "'").replace("\u2018", "'").encode("ascii", "ignore").decode()
    lines = [line.strip().lstrip("0123456789.)*#- ").strip() for line in plain.splitlines()]
    return [FRAMED.sub("", line).strip("\"'*_` ") for line in lines if re.search("[A-Za-z]", line)][:MOST_LINES]
