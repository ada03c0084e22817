"""Inside, in a forked child: what a program sees of the world, and how it runs.

Nothing here is trusted once the program has begun; process 1 judges from outside how it ended.
"""

from __future__ import annotations

import atexit
import builtins
import ctypes
import json
import linecache
import os
import random
import resource
import signal
import sys
import traceback
import types
from _signal import signal as set_handler  # type: ignore[import-not-found]  # the public one touches 50 pages more
from _socket import AF_UNIX, SOCK_STREAM, socket
from _thread import _count as count_threads
from _thread import allocate_lock
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from sparring.sandbox.inside import fork_hooks
from sparring.sandbox.inside.wire import decode_value, encode_value, receive_frame, send_frame
from sparring.sandbox.inside.workspace import NOW

if TYPE_CHECKING:
    from sparring.sandbox.inside.messages import ProgramLimits

CONTROL = 3
"""The descriptor through which a program asks the host, and an interpreter answers."""
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


def become(limits: ProgramLimits, streams: tuple[int, int, int]) -> None:
    """Turn a fresh fork into the program's process: its streams, its limits, its folder."""
    set_dumpable(True)
    for target, source in enumerate(streams):
        os.dup2(source, target)
    for number, limit in limits["resources"]:
        resource.setrlimit(number, limit)
    os.chdir(f"{NOW}/work")


def close_the_rest(control: int | None) -> None:
    """Nothing is open any more but the streams, and the control channel where there is one."""
    if control is not None:
        os.dup2(control, CONTROL, inheritable=False)
    os.closerange(CONTROL + (control is not None), 4096)


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
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    main.__file__ = FILE
    sys.modules["__main__"] = main
    random.seed(0)
    open_streams()


def set_arguments(given: bytes) -> None:
    """What follows the program's name in `sys.argv`: each argument is ended by NUL."""
    sys.argv += given.decode(errors="surrogateescape").split("\0")[:-1]


def prepare(seed: int, host: Sequence[str]) -> dict[str, object]:
    """The namespace of a new program: an empty `__main__`, seeded `random`, and the host's functions as builtins."""
    fork_hooks.begin()
    set_handler(signal.SIGINT, signal.default_int_handler)
    if seed:
        random.seed(seed)
    for name in host:
        setattr(builtins, name, _host_function(name))
    return sys.modules["__main__"].__dict__


def _host_function(name: str) -> Callable[..., object]:
    lock = allocate_lock()

    def call(*args: object, **kwargs: object) -> object:
        question = encode_value((args, kwargs))
        with lock:
            control = socket(AF_UNIX, SOCK_STREAM, 0, os.dup(CONTROL))
            try:
                send_frame(control, {"op": "host", "name": name, "arguments": question})
                answer = json.loads(receive_frame(control)[1])
            finally:
                control.close()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return decode_value(answer["value"])

    call.__name__ = call.__qualname__ = name
    return call


def run_to_the_end(code: bytes, namespace: dict[str, object]) -> NoReturn:
    """Run a program as an interpreter would, exit handlers included."""
    status = execute(code, namespace)
    try:
        if count_threads() and "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        atexit._run_exitfuncs()
    finally:
        flush()
        os._exit(status or 0)


def execute(code: bytes, namespace: dict[str, object], file: str = FILE) -> int | None:
    """Run code; None after its last line, else the status with which it asked, or failed, to end."""
    text = code.decode()
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    try:
        exec(compile(text, file, "exec", dont_inherit=True), namespace)
    except SystemExit as stop:
        return exit_status(stop.code)
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


def exit_status(code: object) -> int:
    """The status that `SystemExit(code)` ends an interpreter with."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1
