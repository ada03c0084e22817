"""Pairs for TRL's DPOTrainer: of each task and seat the best and the worst attempt, where both were asked the same.

The answers are the first ones in which the two differ; what came after is no part of the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sparring.exports.chats import message, messages_of
from sparring.exports.decisions import first_difference
from sparring.exports.selection import Attempt, Selection
from sparring.exports.sources import question
from sparring.exports.writing import Row

NO_PAIR = "of tasks in which no two attempts with different rewards were asked the same"


@dataclass(frozen=True, slots=True)
class _Entry:
    """An attempt, in as little memory as a row of the index."""

    reward: float
    episode_id: str
    seat: str

    def load(self, selection: Selection) -> Attempt:
        episode = selection.store.get(self.episode_id)
        return episode, episode.trajectories[self.seat]


def rows(selection: Selection) -> Iterator[Row]:
    """A pair for each task and seat that has one; attempts at the others are counted."""
    tasks: dict[tuple[object, ...], tuple[_Entry, _Entry, int]] = {}
    for episode, trajectory in selection.attempts():
        entry = _Entry(trajectory.reward, episode.id, trajectory.seat)
        key = tuple(question(episode, trajectory).values())
        best, worst, count = tasks.get(key, (entry, entry, 0))
        best = max(best, entry, key=lambda one: one.reward)
        worst = min(worst, entry, key=lambda one: one.reward)
        tasks[key] = (best, worst, count + 1)
    for best, worst, count in tasks.values():
        row = _pair(best, worst, selection) if best.reward > worst.reward else None
        if row is None:
            selection.leave_out(NO_PAIR, count)
        else:
            yield row


def _pair(best: _Entry, worst: _Entry, selection: Selection) -> Row | None:
    better, worse = best.load(selection), worst.load(selection)
    found = first_difference(better[1], worse[1])
    if found is None:
        return None
    chosen, rejected = found
    return {
        "prompt": messages_of(rejected.prompt),
        "chosen": [message("assistant", chosen.answer)],
        "rejected": [message("assistant", rejected.answer)],
        **question(*better),
        "chosen_reward": best.reward,
        "rejected_reward": worst.reward,
    }
