"""Inside, in a forked child: what a program sees of the world, and how it runs.

Nothing here is trusted once the program has begun; process 1 judges from outside how it ended.
"""

from __future__ import annotations

import atexit
import builtins
import ctypes
import fcntl
import linecache
import os
import random
import resource
import signal
import socket
import stat
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

from sparring.sandbox import forks
from sparring.sandbox.box import BOX, NOW
from sparring.sandbox.wire import Closed, decode_value, encode_value, receive_frame, send_frame

CONTROL = 3
"""The descriptor through which a program asks the host, and a node answers."""
FILE = "main.py"
LIBC = ctypes.CDLL(None)
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36


def set_dumpable(yes: bool) -> None:
    """Whether processes of the same user may look into this one, its own `/proc/self` included."""
    LIBC.prctl(PR_SET_DUMPABLE, int(yes), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of what our descendants leave behind."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die() -> NoReturn:
    """End a fork that could not become a program, saying why where the program would have written."""
    try:
        os.write(2, f"sparring: {traceback.format_exc()}".encode())
    finally:
        os._exit(70)


def become(limits: dict[str, Any], streams: tuple[int, int, int], control: int | None) -> None:
    """Turn a fresh fork into the program's process: its streams, nothing else open, its limits, its folder."""
    set_dumpable(True)
    for target, source in enumerate(streams):
        os.dup2(source, target)
    if control is not None:
        os.dup2(control, CONTROL, inheritable=False)
    os.closerange(CONTROL + (control is not None), 4096)
    for name, value in limits["resources"].items():
        resource.setrlimit(getattr(resource, name), tuple(value))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(f"{NOW}/work")


def open_streams() -> None:
    """Python streams over descriptors 0, 1 and 2, whatever these will be; any text can be written."""
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]


def hide_ourselves(path: list[str]) -> None:
    """Before the first program: what it will find of this interpreter is the standard library."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "sparring"]:
        del sys.modules[name]
    sys.argv, sys.path = [FILE], [f"{NOW}/work", *path]
    open_streams()


def prepare(seed: int, host: list[str]) -> dict[str, Any]:
    """The namespace of a new program: an empty `__main__`, seeded `random`, and the host's functions as builtins."""
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    main.__file__ = FILE
    sys.modules["__main__"] = main
    forks.begin()
    random.seed(seed)
    for name in host:
        setattr(builtins, name, _host_function(name))
    return main.__dict__


def _host_function(name: str) -> Callable[..., Any]:
    lock = threading.Lock()

    def call(*args: Any, **kwargs: Any) -> Any:
        question = encode_value((args, kwargs))
        with lock, socket.fromfd(CONTROL, socket.AF_UNIX, socket.SOCK_STREAM) as control:
            send_frame(control, {"op": "host", "name": name, "arguments": question})
            answer, _ = receive_frame(control)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return decode_value(answer["value"])

    call.__name__ = call.__qualname__ = name
    return call


def run_to_the_end(code: bytes, namespace: dict[str, Any]) -> NoReturn:
    """Run a program as an interpreter would, exit handlers included."""
    status = execute(code, namespace)
    try:
        if threading.active_count() > 1:
            threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    finally:
        flush()
        os._exit(status or 0)


def execute(code: bytes, namespace: dict[str, Any], file: str = FILE) -> int | None:
    """Run code; None after its last line, else the status with which it asked, or failed, to end."""
    text = code.decode()
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    try:
        exec(compile(text, file, "exec", dont_inherit=True), namespace)
    except SystemExit as stop:
        return _exit_status(stop.code)
    except BaseException as error:  # noqa: BLE001  (the interpreter's own last resort)
        report(error, file)
        return 1
    return None


def report(error: BaseException, file: str = FILE) -> None:
    """Print a traceback that begins in the program, not in us."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != file:
        trace = trace.tb_next
    try:
        traceback.print_exception(type(error), error, trace)
    except BaseException:  # noqa: BLE001  (an exception whose own text raises)
        print(f"{type(error).__name__}: (it cannot be printed)", file=sys.stderr)


def flush() -> None:
    """Write out what is buffered; a closed or broken stream loses it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue


def _exit_status(code: Any) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


