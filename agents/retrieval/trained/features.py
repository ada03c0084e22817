"""What a small critic counts: how the question's words and names lead from passage to passage.

Words that are frequent in the questions and titles of the practice are the vocabulary: they name relations and kinds of
passages ("capital", "Economy of"), where rare words are names. Everything else is counted without knowing the words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.agents.retrieval.critic import Case, Read

WORD = re.compile(r"\w+")
FREQUENT = (
    "a an and are as at be been by did do does for from had has have how in into is it its of on or than that the then "
    "there these they this to was were what when where which who whom whose why will with"
)
STOPWORDS = frozenset(FREQUENT.split())
MOST_CHARACTERS = 20_000
"""Of a text that is looked at: longer ones are cut, so that a verdict takes no longer."""
COUNTS = (
    "round",
    "passages",
    "new passages",
    "question words",
    "question words covered",
    "share covered",
    "share covered by the last search",
    "most covered by one passage",
    "query like the question",
    "query asked before",
    "query covered",
    "depth",
    "linked passages",
    "unlinked passages",
    "deepest is new",
    "names not looked up",
    "answer found",
    "answer in question",
    "answer words",
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that are counted by name, in the order of their columns."""

    question: tuple[str, ...]
    titles: tuple[str, ...]

    @classmethod
    def of(cls, practice: Iterable[Case], most: int = 40) -> Vocabulary:
        """The most frequent words of questions and of titles."""
        in_questions: Counter[str] = Counter()
        in_titles: Counter[str] = Counter()
        for case in practice:
            in_questions.update(set(words(case.question)))
            in_titles.update({word for passage in passages_of(case) for word in words(passage.title)})
        return cls(_frequent(in_questions, most), _frequent(in_titles, most))

    @property
    def names(self) -> tuple[str, ...]:
        """What each column counts."""
        kinds = [*(f"title has {word}" for word in self.titles), *(f"deepest title has {word}" for word in self.titles)]
        return (*COUNTS, *(f"question has {word}" for word in self.question), *kinds)

    def features(self, case: Case) -> NDArray[np.float64]:
        """Counts, in the order of `names`. [F]"""
        titles, links = Counter[str](), _links(case)
        for passage in passages_of(case):
            titles.update(set(words(passage.title)))
        asked = set(words(case.question))
        deepest = set(words(links.deepest.title)) if links.deepest else set()
        return np.array(
            [
                *_counts(case, links),
                *(float(word in asked) for word in self.question),
                *(float(titles[word]) for word in self.titles),
                *(float(word in deepest) for word in self.titles),
            ]
        )


def passages_of(case: Case) -> list[Read]:
    """All that was found, in order."""
    return [passage for one in case.rounds for passage in one.passages]


def words(text: str) -> list[str]:
    """Lower-case words without the most frequent of English."""
    return [word for word in WORD.findall(text[:MOST_CHARACTERS].lower()) if word not in STOPWORDS]


def _frequent(counts: Counter[str], most: int) -> tuple[str, ...]:
    """Words in at least a hundredth of all places, ties in the order of the alphabet."""
    enough = max(2.0, 0.01 * counts.total() / 10)
    ranked = sorted(((-count, word) for word, count in counts.items() if count >= enough))
    return tuple(word for _, word in ranked[:most])


@dataclass(frozen=True, slots=True)
class _Links:
    """How passages hang together.

    A passage whose title's name was mentioned elsewhere lies one deeper than where it was mentioned; the question is 0.
    """

    depth: int
    linked: int
    unlinked: int
    deepest: Read | None
    deepest_is_new: bool
    open_names: int
    """Capitalised names in linked passages that no title has."""


def _links(case: Case) -> _Links:
    passages = list(dict.fromkeys(passages_of(case)))
    new = set(case.rounds[-1].passages) if case.rounds else set()
    depths: dict[Read, int] = {}
    frontier = [case.question[:MOST_CHARACTERS].lower()]
    for depth in range(1, len(passages) + 1):
        reached = [p for p in passages if p not in depths and any(_mentions(text, p.title) for text in frontier)]
        if not reached:
            break
        depths |= dict.fromkeys(reached, depth)
        frontier = [p.text[:MOST_CHARACTERS].lower() for p in reached]
    deepest = max(depths, key=lambda p: depths[p], default=None)
    known = " ".join([case.question, *(p.title for p in passages)]).lower()
    named = {name for p in depths for name in _names(p.text) if name.lower() not in known}
    return _Links(
        max(depths.values(), default=0),
        len(depths),
        len(passages) - len(depths),
        deepest,
        deepest in new,
        len(named),
    )


def _mentions(text: str, title: str) -> bool:
    """Whether a text in lower case names what a title is about: the title, or what follows its last "of"."""
    name = title[:200].lower()
    return bool(name) and (name in text or name.rpartition(" of ")[2] in text)


def _names(text: str) -> list[str]:
    """Runs of capitalised words that do not begin a sentence."""
    return re.findall(r"(?<=[a-z,] )[A-Z]\w+(?: [A-Z]\w+)*", text[:MOST_CHARACTERS])


def _counts(case: Case, links: _Links) -> Sequence[float]:
    asked = set(words(case.question))
    last = case.rounds[-1] if case.rounds else None
    queries = [one.query for one in case.rounds]
    bags = [set(words(f"{passage.title} {passage.text}")) for passage in passages_of(case)]
    new = [set(words(f"{passage.title} {passage.text}")) for passage in last.passages] if last else []
    covered = asked & set().union(*bags)
    query = set(words(last.query)) if last else set()
    answer = set(words(case.answer))
    return (
        len(case.rounds),
        len(bags),
        len(new),
        len(asked),
        len(covered),
        _share(covered, asked),
        _share(asked & set().union(*new), asked),
        max((_share(asked & bag, asked) for bag in bags), default=0.0),
        _share(query & asked, query | asked),
        float(bool(queries) and queries[-1] in queries[:-1]),
        max((_share(query & bag, query) for bag in new), default=0.0),
        links.depth,
        links.linked,
        links.unlinked,
        float(links.deepest_is_new),
        links.open_names,
        max((_share(answer & bag, answer) for bag in bags), default=0.0),
        _share(answer & asked, answer),
        len(answer),
    )


def _share(part: set[str], whole: set[str]) -> float:
    return len(part) / len(whole) if whole else 0.0
