"""What one episode has found so far, and whether it suffices: the part that every searching environment shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sparring.envs.retrieval.scoring import score
from sparring.envs.retrieval.sources import search
from sparring.envs.retrieval.types import Passage, Question, Retriever


@dataclass(slots=True)
class Rounds:
    """The rounds of one question."""

    question: Question
    retriever: Retriever
    k: int
    """Passages a round, at most."""
    drop_seen: bool
    """Whether a passage is shown once only (SIM-RAG drops the titles that were seen in this very episode)."""
    found: dict[str, Passage] = field(default_factory=dict)
    """Every passage that was shown, by its id, in that order."""
    played: int = 0
    """Rounds that were used up, malformed actions included."""
    sufficient: bool | None = None
    """Whether the passages suffice; None where the question does not say what it needs."""
    first_sufficient: int | None = None
    """After how many rounds they did first."""

    def __post_init__(self) -> None:
        """Judge the empty context."""
        self._judge()

    def search(self, query: str) -> list[Passage]:
        """Play a round; the passages that it shows. Raises RetrieverFailed."""
        shown = self._search(query)
        self.played += 1
        new = [passage for passage in shown if passage.id not in self.found]
        if new:
            self.found |= {passage.id: passage for passage in new}
            self._judge()
        return shown

    def waste(self) -> None:
        """A round that nothing came of."""
        self.played += 1

    @property
    def knows(self) -> dict[str, object]:
        """What the environment knows and no agent sees, as plain data."""
        question = self.question
        known: dict[str, object] = {
            "question": question.id,
            "answers": list(question.answers),
            "kind": question.kind,
            "hops": question.hops,
        }
        if self.sufficient is not None and question.proof is not None:
            known |= {"sufficient": self.sufficient, "strength": question.proof.strength}
        if question.supports:
            known["supports_found"] = sum(support in self.found for support in question.supports)
        return known

    def is_correct(self, answer: str | None) -> bool:
        """Whether an answer is right; None gives up, which is right where the corpus has no answer."""
        if answer is None:
            return not self.question.answerable
        return bool(score(answer, self.question.answers).em)

    def metrics(self, answer: str | None, gave_up: bool, could_go_on: bool) -> dict[str, float]:
        """What the episode came to.

        `answer`: None where none was given; `could_go_on`: whether another round was left.
        """
        ended = gave_up or answer is not None
        correct = ended and self.is_correct(answer)
        found = score(answer or "", self.question.answers)
        measured = {
            "correct": float(correct),
            "em": found.em,
            "contains": found.contains,
            "f1": found.f1,
            "answered": float(answer is not None),
            "gave_up": float(gave_up),
            "answerable": float(self.question.answerable),
            "rounds": float(self.played),
        }
        return measured if self.sufficient is None else measured | self._rates(ended, correct, could_go_on)

    def _rates(self, ended: bool, correct: bool, could_go_on: bool) -> dict[str, float]:
        """How it went wrong, each 0 or 1, or a number of rounds: known where sufficiency is."""
        first = self.played if self.first_sufficient is None else self.first_sufficient
        early = ended and could_go_on and self.question.answerable
        return {
            "sufficient": float(bool(self.sufficient)),
            "over_search": float(self.played - first),
            "premature_stop": float(early and not self.sufficient),
            "lucky_guess": float(correct and self.question.answerable and not self.sufficient),
            "misread": float(ended and not correct and bool(self.sufficient)),
        }

    def _search(self, query: str) -> list[Passage]:
        if not self.drop_seen:
            return search(self.retriever, query, self.k)
        candidates = search(self.retriever, query, self.k + len(self.found))
        return [passage for passage in candidates if passage.id not in self.found][: self.k]

    def _judge(self) -> None:
        proof = self.question.proof
        if proof is None or not self.question.answerable:
            self.sufficient = None if proof is None else False
        elif not self.sufficient:
            self.sufficient = proof.holds(self.found.values())
        if self.sufficient and self.first_sufficient is None:
            self.first_sufficient = self.played


def proven(passages: Sequence[Passage]) -> list[list[list[str]]]:
    """The triples of passages as plain data: per passage, [subject, relation, object] each."""
    return [[list(triple) for triple in passage.triples] for passage in passages]