class Node:
    """A paused interpreter: runs what process 1 sends, and forks itself into further nodes."""

    def __init__(self, control: socket.socket, namespace: dict[str, Any]) -> None:
        self.control, self.namespace = control, namespace
        self.children: list[int] = []
        self.cells = 0

    def serve(self) -> NoReturn:
        """Obey until process 1 hangs up."""
        send_frame(self.control, {"ready": True})
        while True:
            try:
                header, body, descriptors = _receive_with_descriptors(self.control)
            except (Closed, OSError, ValueError):
                os._exit(0)
            if header["op"] == "fork":
                self.fork(header, descriptors)
            elif header["op"] == "reap":
                os.close(descriptors[0])
                send_frame(self.control, {"waited": os.waitpid(header["pid"], 0)[1]})
                self.children.remove(header["pid"])
            else:
                self.act(header, body, descriptors)

    def fork(self, header: dict[str, Any], descriptors: list[int]) -> None:
        """Answer with the child's process number, or with why this state cannot be forked faithfully."""
        refusal = _unforkable(header["branch"], descriptors[0])
        if refusal:
            os.close(descriptors[0])
            return send_frame(self.control, {"refusal": refusal})
        for pid in list(self.children):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self.children.remove(pid)
        state = random.getstate()
        pid = os.fork()
        if pid == 0:
            self._wake(descriptors[0], header["place"])
            random.setstate(state)
            return None
        os.close(descriptors[0])
        self.children.append(pid)
        return send_frame(self.control, {"pid": pid})

    def _wake(self, control: int, place: str) -> None:
        """In the child: a channel of its own, and its own copy of the files, open ones included."""
        self.children = []
        self.control.close()
        os.dup2(control, CONTROL, inheritable=False)
        os.close(control)
        self.control = socket.socket(fileno=CONTROL)
        for descriptor in _descriptors():
            _reopen(descriptor, place)
        here = os.getcwd()
        os.chdir(NOW + here.removeprefix(place) if here.startswith(place) else here)

    def act(self, header: dict[str, Any], body: bytes, descriptors: list[int]) -> None:
        """Run a cell or call a function, with output going to the given descriptors meanwhile."""
        out, err = descriptors
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime + header["cpu_seconds"]) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        answer = self._cell(body) if header["op"] == "cell" else self._call(header)
        flush()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.close(null)
        send_frame(self.control, {"op": "ended", **answer})

    def _cell(self, code: bytes) -> dict[str, Any]:
        self.cells += 1
        file = f"cell_{self.cells}.py"
        try:
            exec(_compiled(code, file), self.namespace)
        except SystemExit as stop:
            status = _exit_status(stop.code)
            flush()
            os._exit(status)
        except BaseException as error:  # noqa: BLE001
            report(error, file)
            return {"failed": True, "memory": isinstance(error, MemoryError)}
        return {"failed": False}

    def _call(self, header: dict[str, Any]) -> dict[str, Any]:
        try:
            function = self.namespace[header["function"]]
            return {"failed": False, "value": encode_value(function(*decode_value(header["arguments"])))}
        except BaseException as error:  # noqa: BLE001
            report(error, f"cell_{self.cells}.py")
            return {"failed": True, "memory": isinstance(error, MemoryError)}


def _compiled(code: bytes, file: str) -> types.CodeType:
    text = code.decode()
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    return compile(text, file, "exec", dont_inherit=True)


def _receive_with_descriptors(sock: socket.socket) -> tuple[dict[str, Any], bytes, list[int]]:
    """A frame, preceded by one byte that carries descriptors."""
    marker, descriptors, _, _ = socket.recv_fds(sock, 1, 2)
    if not marker:
        raise Closed
    return (*receive_frame(sock), descriptors)


def _unforkable(branch: bool, ours: int) -> str:
    """Why a fork would not be a faithful copy; empty where it is."""
    if threading.active_count() > 1:
        names = ", ".join(thread.name for thread in threading.enumerate()[1:4])
        return f"{threading.active_count() - 1} threads are still running ({names}), and a fork loses them: join them"
    for descriptor in _descriptors() - {ours}:
        try:
            mode = os.fstat(descriptor).st_mode
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if branch and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            return f"descriptor {descriptor} is a pipe or socket, which both branches would share: close it"
        if stat.S_ISREG(mode) and path.startswith(BOX) and path.endswith(" (deleted)"):
            return f"descriptor {descriptor} is a deleted file, which both branches would share: close it"
    return ""


def _descriptors() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/fd") if int(name) > CONTROL}


def _reopen(descriptor: int, place: str) -> None:
    """Give an open file of the parent's folder a counterpart in ours: same mode, same offset, not shared."""
    try:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if not path.startswith(f"{place}/") or not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~(os.O_CREAT | os.O_TRUNC | os.O_EXCL)
        own = os.open(NOW + path.removeprefix(place), flags)
    except OSError:
        return
    os.lseek(own, os.lseek(descriptor, 0, os.SEEK_CUR), os.SEEK_SET)
    os.dup2(own, descriptor, os.get_inheritable(descriptor))
    os.close(own)
