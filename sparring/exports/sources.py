"""Where a row comes from, in columns that are the same in several formats."""

from __future__ import annotations

from sparring.content import canonical_json, readable
from sparring.types import Episode, Trajectory


def task_of(episode: Episode) -> str:
    """The name of a task; where it has none, the seed that decides it."""
    return readable(episode.task) if episode.task is not None else str(episode.seed)


def question(episode: Episode, trajectory: Trajectory) -> dict[str, object]:
    """What was asked, and of which seat. A seed may be larger than what tables hold, so it is text."""
    return {
        "env_id": readable(episode.env_id),
        "env_kwargs": canonical_json(episode.env_kwargs),
        "task": task_of(episode),
        "seed": str(episode.seed),
        "seat": readable(trajectory.seat),
    }


def attempt(episode: Episode, trajectory: Trajectory) -> dict[str, object]:
    """Who did what about it."""
    return {
        **question(episode, trajectory),
        "episode_id": readable(episode.id),
        "sample": episode.sample,
        "agent": readable(trajectory.agent),
        "reward": trajectory.reward,
    }
