"""What a critic looks at: the question, what was searched for, what was found, and the answer in mind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Found(NamedTuple):
    """A passage as the searcher saw it."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Round:
    """One search: the query and the passages that came."""

    query: str
    passages: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A decision point of a search: round 0 has no rounds yet."""

    question: str
    rounds: tuple[Round, ...] = ()
    answer: str = ""
    rationale: str = ""

    @property
    def passages(self) -> Iterator[Found]:
        """All that was found, in order."""
        return (passage for one in self.rounds for passage in one.passages)

    @property
    def text(self) -> str:
        """In the order of SIM-RAG (arXiv 2505.02811): question, context by rounds, answer, rationale."""
        lines = [f"Question: {self.question}", "Context:"]
        for one in self.rounds:
            lines.append(f"Query: {one.query}")
            lines += [f"Retrieved Document: Title: {title} Content: {text}" for title, text in one.passages]
        return "\n".join([*lines, f"Answer: {self.answer}", f"Rationale: {self.rationale}"])
