"""A lost or damaged index never costs an acknowledged episode, and never goes unnoticed."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import pytest

from sparring.cli.app import main
from sparring.scoreboard.verify import verify
from sparring.store.store import DamagedStore, Store, StoreVersionError, reindex
from sparring.types import Episode, Seen, Trajectory, Turn

MODES: tuple[Literal["r", "a"], ...] = ("r", "a")
ADVANTAGES = {f"e{number}/player_0": number / 7 for number in range(40)}


def make_episode(id: str) -> Episode:
    turn = Turn(0, Seen(("You hold the king.",)), "bet", True, 1.0)
    trajectory = Trajectory(f"{id}/player_0", "player_0", "random", (turn,), 1.0)
    return Episode(id, "sparring/KuhnPoker-v0", "0", {}, 7, "ok", {"player_0": trajectory})


def write(path: Path, batches: int = 10, columns: bool = True) -> None:
    with Store(path, "a") as store:
        append(store, batches)
        if columns:
            store.put_columns("mine", "advantage", ADVANTAGES)


def append(store: Store, batches: int) -> None:
    for start in range(store.count, store.count + 4 * batches, 4):
        store.append([make_episode(f"e{number}") for number in range(start, start + 4)])


def write_and_die(path: Path, batches: int = 10) -> None:
    """A writer that is killed: what it wrote last is in the write-ahead log only."""

    def live() -> None:
        store = Store(path, "a")
        append(store, batches)
        os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=live)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def contents(path: Path) -> tuple[list[str], str, dict[str, float]]:
    with Store(path) as store:
        return [episode.id for episode in store], store.root(), store.columns("mine", "advantage")


def segments_of(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (path / "segments").iterdir()}


def lose_index(path: Path, how: str) -> None:
    index = path / "index.sqlite"
    if how == "missing":
        index.unlink()
    elif how == "empty":
        index.write_bytes(b"")
    elif how == "another":
        index.unlink()
        write(path.with_name("other"), 0, columns=False)
        shutil.copy(path.with_name("other") / "index.sqlite", index)
    elif how == "no head":
        with sqlite3.connect(index) as db:
            db.execute("DELETE FROM head")
    else:
        index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])


@pytest.mark.parametrize("how", ["missing", "empty", "another", "no head", "half"])
def test_a_lost_index_is_refused_and_built_again_from_the_segments(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store"
    write(path)
    before, files = contents(path), segments_of(path)
    lose_index(path, how)
    for mode in MODES:
        with pytest.raises(DamagedStore, match="sparring store reindex"):
            Store(path, mode)
    assert segments_of(path) == files
    assert main(["store", "reindex", str(path)]) == 0
    assert "40 episodes" in capsys.readouterr().out
    assert contents(path) == before
    assert before[2] == ADVANTAGES
    with Store(path, "a") as store:
        append(store, 1)
    assert contents(path)[0] == [f"e{number}" for number in range(44)]


def test_playing_into_a_store_without_its_index_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store"
    write(path)
    files = segments_of(path)
    (path / "index.sqlite").unlink()
    assert main(["play", "KuhnPoker", "--episodes", "1", "--store", str(path)]) == 2
    assert segments_of(path) == files


@pytest.mark.parametrize("mode", MODES)
def test_an_older_copy_of_the_index_is_refused(tmp_path: Path, mode: Literal["r", "a"]) -> None:
    path = tmp_path / "store"
    write(path, 3)
    shutil.copy(path / "index.sqlite", tmp_path / "older")
    write(path, 3, columns=False)
    files = segments_of(path)
    shutil.copy(tmp_path / "older", path / "index.sqlite")
    with pytest.raises(DamagedStore, match="ends at 12 episodes"):
        Store(path, mode)
    assert segments_of(path) == files


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_a_damaged_log_of_a_killed_writer_is_never_silent(
    tmp_path: Path, mode: Literal["r", "a"], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparring.store.schema.FOLD_PAGES", 10_000)
    write_and_die(tmp_path / "whole", 12)
    acknowledged = [f"e{number}" for number in range(48)]
    generator = random.Random(f"{mode}{damage}")
    refused = 0
    for _ in range(1 if damage == "delete" else 15):
        path = tmp_path / "copy"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", path)
        log = path / "index.sqlite-wal"
        content = bytearray(log.read_bytes())
        bit = generator.randrange(len(content) * 8)
        if damage == "flip":
            content[bit // 8] ^= 1 << bit % 8
        elif damage == "truncate":
            del content[bit // 8 :]
        log.write_bytes(content)
        if damage == "delete":
            log.unlink()
        try:
            Store(path, mode).close()
        except DamagedStore:
            refused += 1
            reindex(path)
        assert contents(path)[0] == acknowledged
    assert refused > 0


@pytest.mark.parametrize("mode", MODES)
def test_one_whole_frame_that_the_index_forgot_is_taken_in(tmp_path: Path, mode: Literal["r", "a"]) -> None:
    path = tmp_path / "store"
    write(path, 3, columns=False)
    shutil.copy(path / "index.sqlite", tmp_path / "older")
    write(path, 1, columns=False)
    before = contents(path)
    shutil.copy(tmp_path / "older", path / "index.sqlite")
    Store(path, mode).close()
    assert contents(path) == before


def test_a_frame_whose_place_another_writer_took_was_never_acknowledged_and_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "store"
    write(path, 3, columns=False)
    shutil.copytree(path, tmp_path / "branch")
    write(tmp_path / "branch", 1)
    (stale,) = {name for name in segments_of(tmp_path / "branch") if name not in segments_of(path)}
    with Store(path, "a") as store:
        store.append([make_episode("other")])
        store.put_columns("mine", "advantage", {"other/player_0": 1.0})
    before = contents(path)
    shutil.copy(tmp_path / "branch" / "segments" / stale, path / "segments")
    assert contents(path) == before
    Store(path, "a").close()
    assert contents(path) == before
    (aside,) = (path / "segments").glob("*.torn")
    assert aside.read_bytes() == (tmp_path / "branch" / "segments" / stale).read_bytes()


def test_rebuilding_says_what_is_damaged_and_brings_back_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store"
    write(path)
    (segment,) = (path / "segments").iterdir()
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    (path / "index.sqlite").unlink()
    assert main(["store", "reindex", str(path)]) == 1
    said = capsys.readouterr()
    assert "36 episodes" in said.out
    assert "are damaged or missing" in said.err
    with Store(path, "a") as store:
        store.append([make_episode("after")])
    before = contents(path)
    assert len(before[0]) == 37
    assert before[2] == ADVANTAGES
    reindex(path)
    assert contents(path) == before


@pytest.mark.parametrize("keep_index", [True, False])
@pytest.mark.parametrize("damage", ["flip", "half", "empty", "garbage"])
def test_a_damaged_last_frame_is_named_and_stays_known(
    tmp_path: Path, damage: str, keep_index: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store"
    for _ in range(3):  # one segment each
        write(path, 1, columns=False)
    with sqlite3.connect(path / "index.sqlite") as db:
        ((name,),) = db.execute("SELECT segment FROM frames WHERE sequence = 3")
    segment = path / "segments" / name
    content = bytearray(segment.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 4
    segment.write_bytes(
        {"flip": content, "half": content[: len(content) // 2], "empty": b"", "garbage": b"x" * 300}[damage]
    )
    if not keep_index:
        (path / "index.sqlite").unlink()
    code = main(["store", "reindex", str(path)])
    said = capsys.readouterr().err
    if damage == "empty" and not keep_index:
        assert code == 0  # nothing is left that could tell
        return
    assert code == 1
    if damage != "empty":
        assert str(segment) in said
    with Store(path) as store:
        assert store.count == 8
        if keep_index:
            assert "4 episodes that the old index knew are in no segment" in said
            assert "1 frames of this store are lost" in str(
                [fault for fault in verify(store).faults if not fault.episode_id]
            )
    write(path, 1, columns=False)
    assert contents(path)[0] == [f"e{number}" for number in range(12)]


def test_segments_that_cannot_be_listed_leave_the_index_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store"
    write(path)
    before = (path / "index.sqlite").read_bytes()
    (path / "segments").rename(tmp_path / "moved")
    (path / "segments").symlink_to(tmp_path / "nowhere")
    assert main(["store", "reindex", str(path)]) == 2
    assert (path / "index.sqlite").read_bytes() == before


def test_segments_that_went_missing_are_told_by_the_old_index(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store"
    write(path)
    for segment in (path / "segments").iterdir():
        segment.unlink()
    assert main(["store", "reindex", str(path)]) == 1
    assert "40 episodes that the old index knew are in no segment" in capsys.readouterr().err


def test_every_index_that_was_replaced_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "store"
    write(path)
    before = (path / "index.sqlite").read_bytes()
    reindex(path)
    reindex(path)
    assert (path / "index.sqlite.old-1").read_bytes() == before
    assert (path / "index.sqlite.old-2").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [8, 16, 24, 40])
def test_a_disk_that_is_full_from_the_start_gives_one_line(tmp_path: Path, kilobytes: int) -> None:
    command = f"ulimit -f {kilobytes}; exec {sys.executable} -P -m sparring play KuhnPoker --store {tmp_path / 'store'}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or done.stderr.count("sparring:") == 1


def test_a_store_is_where_it_was_opened_though_the_current_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with Store("store", "a") as store:
        monkeypatch.chdir(tmp_path / "elsewhere")
        append(store, 2)
        assert [episode.id for episode in store][-1] == "e7"
    assert contents(tmp_path / "store")[0][-1] == "e7"


def test_a_damaged_frame_of_columns_is_a_fault_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / "store"
    write(path, 1)
    (segment,) = (path / "segments").iterdir()
    content = bytearray(segment.read_bytes())
    content[-20] ^= 1
    segment.write_bytes(content)
    with Store(path) as store:
        (fault,) = [fault for fault in verify(store).faults if not fault.episode_id]
        assert "columns in" in str(fault)
        assert store.columns("mine", "advantage") == ADVANTAGES


def test_rebuilding_is_refused_while_somebody_writes(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with Store(path, "a") as store:
        append(store, 1)
        with pytest.raises(TimeoutError, match="another process is writing to it"):
            reindex(path)
    assert reindex(path).episodes == 4


def test_rebuilding_writes_a_lost_marker_again(tmp_path: Path) -> None:
    path = tmp_path / "store"
    write(path)
    before = contents(path)
    (path / "store.json").unlink()
    for mode in MODES:
        with pytest.raises(StoreVersionError, match="sparring store reindex"):
            Store(path, mode)
    reindex(path)
    assert contents(path) == before


def test_rebuilding_what_is_no_store_is_refused(tmp_path: Path) -> None:
    assert main(["store", "reindex", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_no_store_is_made_among_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    monkeypatch.chdir(tmp_path)
    for name in ("", ".", "thesis.tex"):
        assert main(["play", "KuhnPoker", "--episodes", "1", "--store", name]) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_store_that_is_being_made_is_no_store_yet(tmp_path: Path) -> None:
    """Readers race a writer that makes the store: they see no store, or one that works."""

    def create(round: int) -> None:
        Store(tmp_path / f"s{round}", "a").close()

    context = multiprocessing.get_context("fork")
    for round in range(10):
        process = context.Process(target=create, args=(round,))
        process.start()
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                with Store(tmp_path / f"s{round}") as store:
                    assert store.count == 0
                break
            except FileNotFoundError:
                continue
        process.join()
        assert process.exitcode == 0
        assert Store(tmp_path / f"s{round}").count == 0


def test_what_was_left_by_a_crash_while_making_a_store_is_no_store_and_can_be_made(tmp_path: Path) -> None:
    path = tmp_path / "store"
    Store(path, "a").close()
    (path / "store.json").unlink()
    with pytest.raises(FileNotFoundError, match="no episode store"):
        Store(path)
    write(path, 1)
    assert contents(path)[0] == ["e0", "e1", "e2", "e3"]


def test_the_log_is_folded_into_the_index_often(tmp_path: Path) -> None:
    with Store(tmp_path / "store", "a") as store:
        append(store, 200)
        log = tmp_path / "store" / "index.sqlite-wal"
        assert log.stat().st_size < 400 * 4096
