"""Pools: a passage that answers a query, among passages about the same thing and passages of the same kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sparring.envs.code.split_rng import Split, SplitRng
from sparring.envs.retrieval.types import Passage, Pool
from sparring.envs.retrieval.worlds.asking import Questioner
from sparring.envs.retrieval.worlds.shapes import CHAINS

SMALLEST = 2


class Pooler:
    """Makes the pools of a world."""

    def __init__(self, questioner: Questioner, passages: Sequence[Passage]) -> None:
        self.questioner, self.passages = questioner, passages
        self.by_id = {passage.id: passage for passage in passages}
        self.about: dict[str, list[Passage]] = {}
        """Passages by the things that their triples name."""
        self.kinds: dict[str, list[Passage]] = {}
        for passage in passages:
            self.kinds.setdefault(_kind(passage), []).append(passage)
            for name in dict.fromkeys(name for triple in passage.triples for name in (triple.subject, triple.object)):
                self.about.setdefault(name, []).append(passage)

    def pool(self, split: Split, number: int, size: int) -> Pool:
        """Raises ValueError for a size out of range."""
        if not SMALLEST <= size <= len(self.passages) // 2:
            raise ValueError(f"size of a pool must be {SMALLEST} to {len(self.passages) // 2}, got {size}")
        if number < 0:
            raise ValueError(f"the number of a pool must be >= 0, got {number}")
        rng = SplitRng(split, self.questioner.identity, "pool", number)
        shape = rng.one(CHAINS[1])
        asked = rng.one(rng.one(self.questioner.chains(shape, split, answerable=True)))
        subject, relation = asked.nodes[0], shape.path[0]
        gold = self.by_id[asked.supports[0]]
        candidates = [gold]
        for passage in self._distractors(subject, gold, size, rng):
            if passage not in candidates and not _tells(passage, subject, relation):
                candidates.append(passage)
            if len(candidates) == size:
                break
        query = rng.one(shape.texts).format(subject)
        return Pool(f"{split}/pool/{number}", query, tuple(rng.some(candidates, size)), (gold.id,))

    def _distractors(self, subject: str, gold: Passage, size: int, rng: SplitRng) -> Iterator[Passage]:
        """First up to half of the pool about the same things, then passages of the same kind, then any."""
        about = [*self.about[subject], *(passage for triple in gold.triples for passage in self.about[triple.object])]
        yield from rng.some(about, min(len(about), size // 2))
        same_kind = self.kinds[_kind(gold)]
        yield from rng.some(same_kind, min(len(same_kind), size))
        yield from rng.some(self.passages, len(self.passages))


def _kind(passage: Passage) -> str:
    return passage.id.partition("/")[0]


def _tells(passage: Passage, subject: str, relation: str) -> bool:
    return any(triple.subject == subject and triple.relation == relation for triple in passage.triples)
