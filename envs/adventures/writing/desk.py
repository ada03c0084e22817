"""Where a game is written: a desk asks for one slot at a time, checks each answer, and proves the game in the end.

    desk = WriterDesk("a clockmaker has lost her spring", difficulty=2, seed=7)
    while desk.slot is not None:
        refused = desk.answer(writer(desk.prompt, desk.choices))     # "" where the answer was taken
    desk.game, desk.manifest, desk.reasons

Answers may be anything. One that cannot be taken is asked for again, with the reason in the prompt. A name that is
refused twice is then chosen among names out of the themes; a sentence that is refused three times is left out. The
sentences of rules, solver, proofs and of `checks` (a compiler's messages, say) come back as slots: another name for
what they name, one more obstacle for a game that is too easy. A game that is still not proven has failed, for
`reasons`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from sparring.envs.adventures.worlds.proofs import Manifest, prove
from sparring.envs.adventures.worlds.spec import Game
from sparring.envs.adventures.writing import stock
from sparring.envs.adventures.writing.outline import Unbuilt, build
from sparring.envs.adventures.writing.script import LENGTHS, Scene, Script
from sparring.envs.adventures.writing.sketch import Sketch
from sparring.envs.adventures.writing.slots import (
    LEFT_OUT,
    NotRead,
    Slot,
    names_in,
    read_choice,
    read_sentence,
)
from sparring.types import derive_seed

MOST_ATTEMPTS = 3
"""Answers to one slot."""
MOST_REPAIRS = 4
"""Slots that ask to mend a game."""
LONGEST_IDEA = 200
STOCK_NAMES = 6
Check = Callable[[Game], Sequence[str]]
"""What is wrong with a game, in sentences; nothing where it is sound."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A slot and the answer that was taken."""

    slot: Slot
    answer: str
    attempts: int
    repair: bool


