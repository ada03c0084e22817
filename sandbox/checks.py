"""Checks on the host's side of a sandbox: what may go in, and how what comes out is read."""

from __future__ import annotations

import mmap
import operator
from collections.abc import Mapping, Sequence, Sized
from typing import Any

from sparring.sandbox.types import MAX_CODE_BYTES, MAX_FILES, Limits, Outcome
from sparring.sandbox.worker import Died

MAX_NAME_BYTES, MAX_PATH_BYTES = 255, 1024
MAX_COLLECT_BYTES = 2**20
"""Of all paths to collect: what was not there is reported with the path and the reason."""
MAX_ARGUMENT_BYTES = 2**17
"""Of all arguments of a program."""
MAX_INPUT = 2**31
BLOCK = mmap.PAGESIZE
"""The smallest piece of the writable place."""


def outcome_of(answer: dict[str, Any], data: bytes) -> Outcome:
    """The outcome that a fork-server reports. Raises Died for a report that makes no sense."""
    try:
        parts, start = [], 0
        for size in answer["sizes"]:
            parts.append(data[start : start + size])
            start += size
        return Outcome(
            answer["status"],
            exit_code=answer["exit_code"],
            signal=answer["signal"],
            stdout=parts[0].decode(errors="replace"),
            stderr=parts[1].decode(errors="replace"),
            seconds=answer["seconds"],
            files=dict(zip(answer["files"], parts[2:], strict=True)),
            error=answer.get("problem", ""),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Died(f"an answer without {error!r}") from error


def source_bytes(code: str | bytes) -> bytes:
    """The program as UTF-8. Raises ValueError where Python could not read it at all."""
    source = _bytes_of("code", code, "surrogatepass")
    if len(source) > MAX_CODE_BYTES:
        raise ValueError(f"code must be at most {MAX_CODE_BYTES} bytes, got {len(source)}")
    try:
        source.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"code must be UTF-8: {error.reason} at byte {error.start}") from None
    if b"\0" in source:
        raise ValueError(f"code must not hold NUL bytes, got one at byte {source.index(0)}")
    return source


def argument_bytes(args: Sequence[str]) -> bytes:
    """The arguments of a program, each ended by NUL. Raises ValueError for what no program could be given."""
    if isinstance(args, str | bytes) or not isinstance(args, Sequence) or not all(isinstance(a, str) for a in args):
        raise ValueError(f"args must be a list of texts, got {_short(args)}")
    try:
        given = "".join(f"{word}\0" for word in args).encode(errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"args must be text that UTF-8 can hold, got {_short(args)}: {error.reason}") from None
    if given.count(b"\0") != len(args):
        raise ValueError(f"args must not hold NUL characters, got {_short(args)}")
    if len(given) > MAX_ARGUMENT_BYTES:
        raise ValueError(f"args must be at most {MAX_ARGUMENT_BYTES} bytes in all, got {len(given)}")
    return given


