"""Probes on the kernel: privileges, namespaces, and system calls that no program of ours needs."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Probe

probe = partial(Probe, family="kernel")
KILLED = ("ok", "signal")  # a filter may answer with a refusal or with SIGSYS

PROBES = (
    probe(
        "K01 mounts",
        what="Mounts, remounts and unmounts a file system of its own.",
        program=r"""
        os.mkdir("place")
        must_refuse(("mount", b"spar", b"place", b"tmpfs", 0, 0), ("mount", b"none", b"place", b"", 0x20 | 0x1000, 0),
                    ("umount2", b"place", 2))
        """,
        ends=KILLED,
        stopped_by=("seccomp", "drop_capabilities"),
    ),
    probe(
        "K02 user namespace",
        what="Makes a user namespace, in which it would be root.",
        program=r"""
        def act():
            os._exit(100 + (syscall("unshare", 0x10000000) >= 0))
        status = os.waitpid(spawn(act), 0)[1]
        judge(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 101, status)
        """,
        stopped_by=("seccomp",),
    ),
    probe(
        "K03 privileges",
        what="Looks at its capabilities and at who it is outside of its user namespace.",
        program=r"""
        status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
        broken = [name for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd") if int(status[name], 16)]
        for line in open("/proc/self/uid_map"):
            inside, outside, count = map(int, line.split())
            if inside <= os.getuid() < inside + count and outside + os.getuid() - inside == 0:
                broken.append("root outside")
        judge(broken, broken)
        """,
        stopped_by=("drop_capabilities",),
    ),
    probe(
        "K04 dangerous system calls",
        what="Reaches for bpf, userfaultfd, io_uring, keyrings, perf, memfd_secret and their like.",
        program=r"""
        me = os.getpid()
        must_refuse(("bpf", 0, 0, 0), ("userfaultfd", 0), ("io_uring_setup", 0, 0), ("keyctl", 0, -3, 0),
                    ("add_key", 0, 0, 0, 0, 0), ("request_key", 0, 0, 0, 0), ("perf_event_open", 0, 0, -1, -1, 0),
                    ("memfd_secret", 99), ("kcmp", me, me, 0, 0, 0), ("move_pages", 0, 0, 0, 0, 0, 99),
                    ("fanotify_init", 0, 0))
        """,
        ends=KILLED,
        stopped_by=("seccomp",),
    ),
    probe(
        "K05 devices",
        what="Looks for devices beyond the harmless ones.",
        program=r"""
        harmless = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}
        found = []
        for folder, _, names in os.walk("/dev"):
            for name in names:
                mode = os.lstat(os.path.join(folder, name)).st_mode
                if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and name not in harmless and "pts" not in folder:
                    found += [name] * os.access(os.path.join(folder, name), os.R_OK)
        judge(found, found)
        """,
        stopped_by=("own_rootfs",),
    ),
    probe(
        "K06 control groups",
        what="Makes a control group, by which the limits would be left.",
        program=r"""
        places = [line.split()[4] for line in open("/proc/self/mountinfo") if " - cgroup" in line]
        places += ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"]

        def make(place):
            os.mkdir(f"{place}/spar-{os.getpid()}")
            os.rmdir(f"{place}/spar-{os.getpid()}")
            return place

        attempt_each(make, *dict.fromkeys(places))
        """,
        stopped_by=("drop_capabilities", "own_rootfs"),
    ),
    probe(
        "K07 chroot",
        what="Changes its root folder.",
        program=r"""
        def act():
            try:
                os.chroot("/proc")
            except OSError:
                os._exit(100)
            os._exit(101)
        status = os.waitpid(spawn(act), 0)[1]
        judge(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 101, status)
        """,
        stopped_by=("seccomp", "drop_capabilities"),
    ),
    probe(
        "K08 clock",
        what="Sets the clock (to what it shows).",
        program="attempt(time.clock_settime, time.CLOCK_REALTIME, time.time())",
        ends=KILLED,
        stopped_by=("seccomp", "drop_capabilities"),
    ),
    probe(
        "K09 types into the terminal",
        what="Pushes characters into the caller's terminal (TIOCSTI).",
        program=r"""
        import fcntl

        def push(choice):
            fd = choice if isinstance(choice, int) else os.open(choice, os.O_RDWR | os.O_NOCTTY)
            return fcntl.ioctl(fd, 0x5412, b" ")

        attempt_each(push, 0, 1, 2, "/dev/tty", "/dev/console")
        """,
    ),
    probe(
        "K10 priority",
        what="Raises its own priority and exempts itself from the out-of-memory killer.",
        program=r"""
        def out_of_memory(_):
            with open("/proc/self/oom_score_adj", "r+") as file:
                before = int(file.read())
                file.seek(0)
                file.write(str(-1000))
            return before
        attempt_each(lambda act: act(-5), os.nice, out_of_memory)
        """,
        stopped_by=("drop_capabilities",),
    ),
    probe(
        "K11 System V memory of the host",
        what="Attaches a shared memory segment of the host by its key.",
        program=r"""
        segment = syscall("shmget", BAIT["ipc_key"], 0, 0)
        judge(segment >= 0, segment)
        """,
        ends=KILLED,
    ),
    probe(
        "K12 namespaces through clone and clone3",
        what="Makes user and mount namespaces by clone and clone3 instead of unshare.",
        program=r"""
        made = []
        arguments = struct.pack("QQQQQQQQ", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
        for call in (("clone3", arguments, 64), ("clone", 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0),
                     ("clone", 0x00020000 | signal.SIGCHLD, 0, 0, 0, 0)):
            pid = syscall(*call)
            if pid == 0:
                os._exit(0)
            if pid > 0:
                os.waitpid(pid, 0)
                made.append(call[0])
        judge(made, made)
        """,
        ends=KILLED,
        stopped_by=("seccomp",),
    ),
    probe(
        "K13 enters other namespaces",
        what="Joins the namespaces of PID 1 by setns.",
        program='must_refuse(("setns", -1, 0), ("setns", -1, 0x10000000))',
        ends=KILLED,
        stopped_by=("seccomp",),
    ),
    probe(
        "K14 the new mount calls",
        what="Reaches for fsopen, open_tree, move_mount, mount_setattr and pivot_root.",
        program=r"""
        must_refuse(("fsopen", 0, 0), ("open_tree", -1, 0, 1), ("move_mount", -1, 0, -1, 0, 0),
                    ("mount_setattr", -1, 0, 0, 0, 0), ("pivot_root", 0, 0))
        """,
        ends=KILLED,
        stopped_by=("seccomp",),
    ),
    probe(
        "K15 calls for the administrator",
        what="Reaches for reboot, kexec, modules, swap, accounting and quotas with arguments that do nothing.",
        program=r"""
        must_refuse(("reboot", 0, 0, 0, 0), ("kexec_load", 0, -1, 0, -1), ("init_module", 0, 0, 0), ("swapon", 0, 0),
                    ("finit_module", -1, 0, 0), ("acct", b"/nonexistent/spar"), ("quotactl", -1, 0, 0, 0))
        """,
        ends=KILLED,
        stopped_by=("seccomp", "drop_capabilities"),
    ),
    probe(
        "K16 shares no namespace",
        what="Compares its process, network, mount, communication and name namespaces with the host's.",
        program=r"""
        mine = {name: os.readlink(f"/proc/self/ns/{name}") for name in ("pid", "net", "mnt", "ipc", "uts")}
        same = [name for name, place in mine.items() if place == BAIT["namespaces"][name]]
        judge(same, same)
        """,
        stopped_by=("network_namespace",),
    ),
    probe(
        "K17 the 32-bit door",
        what="Makes a user namespace through the 32-bit and x32 entries of the kernel, which filters forget.",
        program=r"""
        if not X86:
            skip("only x86_64 has these doors")
        import mmap

        def int80():
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(bytes.fromhex("53 89f8 89f3 cd80 5b c3"))  # rbx is kept; eax = edi; ebx = esi; int 0x80
            start = ctypes.addressof(ctypes.c_char.from_buffer(page))
            call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int)(start)
            os._exit(100 + (call(310, 0x10000000) >= 0))

        def x32():
            os._exit(100 + (libc.syscall(ctypes.c_long(0x40000000 | 272), ctypes.c_long(0x10000000)) >= 0))

        statuses = [os.waitpid(spawn(act), 0)[1] for act in (int80, x32)]
        judge(any(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 101 for status in statuses), statuses)
        """,
        ends=KILLED,
        stopped_by=("seccomp",),
    ),
    probe(
        "K18 the filter is there",
        what="Asks the kernel whether it is filtered and barred from new privileges.",
        program=r"""
        status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
        judge(status["Seccomp"] != "2" or status["NoNewPrivs"] != "1", (status["Seccomp"], status["NoNewPrivs"]))
        """,
        stopped_by=("seccomp",),
    ),
    probe(
        "K19 levers of root",
        what="Asks whether it might write sysrq-trigger, modprobe, binfmt_misc, uevent_helper, a release agent.",
        program=r"""
        levers = ["/proc/sysrq-trigger", "/proc/sys/kernel/modprobe", "/proc/sys/fs/binfmt_misc/register", "/dev/mem",
                  "/sys/kernel/uevent_helper", "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/release_agent",
                  "/sys/power/state", "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/core_pattern", "/dev/kmem"]
        found = [path for path in levers if os.access(path, os.W_OK)]
        judge(found, found)
        """,
        stopped_by=("drop_capabilities", "own_rootfs"),
    ),
    probe(
        "K20 stops address randomisation",
        what="Switches the personality of its process to fixed addresses, a preparation of exploits.",
        program=r"""
        result = syscall("personality", 0x0040000)
        judge(result >= 0, result)
        """,
        ends=KILLED,
        stopped_by=("seccomp",),
    ),
    probe(
        "K21 message queues of the kernel",
        what="Makes POSIX and System V queues, semaphores and segments, which no limit of memory counts.",
        program=r"""
        queue = syscall("mq_open", b"spar", 0o102, 0o600, 0)
        made = [("mq_open", queue)] * (queue >= 0)
        for name, *arguments in (("msgget", 0, 0o1600), ("shmget", 0, 4096, 0o1600), ("semget", 0, 1, 0o1600)):
            number = syscall(name, *arguments)
            if number >= 0:
                made.append((name, number))
                getattr(libc, name[:3] + "ctl")(number, 0, None)
        judge(made, made)
        """,
        ends=KILLED,
        stopped_by=("seccomp",),
    ),
)
