"""Inside: the one writable place of a sandbox, how it is filled, read, copied and emptied."""

from __future__ import annotations

import mmap
import os
import shutil
import stat

WORKSPACE = os.environ.get("SPARRING_WORKSPACE", "/box")
"""The one writable place. `now` in it belongs to whoever runs; paused interpreters keep theirs under other names."""
NOW = f"{WORKSPACE}/now"
PLACES = ("work", "tmp", "shm")


def unforked(size: int) -> mmap.mmap:
    """Memory that no fork of this process has: programs are its forks, and shall find nothing of each other in it."""
    memory = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_DONTFORK)
    return memory


def create(path: str) -> int:
    """An empty file in the working folder, open to be written, and its folders."""
    target = f"{NOW}/work/{path}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)


def write_all(descriptor: int, content: memoryview) -> None:
    """Write every byte."""
    while content:
        content = content[os.write(descriptor, content) :]


def collect(paths: list[str], limit: int) -> tuple[list[tuple[str, memoryview]], str]:
    """Regular files of the working folder; no link is followed and nothing is waited for. Then what was refused."""
    files, problems = [], []
    for path in paths:
        try:
            content = _read_regular(path.split("/"), limit)
            limit -= len(content)
            files.append((path, content))
        except (OSError, ValueError) as error:
            problems.append(f"{path}: {error}")
    return files, "; ".join(problems)


def _read_regular(parts: list[str], limit: int) -> memoryview:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    folder = os.open(f"{NOW}/work", flags | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, flags | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        descriptor = os.open(parts[-1], flags, dir_fd=folder)
    finally:
        os.close(folder)
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        if status.st_size > limit:
            raise ValueError(f"{status.st_size} bytes are more than the {limit} that are left of file_bytes")
        content = memoryview(unforked(status.st_size))
        size = 0
        while size < status.st_size and (count := file.readinto(content[size : status.st_size])):
            size += count
        return content[:size]


_pristine: list[tuple[object, ...]] = []


def wipe() -> bool:
    """Remove everything that a program can have written, attributes included; whether it is really gone."""
    if _pristine and _pristine == _marks():
        return True
    try:
        os.chmod(WORKSPACE, 0o700)
        for name in os.listdir(WORKSPACE):
            remove_tree(f"{WORKSPACE}/{name}")
        if os.listdir(WORKSPACE):
            return False
        for name in os.listxattr(WORKSPACE):
            os.removexattr(WORKSPACE, name)
        make_places()
        return True
    except (OSError, RecursionError):
        return False


def _marks() -> list[tuple[object, ...]]:
    """Everything that a program could have changed of the folders that are always there: equal marks, nothing left."""
    try:
        return [_mark(path) for path in (WORKSPACE, NOW, *(f"{NOW}/{place}" for place in PLACES))]
    except OSError:
        return []


def _mark(path: str) -> tuple[object, ...]:
    status = os.lstat(path)
    times = status.st_ctime_ns, status.st_mtime_ns
    return status.st_ino, status.st_mode, status.st_uid, status.st_size, status.st_nlink, *times, *os.listxattr(path)


def make_places() -> None:
    """The empty folders that every program finds."""
    os.mkdir(NOW, 0o700)
    for place in PLACES:
        os.mkdir(f"{NOW}/{place}", 0o700)
    os.utime(WORKSPACE, (0, 0))
    _pristine[:] = _marks()


def mend() -> bool:
    """Give back the folders that every program finds, with what they hold, where a program took one away or closed it;
    whether they are there."""
    try:
        for path in (WORKSPACE, NOW, *(f"{NOW}/{place}" for place in PLACES)):
            if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
            if not os.path.lexists(path):
                os.mkdir(path)
            os.chmod(path, 0o700)
        return True
    except OSError:
        return False


def remove_tree(path: str) -> None:
    """Remove a file or folder as far as that goes; what resists is found by who checks."""
    try:
        os.chmod(path, 0o700)
        shutil.rmtree(path, ignore_errors=True)
    except (OSError, RecursionError):
        pass
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
    except OSError:
        pass


def copied(source: str) -> bool:
    """Copy an interpreter's files into the active place."""
    try:
        if any(os.listdir(f"{source}/{place}") for place in PLACES):
            shutil.copytree(source, NOW, symlinks=True)
        else:
            make_places()
        return True
    except (OSError, shutil.Error, RecursionError):
        remove_tree(NOW)
        return False
