"""A control group around one sandbox, in version 1 or 2, where this user may make one.

What only a cgroup can do: bound the memory of all processes of a sandbox together (files in memory included), and
their number, whatever they do to escape each other's view.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import time
from pathlib import Path

from sparring.sandbox.types import MIB, Limits

ROOT = Path("/sys/fs/cgroup")
OWN_MEMORY = 48 * MIB
"""What the fork-server itself may hold, beside the programs."""
OWN_PROCESSES = 2
"""bubblewrap and the fork-server."""
OWN_INODES = 16
"""The folders that every program finds, beside its files."""
LEFT_SECONDS = 60.0
_numbers = itertools.count()


class Cgroup:
    """One sandbox's group. Raises OSError where it cannot be made."""

    def __init__(self, folders: dict[str, Path], version: int) -> None:
        self.folders, self.version = folders, version
        name = "memory.events" if version == 2 else "memory.oom_control"
        self._counters = open(folders["memory"] / name, "rb", buffering=0)  # noqa: SIM115  (read before every program)

    @classmethod
    def create(cls) -> Cgroup | None:
        """A new empty group, or None where this user may make none."""
        name = f"sparring-{os.getpid()}-{next(_numbers)}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        for version, parents in ((2, _version_2()), (1, _version_1())):
            if not parents:
                continue
            _remove_left_behind(tuple(parents.values()))
            folders = {controller: parent / name for controller, parent in parents.items()}
            try:
                for folder in set(folders.values()):
                    folder.mkdir(exist_ok=True)
                group = cls(folders, version)
                group.limit(Limits())
            except OSError:
                _remove(folders)
                continue
            return group
        return None

    def limit(self, limits: Limits) -> None:
        """Set what all processes together may use."""
        memory, processes = str(limits.memory_bytes + OWN_MEMORY), str(limits.processes + OWN_PROCESSES)
        if self.version == 2:
            self._write("memory", "memory.max", memory)
            self._write("memory", "memory.swap.max", "0")
        else:
            self._write("memory", "memory.memsw.limit_in_bytes", "-1")  # it may never be below the next
            self._write("memory", "memory.limit_in_bytes", memory)
            self._write("memory", "memory.memsw.limit_in_bytes", memory)
        self._write("pids", "pids.max", processes)

    def _write(self, controller: str, name: str, value: str) -> None:
        file = self.folders[controller] / name
        if "sw" not in name or file.exists():  # not every kernel counts swap
            file.write_text(value)

    def add(self, pid: int) -> None:
        """Move a process into the group."""
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def oom_kills(self) -> int:
        """How many of its processes the kernel has ended for want of memory."""
        for line in os.pread(self._counters.fileno(), 4096, 0).splitlines():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
        return 0

    def close(self) -> None:
        """Remove the group; its processes must have ended."""
        self._counters.close()
        _remove(self.folders)


def available() -> str:
    """What `create` would give: "v1", "v2", or "" for none."""
    group = Cgroup.create()
    if group is None:
        return ""
    group.close()
    return f"v{group.version}"


def _version_1() -> dict[str, Path]:
    parents = {name: ROOT / name for name in ("memory", "pids")}
    return parents if all((parent / "cgroup.procs").exists() for parent in parents.values()) else {}


def _version_2() -> dict[str, Path]:
    """Our own group's folder, if it may have children with the controllers that we need."""
    try:
        own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        parent = ROOT / own[3:].strip().lstrip("/")
        controllers = (parent / "cgroup.subtree_control").read_text().split()
    except (OSError, StopIteration):
        return {}
    return {"memory": parent, "pids": parent} if {"memory", "pids"} <= set(controllers) else {}


@functools.cache
def _remove_left_behind(parents: tuple[Path, ...]) -> None:
    """Groups whose maker was killed: old, of no living process, and empty, or else the kernel keeps them."""
    for folder in (folder for parent in set(parents) for folder in parent.glob("sparring-*")):
        with contextlib.suppress(OSError):
            old = time.time() - folder.stat().st_mtime > LEFT_SECONDS
            if old and not Path("/proc", folder.name.split("-")[1]).exists():
                folder.rmdir()


def _remove(folders: dict[str, Path]) -> None:
    for folder in set(folders.values()):
        for _ in range(200):
            try:
                folder.rmdir()
            except FileNotFoundError:
                break
            except OSError:  # a process is still on its way out
                time.sleep(0.005)
            else:
                break
