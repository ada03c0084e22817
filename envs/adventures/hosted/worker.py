"""A foreign engine in a process of its own: one order, one answer, within a time limit.

Frotz hangs for ever on some input and ends its process on other; a Java machine may run out of memory. Whoever asks is
told so as EngineGone, and starts another process. Plain `subprocess` starts it: `multiprocessing` would run the
caller's main module again, and forbids processes in the daemon processes of vectorised environments.

The process works in an empty folder of its own, which is removed with it, and it is killed with all that it started.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
"""For the first answer, and for a game that is made and compiled."""
STEP_SECONDS = 10.0
"""For one command."""
PLAN_SECONDS = 120.0
"""For a plan: ScienceWorld takes half a minute for some of its tasks."""
AT_ONCE = 0.05
"""Most answers are there before it is worth asking what the process computes."""
WAITED = 5.0
"""These are seconds in which the process computes; it is also given up after this many times as many by the clock."""
ENDING_SECONDS = 5.0
MOST_IDLE = 2 * (os.cpu_count() or 1)
"""Processes that wait for the next game of their engine and options."""
INSIDE = Path(__file__).with_name("inside") / "__init__.py"
BOOT = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("inside", sys.argv[1])
sys.modules["inside"] = importlib.util.module_from_spec(spec)
from inside.serve import main
main()
"""


class EngineGone(RuntimeError):
    """The engine did not answer in time, or its process ended."""


class EngineFailed(RuntimeError):
    """The engine raised an error of its own."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine, for which games."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Equal for processes that serve each other's games."""
        return f"{self.name} {json.dumps(dict(self.options), sort_keys=True)}"


class Worker:
    """The process of an engine."""

    def __init__(self, spec: EngineSpec) -> None:
        self.spec, self.owner = spec, os.getpid()
        self._folder = Path(tempfile.mkdtemp(prefix="sparring-engine-"))
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = self._started(theirs.fileno())
        self._pipe = Connection(ours.detach())
        self.is_busy = False
        """Whether an answer is still to come: whoever asked was interrupted, and nobody else may take it for theirs."""
        _alive.add(self)

    @property
    def is_usable(self) -> bool:
        """Whether it may be asked: no answer is still to come, and it is not that of a process that this one left."""
        return not self.is_busy and self.owner == os.getpid()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def ask(self, order: Mapping[str, object], seconds: float) -> Any:
        """The answer. Raises EngineGone, EngineFailed, and ValueError for what can be no game."""
        self.is_busy = True
        try:
            self._pipe.send_bytes(json.dumps(order).encode("ascii"))
            self._wait(seconds)
            answer = json.loads(self._pipe.recv_bytes())
            self.is_busy = False
        except TimeoutError:  # an OSError, and what the rollout interrupts with
            raise
        except (EOFError, OSError) as error:
            raise EngineGone(self._last_words()) from error
        if "error" in answer:
            kind = ValueError if answer["impossible"] else EngineFailed
            raise kind(f"{self.spec.name}: {answer['error'][:500]}")
        return answer["said"]

    def close(self) -> None:
        """End the process and whatever it has started, and remove its folder. It ends by itself unless it hangs."""
        _alive.discard(self)
        with suppress(OSError):
            self._pipe.close()
        if self.owner != os.getpid():
            return
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.0 if self.is_busy else ENDING_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _started(self, descriptor: int) -> subprocess.Popen[bytes]:
        options = json.dumps(dict(self.spec.options))
        words = [str(INSIDE), str(descriptor), str(os.getpid()), self.spec.name, options]
        with (self._folder / "errors").open("wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-P", "-c", BOOT, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self._folder,
                env={**os.environ, "PYTHONHASHSEED": "0"},  # the order of sets is part of what some engines say
                pass_fds=(descriptor,),
                start_new_session=True,
            )

    def _wait(self, seconds: float) -> None:
        """Until an answer is there. Computing is told from waiting for a processor: other programs may need it too."""
        if self._pipe.poll(AT_ONCE):
            return
        computed, waited = self._computed(), time.monotonic()
        while not self._pipe.poll(min(1.0, seconds)):
            if self._computed() - computed > seconds or time.monotonic() - waited > WAITED * seconds:
                raise EngineGone(f"{self.spec.name} did not answer within {seconds:g} s")

    def _computed(self) -> float:
        """Processor seconds of the process; 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _last_words(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING_SECONDS)
        code = self._process.poll()
        how = f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"
        lines = (self._folder / "errors").read_text("utf-8", "replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"the process of {self.spec.name} ended {how}" + (f": {said[:200]}" if said else "")


class Workers:
    """The engines' processes of this process: who needs one borrows it, who is done gives it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        """Those that wait, the longest first."""

    def borrow(self, spec: EngineSpec) -> Worker:
        """A process that waits, or a new one."""
        with self._lock:
            for worker in reversed(self._idle):
                if worker.spec.key == spec.key and worker.is_usable and worker.is_alive:
                    self._idle.remove(worker)
                    return worker
        return Worker(spec)

    def give_back(self, worker: Worker) -> None:
        """Keep a process that is well for the next game; where too many wait, the one that waits longest ends."""
        if not worker.is_usable:
            worker.close()
            return
        with self._lock:
            self._idle.append(worker)
            surplus = [self._idle.pop(0) for _ in range(len(self._idle) - MOST_IDLE)]
        for ended in surplus:
            ended.close()

    def close_idle(self) -> None:
        """End the processes that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()


workers = Workers()
_alive: weakref.WeakSet[Worker] = weakref.WeakSet()


def _close_all() -> None:
    for worker in list(_alive):
        worker.close()


atexit.register(_close_all)
