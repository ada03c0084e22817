"""What a model writes to an environment that runs programs, and what comes back of it.

A CodeProgram (Tree-of-Code, arXiv 2412.15305) is one turn: reasoning in `<thought>`, then one whole program in
`<execute>`. Nothing that a model wrote is trusted: a reading never raises, and never guesses what a torn text meant.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from sparring.answers.blocks import closed_blocks, first_opening, unfenced
from sparring.types import Observation

State = TypeVar("State")
THOUGHT = re.compile(r"</?thought>", re.IGNORECASE)
TURNS_LEFT = re.compile(r"^Turns left: (\d{1,9})$", re.MULTILINE)
LONGEST_PROSE = 2_000
"""Characters of a text without a program that still reach the environment."""
LIVE_EPISODES, ANSWERED_EPISODES = 65_536, 256


@dataclass(frozen=True, slots=True)
class CodeProgram:
    """A model's text as it is understood."""

    thought: str
    """The text before the block, without its tags."""
    kind: Literal["program", "answer", "prose"]
    content: str
    """The program, the answer, or for prose the whole text."""

    @property
    def action(self) -> str:
        """What the environment is given."""
        if self.kind == "program":
            return f"<execute>\n{self.content}\n</execute>"
        return f"<answer>{self.content}</answer>" if self.kind == "answer" else self.content[:LONGEST_PROSE]


@dataclass(frozen=True, slots=True)
class Feedback:
    """The observation after a program."""

    status: str
    """ok, nonzero, signal, timeout, memory, output_limit, illegal; unknown where the text does not say."""
    output: str
    turns_left: int | None = None

    @property
    def result(self) -> str:
        """The last line of the output that is not empty."""
        return next((line.strip() for line in reversed(self.output.splitlines()) if line.strip()), "")


def read_program(text: str) -> CodeProgram:
    """The first closed block behind the thought, or inside it where there is none behind; in time linear in the text.

    Whatever follows that block is ignored: models like to go on with an output that they made up.
    """
    block = next(closed_blocks(text, _after_thought(text)), None) or next(closed_blocks(text), None)
    if block is None:
        return CodeProgram(THOUGHT.sub("", text).strip(), "prose", text)
    thought = THOUGHT.sub("", text[: block.start]).strip()
    content = block.content.strip() if block.kind == "answer" else unfenced(block.content, any_fence=False)
    return CodeProgram(thought, block.kind, content)


def _after_thought(text: str) -> int:
    """The end of the first thought, if that begins before any block: thoughts name the tags."""
    opened, block = THOUGHT.search(text), first_opening(text)
    if opened is None or (block is not None and block < opened.start()):
        return 0
    closed = THOUGHT.search(text, opened.end())
    return closed.end() if closed else 0


def read_feedback(text: str) -> Feedback:
    """Status, output and turns left of an observation after a program."""
    head, found, output = text.partition("\nOutput:")
    status = re.match(r"Status: (\w+)", head)
    left = TURNS_LEFT.search(head)
    return Feedback(
        status=status[1] if status else "unknown",
        output=(output if found else "").strip("\n"),
        turns_left=int(left[1]) if left else None,
    )


class EpisodeMemory(Generic[State]):
    """What an agent remembers of each episode that it plays: one immutable state, replaced after every turn.

    An episode's first turn starts without memory. Episodes that were answered are forgotten soon, those that were
    broken off when many others have been played since.
    """

    def __init__(self) -> None:
        self._live: OrderedDict[tuple[str, str], State] = OrderedDict()
        self._answered: OrderedDict[tuple[str, str], State] = OrderedDict()

    def recall(self, observation: Observation) -> State | None:
        """None on the first turn. Raises LookupError where an episode goes on that is not remembered."""
        if observation.turn == 0:
            return None
        key = (observation.episode, observation.seat)
        found = self._live.get(key) or self._answered.get(key)
        if found is None:
            raise LookupError(f"turn {observation.turn} of episode {observation.episode!r} is the first one seen of it")
        return found

    def keep(self, observation: Observation, state: State, answered: bool) -> None:
        """Remember what was known and said at this turn."""
        key = (observation.episode, observation.seat)
        self._live.pop(key, None)
        self._answered.pop(key, None)
        kept, most = (self._answered, ANSWERED_EPISODES) if answered else (self._live, LIVE_EPISODES)
        kept[key] = state
        if len(kept) > most:
            kept.popitem(last=False)

    def __len__(self) -> int:
        """Episodes that are not answered yet."""
        return len(self._live)
