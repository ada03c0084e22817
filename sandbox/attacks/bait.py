"""What the host lays out for the probes to find: a secret in every place where a sandbox might leak it."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SECRET_PREFIX = "spar-secret-"
VARIABLE = "SPARRING_BAIT"
EXECUTED = "SPARRING_EXECUTED"  # an attack that gets code to run in the caller sets this variable there
IPC_CREAT, IPC_RMID = 0o1000, 0
HOST_FILES = ("/etc/passwd", "/etc/machine-id", "/etc/fstab", "/etc/shadow")


class Bait:
    """A context manager; start the sandbox inside it, so that the environment and the descriptors could leak."""

    def __init__(self) -> None:
        self.secret = SECRET_PREFIX + secrets.token_hex(16)
        self.facts: dict[str, Any] = {}
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        folder = self._folder()
        self.facts = {
            "secret_path": str(folder / "secret.txt"),
            "private_path": str(folder / "private.txt"),
            "socket_path": str(folder / "socket"),
            "abstract": f"spar-{secrets.token_hex(8)}",
            "shared_memory": self._shared_memory(),
            "ipc_key": self._ipc_key(),
            "variable": VARIABLE,
            "executed": EXECUTED,
            "argv": sys.argv[0],
            "namespaces": _namespaces(),
            "digests": dict(_digests()),
            "places": list(_places()),
        }
        self.facts["port"] = self._listen(socket.AF_INET, ("127.0.0.1", 0))
        self._listen(socket.AF_UNIX, "\0" + self.facts["abstract"])
        self._listen(socket.AF_UNIX, self.facts["socket_path"])
        os.environ[VARIABLE] = self.secret
        self._undo.callback(os.environ.pop, VARIABLE, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._undo.close()

    def _folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="spar-bait-"))
        self._undo.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        for name, mode in (("secret.txt", 0o644), ("private.txt", 0o600)):
            (folder / name).write_text(self.secret)
            (folder / name).chmod(mode)
        inherited = os.open(folder / "secret.txt", os.O_RDONLY)
        os.set_inheritable(inherited, True)
        self._undo.callback(os.close, inherited)
        return folder

    def _shared_memory(self) -> str:
        path = Path("/dev/shm") / f"spar-{secrets.token_hex(8)}"
        if path.parent.is_dir():
            path.write_text(self.secret)
            self._undo.callback(path.unlink, missing_ok=True)
        return str(path)

    def _ipc_key(self) -> int:
        key = 0x5BA00000 | secrets.randbits(20)
        libc = ctypes.CDLL(None)
        segment = libc.shmget(key, 4096, IPC_CREAT | 0o666)
        if segment >= 0:
            self._undo.callback(libc.shmctl, segment, IPC_RMID, None)
        return key

    def _listen(self, family: int, address: tuple[str, int] | str) -> int:
        """Tell the secret to whoever connects; the port, where there is one."""
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind(address)
        listener.listen(8)
        self._undo.callback(listener.close)
        self._undo.callback(_wake, listener)
        threading.Thread(target=_tell, args=(listener, self.secret.encode()), daemon=True).start()
        name = listener.getsockname()
        return name[1] if isinstance(name, tuple) else 0


def _wake(listener: socket.socket) -> None:
    """End the `accept` that a thread of ours waits in."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)


def _tell(listener: socket.socket, secret: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            caller, _ = listener.accept()
            with caller:
                caller.sendall(secret)


def _namespaces() -> dict[str, str]:
    return {path.name: os.readlink(path) for path in Path("/proc/self/ns").iterdir()}


def _places() -> Iterator[list[int]]:
    """The host's own folders, which no probe may fill, lock or move, whatever goes wrong."""
    for name in ("/", "/work", "/tmp", "/var/tmp", "/dev/shm", "/run", "/home", os.getcwd(), os.path.expanduser("~")):
        with contextlib.suppress(OSError):
            status = os.stat(name)
            yield [status.st_dev, status.st_ino]


def _digests() -> Iterator[tuple[str, str]]:
    """Fingerprints of the host's own files, by which a copy of them is recognised."""
    for name in HOST_FILES:
        with contextlib.suppress(OSError):
            content = Path(name).read_bytes()
            if len(content) > 16:
                yield name, hashlib.sha256(content).hexdigest()
