"""What every row of an export has: where it comes from, and text that other programs can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from sparring.content import canonical_json
from sparring.types import Episode, Trajectory

Row = Mapping[str, object]
"""Plain data, its columns in a fixed order; the first one is `kind`."""


def to_line(row: Row) -> str:
    """One line of JSON, of ASCII characters only: equal rows are equal bytes."""
    return json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n"


def columns_of(kind: str, relation: str, episode: Episode, **sources: tuple[Episode, Trajectory]) -> dict[str, object]:
    """The columns that say where a row comes from.

    `relation`: how its sources belong together; `sources`: the trajectories, by the part that each has in the row.
    """
    return {
        "kind": kind,
        "relation": relation,
        "env_id": episode.env_id,
        "env_kwargs": canonical_json(dict(episode.env_kwargs)),
        "task": episode.task if episode.task is not None else str(episode.seed),
        "seed": episode.seed,
        "sources": [_source(role, *source) for role, source in sources.items()],
    }


def _source(role: str, episode: Episode, trajectory: Trajectory) -> dict[str, object]:
    policy = next((call.policy for turn in reversed(trajectory.turns) for call in turn.calls[-1:]), None)
    return {
        "role": role,
        "trajectory_id": trajectory.id,
        "seat": trajectory.seat,
        "agent": trajectory.agent,
        "sample": episode.sample,
        "reward": trajectory.reward,
        "origin": "own" if trajectory.trainable else "expert",
        "model": policy.model if policy else "",
        "weights_version": policy.weights_version if policy else "",
        "parents": [{"relation": relation, "trajectory_id": parent} for relation, parent in trajectory.parents],
    }


def masked(token_ids: Sequence[int], kept: Iterable[range]) -> list[int]:
    """[len(token_ids)]: 1 within the ranges, else 0."""
    mask = [0] * len(token_ids)
    for places in kept:
        for place in places:
            mask[place] = 1
    return mask
