"""Files that people ask for (`-o FILE`): written whole, and nothing of anybody else's is replaced."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from sparring.faults import reason_of, require_writable
from sparring.files import drafted

Ours = Callable[[bytes], bool]
"""Whether the beginning of a file says that we wrote it."""
HEAD_BYTES = 4096


def require_output(output: Path, kind: str, is_ours: Ours) -> None:
    """Raises OSError unless a file can be written there: a new one, an empty one, or over an older one of ours."""
    if not output.parent.is_dir():
        raise OSError(f"cannot write {output}: there is no folder {output.parent}")
    require_writable(output)
    try:
        found = output.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise OSError(f"cannot write {output}: it is a link, to {os.readlink(output)}; name the file itself")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"cannot write {output}: it exists and is no regular file")
    with output.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head and not is_ours(head):
        raise OSError(f"cannot write {output}: it exists and is no {kind}; remove it, or choose another name")


def write_parts(output: Path, parts: Iterable[str]) -> int:
    """Write the parts one after the other; returns how many there were. There is no file where there are no parts.

    Raises OSError naming the file, and what `parts` raises; what was there stays.
    """
    count = 0
    try:
        with drafted(output, shared=True) as draft:
            with draft.open("x", encoding="utf-8") as file:
                for count, part in enumerate(parts, start=1):  # noqa: B007  (the last one is returned)
                    file.write(part)
            if not count:
                draft.unlink()
    except OSError as error:
        raise OSError(f"cannot write {output}: {reason_of(error)}") from error
    return count
