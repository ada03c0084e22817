"""A world made of a geography: its corpus, and everything that can be asked about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property

from sparring.envs.code.split_rng import Split
from sparring.envs.retrieval.types import Conversation, Passage, Pool, Question
from sparring.envs.retrieval.worlds.asking import Questioner
from sparring.envs.retrieval.worlds.conversing import Converser
from sparring.envs.retrieval.worlds.geography import Geography, write_passages
from sparring.envs.retrieval.worlds.pooling import Pooler
from sparring.envs.retrieval.worlds.withholding import choose_withheld


class GeographicWorld:
    """A world of airports, cities, countries and currencies.

    `identity`: what its questions are drawn from; `licence`: of the facts; `added`: passages that prove nothing.
    """

    def __init__(
        self, name: str, identity: str, geography: Geography, licence: str, added: Iterable[Passage] = ()
    ) -> None:
        self.name, self.identity, self.licence = name, identity, licence
        self.geography = geography
        every = list(write_passages(geography))
        kept_out = choose_withheld(identity, geography, every)
        self.withheld: Sequence[Passage] = tuple(passage for passage in every if passage.id in kept_out)
        """What the corpus does not hold, so that some questions have no answer in it."""
        self.passages: Sequence[Passage] = (*(p for p in every if p.id not in kept_out), *added)

    @cached_property
    def questioner(self) -> Questioner:
        """What makes the questions."""
        return Questioner(self.identity, self.geography, self.passages, self.withheld)

    def question(self, split: Split, number: int) -> Question:
        return self.questioner.question(split, number)

    @cached_property
    def _converser(self) -> Converser:
        return Converser(self.questioner)

    def conversation(self, split: Split, number: int) -> Conversation:
        return self._converser.conversation(split, number)

    @cached_property
    def _pooler(self) -> Pooler:
        return Pooler(self.questioner, self.passages)

    def pool(self, split: Split, number: int, size: int) -> Pool:
        return self._pooler.pool(split, number, size)


def corpus_sha256(passages: Iterable[Passage]) -> str:
    """SHA-256 over ids, titles, texts and triples, in their order: equal for equal corpora, on every machine."""
    digest = hashlib.sha256()
    for passage in passages:
        row = (passage.id, passage.title, passage.text, passage.triples)
        digest.update(json.dumps(row, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()
