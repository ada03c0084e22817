"""A PostgreSQL server of one's own, for tests and benchmarks, that may be killed: on a socket in a folder of its own.

with running_server() as server:
    Store(server.url("games"), "a")
"""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "sparring"
START_SECONDS = 60


def programs() -> Path | None:
    """The folder of the server's programs; None where no server is installed."""
    binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    found = binaries[-1] if binaries else shutil.which("initdb")
    return Path(found).parent if found else None


class PostgresServer:
    """A server whose data lie in a new folder; durable, as servers are."""

    def __init__(self, folder: Path) -> None:
        """`folder`: empty, and the server's user may write there. Raises FileNotFoundError without a server."""
        found = programs()
        if found is None:
            raise FileNotFoundError("no PostgreSQL server is installed: neither /usr/lib/postgresql nor initdb on PATH")
        self._programs, self.folder = found, folder
        self._process: subprocess.Popen[bytes] | None = None
        command = [found / "initdb", "-D", folder / "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run([*command, "--no-sync"], check=True, timeout=120, **self._quietly())
        self.start()

    def url(self, store: str) -> str:
        """The address of a store."""
        return f"postgresql://{USER}@/postgres?host={self.folder}&store={store}"

    def start(self) -> None:
        """Raises AssertionError where the server does not take connections in time."""
        command = [
            self._programs / "postgres",
            "-D",
            self.folder / "data",
            "-k",
            self.folder,
            "-c",
            "listen_addresses=",
        ]
        self._process = subprocess.Popen(command, **self._quietly())
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(0.02)
        raise AssertionError("the server did not start")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends every connection and shuts down; SIGKILL kills the server's processes, all at once."""
        assert self._process is not None
        if how == signal.SIGKILL:
            for child in self._children():
                os.kill(child, signal.SIGKILL)
        self._process.send_signal(how)
        self._process.wait(timeout=60)

    def _children(self) -> list[int]:
        assert self._process is not None
        pid = self._process.pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGSTOP)  # it would start new ones, or shut down by itself
        return [int(child) for child in listed]

    def _answers(self) -> bool:
        """The server writes its number on the first line, and on the last one that it takes connections."""
        file = self.folder / "data" / "postmaster.pid"
        lines = file.read_text().split() if file.exists() else []
        return self._process is not None and lines[:1] == [str(self._process.pid)] and lines[-1:] == ["ready"]

    def _quietly(self) -> dict[str, object]:
        quiet: dict[str, object] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.folder}
        return quiet | ({"user": _user()} if os.geteuid() == 0 else {})


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server that is gone at the end, with its data."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, _user())
    try:
        server = PostgresServer(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str:
    """Whom the server runs as."""
    return "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
