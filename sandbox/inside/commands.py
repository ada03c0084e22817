"""Inside, as the text of a program: becomes a command, or reads or writes a piece of a file for the host.

All of it is done by the program's own process, with its rights: process 1 follows no link that a command has left.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
from typing import NoReturn

NOT_FOUND, NOT_STARTED = 127, 126
"""Exit codes of a shell for a command that is not there, and for one that is there and cannot be started."""
CHUNK = 1 << 16


def launch(command: list[str], environment: dict[str, str], folder: str) -> NoReturn:
    """Become the command, in this folder."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a command would inherit that
        signal.signal(number, signal.SIG_DFL)
    what = folder
    try:
        os.chdir(folder)
        what = command[0]
        os.execvpe(command[0], command, environment)
    except OSError as error:
        os.write(2, f"{what}: {error.strerror}\n".encode(errors="replace"))
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED)


def read_piece(path: str, start: int, size: int, most: int) -> NoReturn:
    """Print bytes `start` to `start + size` of a file; the exit code is the error number, EFBIG for one over `most`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            os._exit(errno.EISDIR)
        if status.st_size > most:
            os._exit(errno.EFBIG)
        os.lseek(descriptor, start, os.SEEK_SET)
        while size and (part := os.read(descriptor, min(size, CHUNK))):
            size -= len(part)
            _write_all(1, part)
    except OSError as error:
        os._exit(error.errno or errno.EIO)
    os._exit(0)


def write_piece(path: str, first: bool) -> NoReturn:
    """Write standard input into a file, anew or behind what is there; the exit code is the error number."""
    try:
        if first and os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        how = os.O_CREAT | os.O_TRUNC if first else os.O_APPEND
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | how, 0o666)
        while part := os.read(0, CHUNK):
            _write_all(descriptor, part)
    except OSError as error:
        os._exit(error.errno or errno.EIO)
    os._exit(0)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
