"""What retrieval is made of, from the passage to the world.

    World ─► passages ─► Retriever ─► hits per round ─► Proof: do the passages found so far suffice?
          └► Question, Conversation, Pool (what the three kinds of episodes ask)

A passage says what it proves, as triples. Whether an answer can be derived from the passages that were found is
therefore known exactly, at no cost: this is what a critic is trained for (SIM-RAG, arXiv 2505.02811, has the answer's
exact match instead).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

from sparring.envs.code.split_rng import Split
from sparring.faults import ServerFailed

Kind = Literal["chain", "comparison", "intersection", "unanswerable", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Strength = Literal["derivation", "supports", "mention"]
"""How a proof knows: it derives the answer from triples; all supporting passages are there; the answer is mentioned."""


class Triple(NamedTuple):
    """A fact: ("Tarn", "capital of", "Ostrel")."""

    subject: str
    relation: str
    object: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A document as it is indexed and shown."""

    id: str
    """Unique in its corpus."""
    title: str
    text: str
    triples: tuple[Triple, ...] = ()
    """What it proves; empty where that is not known."""

    @property
    def contents(self) -> str:
        """What is indexed: title and text, in the layout of Search-R1 and FlashRAG."""
        return f"{self.title}\n{self.text}"


class Hit(NamedTuple):
    """A passage that was found, with its score (> 0, higher is better; comparable within one query only)."""

    passage: Passage
    score: float


class Proof(Protocol):
    """Decides whether passages suffice for an answer."""

    @property
    def strength(self) -> Strength:
        """How it knows."""
        ...

    def holds(self, passages: Iterable[Passage]) -> bool:
        """Whether the answer follows from these passages. More passages never make it false."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer, and what proves it."""

    id: str
    text: str
    answers: tuple[str, ...]
    """The answer and its other spellings; empty for a question that the corpus cannot answer: giving up is right."""
    kind: Kind
    hops: int
    """Facts in the longest chain of its derivation, >= 1."""
    proof: Proof | None
    """None where nothing is known about what the answer needs."""
    supports: tuple[str, ...] = ()
    """Ids of passages that prove it together, in the order in which a searcher needs them; () where not known."""
    queries: tuple[str, ...] = ()
    """A good query for each support, as a searcher writes it who has read the supports before; () where not known.

    Of an unanswerable question: for each fact that it needs, the missing one included, after which giving up is right.
    """

    @property
    def answerable(self) -> bool:
        """Whether the corpus holds the answer."""
        return bool(self.answers)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question of a conversation, as it was asked and as it would be asked alone."""

    asked: str
    """With pronouns and left-out words."""
    rewrite: str
    """The same, understandable without what came before; "" where nobody wrote it."""
    answer: str
    gold: tuple[str, ...]
    """Ids of the passages that hold the answer."""
    switches_topic: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions and answers, in order; the last one is to be rewritten."""

    id: str
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates to rank for a query."""

    id: str
    query: str
    candidates: tuple[Passage, ...]
    """>= 2, in random order."""
    gold: tuple[str, ...]
    """Ids of the candidates that answer the query, >= 1."""


class World(Protocol):
    """A corpus and what can be asked about it.

    Equal arguments give equal worlds, questions included, on every machine.
    """

    @property
    def name(self) -> str:
        """As `world=` names it, options included."""
        ...

    @property
    def passages(self) -> Sequence[Passage]:
        """All of the corpus, in an order that never changes."""
        ...

    def question(self, split: Split, number: int) -> Question:
        """The question of a number, any integer >= 0. No question of one split occurs in the other.

        Raises ValueError where the world has none.
        """
        ...

    def conversation(self, split: Split, number: int) -> Conversation:
        """The conversation of a number. Raises ValueError where the world has none."""
        ...

    def pool(self, split: Split, number: int, size: int) -> Pool:
        """`size` candidates. Raises ValueError where the world has none."""
        ...


class Retriever(Protocol):
    """Finds passages. Requests are kept apart by their position: equal queries in one call are answered separately."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over corpus, tokeniser and index: equal fingerprints, equal answers."""
        ...

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query at most `k` hits, best first, equal scores in the order of passage ids; none with score 0.

        A query without a known word finds nothing. Raises ValueError for k < 1 and
        RetrieverFailed for a fault of a server.
        """
        ...


class RetrieverFailed(ServerFailed):
    """A retriever is not there, hangs, or answers garbage: a fault of the environment, never a reward."""
