"""What trainers do with `sparring.exports.guards`: they raise where they were set up wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sparring.exports.guards import is_held_out, own_trajectories
from sparring.types import Episode, Trajectory


def require_trainable_task(episode: Episode) -> None:
    """Raises ValueError for an episode of a held-out task."""
    if is_held_out(episode):
        raise ValueError(f"episode {episode.id} is a held-out task, which is not to be trained on")


def trained(episodes: Sequence[Episode]) -> Iterator[tuple[str, Trajectory]]:
    """(env id, trajectory) of every seat that is to be trained on; faults of environment or agent are left out."""
    for episode in episodes:
        for trajectory in own_trajectories(episode):
            yield episode.env_id, trajectory
