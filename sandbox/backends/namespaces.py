"""The backend without a daemon and without root: bubblewrap, namespaces, seccomp, and a cgroup where there is one.

bubblewrap is never started as uid 0. Started by root, even with another uid inside and no capability left, it lets a
program write `/proc/sys`, because the kernel asks there for the uid outside; `core_pattern` among it, which is the way
out. So root drops to an unprivileged uid first, and `/proc/sys` is mounted read-only on top of itself besides.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sparring.sandbox import rootfs, seccomp
from sparring.sandbox.backends.bubblewrap import find_bubblewrap
from sparring.sandbox.cgroups import OWN_INODES, Cgroup
from sparring.sandbox.defences import Defences
from sparring.sandbox.types import Limits, SandboxUnavailable
from sparring.sandbox.worker import Worker, start_worker

UNPRIVILEGED = 64_321
"""The uid and gid that root drops to; nobody else's."""
DEVICES = ("null", "zero", "full", "random", "urandom")
MASKED = ("/proc/kallsyms", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/key-users")
HIDDEN = ("/proc/acpi", "/proc/scsi", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/tty", "/proc/driver")
READ_ONLY = ("/proc/sys", "/proc/sysrq-trigger")
START_SECONDS = 20.0
WALLS = "user, process, network, ipc, uts and mount namespaces, own root filesystem, seccomp, rlimits"


class Namespaces:
    """Starts sandboxes in bubblewrap."""

    def __init__(self, limits: Limits, packages: Sequence[str], defences: Defences, commands: bool = False) -> None:
        self.limits, self.packages, self.defences, self.commands = limits, packages, defences, commands

    def start(self) -> Worker:
        """A running sandbox. Raises SandboxUnavailable with what is missing, OSError."""
        return _starter().submit(_start, self.limits, self.packages, self.defences, self.commands).result()

    def strength(self) -> str:
        """What stands between a program and this machine; its name in the table of docs/sandbox.md first."""
        group = Cgroup.create()
        if group is None:
            return f"A2: {WALLS}"
        version = group.version
        group.close()
        return f"A3: {WALLS}, cgroup v{version} (memory, pids)"

    def close(self) -> None:
        """Nothing is held."""


@functools.cache
def _starter() -> ThreadPoolExecutor:
    """The one thread that starts workers. bubblewrap ends with the thread that started it, and callers' threads come
    and go."""
    return ThreadPoolExecutor(1, "sandbox")


def _start(limits: Limits, packages: Sequence[str], defences: Defences, commands: bool) -> Worker:
    root = rootfs.rootfs(packages, commands)
    group = Cgroup.create() if defences.memory_limit and defences.pid_limit else None
    here, there = socket.socketpair()
    try:
        with there, _descriptors(defences) as (filter_file, info_read, info_write, go_read, go_write, errors):
            command = _command(root, limits, defences, filter_file, info_write, go_read, commands)
            process = subprocess.Popen(
                command,
                stdin=there.fileno(),
                stdout=there.fileno(),
                stderr=errors,
                env={} if defences.clear_environ else None,
                cwd="/",
                pass_fds=[filter_file, info_write, go_read],
                **_unprivileged(),
            )
            os.close(info_write)
            inside = _process_inside(info_read, process, errors)
            if group is not None:
                group.limit(limits)
                group.add(process.pid)
                group.add(inside)
            os.write(go_write, b"+")
    except BaseException:
        here.close()
        if group is not None:
            group.close()
        raise
    return start_worker(here, Bubblewrap(process, group, inside), defences, START_SECONDS)


class Bubblewrap:
    """The process outside, and its cgroup."""

    def __init__(self, process: subprocess.Popen[bytes], group: Cgroup | None, inside: int) -> None:
        self.process, self.group, self.inside = process, group, inside
        self.has_cgroup = group is not None

    def limit(self, limits: Limits) -> None:
        if self.group is not None:
            self.group.limit(limits)

    def oom_kills(self) -> int:
        return self.group.oom_kills() if self.group is not None else 0

    def died_of_memory(self) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1.0)
        with contextlib.suppress(OSError, ValueError):  # the group may be gone with the sandbox
            return self.process.poll() is not None and self.oom_kills() > 0
        return False

    def complaint(self) -> str:
        """How bubblewrap ended, if it has."""
        return f"bubblewrap's exit code is {self.process.poll()}"

    def end_program(self) -> None:
        """End what the fork-server runs; the fork-server then ends the rest that the program began."""
        with contextlib.suppress(OSError):
            for child in Path(f"/proc/{self.inside}/task/{self.inside}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)

    def kill(self) -> None:
        """End everything inside: with process 1 the kernel ends all processes of its namespace."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.group is not None:
            self.group.close()


def _unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}


@contextlib.contextmanager
def _descriptors(defences: Defences) -> Iterator[tuple[int, int, int, int, int, int]]:
    """The filter as a file, two pipes, and a file for what bubblewrap complains of."""
    filter_file, errors = os.memfd_create("seccomp"), os.memfd_create("errors")
    os.write(filter_file, seccomp.program())
    os.lseek(filter_file, 0, os.SEEK_SET)
    info_read, info_write = os.pipe()
    go_read, go_write = os.pipe()
    try:
        yield filter_file, info_read, info_write, go_read, go_write, errors
    finally:
        for descriptor in (filter_file, errors, info_read, info_write, go_read, go_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _process_inside(info_read: int, process: subprocess.Popen[bytes], errors: int) -> int:
    """The number, outside, of process 1 inside; bubblewrap writes it when it has made the namespaces."""
    written = b""
    while part := os.read(info_read, 4096):
        written += part
        if b"}" in written:
            return int(json.loads(written)["child-pid"])
    process.wait()
    complaint = os.pread(errors, 4096, 0).decode(errors="replace").strip()
    complaint = complaint or f"exit code {process.returncode}"
    raise SandboxUnavailable(f"bubblewrap could not make a sandbox: {complaint}{_hint()}")


def _hint() -> str:
    """Why user namespaces may be closed here."""
    for file, closed, cure in (
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
        ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
         "an AppArmor profile for bwrap, or sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
    ):  # fmt: skip
        with contextlib.suppress(OSError):
            if Path(file).read_text().strip() == closed:
                return f"; user namespaces are closed to ordinary users here ({file} is {closed}): {cure}"
    return ""


def _command(
    root: Path, limits: Limits, defences: Defences, filter_file: int, info_write: int, go_read: int, commands: bool
) -> list[str]:
    outer = _outer(root, limits, commands) if defences.sized_tmpfs else []
    words = [
        *outer,
        str(find_bubblewrap()),
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]
    words += [
        "--as-pid-1",
        "--die-with-parent",
        "--new-session",
        "--hostname",
        "sandbox",
        "--uid",
        "1000",
        "--gid",
        "1000",
    ]
    words += ["--info-fd", str(info_write), "--block-fd", str(go_read)]
    if defences.network_namespace:
        words.append("--unshare-net")
    if defences.drop_capabilities:
        words += ["--disable-userns", "--cap-drop", "ALL"]
    if defences.seccomp:
        words += ["--seccomp", str(filter_file)]
    words += _mounts(root, limits, defences, bool(outer))
    if defences.clear_environ:
        words.append("--clearenv")
    for name, value in rootfs.ENVIRONMENT.items():
        words += ["--setenv", name, value]
    return [*words, "--chdir", "/", "--", *rootfs.COMMAND]


def _mounts(root: Path, limits: Limits, defences: Defences, mounted: bool) -> list[str]:
    words = ["--ro-bind" if defences.read_only_root else "--bind", str(root), "/"]
    words += ["--proc", "/proc"]
    for path in READ_ONLY:
        words += ["--ro-bind-try", path, path]
    words += [word for path in MASKED if os.path.exists(path) for word in ("--ro-bind", "/dev/null", path)]
    for path in HIDDEN:
        if os.path.isdir(path):
            words += ["--tmpfs", path, "--remount-ro", path]
    words += ["--tmpfs", "/dev"]
    for device in DEVICES:
        words += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    words += ["--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/box/now/shm", "/dev/shm", "--remount-ro", "/dev"]
    if mounted:
        return [*words, "--bind", f"{root}/box", "/box"]
    if defences.sized_tmpfs:
        words += ["--size", str(limits.file_bytes)]
    return [*words, "--tmpfs", "/box"]


MOUNT = 'mount -t tmpfs -o "$1" sandbox "$2" && shift 2 && exec "$@"'


def _outer(root: Path, limits: Limits, commands: bool) -> list[str]:
    """A namespace around bubblewrap's, in which the writable place is mounted: bubblewrap itself can bound neither the
    number of its files nor, where no commands run, keep programs in it from being executed. Nothing where the tools for
    it are missing."""
    if not _can_mount(root):
        return []
    inodes = OWN_INODES + max(1024, limits.file_bytes // 4096)
    execution = "exec" if commands else "noexec"
    options = f"size={limits.file_bytes},nr_inodes={inodes},{execution},nosuid,nodev,noatime,mode=0700"
    return [*_namespace(), MOUNT, "sh", options, f"{root}/box"]


def _namespace() -> list[str]:
    words = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"]
    return [*words, shutil.which("sh") or "sh", "-c"]


@functools.cache
def _can_mount(root: Path) -> bool:
    """Whether an ordinary user can make such a namespace here; tried, not assumed."""
    command = [*_namespace(), MOUNT, "sh", "size=4096", f"{root}/box", "true"]
    try:
        done = subprocess.run(command, env={}, cwd="/", capture_output=True, timeout=20, check=False, **_unprivileged())
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
