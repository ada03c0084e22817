"""What an export takes of a store, streamed, and what it leaves out, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from sparring.exports.guards import BROKE_OFF, UNNAMED, Guard
from sparring.store.store import DamagedEpisode, Store
from sparring.types import Episode, Trajectory

Attempt = tuple[Episode, Trajectory]
NO_REWARD = "that earned no reward above 0"
MOST_NAMED = 8
"""Agents of a store that a message lists."""


class Selection:
    """The episodes of a store that match all of what is given; one is in memory at a time."""

    def __init__(
        self,
        store: Store,
        env_id: str = "",
        agent: str = "",
        group: str = "",
        limit: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """`agent` sits at any seat; of games in which nobody learnt, only its attempts are taken."""
        self.store = store
        self._query = (env_id or None, agent or None, None, group or None, limit or None)
        self._progress = progress
        self._agent, self._guard = agent, Guard(agent)

    def episodes(self) -> Iterator[Episode]:
        """Those that came to an end, with all their seats. Raises DamagedEpisode."""
        for episode in self._all():
            if episode.sound:
                yield episode
            else:
                self.leave_out(BROKE_OFF, len(episode.trajectories))

    def attempts(self) -> Iterator[Attempt]:
        """The seats that may be trained on. Raises DamagedEpisode."""
        return self._guard.choose(self._all())

    def successes(self) -> Iterator[Attempt]:
        """The seats that may be trained on and earned something. Raises DamagedEpisode."""
        for episode, trajectory in self.attempts():
            if trajectory.reward > 0:
                yield episode, trajectory
            else:
                self.leave_out(NO_REWARD)

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count trajectories that an export has no place for."""
        self._guard.left_out[reason] += count

    def in_words(self) -> str:
        """What was left out, e.g. "3 trajectories broke off"; "" where nothing was. Who can be named is listed."""
        said = self._guard.in_words()
        return f"{said}; {self._agents()}" if self._guard.left_out[UNNAMED] else said

    def without_a_match(self) -> str:
        """That the store has no such episode, with the agents that it has where one was asked for."""
        return f"no episode of the store matches{f'; {self._agents()}' if self._agent else ''}"

    def _agents(self) -> str:
        """The agents of the store, those with most seats first."""
        counts = Counter(agent for row in self.store.rows() for agent in row.agents.values())
        names = [agent for agent, _ in counts.most_common(MOST_NAMED)]
        rest = f" and {len(counts) - MOST_NAMED} more" if len(counts) > MOST_NAMED else ""
        return f"the store has {', '.join(names) or 'no agents'}{rest}"

    def _all(self) -> Iterator[Episode]:
        for row, episode in self.store.scan(*self._query):
            if isinstance(episode, DamagedEpisode):
                raise episode
            if self._progress:
                self._progress(row.position)
            yield episode
