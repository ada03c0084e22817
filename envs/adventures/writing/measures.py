"""How much of a game its writer wrote: what was copied from the prompts, and what a game is worth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.envs.adventures.writing.desk import Filled, WriterDesk
from sparring.envs.adventures.writing.script import LENGTHS

RUN = 4
"""Words in a row that a sentence shares with an example."""
PROVEN, NEW, AS_ASKED = 0.5, 0.25, 0.25
"""What a game earns: for being proven, for the share of it that was not copied, for a plan of the asked length."""


@dataclass(frozen=True, slots=True)
class Copying:
    """What share of the names and sentences repeats examples of the prompts, or was chosen from a list of names."""

    names: int
    copied_names: int
    sentences: int
    copied_sentences: int

    @property
    def share(self) -> float:
        """Of all names and sentences; 0.0 where there are none."""
        written = self.names + self.sentences
        return (self.copied_names + self.copied_sentences) / written if written else 0.0


def copying(filled: Sequence[Filled]) -> Copying:
    """Of the slots of one game, against everything that its prompts had shown until then."""
    shown: set[str] = set()
    runs: set[tuple[str, ...]] = set()
    names: list[bool] = []
    sentences: list[bool] = []
    for one in filled:
        if one.slot.kind != "choice":
            shown |= {example.lower() for _, example in one.slot.examples}
            runs |= {run for _, example in one.slot.examples for run in _runs(example)}
        if one.slot.kind == "name":
            names.append(bool(one.slot.choices) or one.answer in shown)
        elif one.slot.kind == "sentence" and one.answer:
            sentences.append(_is_copied(one.answer, runs))
    return Copying(len(names), sum(names), len(sentences), sum(sentences))


def worth(desk: WriterDesk) -> dict[str, float]:
    """What the game of a desk earns, from 0 to 1 in all; 0 where there is none."""
    if desk.game is None or desk.manifest is None:
        return {"proven": 0.0, "new": 0.0, "as_asked": 0.0}
    least, most = LENGTHS[desk.difficulty - 1]
    own = 1.0 - copying(desk.filled).share
    return {"proven": PROVEN, "new": NEW * own, "as_asked": AS_ASKED * (least <= desk.manifest.length <= most)}


def _is_copied(sentence: str, runs: set[tuple[str, ...]]) -> bool:
    own = _runs(sentence)
    return bool(own) and 2 * sum(run in runs for run in own) >= len(own)


def _runs(text: str) -> list[tuple[str, ...]]:
    words = re.findall("[a-z]+", text.lower())
    return [tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)]
