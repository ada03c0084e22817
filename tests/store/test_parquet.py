"""A store as Parquet tables: what is in them, and that damage in them is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sparring.agents.scripted import RandomAgent
from sparring.cli.app import main
from sparring.rollout.loop import play
from sparring.scoreboard.matches import by_name, rotated_matches
from sparring.store import parquet
from sparring.store.parquet import export_parquet
from sparring.store.store import DamagedEpisode, Store
from sparring.types import Episode

AGENTS = by_name([RandomAgent(), RandomAgent()])
EPISODES = play(rotated_matches("sparring/LeducPoker-v0", list(AGENTS), 30, 0), AGENTS)
ODD = replace(EPISODES[0], id="half \ud800", seed=2**70, group="g", error="\x00", trajectories={})


def stored(path: Path, episodes: list[Episode]) -> Path:
    with Store(path, "a") as store:
        store.append(episodes)
    return path


def rows(folder: Path, table: str) -> list[dict[str, object]]:
    return pq.read_table(folder / f"{table}.parquet", page_checksum_verification=True).to_pylist()


def test_the_tables_hold_what_the_episodes_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 7)
    with Store(stored(tmp_path / "s", EPISODES)) as store:
        counts = export_parquet(store, tmp_path / "tables")
        hashes = [row.hash for row in store.rows()]
    episodes, seats, turns = (rows(tmp_path / "tables", name) for name in ("episodes", "trajectories", "turns"))
    assert counts == {"episodes": len(episodes), "trajectories": len(seats), "turns": len(turns)}
    assert [row["hash"] for row in episodes] == hashes
    assert [row["position"] for row in episodes] == list(range(1, 31))
    assert [(row["episode"], row["seat"], row["reward"]) for row in seats] == [
        (one.id, seat, trajectory.reward) for one in EPISODES for seat, trajectory in one.trajectories.items()
    ]
    assert [(row["episode"], row["turn"], row["seat"], row["action"], row["observation"]) for row in turns] == [
        (one.id, turn.index, seat, turn.action, turn.observation.text) for one in EPISODES for seat, turn in one.turns
    ]
    assert pq.ParquetFile(tmp_path / "tables" / "turns.parquet").num_row_groups > 3


def test_what_is_odd_is_written_too(tmp_path: Path) -> None:
    with Store(stored(tmp_path / "s", [ODD])) as store:
        export_parquet(store, tmp_path / "tables")
    (row,) = rows(tmp_path / "tables", "episodes")
    assert (row["episode"], row["seed"], row["error"], row["turns"]) == ("half \\ud800", str(2**70), "\x00", 0)
    assert rows(tmp_path / "tables", "turns") == []


def test_a_flipped_bit_in_a_page_is_noticed(tmp_path: Path) -> None:
    with Store(stored(tmp_path / "s", EPISODES)) as store:
        export_parquet(store, tmp_path / "tables")
    file = tmp_path / "tables" / "turns.parquet"
    column = pq.ParquetFile(file).metadata.row_group(0).column(4)
    data = bytearray(file.read_bytes())
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(OSError, match="CRC checksum verification failed"):
        rows(tmp_path / "tables", "turns")


def test_a_damaged_episode_leaves_no_table(tmp_path: Path) -> None:
    path = stored(tmp_path / "s", EPISODES)
    (segment,) = (path / "segments").iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    with Store(path) as store, pytest.raises(DamagedEpisode):
        export_parquet(store, tmp_path / "tables")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["s"]


def test_the_command_names_the_rows_and_refuses_a_folder_that_exists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["store", "export-parquet", str(stored(tmp_path / "s", EPISODES)), "-o", str(tmp_path / "tables")]
    assert main(words) == 0
    assert "rows: episodes 30, trajectories 60, turns " in capsys.readouterr().out
    assert main(words) == 2
    assert "tables exists already: name a new folder" in capsys.readouterr().err
