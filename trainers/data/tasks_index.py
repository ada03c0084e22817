"""Which attempts of a store belong together, in as little memory as a row of the store's index: no episode is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sparring.scoreboard.attempts import is_right, last_note, question_of
from sparring.scoreboard.reflection import REVISIONS
from sparring.store.store import Store
from sparring.types import Episode, Parents, Trajectory

Found = tuple[Episode, Trajectory]


@dataclass(frozen=True, slots=True)
class Entry:
    """An attempt that may be trained on."""

    episode_id: str
    seat: str
    trajectory_id: str
    reward: float
    right: bool
    has_tokens: bool
    parents: Parents
    has_drafts: bool
    """Whether its agent noted what it had written before its last action."""


@dataclass(frozen=True, slots=True)
class Couple:
    """Two attempts at one task, of which one earned more."""

    better: Entry
    worse: Entry
    relation: str
    """best_of_task: the best attempt at the task and the worst; else what the better one is to the worse one."""


@dataclass(frozen=True, slots=True)
class Index:
    """All attempts, by task and seat, in the order of the store."""

    tasks: dict[tuple[str, ...], list[Entry]]

    @classmethod
    def of(cls, chosen: Iterable[Found]) -> Index:
        """Of the attempts that a guard left."""
        tasks: dict[tuple[str, ...], list[Entry]] = {}
        for episode, trajectory in chosen:
            tasks.setdefault((*question_of(episode), trajectory.seat), []).append(_entry(episode, trajectory))
        return cls(tasks)

    @property
    def entries(self) -> Iterator[Entry]:
        """All of them."""
        return (entry for entries in self.tasks.values() for entry in entries)

    def couples(self) -> Iterator[Couple]:
        """Of each task its best and its worst attempt, then every attempt that earned more than the one it corrects."""
        told = set()
        for entries in self.tasks.values():
            best, worst = (pick(entries, key=lambda entry: entry.reward) for pick in (max, min))
            if best.reward > worst.reward:
                told.add((best.trajectory_id, worst.trajectory_id))
                yield Couple(best, worst, dict(_corrected(best)).get(worst.trajectory_id, "best_of_task"))
        by_id = {entry.trajectory_id: entry for entry in self.entries}
        for child in self.entries:
            for parent, relation in _corrected(child):
                known, ids = by_id.get(parent), (child.trajectory_id, parent)
                if known is not None and child.reward > known.reward and ids not in told:
                    told.add(ids)
                    yield Couple(child, known, relation)


def _corrected(entry: Entry) -> Iterator[tuple[str, str]]:
    """(id, relation) of the attempts that it corrects."""
    return ((parent, relation) for relation, parent in entry.parents if relation in REVISIONS)


def load(store: Store, entry: Entry) -> Found:
    """The episode and trajectory of an entry."""
    episode = store.get(entry.episode_id)
    return episode, episode.trajectories[entry.seat]


def _entry(episode: Episode, trajectory: Trajectory) -> Entry:
    return Entry(
        episode.id,
        trajectory.seat,
        trajectory.id,
        trajectory.reward,
        is_right(episode, trajectory),
        any(call.segments for _, call in trajectory.calls),
        trajectory.parents,
        bool(last_note(trajectory).drafts),
    )
