"""A store as Parquet tables, for DuckDB, pandas, Spark and their like: episodes, trajectories and turns.

    episodes.parquet        one row an episode
    trajectories.parquet    one row a seat of an episode
    turns.parquet           one row an action

Rows of one episode share `episode`; a seat of it also `seat`. Every page carries a checksum. Tokens, log-probabilities
and hidden data are left out: these are for trainers (`sparring data`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.content import canonical_json
from sparring.faults import make_folder
from sparring.files import build_folder
from sparring.registry import require
from sparring.samples import generated_tokens
from sparring.store.rows import DamagedEpisode
from sparring.store.store import Store
from sparring.types import Episode, Trajectory, Turn

if TYPE_CHECKING:
    import pyarrow

GROUP_ROWS = 4096
"""Rows that are held in memory, and lie together in the file."""
TEXT, NUMBER, WHOLE, BOOL = "string", "float64", "int64", "bool"
TABLES: Mapping[str, Mapping[str, str]] = {
    "episodes": {
        "position": WHOLE, "episode": TEXT, "env": TEXT, "env_version": TEXT, "env_kwargs": TEXT, "seed": TEXT,
        "sample": WHOLE, "task": TEXT, "group": TEXT, "status": TEXT, "fault": TEXT, "error": TEXT, "hash": TEXT,
        "turns": WHOLE,
    },
    "trajectories": {
        "episode": TEXT, "seat": TEXT, "trajectory": TEXT, "agent": TEXT, "trainable": BOOL, "reward": NUMBER,
        "reward_parts": TEXT, "metrics": TEXT, "stop_reason": TEXT, "turns": WHOLE, "illegal": WHOLE,
        "generated_tokens": WHOLE, "last_observation": TEXT,
    },
    "turns": {
        "episode": TEXT, "turn": WHOLE, "seat": TEXT, "agent": TEXT, "observation": TEXT, "action": TEXT, "legal": BOOL,
        "reward": NUMBER, "calls": WHOLE, "generated_tokens": WHOLE, "agent_seconds": NUMBER, "env_seconds": NUMBER,
    },
}  # fmt: skip
Row = Mapping[str, object]


def export_parquet(store: Store, folder: Path, progress: Callable[[int, int], None] | None = None) -> dict[str, int]:
    """Write the tables into a new folder, whole or not at all; returns how many rows each has.

    Raises FileExistsError, DamagedEpisode, MissingExtra, OSError.
    """
    require("pyarrow", "parquet")
    if folder.exists():
        raise FileExistsError(f"{folder} exists already: name a new folder")
    make_folder(folder.parent)
    counts = dict.fromkeys(TABLES, 0)
    build_folder(folder, lambda draft: _write(store, draft, counts, progress))
    return counts


def _write(store: Store, draft: Path, counts: dict[str, int], progress: Callable[[int, int], None] | None) -> None:
    draft.mkdir()
    with ExitStack() as opened:
        tables = {name: opened.enter_context(Table(draft / f"{name}.parquet", _schema(name))) for name in TABLES}
        for row, episode in store.scan():
            if isinstance(episode, DamagedEpisode):
                raise episode
            for name, rows in _rows(row.position, episode).items():
                counts[name] += tables[name].add(rows)
            if progress:
                progress(row.position, store.count)


class Table:
    """A Parquet file that is written as rows come. Use as a context manager."""

    def __init__(self, file: Path, schema: pyarrow.Schema) -> None:
        from pyarrow import parquet

        self._schema = schema
        self._writer = parquet.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True)
        self._rows: list[Row] = []

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *error: object) -> None:
        self.flush()
        self._writer.close()

    def add(self, rows: Iterable[Row]) -> int:
        """Write rows; returns how many."""
        before = len(self._rows)
        self._rows.extend(rows)
        count = len(self._rows) - before
        if len(self._rows) >= GROUP_ROWS:
            self.flush()
        return count

    def flush(self) -> None:
        """Write what is held in memory."""
        import pyarrow

        if self._rows:
            self._writer.write_table(pyarrow.Table.from_pylist(self._rows, self._schema))
            self._rows = []


def _schema(table: str) -> pyarrow.Schema:
    import pyarrow

    return pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in TABLES[table].items()])


def _rows(position: int, episode: Episode) -> dict[str, Iterable[Row]]:
    agents = {seat: trajectory.agent for seat, trajectory in episode.trajectories.items()}
    return {
        "episodes": [_episode_row(position, episode)],
        "trajectories": [_trajectory_row(episode.id, one) for one in episode.trajectories.values()],
        "turns": [_turn_row(episode.id, seat, agents[seat], turn) for seat, turn in episode.turns],
    }


def _episode_row(position: int, episode: Episode) -> Row:
    return {
        "position": position,
        "episode": _text(episode.id),
        "env": _text(episode.env_id),
        "env_version": _text(episode.env_version),
        "env_kwargs": canonical_json(episode.env_kwargs),
        "seed": str(episode.seed),
        "sample": episode.sample,
        "task": _text(episode.task),
        "group": _text(episode.group),
        "status": episode.status,
        "fault": episode.fault,
        "error": _text(episode.error),
        "hash": episode.hash,
        "turns": len(episode.turns),
    }


def _trajectory_row(episode: str, trajectory: Trajectory) -> Row:
    return {
        "episode": _text(episode),
        "seat": _text(trajectory.seat),
        "trajectory": _text(trajectory.id),
        "agent": _text(trajectory.agent),
        "trainable": trajectory.trainable,
        "reward": trajectory.reward,
        "reward_parts": canonical_json(trajectory.reward_parts),
        "metrics": canonical_json(trajectory.metrics),
        "stop_reason": _text(trajectory.stop_reason),
        "turns": len(trajectory.turns),
        "illegal": sum(not turn.legal for turn in trajectory.turns),
        "generated_tokens": generated_tokens(trajectory.turns),
        "last_observation": None if trajectory.last is None else _text(trajectory.last.text),
    }


def _turn_row(episode: str, seat: str, agent: str, turn: Turn) -> Row:
    return {
        "episode": _text(episode),
        "turn": turn.index,
        "seat": _text(seat),
        "agent": _text(agent),
        "observation": _text(turn.observation.text),
        "action": _text(turn.action),
        "legal": turn.legal,
        "reward": turn.reward,
        "calls": len(turn.calls),
        "generated_tokens": generated_tokens([turn]),
        "agent_seconds": turn.agent_seconds,
        "env_seconds": turn.env_seconds,
    }


def _text(value: str | None) -> str | None:
    """What Parquet's text can hold: half a character becomes its escape."""
    return None if value is None else value.encode("utf-8", "backslashreplace").decode()
