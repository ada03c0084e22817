"""What an export takes of a store, streamed, and what it leaves out, counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sparring.exports.guards import BROKE_OFF, Guard
from sparring.store.store import DamagedEpisode, Store
from sparring.types import Episode, Trajectory

Attempt = tuple[Episode, Trajectory]
NO_REWARD = "that earned no reward above 0"


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
        self._guard = Guard(agent)

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
        """What was left out, e.g. "3 trajectories broke off"; "" where nothing was."""
        return self._guard.in_words()

    def _all(self) -> Iterator[Episode]:
        for row, episode in self.store.scan(*self._query):
            if isinstance(episode, DamagedEpisode):
                raise episode
            if self._progress:
                self._progress(row.position)
            yield episode
