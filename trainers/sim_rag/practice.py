"""Self-practice as decision points: what was known after every round of a search, and whether it sufficed.

As in SIM-RAG (arXiv 2505.02811), every search is played to its end and all its beginnings are examples. Three labels
stand side by side: exact sufficiency, which needs no reader; the exact match of the answer that the reader had then
(SIM-RAG's label); and whether that answer contains the right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np

from sparring.agents.retrieval.critic import Case, Read, Round
from sparring.answers.search_actions import Style, parse
from sparring.envs.retrieval.scoring import score
from sparring.scoreboard.verdicts import Bools, Paths
from sparring.types import Episode, Trajectory, Turn

Label = Literal["exact", "em", "contains"]


@dataclass(frozen=True, slots=True)
class Point:
    """A decision point: stop here, or search again?"""

    case: Case
    exact: bool
    em: bool
    contains: bool
    verdict: float | None = None
    """The probability that the reader itself gave to its answer, where it was asked."""

    def label(self, name: Label) -> bool:
        """One of the three."""
        return bool(getattr(self, name))


@dataclass(frozen=True, slots=True)
class Search:
    """One question, searched for to the end."""

    question: str
    """Its id."""
    kind: str
    hops: int
    answerable: bool
    points: tuple[Point, ...]
    """After 0, 1, 2, ... rounds."""

    @property
    def group(self) -> str:
        """Kind and hops, as tables name it."""
        return f"{self.kind}, {self.hops} {'hop' if self.hops == 1 else 'hops'}" if self.kind == "chain" else self.kind


def searches_of(episodes: Iterable[Episode], rounds: int, has_reader: bool) -> list[Search]:
    """The searches of sound episodes that went to the end: `rounds` rounds, and so many points and one more.

    Without a reader an answer is right exactly where what was found suffices.
    """
    sound = [episode for episode in episodes if episode.sound]
    found = [_search(trajectory, has_reader) for episode in sound for trajectory in episode.trajectories.values()]
    return [one for one in found if one is not None and len(one.points) == rounds + 1]


def _search(trajectory: Trajectory, has_reader: bool) -> Search | None:
    """Of one trajectory; None where the environment does not know what suffices."""
    turns = trajectory.turns
    if not turns or "sufficient" not in turns[0].hidden:
        return None
    known = turns[0].hidden
    answers = tuple(str(answer) for answer in known["answers"])
    points = tuple(_point(turn, case, answers, has_reader) for turn, case in zip(turns, _cases(turns), strict=True))
    return Search(str(known["question"]), str(known["kind"]), int(known["hops"]), bool(answers), points)


def _cases(turns: Sequence[Turn]) -> Iterator[Case]:
    """What was known at each turn; what a malformed action cost is a round that found nothing."""
    said = turns[0].observation.info
    style, rounds = cast("Style", said["style"]), list[Round]()
    for before, turn in zip([None, *turns], turns, strict=False):
        if before is not None:
            rounds.append(Round(parse(style, before.action).text, _shown(turn.observation.info)))
        notes = turn.notes
        yield Case(str(said["question"]), tuple(rounds), str(notes.get("answer", "")), str(notes.get("rationale", "")))


def _shown(info: Mapping[str, Any]) -> tuple[Read, ...]:
    return tuple(Read(str(one["title"]), str(one["text"])) for one in info.get("passages", ()))


def _point(turn: Turn, case: Case, answers: tuple[str, ...], has_reader: bool) -> Point:
    exact = bool(turn.hidden["sufficient"])
    if not has_reader:
        return Point(case, exact, exact, exact)
    found, verdict = score(case.answer, answers), turn.notes.get("verdict")
    return Point(case, exact, bool(found.em), bool(found.contains), None if verdict is None else float(verdict))


def paths_of(searches: Sequence[Search], right: Label) -> Paths:
    """Searches as arrays; `right`: which label says that an answer is right."""
    return Paths(
        labels_of(searches, "exact"), labels_of(searches, right), np.array([one.answerable for one in searches])
    )


def labels_of(searches: Sequence[Search], label: Label) -> Bools:
    """[Q, R]"""
    return np.array([[point.label(label) for point in one.points] for one in searches])


def cases_of(searches: Sequence[Search]) -> list[Case]:
    """Of all points, in the order of `labels_of(...).ravel()`."""
    return [point.case for one in searches for point in one.points]


def without_answers(search: Search) -> Search:
    """The same with the answers left out of the cases: what a critic sees that judges passages alone."""
    points = tuple(replace(one, case=Case(one.case.question, one.case.rounds, "", "")) for one in search.points)
    return replace(search, points=points)
