"""The host's end of one running sandbox: it asks, and waits no longer than it said it would."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from sparring.sandbox import rootfs
from sparring.sandbox.defences import Defences
from sparring.sandbox.inside.messages import Options, Order, ProgramLimits
from sparring.sandbox.inside.wire import (
    MAX_ANSWER,
    MAX_HEADER,
    Closed,
    decode_value,
    encode_value,
    receive_frame,
    send_frame,
    send_order,
)
from sparring.sandbox.types import Limits, SandboxUnavailable, ToolError

GRACE_SECONDS = 5.0
"""How much later than the program's own limit an answer may come before the sandbox counts as dead."""
Host = Mapping[str, Callable[..., object]]


class Died(Exception):
    """The sandbox did not answer, or answered nonsense."""


class OutOfMemory(Exception):
    """The kernel has ended the whole sandbox because the program in it had used up the memory."""


@contextlib.contextmanager
def _errors_as_died() -> Iterator[None]:
    """Turn whatever goes wrong with the channel or the box into Died: the caller then kills the worker."""
    try:
        yield
    except (Closed, OSError, ValueError, KeyError) as error:
        raise Died(f"{type(error).__name__}: {error}") from error


class Box(Protocol):
    """What a backend must offer of the thing that it has started."""

    has_cgroup: bool

    def limit(self, limits: Limits) -> None:
        """Let all processes together use this much from now on."""
        ...

    def oom_kills(self) -> int:
        """How many processes the kernel has ended for want of memory; 0 where the fork-server counts them itself."""
        ...

    def died_of_memory(self) -> bool:
        """Whether the kernel has ended the fork-server itself for want of memory."""
        ...

    def complaint(self) -> str:
        """What is known of why it ended."""
        ...

    def kill(self) -> None:
        """End everything inside, and wait until it has ended."""
        ...


class Worker:
    """One sandbox: a channel to its fork-server, and the box around it."""

    def __init__(self, channel: socket.socket, box: Box, defences: Defences) -> None:
        self.channel, self.box, self.defences = channel, box, defences
        self._end = weakref.finalize(self, _end, box, os.getpid())
        self.runs = self.calls = 0
        self.value: object = None
        self.limits: tuple[Limits, bool] | None = None
        self.clean = True

    def request(
        self, header: Order, body: bytes, limits: Limits, host: Host, session: bool = False
    ) -> tuple[dict[str, Any], bytes]:
        """Ask for one thing and serve the host calls meanwhile. Raises Died; the worker must then be killed."""
        deadline = time.monotonic() + limits.wall_seconds + GRACE_SECONDS
        try:
            return self._exchange(header, body, limits, host, session, deadline)
        except Died:
            if self.box.died_of_memory():
                raise OutOfMemory from None
            raise

    def _exchange(
        self, header: Order, body: bytes, limits: Limits, host: Host, session: bool, deadline: float
    ) -> tuple[dict[str, Any], bytes]:
        most = 4 * limits.output_bytes + limits.file_bytes + MAX_ANSWER
        with _errors_as_died():
            if (limits, session) != self.limits:
                self.box.limit(limits)
                self.limits = limits, session
                header = {**header, "limits": self._limits(limits, session)}
            ooms = self.box.oom_kills()
            send_order(self.channel, header, body)
        while True:
            with _errors_as_died():
                self.channel.settimeout(max(0.001, deadline - time.monotonic()))
                answer, data = receive_frame(self.channel, MAX_HEADER, most)
                if answer["op"] == "done":
                    break
            asked = time.monotonic()
            order, reply = self._hear(data, header["op"], host, limits)
            deadline += time.monotonic() - asked
            with _errors_as_died():
                send_order(self.channel, order, reply)
        answer["value"], self.value = self.value, None
        self.clean = bool(answer.get("clean", True))
        if answer.get("status") == "failed":
            raise Died(str(answer.get("error")))
        if answer.get("status") in ("signal", "nonzero") and self.box.oom_kills() > ooms:
            answer["status"] = "memory"
        return answer, data

    def _limits(self, limits: Limits, session: bool) -> ProgramLimits:
        resources = limits.resources(session, self.box.has_cgroup)
        if not self.defences.pid_limit:
            resources.pop("RLIMIT_NPROC", None)
        if not self.defences.memory_limit:
            resources.pop("RLIMIT_DATA", None), resources.pop("RLIMIT_AS", None)
        return {
            "wall_seconds": limits.wall_seconds,
            "output_bytes": limits.output_bytes if self.defences.output_cap else 64 * 2**20,
            "file_bytes": limits.file_bytes,
            "resources": [(getattr(resource, name), limit) for name, limit in resources.items()],
        }

    def _hear(self, said: bytes, op: str, host: Host, limits: Limits) -> tuple[Order, bytes]:
        """What a program said, which may be anything: a question for a function of the host or, where a session was
        asked to do something, that it is done. What to make of it, and the reply."""
        try:
            message = json.loads(said.decode())
            if message["op"] == "host":
                return {"op": "reply"}, json.dumps(self._serve(message, host, limits)).encode()
            if message["op"] == "ended" and op in ("cell", "call"):
                failed = bool(message["failed"])
                self.value = decode_value(message["value"]) if op == "call" and not failed else None
                return {"op": "ended", "failed": failed, "memory": bool(message.get("memory"))}, b""
        except (ValueError, TypeError, LookupError, RecursionError):
            pass
        return {"op": "malformed"}, b""

    def _serve(self, question: dict[str, Any], host: Host, limits: Limits) -> dict[str, object]:
        """Call a function of the host for the program. What the function itself raises goes to the caller, except
        ToolError and what wrong arguments lead to (TypeError, ValueError)."""
        self.calls += 1
        name = str(question.get("name"))
        if name not in host:
            return {"error": f"the host offers no function {name!r}"}
        if self.calls > limits.host_calls:
            return {"error": f"the budget of {limits.host_calls} host calls is used up"}
        try:
            args, kwargs = decode_value(question["arguments"])
            return {"value": encode_value(host[name](*args, **kwargs))}
        except ToolError as error:
            return {"error": str(error)}
        except (TypeError, ValueError, RecursionError) as error:
            return {"error": f"{name}: {error}"}

    def kill(self) -> None:
        """End it, with all that is inside. So does whoever drops the last reference to it."""
        self.channel.close()
        self._end()


def _end(box: Box, owner: int) -> None:
    """End a box; a fork of its owner has a copy of everything, and must not."""
    if os.getpid() == owner:
        box.kill()


def start_worker(
    channel: socket.socket, box: Box, defences: Defences, seconds: float, path: Sequence[str] = rootfs.python_path()
) -> Worker:
    """Wait until the fork-server is ready. Raises SandboxUnavailable."""
    options: Options = {
        "wipe": defences.wipe,
        "kill": defences.kill_stragglers,
        "signals_ignored": defences.signals_ignored,
        "undumpable": defences.undumpable,
        "path": list(path),
    }
    try:
        channel.settimeout(seconds)
        send_frame(channel, options)
        receive_frame(channel, 4096, 0)
    except (Closed, OSError, ValueError) as error:
        with contextlib.suppress(OSError):
            channel.close()
        complaint = box.complaint()
        box.kill()
        raise SandboxUnavailable(
            f"the sandbox's fork-server did not start: {type(error).__name__} {error}: {complaint}"
        ) from error
    return Worker(channel, box, defences)
