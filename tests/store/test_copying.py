"""Copies of stores keep every hash, go on after an interruption, and refuse what is something else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sparring.agents.scripted import RandomAgent
from sparring.cli.app import main
from sparring.content import Blob
from sparring.rollout.loop import play
from sparring.scoreboard.matches import by_name, rotated_matches
from sparring.store import archive, copying
from sparring.store.archive import Archive
from sparring.store.copying import StoreEnd, copy
from sparring.store.rows import DamagedStore
from sparring.store.store import Store
from sparring.types import Episode, Seen

Where = Callable[[str], Path | str]
AGENTS = by_name([RandomAgent(), RandomAgent()])
EPISODES = play(rotated_matches("sparring/KuhnPoker-v0", list(AGENTS), 24, 0), AGENTS)
PICTURE = Blob.of(np.arange(4000))


def with_picture(episode: Episode) -> Episode:
    first = next(iter(episode.trajectories.values()))
    changed = replace(first, last=Seen((PICTURE,)))
    return replace(episode, trajectories={**episode.trajectories, first.seat: changed})


EPISODES[3] = with_picture(EPISODES[3])


def fill(place: Path | str, batch: int = 4) -> None:
    with Store(place, "a") as store:
        for start in range(0, len(EPISODES), batch):
            store.append(EPISODES[start : start + batch])
            store.put_columns("m", "place", {EPISODES[start].id: start})


def contents(place: Path | str) -> object:
    with Store(place) as store:
        frames = store.parts.frames
        raw = [frames.read(frame) for _, frame in store.parts.index.frames(1)]
        assert store.blob(PICTURE.sha256) == PICTURE.data
        return store.root(), list(store), store.columns("m", "place"), raw


def copied(source: Path | str, target: Path | str, progress: copying.Progress | None = None) -> int:
    with Store(source) as one, Store(target, "a") as other:
        return copy(StoreEnd(one), StoreEnd(other), progress)


@pytest.mark.parametrize("to", ["folder", "postgres"])
def test_a_copy_is_the_store_byte_for_byte(
    where: Where, to: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fill(where("a"))
    target = tmp_path / "copy" if to == "folder" else request.getfixturevalue("on_server")("copy")
    heard: list[tuple[int, int]] = []
    assert copied(where("a"), target, lambda done, total: heard.append((done, total))) == 24
    assert heard[-1] == (24, 24)
    assert contents(target) == contents(where("a"))
    assert copied(where("a"), target) == 0
    with Store(target, "a") as store:  # it is a store: it grows, and knows what it holds
        store.append(EPISODES[:2])
        store.append([replace(EPISODES[0], id="new")])
        assert store.count == 25


def test_a_copy_that_was_interrupted_goes_on(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MOST_FRAMES", 5)
    fill(where("a"))

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copied(where("a"), where("b"), interrupt)
    with Store(where("b")) as store:
        assert 0 < store.count < 24
    with Store(where("a"), "a") as store:  # which has grown meanwhile
        store.append([replace(EPISODES[0], id="later")])
    assert copied(where("a"), where("b")) > 0
    assert contents(where("b")) == contents(where("a"))


def test_a_target_that_holds_something_else_is_refused_and_left_alone(where: Where) -> None:
    fill(where("a"))
    with Store(where("b"), "a") as store:
        store.append(EPISODES[5:7])
    with pytest.raises(ValueError, match="holds something else than"):
        copied(where("a"), where("b"))
    with Store(where("b")) as store:
        assert list(store) == EPISODES[5:7]
    with pytest.raises(ValueError, match="it has more frames, 12 against 1"):
        copied(where("b"), where("a"))


def test_two_that_write_to_one_copy_are_noticed(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MOST_FRAMES", 2)
    fill(where("a"))
    with Store(where("b"), "a") as other:

        def interfere(done: int, total: int) -> None:
            other.append([replace(EPISODES[0], id=f"other {done}")])

        with pytest.raises(ValueError, match="cannot be gone on with: it has other episodes before frame"):
            copied(where("a"), where("b"), interfere)


def test_a_damaged_original_is_no_copy(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    (segment,) = (tmp_path / "a" / "segments").iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    with pytest.raises(DamagedStore, match="only a whole store is copied"):
        copied(tmp_path / "a", tmp_path / "b")


def test_an_archive_is_written_in_parts_and_read_back(
    where: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ROTATE_BYTES", 2000)
    monkeypatch.setattr(copying, "MOST_FRAMES", 3)
    fill(where("a"))
    url = f"memory://{tmp_path.name}"
    with Store(where("a")) as store:
        assert copy(StoreEnd(store), Archive(url, make=True)) == 24
    with Store(where("a"), "a") as store:
        store.append([replace(EPISODES[0], id="later")])
        assert copy(StoreEnd(store), Archive(url, make=True)) == 1
    kept = Archive(url)
    assert len(kept._segments) > 2
    with Store(where("b"), "a") as store:
        assert copy(kept, StoreEnd(store)) == 25
    assert contents(where("b")) == contents(where("a"))
    assert copy(Archive(url), Archive(f"file://{tmp_path}/elsewhere", make=True)) == 25


def test_a_damaged_or_incomplete_archive_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    url = f"file://{tmp_path}/kept"
    with Store(tmp_path / "a") as store:
        copy(StoreEnd(store), Archive(url, make=True))
    (segment,) = (tmp_path / "kept" / "segments").iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    with Store(tmp_path / "b", "a") as store, pytest.raises(DamagedStore, match="is not whole, or missing"):
        copy(Archive(url), StoreEnd(store))


def test_the_command_copies_between_all_three(
    tmp_path: Path, on_server: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "run" / "episodes")
    server, kept = on_server("copy"), f"file://{tmp_path}/kept"
    way = (str(tmp_path / "run"), server, kept, str(tmp_path / "back"))
    for source, target in pairwise(way):
        assert main(["store", "copy", source, target]) == 0
        assert f"{target} holds 24 episodes now, 24 of them new" in capsys.readouterr().out
    assert contents(tmp_path / "back") == contents(tmp_path / "run" / "episodes")
    assert main(["store", "copy", server, kept, "--json"]) == 0
    assert '"new": 0' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("nowhere", "b", "no episode store at nowhere yet"),
        ("memory://nothing", "b", "no archive of a store at memory://nothing"),
        ("a", "memory://b", "memory://b would be gone when this command ends"),
        ("a", "file://b", "file://b is a relative path: write file:/// and the whole path"),
        ("", "b", "a store needs a name"),
        ("a", "nosuch://b", "Protocol not known: nosuch"),
        ("a", "file://{here}/taken", "holds something else and no archive of a store"),
        ("a", "taken", "holds something else and no episode store"),
        ("a", "a/b", "a/b lies in a, which is copied: name a place outside of it"),
    ],
)
def test_what_cannot_be_copied_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], source: str, target: str,
    message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "a", batch=24)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letters.txt").write_text("dear")
    assert main(["store", "copy", source, target.format(here=tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "b").exists()
    assert not (tmp_path / "a" / "b").exists()
