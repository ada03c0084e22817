"""What may be trained on: never a held-out task, never an episode that broke off, never a frozen opponent.

The one place that decides it, for trainers and for exports. An export reads stores that hold everything, so a `Guard`
counts what it leaves out; a trainer that is handed a held-out task raises (`sparring.trainers.data.guards`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from sparring import registry
from sparring.plurals import number_of
from sparring.types import Episode, Trajectory

MEASURING = ("probe/", "evaluation/")
"""How the groups of episodes begin by which a run measures itself: their tasks are never trained on either."""
IMPORTED = "imported/"
"""How the ids of environments begin of which nothing but text is known: nobody has such an environment."""
BROKE_OFF, HELD_OUT, MEASURED = "broke off", "of held-out tasks", "of a run's measurements"
FROZEN, OTHERS = "of frozen opponents", "of other agents"
UNNAMED = "of games in which nobody learnt (--agent names whose to take)"


def is_held_out(episode: Episode) -> bool:
    """Whether its environment holds its task out. Raises UnknownName for an environment that is not here."""
    if episode.env_id.startswith(IMPORTED):
        return False
    return {**registry.envs.row(episode.env_id).kwargs, **episode.env_kwargs}.get("split") == "held_out"


def is_measurement(episode: Episode) -> bool:
    """Whether a run played it to measure itself."""
    return episode.group is not None and episode.group.startswith(MEASURING)


def own_trajectories(episode: Episode) -> list[Trajectory]:
    """The trajectories of a sound episode that weights which learn played."""
    return [t for t in episode.trajectories.values() if t.trainable] if episode.sound else []


class Guard:
    """Chooses the trajectories of a store that may be trained on, and counts those that may not, by reason."""

    def __init__(self, agent: str = "") -> None:
        """`agent`: whose trajectories to take of episodes in which nobody learnt; "": of those with one seat."""
        self.agent = agent
        self.left_out: Counter[str] = Counter()

    def choose(self, episodes: Iterable[Episode]) -> Iterator[tuple[Episode, Trajectory]]:
        """What is left, in order."""
        for episode in episodes:
            for trajectory in episode.trajectories.values():
                reason = self._objection(episode, trajectory)
                if reason:
                    self.left_out[reason] += 1
                else:
                    yield episode, trajectory

    def in_words(self) -> str:
        """What was left out, e.g. "3 trajectories broke off"; "" where nothing was."""
        return "; ".join(f"{number_of(n, 'trajectory')} {reason}" for reason, n in sorted(self.left_out.items()))

    def _objection(self, episode: Episode, trajectory: Trajectory) -> str:
        """Why a trajectory may not be trained on; "" where it may."""
        if not episode.sound:
            return BROKE_OFF
        if is_held_out(episode):
            return HELD_OUT
        if is_measurement(episode):
            return MEASURED
        own = own_trajectories(episode)
        if own:
            return "" if trajectory in own else FROZEN
        if self.agent:
            return "" if trajectory.agent == self.agent else OTHERS
        return UNNAMED if len(episode.trajectories) > 1 else ""