class WriterDesk:
    """Asks for what one game needs. difficulty: 1 to 5. Equal arguments and answers give equal games."""

    def __init__(
        self, idea: str, difficulty: int = 1, seed: int = 0, known: Collection[str] = (), checks: Sequence[Check] = ()
    ) -> None:
        """known: fingerprints of games that it must differ from. Raises ValueError for an idea without words."""
        if difficulty not in range(1, len(LENGTHS) + 1):
            raise ValueError(f"difficulty must be from 1 to {len(LENGTHS)}, got {difficulty!r}")
        self.idea = clean(idea)
        if not self.idea:
            raise ValueError("an idea must hold some words")
        self.difficulty, self.seed, self.known, self.checks = difficulty, seed, known, checks
        self.sketch = Sketch(self.idea, random.Random(derive_seed("desk", self.idea, difficulty, seed)))
        self.filled: list[Filled] = []
        self.game: Game | None = None
        """The game, once it is proven."""
        self.manifest: Manifest | None = None
        """Its proofs; where it failed, those of the last attempt, if it came so far."""
        self.reasons: tuple[str, ...] = ()
        """Why there is no game."""
        self.answers = 0
        """How many were given."""
        self.note = ""
        """Why the latest answer was refused, or what is to be mended."""
        self.slot: Slot | None = None
        self._attempts, self._repairing = 0, False
        self._scene = self._whole()
        self._ask(None)

    @property
    def choices(self) -> tuple[str, ...] | None:
        """The only answers that are taken now; None where it is to be written freely, or all is over."""
        return (self.slot.choices or None) if self.slot else None

    @property
    def prompt(self) -> str:
        """Everything that a writer needs to fill the slot."""
        slot = self.slot
        if slot is None:
            return self.verdict
        if slot.choices:
            lines = [slot.question, f"Answer with one of: {'; '.join(slot.choices)}"]
        else:
            lines = [slot.question, *(f"{label}: {example}" for label, example in slot.examples), f"{slot.label}:"]
        note = [f"Not taken: {self.note}."] if self.note else []
        return "\n".join([self.sketch.summary(), *note, *lines])

    @property
    def verdict(self) -> str:
        """How it ended."""
        if self.game is None:
            return f"No game: {'; '.join(self.reasons)}"
        length = self.manifest.length if self.manifest else 0
        return f"A proven game: {self.game.title} Its shortest plan has {length} commands."

    def answer(self, text: str) -> str:
        """Take an answer; returns why it was refused, "" where it was taken. After the end nothing happens."""
        slot = self.slot
        if slot is None:
            return "the game is written: nothing more is asked for"
        self.answers += 1
        self._attempts += 1
        try:
            taken = self._read(slot, text)
        except NotRead as refused:
            return self._refuse(slot, str(refused))
        self._take(slot, taken)
        return ""

    def _read(self, slot: Slot, text: str) -> str:
        if slot.choices:
            return read_choice(text, slot.choices)
        said = names_in(text) if slot.kind == "name" else [read_sentence(text)]
        wrong = [self._problem_of(slot, one) for one in said]
        if "" not in wrong:
            raise NotRead(wrong[0])
        return said[wrong.index("")]

    def _problem_of(self, slot: Slot, said: str) -> str:
        if said.lower() in {example.lower() for _, example in slot.examples}:
            return f"{said!r} is the example's: write another one"
        return self.sketch.problem_of(said) if slot.kind == "name" else ""

    def _refuse(self, slot: Slot, reason: str) -> str:
        self.note = reason
        if self._attempts >= MOST_ATTEMPTS:
            if slot.kind == "sentence":
                self._take(slot, "")
            else:
                self._fail([f"{slot.name}: {MOST_ATTEMPTS} answers were refused, the last because: {reason}"])
        elif slot.kind == "name" and self._attempts == MOST_ATTEMPTS - 1:
            self.slot = replace(slot, choices=self._stock(slot))
        return reason

    def _stock(self, slot: Slot) -> tuple[str, ...]:
        """Names that can be given, in an order that the seed decides."""
        names = stock.some_names(random.Random(derive_seed(self.seed, slot.name)), slot.stock, 1_000)
        return tuple([name for name in names if not self.sketch.problem_of(name)][:STOCK_NAMES])

    def _take(self, slot: Slot, answer: str) -> None:
        self.filled.append(Filled(slot, answer, self._attempts, self._repairing))
        if slot.kind == "name":
            self.sketch.reserved.append(answer)
        self._ask(answer)

    def _ask(self, answer: str | None) -> None:
        """Go on to the next slot."""
        self._attempts, self.note = 0, ""
        try:
            self.slot = next(self._scene) if answer is None else self._scene.send(answer)
        except StopIteration:
            self.slot = None

    def _fail(self, reasons: Sequence[str]) -> None:
        self.reasons, self.slot = tuple(reasons), None
        self._scene.close()

    # A whole game, and what is done about its faults.

    def _whole(self) -> Scene:
        script = Script(self.sketch, self.difficulty)
        yield from script.play()
        self._repairing = True
        for attempt in range(MOST_REPAIRS + 1):
            wrong = list(self._wrong())
            if not wrong:
                return
            mended = self._mend(script, wrong) if attempt < MOST_REPAIRS else None
            if mended is None:
                self.reasons = tuple(wrong)
                return
            yield from mended

    def _wrong(self) -> Iterator[str]:
        """What is wrong with the game as it stands; nothing where it is proven, which it is from then on."""
        origin = f"slots: idea {self.idea}, difficulty {self.difficulty}, seed {self.seed}"
        try:
            game = build(self.sketch.outline(origin))
        except Unbuilt as error:
            yield from error.reasons
            return
        self.manifest = prove(game, self.known)
        wrong = [check.evidence for check in self.manifest.checks if check.status == "fail"]
        least = LENGTHS[self.difficulty - 1][0]
        if self.manifest.length < least:
            wrong.append(f"the shortest plan has {self.manifest.length} commands, and at least {least} were asked for")
        wrong += [sentence for check in self.checks if not wrong for sentence in check(game)]
        yield from wrong
        self.game = None if wrong else game

    def _mend(self, script: Script, wrong: Sequence[str]) -> Scene | None:
        """Slots that may mend what is wrong; None where none can."""
        for sentence in wrong:
            for name in self.sketch.reserved:
                if f"'{name}'" in sentence:
                    return self._rename(name, sentence)
        return self._harder(script, wrong[0]) if self.manifest and self.manifest.plan else None

    def _rename(self, name: str, why: str) -> Scene:
        self.note = why
        asked = f"Another name for the {name}. Answer with a name of one to three words."
        slot = Slot(f"rename {name}", asked, "name", label=f"Instead of {name}")
        new = yield slot
        self.sketch.rename(name, new)

    def _harder(self, script: Script, why: str) -> Scene:
        self.note = why
        yield from script.obstacle()
        yield from script.scatter()


def clean(idea: str) -> str:
    """An idea in one line of printable ASCII, without marks."""
    return " ".join(LEFT_OUT.sub(" ", idea[: 2 * LONGEST_IDEA]).split())[:LONGEST_IDEA].strip()