def require_command(command: Sequence[str], env: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The words and the variables of a command. Raises ValueError for what no process could be given."""
    if isinstance(command, str | bytes) or not isinstance(command, Sequence) or not command:
        raise ValueError(f"command must be a list of texts, its program first, got {_short(command)}")
    for text in (*command, *env, *env.values()):
        if not isinstance(text, str) or "\0" in text:
            raise ValueError(f"words and variables of a command must be texts without NUL, got {_short(text)}")
    if not all(name and "=" not in name for name in env):
        raise ValueError(f"variables of a command must have names without '=', got {_short(list(env))}")
    return list(command), dict(env)


def file_parts(files: Mapping[str, str | bytes], stdin: bytes, limits: Limits) -> tuple[list[str], list[bytes]]:
    """Names and contents. Raises ValueError for what could not be written, all of it, into the working folder."""
    if not isinstance(files, Mapping):
        raise ValueError(f"files must be a mapping of paths to text or bytes, got {_short(files)}")
    _require_few(files, "files", "can be given")
    for path in files:
        require_inside(path)
    folders = {path[:at] for path in files for at, character in enumerate(path) if character == "/"}
    for both in folders & files.keys():
        raise ValueError(f"a path must be a file or a folder, not both, got {_short(both)} and a file in it")
    contents = [_content(path, content) for path, content in files.items()]
    _require_room([len(content) for content in contents], len(folders), len(require_bytes("stdin", stdin)), limits)
    return list(files), contents


def require_collectable(paths: Sequence[str]) -> None:
    """Raises ValueError for paths that nobody could bring back."""
    if isinstance(paths, str | bytes) or not isinstance(paths, Sequence):
        raise ValueError(f"collect must be a list of paths, got {_short(paths)}")
    _require_few(paths, "files", "can be collected")
    for path in paths:
        require_inside(path)
    length = sum(len(path.encode()) for path in paths)
    if length > MAX_COLLECT_BYTES:
        raise ValueError(f"paths to collect must be at most {MAX_COLLECT_BYTES} bytes in all, got {length}")


def require_inside(path: str) -> None:
    """Raises ValueError for a path that is not one of a file in the working folder."""
    rule = "a file must have a path inside the working folder, such as 'data/input.txt'"
    if not isinstance(path, str) or path.startswith("/") or "\0" in path:
        raise ValueError(f"{rule}, got {_short(path)}")
    try:
        names = path.encode().split(b"/")
    except UnicodeEncodeError as error:
        raise ValueError(f"{rule}, that UTF-8 can hold, got {_short(path)}: {error.reason}") from None
    if {b"", b".", b".."} & set(names):
        raise ValueError(f"{rule}, without empty names, '.' and '..', got {_short(path)}")
    if max(map(len, names)) > MAX_NAME_BYTES or sum(map(len, names)) + len(names) > MAX_PATH_BYTES:
        limits = f"of names of at most {MAX_NAME_BYTES} bytes, {MAX_PATH_BYTES} in all"
        raise ValueError(f"{rule}, {limits}, got {_short(path)}")


def require_bytes(name: str, value: bytes) -> bytes:
    """The value. Raises ValueError for anything but bytes."""
    if not isinstance(value, bytes | bytearray):
        raise ValueError(f"{name} must be bytes, got {_short(value)}")
    return value


def require_seed(seed: int) -> int:
    """The seed. Raises ValueError for what is no whole number."""
    try:
        return operator.index(seed)
    except TypeError:
        raise ValueError(f"seed must be a whole number, got {_short(seed)}") from None


def require_host(host: Mapping[str, object]) -> None:
    """Raises ValueError for functions that no program could call by their names."""
    if not isinstance(host, Mapping):
        raise ValueError(f"host must be a mapping of names to functions, got {_short(host)}")
    for name, function in host.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"a function of the host must have a name that Python can call, got {_short(name)}")
        if not callable(function):
            raise ValueError(f"host[{name!r}] must be a function, got {_short(function)}")


def _bytes_of(name: str, value: str | bytes, errors: str = "strict") -> bytes:
    if not isinstance(value, str | bytes | bytearray):
        raise ValueError(f"{name} must be text or bytes, got {_short(value)}")
    return value.encode(errors=errors) if isinstance(value, str) else value


def _require_few(paths: Sized, what: str, verb: str) -> None:
    if len(paths) > MAX_FILES:
        raise ValueError(f"at most {MAX_FILES} {what} {verb}, got {len(paths)}")


def _content(path: str, content: str | bytes) -> bytes:
    try:
        return _bytes_of(f"files[{_short(path)}]", content)
    except UnicodeEncodeError as error:
        raise ValueError(f"files[{_short(path)}] must be text that UTF-8 can hold: {error.reason}") from None


def _require_room(files: Sequence[int], folders: int, stdin: int, limits: Limits) -> None:
    """Files and standard input lie in the writable place, in whole blocks; an empty file or a folder counts as one."""
    room, rule = min((limits.file_bytes, "file_bytes"), (limits.memory_bytes, "memory_bytes"), (MAX_INPUT, "MAX_INPUT"))
    total = sum(files) + stdin
    blocks = sum(max(1, _blocks(size)) for size in files) + folders + _blocks(stdin)
    if total > room or blocks > _blocks(room):
        raise ValueError(
            f"files must be at most {rule}={room} in all, with stdin and in whole blocks of {BLOCK} bytes, "
            f"got {total} bytes in {blocks} blocks"
        )


def _blocks(size: int) -> int:
    return -(-size // BLOCK)


def _short(value: object) -> str:
    """The value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:76]}... ({len(text)} characters)"
