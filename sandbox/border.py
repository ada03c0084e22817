"""The border of a sandbox, on the host's side: what may go in, and how what comes out is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.sandbox.types import MAX_CODE_BYTES, MAX_FILES, Limits, Outcome
from sparring.sandbox.worker import Died


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
    source = code.encode("utf-8", "surrogatepass") if isinstance(code, str) else code
    if len(source) > MAX_CODE_BYTES:
        raise ValueError(f"code must be at most {MAX_CODE_BYTES} bytes, got {len(source)}")
    try:
        source.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"code must be UTF-8: {error.reason} at byte {error.start}") from None
    if b"\0" in source:
        raise ValueError(f"code must not hold NUL bytes, got one at byte {source.index(0)}")
    return source


def file_parts(files: Mapping[str, str | bytes], limits: Limits) -> tuple[list[str], list[bytes]]:
    """Names and contents. Raises ValueError for too many, too large, or outside the working folder."""
    if len(files) > MAX_FILES:
        raise ValueError(f"at most {MAX_FILES} files can be given, got {len(files)}")
    contents = [content.encode() if isinstance(content, str) else content for content in files.values()]
    if sum(map(len, contents)) > limits.file_bytes:
        raise ValueError(f"files must be at most file_bytes={limits.file_bytes} in all, got {sum(map(len, contents))}")
    for path in files:
        require_inside(path)
    return list(files), contents


def require_inside(path: str) -> None:
    """Raises ValueError for a path that is not one of a file in the working folder."""
    if not path or path.startswith("/") or "\0" in path or ".." in path.split("/") or len(path) > 1024:
        raise ValueError(f"a file must have a path inside the working folder, such as 'data/input.txt', got {path!r}")
