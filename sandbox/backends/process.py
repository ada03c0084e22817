"""The weakest backend, for machines that offer nothing better: a process of its own with resource limits, and no walls.

The program can read what this user may read, reach the network, and outlive its limits by tricks that the other
backends stop. It has to be asked for by name, and says so loudly each time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import warnings

from sparring.sandbox import rootfs
from sparring.sandbox.defences import Defences
from sparring.sandbox.types import Limits
from sparring.sandbox.worker import Worker, start_worker

WARNING = (
    'backend="process" hardly isolates: programs can read your files, use the network and outlive their run. '
    "Use it only for code that you would run yourself"
)


class Processes:
    """Starts fork-servers as ordinary processes."""

    def __init__(self, limits: Limits, packages: tuple[str, ...], defences: Defences) -> None:
        warnings.warn(WARNING, RuntimeWarning, stacklevel=4)
        self.packages, self.defences = packages, defences

    def start(self) -> Worker:
        """A running fork-server."""
        root, folder = rootfs.rootfs(self.packages), tempfile.mkdtemp(prefix="sparring-")
        inside = {**rootfs.ENVIRONMENT, "LD_LIBRARY_PATH": f"{root}{rootfs.LIBRARIES}", "PYTHONHOME": f"{root}/python"}
        inside |= {"PYTHONPATH": f"{root}/server", "SPARRING_WORKSPACE": folder, "TMPDIR": f"{folder}/now/tmp"}
        here, there = socket.socketpair()
        with there:
            process = subprocess.Popen(
                [f"{root}{rootfs.PYTHON}", *rootfs.COMMAND[1:]],
                stdin=there.fileno(),
                stdout=subprocess.DEVNULL,
                env=inside,
                cwd=folder,
                start_new_session=True,
            )
        path = [f"{root}{entry}" for entry in rootfs.python_path()]
        return start_worker(here, _Process(process, folder), self.defences, 20.0, path)

    def strength(self) -> str:
        """What stands between a program and this machine."""
        return "A1: a process with resource limits; files, network and other processes of this user are open to it"

    def close(self) -> None:
        """Nothing is held."""


class _Process:
    """The fork-server's process and its folder."""

    has_cgroup = False

    def __init__(self, process: subprocess.Popen[bytes], folder: str) -> None:
        self.process, self.folder = process, folder

    def limit(self, limits: Limits) -> None:
        """Nothing bounds all processes together here."""

    def oom_kills(self) -> int:
        return 0

    def died_of_memory(self) -> bool:
        return False

    def complaint(self) -> str:
        """How it ended, if it has."""
        return f"its exit code is {self.process.poll()}"

    def kill(self) -> None:
        """End what is still in its session, and remove its folder."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
