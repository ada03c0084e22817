"""Compaction keeps every frame and the root, whenever it is killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sparring.agents.scripted import RandomAgent
from sparring.cli.app import main
from sparring.rollout.loop import play
from sparring.scoreboard.matches import by_name, rotated_matches
from sparring.store import compaction
from sparring.store.compaction import Compacted, compact
from sparring.store.index import Index
from sparring.store.rows import DamagedStore
from sparring.store.store import Store, reindex

AGENTS = by_name([RandomAgent(), RandomAgent()])
EPISODES = play(rotated_matches("sparring/KuhnPoker-v0", list(AGENTS), 24, 0), AGENTS)


def fill(path: Path, writers: int = 6) -> None:
    """Every writer leaves a segment."""
    size = len(EPISODES) // writers
    for start in range(0, len(EPISODES), size):
        with Store(path, "a") as store:
            store.append(EPISODES[start : start + size // 2])
            store.put_columns("m", "n", {str(start): start})
            store.append(EPISODES[start + size // 2 : start + size])


def contents(path: Path) -> object:
    with Store(path) as store:
        assert store.damage() == []
        return store.root(), list(store), store.columns("m", "n")


def segments(path: Path) -> list[Path]:
    return list((path / "segments").glob("*.zst"))


def test_small_segments_become_one_and_nothing_else_changes(tmp_path: Path) -> None:
    fill(tmp_path / "s")
    before = contents(tmp_path / "s")
    assert compact(tmp_path / "s") == Compacted(6, 1)
    assert len(list((tmp_path / "s" / "segments").iterdir())) == 1
    assert contents(tmp_path / "s") == before
    assert compact(tmp_path / "s") == Compacted(1, 1)
    assert reindex(tmp_path / "s").episodes == 24
    assert contents(tmp_path / "s") == before
    with Store(tmp_path / "s", "a") as store:
        store.append(EPISODES)
        assert store.count == 24


def test_large_segments_stay_and_new_ones_do_not_grow_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "s", writers=2)
    large = {path.name for path in segments(tmp_path / "s")}
    least = min(path.stat().st_size for path in segments(tmp_path / "s"))
    monkeypatch.setattr("sparring.store.segments.ROTATE_BYTES", 2 * least)
    with Store(tmp_path / "s", "a") as store:
        store.put_columns("m", "n", {"more": 1.0})
    with Store(tmp_path / "s", "a") as store:
        store.put_columns("m", "n", {"most": 1.0})
    before = contents(tmp_path / "s")
    assert compact(tmp_path / "s") == Compacted(4, 3)
    assert large < {path.name for path in segments(tmp_path / "s")}
    assert contents(tmp_path / "s") == before
    monkeypatch.setattr("sparring.store.segments.ROTATE_BYTES", 1 << 20)
    monkeypatch.setattr(compaction, "_is_small", lambda segment: True)
    assert compact(tmp_path / "s") == Compacted(3, 1)


@pytest.mark.parametrize("moment", ["write", "rename", "move", "commit", "unlink"])
def test_a_killed_compaction_loses_nothing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    fill(tmp_path / "s")
    before = contents(tmp_path / "s")
    kill_at(monkeypatch, moment)
    with pytest.raises(KeyboardInterrupt):
        compact(tmp_path / "s")
    monkeypatch.undo()
    shutil.copytree(tmp_path / "s", tmp_path / "twin")
    assert contents(tmp_path / "s") == before  # a reader
    with Store(tmp_path / "s", "a") as store:  # a writer, who takes what the index does not know aside
        assert store.count == 24
    assert contents(tmp_path / "s") == before
    for path in (tmp_path / "s", tmp_path / "twin"):
        compact(path)
        assert contents(path) == before
        assert len(list((path / "segments").iterdir())) == 1


def kill_at(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    def stop(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    if moment == "write":
        monkeypatch.setattr(compaction.os, "fsync", stop)
    elif moment == "rename":
        monkeypatch.setattr(compaction, "fsync", stop)
    elif moment == "move":
        monkeypatch.setattr(Index, "move", stop)
    elif moment == "unlink":
        monkeypatch.setattr(Path, "unlink", stop)
    else:
        move = Index.move
        monkeypatch.setattr(Index, "move", lambda index, frames: (move(index, frames), stop()))


def test_a_reader_that_is_open_finds_episodes_at_their_new_place(tmp_path: Path) -> None:
    fill(tmp_path / "s")
    with Store(tmp_path / "s") as reader:
        walk = iter(reader)
        first = next(walk)
        compact(tmp_path / "s")
        assert [first, *walk] == EPISODES
        assert list(reader) == EPISODES


def test_what_is_damaged_is_left_as_it_is(tmp_path: Path) -> None:
    fill(tmp_path / "s")
    victim = segments(tmp_path / "s")[0]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    names = {path.name for path in segments(tmp_path / "s")}
    with pytest.raises(DamagedStore, match="is damaged, and nothing is compacted"):
        compact(tmp_path / "s")
    assert {path.name for path in segments(tmp_path / "s")} == names


def test_the_command_waits_for_no_writer_and_says_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "s")
    with Store(tmp_path / "s", "a"):
        assert main(["store", "compact", str(tmp_path / "s")]) == 2
        assert "is in use: another process is writing to it" in capsys.readouterr().err
    assert main(["store", "compact", str(tmp_path / "s")]) == 0
    assert capsys.readouterr().out == "6 segments before, 1 now\n"
