"""What travels between the host and the inside of a sandbox: frames, and plain values in them.

    frame = header length (u32) | body length (u32) | header (JSON) | body (bytes)
    order = the same with a header in `marshal`'s format, from the host only, whom the inside trusts; an empty header
            says: run a program of which nothing is to be said but its text
    value = None, bool, int, float, str as themselves; the rest as [tag, content]

Both ends use this file, so it needs nothing but the standard library, and of that the C half of `socket` only: a
module that a fork-server holds makes every fork dearer. Whatever comes out of a sandbox is untrusted:
sizes are checked before anything is read, only exact built-in types come back, and nothing is ever unpickled.
"""

from __future__ import annotations

import json
import marshal
import struct
from _socket import CMSG_LEN, SCM_RIGHTS, SOL_SOCKET, socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from sparring.sandbox.inside.messages import Order

USUAL: Order = {"op": "run"}
HEADER = struct.Struct(">II")
DESCRIPTOR = struct.Struct("i")
MAX_HEADER = 16 << 20
MAX_BODY = 256 << 20
MAX_ANSWER = 16 << 20
"""Bytes that a program may say at a time."""
MAX_DEPTH = 64
PLAIN = (bool, int, float, str, bytes, complex, list, tuple, set, frozenset, dict, type(None))
_SEQUENCES: dict[str, type] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_SMALL = 1 << 53


class Closed(Exception):
    """The other end has gone."""


def send_frame(sock: socket, header: Mapping[str, object], body: bytes = b"") -> None:
    """Write one frame."""
    head = json.dumps(header).encode()
    sock.sendall(HEADER.pack(len(head), len(body)) + head + body)


def send_order(sock: socket, order: Order, body: bytes = b"") -> None:
    """Write one order."""
    head = b"" if order == USUAL else marshal.dumps(cast("dict[str, Any]", order))
    sock.sendall(HEADER.pack(len(head), len(body)) + head + body)


def receive_order(sock: socket) -> tuple[Order, int, bytes]:
    """An order without its body, how many bytes of body are to be read after it, and what has been read of it.

    Every page of memory that a fork-server or its fork touches has to be copied: JSON would be sixty pages, this is
    thirty, and nothing at all for the usual order.
    """
    sizes = receive_exactly(sock, HEADER.size)
    head_size, body_size = HEADER.unpack(sizes)
    if not head_size:
        return USUAL, body_size, sizes
    head = receive_exactly(sock, head_size)
    return marshal.loads(head), body_size, sizes + head


def send_parts(sock: socket, head: bytes, parts: Sequence[bytes | memoryview]) -> None:
    """Write one frame whose body is in parts, none of which is copied."""
    first = HEADER.pack(len(head), sum(map(len, parts))) + head
    sent = sock.sendmsg([first, *parts]) if len(parts) < 100 else 0
    for part in (first, *parts):
        if sent < len(part):
            sock.sendall(memoryview(part)[sent:])
        sent = max(0, sent - len(part))


def receive_frame(sock: socket, max_header: int = MAX_HEADER, max_body: int = MAX_BODY) -> tuple[Any, bytes]:
    """Read one frame. Nothing of its header is checked, but that it is a JSON object.

    Raises Closed at the end, ValueError for what is no frame, TimeoutError from the socket."""
    head_size, body_size = HEADER.unpack(receive_exactly(sock, HEADER.size))
    if head_size > max_header or body_size > max_body:
        raise ValueError(f"a frame of {head_size} + {body_size} bytes is larger than {max_header} + {max_body}")
    try:
        header = json.loads(receive_exactly(sock, head_size))
    except RecursionError:
        raise ValueError("a frame's header is nested too deeply") from None
    if not isinstance(header, dict):
        raise ValueError(f"a frame's header must be an object, got {type(header).__name__}")
    return header, receive_exactly(sock, body_size)


def receive_exactly(sock: socket, size: int) -> bytes:
    """Read `size` bytes. Raises Closed where the other end has gone."""
    parts = []
    while size:
        part = sock.recv(min(size, 1 << 20))
        if not part:
            raise Closed
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def send_descriptors(sock: socket, descriptors: Sequence[int]) -> None:
    """Write one byte that carries descriptors, two at most."""
    sock.sendmsg([b"+"], [(SOL_SOCKET, SCM_RIGHTS, b"".join(map(DESCRIPTOR.pack, descriptors)))])


def receive_descriptors(sock: socket) -> list[int]:
    """Read what `send_descriptors` has written. Raises Closed."""
    marker, messages, _, _ = sock.recvmsg(1, CMSG_LEN(2 * DESCRIPTOR.size))
    if not marker:
        raise Closed
    return [descriptor for _, _, data in messages for (descriptor,) in DESCRIPTOR.iter_unpack(data)]


def encode_value(value: Any, depth: int = 0) -> object:
    """JSON that stands for a plain value. Raises ValueError for subclasses, other types, and nesting over 64 levels."""
    if depth > MAX_DEPTH:
        raise ValueError(f"a value may be nested {MAX_DEPTH} levels deep, this one is deeper or contains itself")
    kind = type(value)
    if value is None or kind is bool or kind is float or kind is str:
        return value
    if kind is int:
        return value if -_SMALL < value < _SMALL else ["int", hex(value)]
    if kind is bytes:
        return ["bytes", value.decode("latin-1")]
    if kind is complex:
        return ["complex", [value.real, value.imag]]
    if kind in (list, tuple, set, frozenset):
        return [kind.__name__, [encode_value(item, depth + 1) for item in value]]
    if kind is dict:
        return ["dict", [[encode_value(k, depth + 1), encode_value(v, depth + 1)] for k, v in value.items()]]
    raise ValueError(f"only plain values can enter or leave the sandbox, got {kind.__module__}.{kind.__qualname__}")


def decode_value(data: Any, depth: int = 0) -> Any:
    """The inverse of `encode_value`. Raises ValueError for anything that it would not have written."""
    if depth > MAX_DEPTH:
        raise ValueError(f"a value may be nested {MAX_DEPTH} levels deep")
    if data is None or type(data) in (bool, int, float, str):
        return data
    if not isinstance(data, list) or len(data) != 2 or not isinstance(data[0], str):
        raise ValueError("not an encoded value")
    tag, content = data
    try:
        if tag == "int":
            return int(content, 16)
        if tag == "bytes":
            return content.encode("latin-1")
        if tag == "complex":
            return complex(float(content[0]), float(content[1]))
        if tag == "dict":
            return {decode_value(k, depth + 1): decode_value(v, depth + 1) for k, v in content}
        return _SEQUENCES[tag]([decode_value(item, depth + 1) for item in content])
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"not an encoded value: {error!r}") from None
