"""One flat table, a row a turn, in a Parquet file: for pandas, DuckDB, Polars and their like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sparring.content import canonical_json, readable
from sparring.exports.selection import Selection
from sparring.exports.sources import attempt
from sparring.exports.writing import Row
from sparring.samples import generated_tokens
from sparring.types import Episode, Trajectory, Turn

if TYPE_CHECKING:
    import pyarrow


def rows(selection: Selection) -> Iterator[Row]:
    """The turns of every episode, in the order in which they were played."""
    for episode in selection.episodes():
        for seat, turn in episode.turns:
            yield _row(episode, episode.trajectories[seat], turn)


def schema() -> pyarrow.Schema:
    """The columns."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    return pa.schema([
        *((name, text) for name in ("env_id", "env_kwargs", "task", "seed", "seat", "episode_id")),
        ("sample", pa.int64()), ("agent", text), ("reward", number), ("group", text), ("status", text),
        ("trainable", pa.bool_()), ("model", text), ("weights_version", text), ("turn", pa.int64()),
        ("observation", text), ("legal_actions", pa.list_(text)), ("action", text), ("legal", pa.bool_()),
        ("turn_reward", number), ("turn_reward_parts", text), ("calls", pa.int64()), ("generated_tokens", pa.int64()),
        ("agent_seconds", number), ("env_seconds", number),
    ])  # fmt: skip


def _row(episode: Episode, trajectory: Trajectory, turn: Turn) -> Row:
    policy = turn.calls[-1].policy if turn.calls else None
    legal = turn.observation.legal_actions
    return {
        **attempt(episode, trajectory),
        "group": None if episode.group is None else readable(episode.group),
        "status": episode.status,
        "trainable": trajectory.trainable,
        "model": readable(policy.model) if policy else None,
        "weights_version": readable(policy.weights_version) if policy else None,
        "turn": turn.index,
        "observation": readable(turn.observation.text),
        "legal_actions": None if legal is None else [readable(one) for one in legal],
        "action": readable(turn.action),
        "legal": turn.legal,
        "turn_reward": turn.reward,
        "turn_reward_parts": canonical_json(turn.reward_parts),
        "calls": len(turn.calls),
        "generated_tokens": generated_tokens([turn]),
        "agent_seconds": turn.agent_seconds,
        "env_seconds": turn.env_seconds,
    }
