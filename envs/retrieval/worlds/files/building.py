"""What a loader collects on its way through the rows: passages, questions, conversations, rankings."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sparring.envs.code.split_rng import SPLITS, Split, SplitRng, split_of
from sparring.envs.retrieval.types import Conversation, Passage, Pool, Question, Triple
from sparring.envs.retrieval.worlds.files.rows import BadFile, Row
from sparring.plurals import number_of

logger = logging.getLogger(__name__)
LICENCE = "that of the files"
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Ranking:
    """A query, the passages that answer it, and passages that are hard to tell from them."""

    id: str
    query: str
    gold: tuple[str, ...]
    hard: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A file of questions; without a split of its own, each question's text decides."""

    file: Path
    split: Split | None

    def split_of(self, text: str) -> Split:
        """The split of a question: about half of all belong to each, equal questions to one."""
        return self.split or split_of(" ".join(text.split()))


def sources_of(world: str, file: str | None, train: str | None, held_out: str | None) -> list[Source]:
    """The files that the options name. Raises ValueError where there is none, or one too many."""
    named: list[tuple[str | None, Split | None]] = [(file, None), (train, "train"), (held_out, "held_out")]
    sources = [Source(Path(path), split) for path, split in named if path]
    if not sources or (file and len(sources) > 1):
        raise ValueError(
            f"the world {world!r} needs file=PATH, whose questions it halves, or train=PATH and held_out=PATH"
        )
    return sources


class Corpus:
    """Passages by title. The same title and text is one passage; the same title with another text is another one."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], str] = {}
        self._times: dict[str, int] = {}
        self._triples: dict[str, dict[Triple, None]] = {}

    def add(self, title: str, text: str) -> str:
        """The id of the passage."""
        if (title, text) not in self._ids:
            times = self._times[title] = self._times.get(title, 0) + 1
            self._ids[title, text] = title if times == 1 else f"{title} #{times}"
        return self._ids[title, text]

    def prove(self, id_: str, triple: Triple) -> None:
        """Note that a passage proves a fact."""
        self._triples.setdefault(id_, {})[triple] = None

    def passages(self, without: Iterable[str] = ()) -> list[Passage]:
        """All of them, in the order in which they were added."""
        left_out = set(without)
        return [
            Passage(id_, title, text, tuple(self._triples.get(id_, ())))
            for (title, text), id_ in self._ids.items()
            if id_ not in left_out
        ]


class Ids:
    """Names of rows, each of them once."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def new(self, row: Row, id_: str) -> str:
        """Raises BadFile where a row before had the same."""
        if id_ in self._places:
            raise BadFile(f"{row.place}: the id {id_!r:.80} is that of {self._places[id_]} too")
        self._places[id_] = row.place
        return id_


@dataclass(slots=True)
class Collected:
    """Everything of a world, by split."""

    questions: dict[Split, list[Question]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    conversations: dict[Split, list[Conversation]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    rankings: dict[Split, list[Ranking]] = field(default_factory=lambda: {split: [] for split in SPLITS})

    def add(self, source: Source, question: Question, hard: Iterable[str] = ()) -> None:
        """Add a question, and the ranking that asks it."""
        split = source.split_of(question.text)
        self.questions[split].append(question)
        if question.supports:
            others = tuple(id_ for id_ in dict.fromkeys(hard) if id_ not in question.supports)
            self.rankings[split].append(Ranking(question.id, question.text, question.supports, others))

    def parted(self) -> Collected:
        """Without the training questions that are asked in the held-out split too."""
        held_out = {_folded(question.text) for question in self.questions["held_out"]}
        queries = {_folded(ranking.query) for ranking in self.rankings["held_out"]}
        train = [question for question in self.questions["train"] if _folded(question.text) not in held_out]
        rankings = [ranking for ranking in self.rankings["train"] if _folded(ranking.query) not in queries]
        return Collected(
            {"train": train, "held_out": self.questions["held_out"]},
            self.conversations,
            {"train": rankings, "held_out": self.rankings["held_out"]},
        )

    def notes(self) -> Iterator[str]:
        """Whether passages that training questions rest on are those of held-out questions too.

        One corpus for both splits is usual in these files, and no question is in both. But whoever learns a training
        passage by heart may answer a held-out question without a search.
        """
        known = {id_ for question in self.questions["train"] for id_ in question.supports}
        held_out = self.questions["held_out"]
        shared = sum(not known.isdisjoint(question.supports) for question in held_out)
        if shared:
            yield (
                f"{shared} of {number_of(len(held_out), 'held-out question')} rest on passages that training questions "
                "rest on too; no question is in both splits"
            )


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


class FileWorld:
    """A world out of files. Numbers beyond the last question begin again with the first."""

    licence = LICENCE

    def __init__(self, name: str, passages: Sequence[Passage], collected: Collected) -> None:
        if not passages:
            raise ValueError(f"the world {name!r} has no passages")
        self.name, self.passages = name, passages
        self.collected = collected.parted()
        self.notes = tuple(self.collected.notes())
        """What a reader of results must know of the splits; also logged when the world is loaded."""
        for line in self.notes:
            logger.info("%s: %s", name, line)
        self._by_id = {passage.id: passage for passage in passages}

    def question(self, split: Split, number: int) -> Question:
        return self._of_number(self.collected.questions, "questions", split, number)

    def conversation(self, split: Split, number: int) -> Conversation:
        return self._of_number(self.collected.conversations, "conversations", split, number)

    def pool(self, split: Split, number: int, size: int) -> Pool:
        ranking = self._of_number(self.collected.rankings, "rankings", split, number)
        if not 2 <= size <= len(self.passages):
            raise ValueError(f"size of a pool must be 2 to {len(self.passages)}, got {size}")
        rng = SplitRng(split, self.name, "pool", number, size)
        gold = ranking.gold[: size - 1]
        ids = [*gold, *rng.some(ranking.hard, min(len(ranking.hard), size - len(gold)))]
        while len(ids) < size and len(ids) < len(self._by_id) - len(ranking.gold) + len(gold):
            if (one := rng.one(self.passages).id) not in ids and one not in ranking.gold:
                ids.append(one)
        candidates = tuple(self._by_id[id_] for id_ in rng.some(ids, len(ids)))
        if len(candidates) < size:
            raise ValueError(f"size of this pool must be at most {len(candidates)}, got {size}")
        return Pool(f"{split}/pool/{number}", ranking.query, candidates, gold)

    def _of_number(self, kept: Mapping[Split, Sequence[Kept]], what: str, split: Split, number: int) -> Kept:
        if split not in SPLITS:
            raise ValueError(f"split must be 'train' or 'held_out', got {split!r}")
        if number < 0:
            raise ValueError(f"a number must be >= 0, got {number}")
        if not kept[split]:
            raise ValueError(f"the world {self.name!r} has no {what} of the split {split!r}")
        return kept[split][number % len(kept[split])]
