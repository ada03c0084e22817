"""The backend on a Docker engine: the same root filesystem, fork-server and wire, in a container with every limit set.

The image is imported from the root filesystem that we build ourselves; no registry is asked. The fork-server connects
to a socket that is mounted for it, and the host takes that one connection and removes the socket before any program
runs. Starting a container takes a second, so spare ones are kept ready by a thread.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import shutil
import socket
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from typing import Any

from sparring.sandbox import rootfs, seccomp
from sparring.sandbox.cgroups import OWN_INODES, OWN_MEMORY
from sparring.sandbox.defences import Defences
from sparring.sandbox.types import Limits, SandboxUnavailable
from sparring.sandbox.worker import Worker, start_worker

REPOSITORY = "sparring-sandbox"
START_SECONDS = 60.0
LABEL = "sparring"
_numbers = itertools.count()


class Engine:
    """Starts containers of one image, a spare one ahead."""

    def __init__(self, limits: Limits, packages: Sequence[str], defences: Defences) -> None:
        self.limits, self.packages, self.defences = limits, tuple(packages), defences
        self._client: Any = None
        self._image = ""
        self._spares: queue.Queue[Worker | BaseException] = queue.Queue()
        self._ordered = 0
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> Worker:
        """A running sandbox. Raises SandboxUnavailable with what is missing."""
        with self._lock:
            if self._client is None:
                self._client, self._image = connect(), ""
                self._image = _image(self._client, self.packages)
                self._order()
            self._order()
        worker = self._spares.get()
        with self._lock:
            self._ordered -= 1
        if isinstance(worker, BaseException):
            raise worker
        return worker

    def strength(self) -> str:
        """What stands between a program and this machine."""
        version = connect().version()
        return (
            f"B: a container of Docker {version['Version']} (no network, read-only root, no capabilities, own seccomp "
            "profile, memory, pids and cpu limits)"
        )

    def close(self) -> None:
        """End the spare containers, those that are still starting included."""
        with self._lock:
            self._closed, ordered = True, self._ordered
            self._ordered = 0
        for _ in range(ordered):
            with contextlib.suppress(queue.Empty):
                worker = self._spares.get(timeout=START_SECONDS)
                if isinstance(worker, Worker):
                    worker.kill()

    def _order(self) -> None:
        """Have a container started in the background."""
        self._ordered += 1
        threading.Thread(target=self._refill, daemon=True).start()

    def _refill(self) -> None:
        try:
            self._spares.put(_start(self._client, self._image, self.limits, self.defences))
        except BaseException as error:  # noqa: BLE001  (raised where the container is wanted)
            self._spares.put(error)


class _Container:
    """A container as a box."""

    has_cgroup = True

    def __init__(self, container: Any, folder: str, limits: Limits) -> None:
        self.container, self.folder, self._limits = container, folder, limits

    def limit(self, limits: Limits) -> None:
        if _engine_limits(limits) != _engine_limits(self._limits):
            self.container.update(**_engine_limits(limits))
        self._limits = limits

    def oom_kills(self) -> int:
        return 0  # the fork-server inside counts them itself

    def died_of_memory(self) -> bool:
        with contextlib.suppress(Exception):
            self.container.reload()
            return bool(self.container.attrs["State"]["OOMKilled"])
        return False

    def complaint(self) -> str:
        """What the fork-server wrote before it ended."""
        return str(self.container.logs(tail=20).decode(errors="replace").strip())

    def kill(self) -> None:
        """Remove the container; a removal that is under way already is as good."""
        with contextlib.suppress(Exception):
            self.container.remove(force=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def connect() -> Any:
    """A client of the Docker engine. Raises SandboxUnavailable where none answers."""
    try:
        import docker
        from docker.errors import DockerException
    except ImportError:
        raise SandboxUnavailable('backend="docker" needs the Docker SDK: pip install "sparring[docker]"') from None
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except (DockerException, OSError) as error:
        raise SandboxUnavailable(
            f"no Docker engine answers ({error}): start one, or set DOCKER_HOST; "
            'without it, backend="namespaces" needs no engine'
        ) from error
    return client


def _image(client: Any, packages: Sequence[str]) -> str:
    """The image with our root filesystem, imported if the engine does not have it."""
    from docker.errors import ImageNotFound

    root = rootfs.rootfs(packages)
    name = f"{REPOSITORY}:{root.name.removeprefix('root-')}"
    try:
        client.images.get(name)
    except ImageNotFound:
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                archive.add(root, arcname=".", filter=_owned_by_root)
            file.seek(0)
            client.api.import_image_from_data(file, repository=REPOSITORY, tag=name.partition(":")[2])
    return name


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _start(client: Any, image: str, limits: Limits, defences: Defences) -> Worker:
    folder = tempfile.mkdtemp(prefix="sparring-")
    os.chmod(folder, 0o711)
    path = os.path.join(folder, "socket")
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            os.chmod(path, 0o666)
            listener.listen(1)
            container = client.containers.run(image, **_options(folder, limits, defences))
            try:
                listener.settimeout(START_SECONDS)
                channel, _ = listener.accept()
            except BaseException as error:
                complaint = container.logs(tail=20).decode(errors="replace").strip()
                container.remove(force=True)
                raise SandboxUnavailable(f"a container's fork-server did not connect: {complaint or error}") from error
        os.unlink(path)
        return start_worker(channel, _Container(container, folder, limits), defences, START_SECONDS)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _options(folder: str, limits: Limits, defences: Defences) -> dict[str, object]:
    import docker

    inodes = OWN_INODES + max(4096, limits.file_bytes // 4096)
    tmpfs = f"rw,nosuid,nodev,noexec,noatime,mode=0700,uid=1000,gid=1000,nr_inodes={inodes}"
    if defences.sized_tmpfs:
        tmpfs += f",size={limits.file_bytes}"
    options: dict[str, object] = {
        "command": [*rootfs.COMMAND, "connect"],
        "detach": True,
        "name": f"sparring-{os.getpid()}-{next(_numbers)}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}",
        "labels": {LABEL: str(os.getpid())},
        "environment": rootfs.ENVIRONMENT,
        "hostname": "sandbox",
        "user": "1000:1000" if defences.drop_capabilities else "0:0",
        "network_mode": "none" if defences.network_namespace else "bridge",
        "read_only": defences.read_only_root,
        "tmpfs": {"/box": tmpfs},
        "volumes": {folder: {"bind": "/run/sparring", "mode": "ro"}},
        "ipc_mode": "none",
        "ulimits": [docker.types.Ulimit(name="core", soft=0, hard=0)],
        "oom_kill_disable": False,
        "log_config": docker.types.LogConfig(type="json-file", config={"max-size": "64k", "max-file": "1"}),
        "restart_policy": {"Name": "no"},
        "stop_signal": "SIGKILL",
        "devices": [],
    }
    if defences.drop_capabilities:
        options["cap_drop"] = ["ALL"]
    if defences.memory_limit:
        options |= {**_engine_limits(limits), "nano_cpus": min(2, os.cpu_count() or 1) * 10**9}
    if defences.pid_limit:
        options["pids_limit"] = limits.processes + 1  # the fork-server
    profile = json.dumps(seccomp.docker_profile()) if defences.seccomp else "unconfined"
    options["security_opt"] = [*(["no-new-privileges"] if defences.drop_capabilities else []), f"seccomp={profile}"]
    return options


def _engine_limits(limits: Limits) -> dict[str, object]:
    memory = limits.memory_bytes + OWN_MEMORY
    return {"mem_limit": memory, "memswap_limit": memory}


def leftovers() -> list[str]:
    """Names of the containers that this process has started and that still exist."""
    containers = connect().containers.list(all=True, filters={"label": f"{LABEL}={os.getpid()}"})
    return [container.name for container in containers]
