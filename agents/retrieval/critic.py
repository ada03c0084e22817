"""What a critic judges, and how one is loaded: does what was found suffice for this answer?

A critic lies in a folder with a `critic.json`: its kind, the most rounds that it was trained on, and what its kind
adds. What implements a kind registers how it is read:

    @critics.reader("my-kind")
    def read(folder: Path, settings: Mapping[str, object]) -> Critic: ...
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from sparring.plurals import number_of
from sparring.registry import UnknownName, unknown

SETTINGS = "critic.json"
NOTHING_YET = "(nothing was searched for yet)"
ANY_ROUNDS = 1_000_000
TRAINED = "sparring.agents.retrieval.trained.critic"
"""Where the kinds are that `sparring train sim-rag` leaves."""


class Read(NamedTuple):
    """A passage as the agent was shown it."""

    title: str
    text: str


class Round(NamedTuple):
    """A search, and what it showed."""

    query: str
    passages: tuple[Read, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What a critic judges: a question, what was found so far, and the answer that was drawn from it."""

    question: str
    rounds: tuple[Round, ...]
    answer: str
    rationale: str

    @property
    def context(self) -> str:
        """The question and all rounds, in the layout of SIM-RAG's release."""
        return context_of(self.question, self.rounds)

    @property
    def text(self) -> str:
        """All of it: what a critic that reads text is given."""
        return f"{self.context}\nAnswer: {self.answer}\nRationale: {self.rationale}"


class Critic(Protocol):
    """Says how likely it is that an answer may stand."""

    @property
    def max_rounds(self) -> int:
        """The most rounds of a case that it was trained on: of longer contexts it knows nothing."""
        ...

    @property
    def threshold(self) -> float:
        """The probability from which on an answer is accepted, where nobody says another."""
        ...

    @property
    def surrender(self) -> float:
        """The probability below which the last answer is not given, where nobody says another; 0: always given."""
        ...

    async def verdict(self, case: Case) -> float:
        """The probability, 0 to 1, that what was found suffices."""
        ...


@dataclass(frozen=True, slots=True)
class FixedRounds:
    """The rule that looks at nothing: enough after `k` rounds."""

    k: int
    max_rounds: int = ANY_ROUNDS
    threshold: float = 0.5
    surrender: float = 0.0

    async def verdict(self, case: Case) -> float:
        """1 from the k-th round on."""
        return float(len(case.rounds) >= self.k)


Reader = Callable[[Path, Mapping[str, object]], Critic]
"""Reads a critic of one kind: from its folder, and its settings."""


class Critics:
    """The kinds of critics that can be read from folders."""

    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {}

    def reader(self, kind: str) -> Callable[[Reader], Reader]:
        """Say how a kind is read."""

        def add(read: Reader) -> Reader:
            self._readers[kind] = read
            return read

        return add

    def load(self, folder: str | Path) -> Critic:
        """The critic of a folder. Raises ValueError where there is none, or it is damaged; UnknownName for a kind."""
        path = Path(folder) / SETTINGS
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"{folder} is no critic: it has no {SETTINGS}") from error
        except ValueError as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        kind = settings.get("kind") if isinstance(settings, dict) else None
        if not isinstance(kind, str):
            raise ValueError(f"{path} must be an object with the kind of the critic, got {settings!r:.80}")
        if kind not in self._readers:
            importlib.import_module(TRAINED)
        if kind not in self._readers:
            raise UnknownName(unknown("kind of critic", kind, self._readers))
        return self._readers[kind](Path(folder), settings)


critics = Critics()


@critics.reader("rounds")
def read_fixed_rounds(folder: Path, settings: Mapping[str, object]) -> Critic:
    """Enough after so many rounds."""
    k = settings.get("k")
    if type(k) is not int or k < 0:
        raise ValueError(f"k in {folder / SETTINGS} must be a whole number >= 0, got {k!r}")
    return FixedRounds(k)


def require_rounds(critic: Critic, rounds: int) -> None:
    """Raises ValueError where an episode has more rounds than a critic was trained on.

    SIM-RAG's release trains its critic on 3 to 4 answers a question and runs it for 5.
    """
    if rounds > critic.max_rounds:
        raise ValueError(
            f"the critic was trained on at most {number_of(critic.max_rounds, 'round')}, and this environment allows "
            f"{rounds}: set max_rounds={critic.max_rounds}, or train the critic with max_rounds={rounds}"
        )


def context_of(question: str, rounds: tuple[Round, ...]) -> str:
    """A question and what was found, in the layout of SIM-RAG's release."""
    lines = [f"Question: {question}", "Context:"]
    for query, passages in rounds:
        lines.append(f"Query: {query}")
        lines += [f"Retrieved Document: Title: {title} Content: {text}" for title, text in passages]
    return "\n".join(lines if rounds else [*lines, NOTHING_YET])
