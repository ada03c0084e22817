"""Proofs: whether an answer follows from the passages that were found.

The strongest kind derives the answer from the triples of the passages, so that another passage with the same facts
proves as much. Where no triples are known, a proof asks for the supporting passages, or for a mention of the answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sparring.envs.retrieval.types import Passage, Strength, Triple

BORDERS = "borders"
"""The one relation that holds both ways, and that has several objects; a passage names all of them."""
WORD = re.compile(r"\w+")


class Facts:
    """The triples of some passages, by subject and relation."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._objects: dict[tuple[str, str], list[str]] = {}
        for passage in passages:
            for subject, relation, object_ in passage.triples:
                self._objects.setdefault((subject, relation), []).append(object_)

    def objects(self, subject: str, relation: str) -> Sequence[str]:
        """What the passages say, as they say it."""
        return self._objects.get((subject, relation), ())

    def follow(self, start: str, path: Sequence[str]) -> Sequence[str]:
        """What stands at the end of a path of relations, or nothing where a step is not known."""
        ends: Sequence[str] = (start,)
        for relation in path:
            ends = [end for subject in ends for end in self.objects(subject, relation)]
        return ends

    def has_border(self, one: str, other: str) -> bool:
        """Whether one of the two countries is said to border the other."""
        return other in self.objects(one, BORDERS) or one in self.objects(other, BORDERS)


@dataclass(frozen=True, slots=True)
class Chain:
    """From a thing that the question names along relations to an end."""

    start: str
    path: tuple[str, ...]
    end: str

    def holds(self, facts: Facts) -> bool:
        """Whether the end is derived."""
        return self.end in facts.follow(self.start, self.path)


@dataclass(frozen=True, slots=True)
class Derivation:
    """The answer follows when every chain is derived: one chain, or two whose ends are compared."""

    chains: tuple[Chain, ...]

    @property
    def strength(self) -> Strength:
        return "derivation"

    def holds(self, passages: Iterable[Passage]) -> bool:
        facts = Facts(passages)
        return all(chain.holds(facts) for chain in self.chains)


@dataclass(frozen=True, slots=True)
class PinnedDown:
    """The one neighbour of a country with a property; the question says that there is exactly one.

    It is pinned down when it is known to have the property, or when every other neighbour is known to lack it.
    """

    country: str
    neighbours: tuple[str, ...]
    """All of them, in truth."""
    path: tuple[str, ...]
    value: str
    """What stands at the end of the path for the answer, and for no other neighbour."""
    answer: str

    @property
    def strength(self) -> Strength:
        return "derivation"

    def holds(self, passages: Iterable[Passage]) -> bool:
        facts = Facts(passages)
        if facts.has_border(self.country, self.answer) and self._has(facts, self.answer):
            return True
        others = [neighbour for neighbour in self.neighbours if neighbour != self.answer]
        return bool(facts.objects(self.country, BORDERS)) and all(self._lacks(facts, other) for other in others)

    def _has(self, facts: Facts, neighbour: str) -> bool:
        if self.path == (BORDERS,):
            return facts.has_border(neighbour, self.value)
        return self.value in facts.follow(neighbour, self.path)

    def _lacks(self, facts: Facts, neighbour: str) -> bool:
        ends = facts.follow(neighbour, self.path)
        return bool(ends) and self.value not in ends


@dataclass(frozen=True, slots=True)
class AllTriples:
    """The answer follows when each of these facts is in some passage: the evidences of 2WikiMultihopQA."""

    triples: tuple[Triple, ...]

    @property
    def strength(self) -> Strength:
        return "derivation"

    def holds(self, passages: Iterable[Passage]) -> bool:
        return set(self.triples) <= {triple for passage in passages for triple in passage.triples}


@dataclass(frozen=True, slots=True)
class Supports:
    """The answer follows when all of these passages are there; another passage with the same facts does not count."""

    ids: tuple[str, ...]

    @property
    def strength(self) -> Strength:
        return "supports"

    def holds(self, passages: Iterable[Passage]) -> bool:
        return set(self.ids) <= {passage.id for passage in passages}


@dataclass(frozen=True, slots=True)
class Mention:
    """A passage mentions an answer, word by word. Weak: the passage may be about something else."""

    answers: tuple[str, ...]

    @property
    def strength(self) -> Strength:
        return "mention"

    def holds(self, passages: Iterable[Passage]) -> bool:
        return any(mentions(passage.contents, self.answers) for passage in passages)


def mentions(text: str, names: Iterable[str]) -> bool:
    """Whether one of the names stands in the text as whole words; case, accents and punctuation do not matter."""
    spaced = _spaced(text)
    return any(len(wanted) > 2 and wanted in spaced for wanted in map(_spaced, names))


def _spaced(text: str) -> str:
    return f" {' '.join(WORD.findall(unaccented(text).casefold()))} "


def unaccented(text: str) -> str:
    """The text without accents: "São Paulo" becomes "Sao Paulo"."""
    if text.isascii():
        return text
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
