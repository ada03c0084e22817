"""A small family of instructions, each with inputs that a seed draws and an output that a function knows.

    BUNDLED["parity"].text              "Is the number even or odd"
    BUNDLED["parity"].solve("14")       "even"

Strings, numbers and classification. Every input belongs to one split, by a hash of its words, so a model that
writes inputs of its own may write one that is held out: `is_held_out` says so, and trainers leave it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sparring import registry
from sparring.envs.code.split_rng import WORDS, Split, SplitRng, split_of

PRAISE = "delicious wonderful excellent lovely great fantastic charming superb pleasant perfect"
BLAME = "awful terrible horrible boring broken disgusting dreadful poor ugly disappointing"
REVIEWED = "soup film hotel book song phone lamp game jacket garden bread museum teacher train chair"
FAUNA = (
    "cat dog horse cow pig sheep goat lion tiger bear wolf fox rabbit monkey donkey camel zebra eagle owl crow duck "
    "goose salmon shark whale dolphin frog snake lizard turtle spider bee ant mouse rat elephant giraffe"
)
FARE = (
    "bread cheese rice pasta soup apple banana lemon carrot potato onion tomato cake butter honey sugar salt pepper "
    "cookie pizza salad omelette pancake yogurt sausage noodle muffin biscuit jam cereal chocolate lettuce cabbage "
    "spinach garlic mango peach"
)
GOOD, BAD, THINGS, ANIMALS, FOODS = (tuple(words.split()) for words in (PRAISE, BLAME, REVIEWED, FAUNA, FARE))
MOST = 99


class Example(NamedTuple):
    """An input with its output; of another instruction, where that is named."""

    input: str
    output: str
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One task of the family."""

    name: str
    kind: str
    text: str
    """As a model reads it, without a full stop: an input can follow behind a colon."""
    draw: Callable[[SplitRng], str]
    """An input, of either split."""
    solve: Callable[[str], str | None]
    """The output; None for a text that is no input of this task."""

    def input_of(self, rng: SplitRng) -> str:
        """An input of the generator's split."""
        while split_of(_plain(text := self.draw(rng))) != rng.split:
            pass
        return text

    def examples(self, split: Split, count: int, *parts: object) -> list[Example]:
        """Different inputs with their outputs; equal parts give equal ones."""
        rng, found = SplitRng(split, self.name, *parts), dict[str, Example]()
        while len(found) < count:
            text = self.input_of(rng)
            found.setdefault(text, Example(text, self.solve(text) or ""))
        return list(found.values())


def _one_word(change: Callable[[str], str]) -> Callable[[str], str | None]:
    def solve(text: str) -> str | None:
        return change(text) if re.fullmatch("[A-Za-z]{2,30}", text) else None

    return solve


def _numbers(pattern: str, change: Callable[..., object]) -> Callable[[str], str | None]:
    def solve(text: str) -> str | None:
        found = re.fullmatch(pattern.replace("N", r"(\d{1,9})"), text, re.ASCII)
        return str(change(*map(int, found.groups()))) if found else None

    return solve


def _hyphened(text: str) -> str | None:
    return "-".join(text.split()) if re.fullmatch("[A-Za-z]{1,30} [A-Za-z]{1,30}", text) else None


def _label(first: str, firsts: tuple[str, ...], second: str, seconds: tuple[str, ...]) -> Callable[[str], str | None]:
    """The label of the list that holds words of a text; None where both do, or neither."""

    def solve(text: str) -> str | None:
        words = set(re.findall("[a-z]+", text.lower()[:1_000]))
        one, other = bool(words & set(firsts)), bool(words & set(seconds))
        return None if one == other else first if one else second

    return solve


def _number(rng: SplitRng) -> str:
    return str(rng.integer(1, 999))


def _review(rng: SplitRng) -> str:
    return f"The {rng.one(THINGS)} was {rng.one(GOOD + BAD)}."


def _pair(mark: str) -> Callable[[SplitRng], str]:
    return lambda rng: f"{rng.integer(1, MOST)}{mark}{rng.integer(1, MOST)}"


def _word(rng: SplitRng) -> str:
    return rng.one(WORDS)


BUNDLED = {
    one.name: one
    for one in (
        Instruction(
            "first_letter", "strings", "Write the first letter of the word", _word, _one_word(lambda word: word[0])
        ),
        Instruction(
            "last_letter", "strings", "Write the last letter of the word", _word, _one_word(lambda word: word[-1])
        ),
        Instruction(
            "hyphen",
            "strings",
            "Join the two words with a hyphen",
            lambda rng: f"{rng.one(WORDS)} {rng.one(WORDS)}",
            _hyphened,
        ),
        Instruction("add", "numbers", "Add the two numbers", _pair(" + "), _numbers(r"N \+ N", lambda a, b: a + b)),
        Instruction("larger", "numbers", "Write the larger of the two numbers", _pair(", "), _numbers("N, N", max)),
        Instruction(
            "next", "numbers", "Write the number that comes next", _number, _numbers("N", lambda number: number + 1)
        ),
        Instruction(
            "parity",
            "classification",
            "Is the number even or odd",
            _number,
            _numbers("N", lambda number: "odd" if number % 2 else "even"),
        ),
        Instruction(
            "review",
            "classification",
            "Is the review positive or negative",
            _review,
            _label("positive", GOOD, "negative", BAD),
        ),
        Instruction(
            "living",
            "classification",
            "Is the word an animal or a food",
            lambda rng: rng.one(ANIMALS + FOODS),
            _label("animal", ANIMALS, "food", FOODS),
        ),
    )
}
KINDS = tuple(dict.fromkeys(one.kind for one in BUNDLED.values()))
BY_TEXT = {one.text: one for one in BUNDLED.values()}


def bundled(task: str) -> list[Instruction]:
    """The instructions of a name or a kind; "" for all. Raises UnknownName."""
    found = [one for one in BUNDLED.values() if task in ("", one.name, one.kind)]
    if not found:
        raise registry.UnknownName(registry.unknown("task", task, [*BUNDLED, *KINDS]))
    return found


def gold_of(instruction: str, text: str) -> str | None:
    """The output of an input that anybody wrote; None where nobody knows it."""
    known, text = _known(instruction, text)
    return known.solve(text) if known else None


def is_held_out(instruction: str, text: str) -> bool:
    """Whether this is an input of a bundled instruction by which models are measured."""
    known, text = _known(instruction, text)
    return known is not None and split_of(_plain(text)) == "held_out"


def _known(instruction: str, text: str) -> tuple[Instruction | None, str]:
    """The bundled instruction, and its input, which may stand behind a colon."""
    before, _, behind = instruction.partition(":")
    known = BY_TEXT.get(before.strip().rstrip("."))
    return known, text.strip() or behind.strip()


def _plain(text: str) -> str:
    """Its words: 20+22 is the input 20 + 22 in another writing."""
    return " ".join(re.findall(r"\w+", text.lower()))
