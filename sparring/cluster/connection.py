"""Joining a Ray cluster that runs, or starting one on this machine for as long as it is needed.

Every wait is bounded, and what is wrong with an address is said before Ray is asked, which would retry for minutes.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.faults import ServerFailed
from sparring.registry import require

if TYPE_CHECKING:
    from sparring.cluster.workers import RayWorkers

LOCAL, AUTO = "local", "auto"
CONNECT_SECONDS = 5.0
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""No reports to Ray's makers, and no warning of a default that will change."""


TOKEN = "RAY_AUTH_TOKEN"
"""The word by which the processes of a cluster know each other. Without one Ray leaves a file in the home folder, and
every cluster that is started afterwards asks for what stands there."""
ONE_TRY = {"RAY_gcs_server_port_wait_time_s": "1"}
"""While a cluster is joined: Ray asks once, for half a minute, and not twenty times."""
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""HTTP/2 (RFC 9113, 3.4), which Ray speaks: what a client says first, with empty settings."""
SETTINGS = 4
"""The type of frame, its fourth byte, that a server answers with."""


@contextmanager
def ray_workers(address: str = LOCAL) -> Iterator[RayWorkers]:
    """The workers of a cluster: `HOST:PORT`, `auto` for the one on this machine, `local` to start one; a worker a CPU.

    Where this process is connected to Ray already, its cluster is taken, and stays. Raises MissingExtra, ValueError for
    what is no address, ServerFailed where nothing answers or its versions are others.
    """
    require_address(address)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    ray = require("ray", "ray")
    if ray.is_initialized():
        with _crew() as workers:
            yield workers
        return
    with tempfile.TemporaryDirectory(prefix="sparring-ray-", dir=_place(), ignore_cleanup_errors=True) as folder:
        try:
            _connect(address, folder)
            with _crew() as workers:
                yield workers
        finally:
            ray.shutdown()


def require_address(address: str) -> None:
    """Raises ValueError for what is no address of a cluster."""
    host, _, port = address.rpartition(":")
    is_name = host and not set(host) & set("/[] \t")
    if address in (LOCAL, AUTO) or (is_name and port.isdecimal() and 0 < int(port) < 65536):
        return
    raise ValueError(
        f"--ray must be HOST:PORT of a cluster's head, {AUTO} (the cluster on this machine) or {LOCAL} (start one), "
        f"got {address!r}"
    )


def _place() -> str:
    """For the files of a cluster of our own: its sockets need a path of at most 107 bytes, of which 70 are Ray's."""
    usual = tempfile.gettempdir()
    return usual if len(usual) <= 20 else "/tmp"


@contextmanager
def _crew() -> Iterator[RayWorkers]:
    import ray

    from sparring.cluster.workers import RayWorkers

    free = int(ray.available_resources().get("CPU", 0))
    if free < 1:
        raise ServerFailed(f"the Ray cluster has no free CPU for a worker; it has {len(ray.nodes())} nodes")
    workers = RayWorkers(free)
    try:
        yield workers
    finally:
        workers.close()


def _connect(address: str, folder: str) -> None:
    import ray

    options: dict[str, object] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address == LOCAL:
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        options |= {"include_dashboard": False, "num_cpus": cpus, "_temp_dir": folder}
    elif address != AUTO:
        require_answer(address)
    try:
        with _handlers_kept(), _in_environment({TOKEN: secrets.token_hex(32)} if address == LOCAL else ONE_TRY):
            ray.init(address, **options)
    except (RuntimeError, ConnectionError, ValueError) as error:
        reason = " ".join(str(error).split())
        if address != LOCAL and Path("~/.ray/auth_token").expanduser().exists():
            reason += (
                "; if `ray start` said that token authentication is enabled, set RAY_AUTH_MODE=token for `ray start` "
                "and for this command, with the same ~/.ray/auth_token on every machine"
            )
        raise ServerFailed(f"Ray cluster {address}: {reason}") from error


def require_answer(address: str) -> None:
    """Raises ServerFailed where nothing that could be a cluster answers within a few seconds."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), CONNECT_SECONDS) as line:
            if os.environ.get("RAY_USE_TLS", "0") not in ("0", "false"):
                return
            line.sendall(GREETING)
            answer = line.recv(4)
    except OSError as error:
        raise ServerFailed(
            f"no Ray cluster answers at {address} ({error.strerror or error}): `ray start --head` starts one and says "
            f"its address, `ray start --address={address}` joins a machine to it"
        ) from error
    if len(answer) < 4 or answer[3] != SETTINGS:
        raise ServerFailed(f"what answers at {address} is no Ray cluster: `ray start --head` says the right address")


@contextmanager
def _in_environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: value for name, value in values.items() if before[name] is None})
    try:
        yield
    finally:
        for name in values:
            if before[name] is None:
                del os.environ[name]


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; ours stays."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
