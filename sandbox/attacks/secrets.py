"""Probes that look for what the host knows: its environment, its command lines, its descriptors, its kernel."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Probe

probe = partial(Probe, family="secrets")

PROBES = (
    probe(
        "S01 the caller's environment",
        what="Looks for a variable of the caller in its own environment.",
        program=r"""
        judge(BAIT["variable"] in os.environ, os.environ.get(BAIT["variable"]))
        """,
        stopped_by=("clear_environ",),
    ),
    probe(
        "S02 /proc/PID/environ",
        what="Reads the environment that PID 1 and all other visible processes were started with.",
        program=r"""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    found += [name] * (BAIT["variable"].encode() in file.read())
            except OSError:
                pass
        judge(found, found)
        """,
        stopped_by=("clear_environ",),
    ),
    probe(
        "S03 command lines",
        what="Reads the command lines of all visible processes.",
        program=r"""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    found += [name] * (BAIT["argv"].encode() in file.read() and int(name) != os.getpid())
            except OSError:
                pass
        judge(BAIT["argv"] and found, found)
        """,
    ),
    probe(
        "S04 addresses and log of the kernel",
        what="Reads kernel addresses from /proc/kallsyms and the kernel's log.",
        program=r"""
        def addresses(path):
            with open(path) as file:
                line = next(iter(file), "")
            if not line or set(line.split()[0]) == {"0"}:
                raise OSError("hidden")
            return line.split()[0][:4] + "..."

        def log(path):
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))

        found = []
        for act, path in ((addresses, "/proc/kallsyms"), (log, "/dev/kmsg"), (log, "/proc/kmsg")):
            try:
                found.append((path, act(path)))
            except OSError:
                pass
        found += ["syslog"] * (syscall("syslog", 3, ctypes.create_string_buffer(64), 64) >= 0)
        judge(found, found)
        """,
        stopped_by=("read_only_root", "seccomp"),
    ),
    probe(
        "S05 writes core_pattern",
        what="Writes the kernel's core_pattern (with what it holds), which decides what root executes on a crash.",
        program=r"""
        def write_back(path):
            with open(path) as file:
                content = file.read()
            with open(path, "w") as file:
                file.write(content)
            return content
        attempt_each(write_back, "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe")
        """,
        stopped_by=("drop_capabilities",),
    ),
    probe(
        "S06 inherited descriptors",
        what="Reads from every descriptor that it was born with, and looks for folders among them.",
        program=r"""
        found = []
        for fd, mode in sockets():
            try:
                if stat.S_ISDIR(mode):
                    found.append((fd, os.listdir(fd)[:3]))
                elif stat.S_ISREG(mode):
                    found.append((fd, os.pread(fd, 100, 0)))
            except OSError:
                pass
        judge(found, found)
        """,
    ),
    probe(
        "S07 links of PID 1",
        what="Opens the descriptors, the root, the program and the map of the memory of PID 1 and of its parent.",
        program=r"""
        def look(path):
            if path.endswith("fd"):
                return [os.readlink(f"{path}/{name}") for name in os.listdir(path)][:4] or None
            if path.endswith("maps"):
                with open(path) as file:
                    return file.readline()
            return os.listdir(path)[:4]
        parts = ("fd", "maps", "root", "cwd", "task/../map_files")
        attempt_each(look, *[f"/proc/{pid}/{part}" for pid in {1, os.getppid()} for part in parts])
        """,
        stopped_by=("undumpable",),
    ),
    probe(
        "S08 shared memory of the host",
        what="Opens a POSIX shared memory segment of the host by its name.",
        program=r"""
        attempt_each(lambda path: open(path).read(), BAIT["shared_memory"])
        """,
        stopped_by=("own_rootfs",),
    ),
    probe(
        "S09 the server's objects",
        what="Walks every object of the interpreter for sockets and for the caller's variable.",
        program=r"""
        import gc
        found = []
        for thing in gc.get_objects():
            if isinstance(thing, socket.socket) and thing.fileno() >= 0:
                found.append(repr(thing))
            elif isinstance(thing, dict) and any(type(key) is str and key == BAIT["variable"] for key in list(thing)):
                found.append("environment")
        found = [thing for thing in found if thing != "environment" or BAIT["variable"] in os.environ]
        judge(found, found)
        """,
    ),
    probe(
        "S10 what the interpreter says of the host",
        what="Looks for the caller's program in sys, in the modules and in the mounts of the process.",
        program=r"""
        where = [repr(vars(sys)), open("/proc/self/cmdline").read(), open("/proc/self/mountinfo").read()]
        where += [str(getattr(module, "__file__", "")) for module in list(sys.modules.values())]
        judge(len(BAIT["argv"]) > 3 and any(BAIT["argv"] in text for text in where))
        """,
        ends=("ok", "nonzero"),
    ),
)
