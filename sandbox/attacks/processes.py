"""Probes that reach for other processes, or try to outlive the run."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="processes")

PROBES = (
    probe(
        "P01 daemon",
        what="Leaves an orphan in a session of its own that ignores every signal.",
        program=r"""
        read, write = os.pipe()
        def stay():
            mark()
            os.write(write, b"1")
            linger()
        daemon(stay)
        os.read(read, 1)  # it is there when the run ends: else there would be nothing to see
        """,
        breach=Breach.OUTLIVES,
        stopped_by=("kill_stragglers",),
    ),
    probe(
        "P02 holds the output open",
        what="Ends at once, but leaves a process that keeps the standard output open.",
        program="daemon(linger)",
        breach=Breach.LINGERS,
    ),
    probe(
        "P03 sees other processes",
        what="Lists the processes and sends signal 0 to all that are not its own.",
        program="judge(others(), others())",
    ),
    probe(
        "P04 kills PID 1",
        what="Sends every signal to PID 1.",
        program=r"""
        isolated()
        for number in range(1, 65):
            try:
                os.kill(1, number)
            except OSError:
                pass
        time.sleep(0.1)
        os._exit(3)
        """,
        breach=Breach.LIES,
        ends=("nonzero",),
        stopped_by=("signals_ignored",),
    ),
    probe(
        "P05 traces PID 1",
        what="Attaches to PID 1 and to its parent as a debugger.",
        program=r"""
        isolated()
        gained = []
        for pid in {1, os.getppid()}:
            for request in (16, 0x4206):  # ATTACH, SEIZE
                if syscall("ptrace", request, pid, 0, 0) == 0:
                    gained.append((pid, request))
                    syscall("ptrace", 17, pid, 0, 0)
        judge(gained, gained)
        """,
        stopped_by=("seccomp", "undumpable"),
    ),
    probe(
        "P06 memory of PID 1",
        what="Opens the memory of PID 1 and of its parent.",
        program=r"""
        def memory(pid):
            with open(f"/proc/{pid}/mem", "rb", 0) as file:
                return file.fileno()
        attempt_each(memory, 1, os.getppid())
        """,
        stopped_by=("undumpable",),
    ),
    probe(
        "P07 a hundred zombies",
        what="Leaves as many orphans that ended without being waited for.",
        program=r"""
        def litter():
            for _ in range(100):
                try:
                    spawn(int)
                except OSError:
                    break
        daemon(litter)
        time.sleep(0.1)
        """,
        breach=Breach.NEXT_SEES,
        then="judge(others(), others())",
    ),
    probe(
        "P08 takes descriptors of PID 1",
        what="Opens PID 1 by pidfd and copies its file descriptors.",
        program=r"""
        taken = []
        for pid in {1, os.getppid()}:
            handle = syscall("pidfd_open", pid, 0)
            if handle >= 0:
                taken += [fd for fd in range(16) if syscall("pidfd_getfd", handle, fd, 0) >= 0]
        judge(taken, taken)
        """,
        stopped_by=("seccomp", "undumpable"),
    ),
    probe(
        "P09 process_vm_readv",
        what="Reads the memory of PID 1 and of its parent with process_vm_readv.",
        program=r"""
        buffer, size = ctypes.create_string_buffer(64), 64
        local = struct.pack("QQ", ctypes.addressof(buffer), size)
        remote = struct.pack("QQ", id(sys.modules), size)
        results = [syscall("process_vm_readv", pid, local, 1, remote, 1, 0) for pid in (1, os.getppid())]
        judge(max(results) > 0, results)
        """,
        stopped_by=("seccomp", "undumpable"),
    ),
    probe(
        "P10 process_vm_writev",
        what="Writes what it has read back into the memory of its parent.",
        program=r"""
        isolated()
        buffer = ctypes.create_string_buffer(16)
        local = struct.pack("QQ", ctypes.addressof(buffer), 16)
        remote = struct.pack("QQ", id(sys.modules), 16)
        read = syscall("process_vm_readv", os.getppid(), local, 1, remote, 1, 0)
        wrote = syscall("process_vm_writev", os.getppid(), local, 1, remote, 1, 0) if read > 0 else read
        judge(wrote > 0, (read, wrote))
        """,
        stopped_by=("seccomp", "undumpable"),
    ),
    probe(
        "P11 limits of PID 1",
        what="Sets the resource limits of PID 1 (to what they are).",
        program=r"""
        def set_again(pid):
            limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            return resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        attempt_each(set_again, *{1, os.getppid()})
        """,
        stopped_by=("seccomp",),
    ),
    probe(
        "P12 priority of PID 1",
        what="Sets the priority and the processors of PID 1 (to what they are), which would slow every later run.",
        program=r"""
        def nice(pid):
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid))
            return "priority"

        def affinity(pid):
            os.sched_setaffinity(pid, os.sched_getaffinity(pid))
            return "affinity"

        choices = [(act, pid) for act in (nice, affinity) for pid in {1, os.getppid()}]
        attempt_each(lambda choice: choice[0](choice[1]), *choices)
        """,
        stopped_by=("seccomp",),
    ),
    probe(
        "P13 runs a binary from memory",
        what="Writes a program into a memory file and executes it.",
        program=r"""
        if not X86:
            skip("the binary is for x86_64")
        code = bytes.fromhex("b83c000000bf2a0000000f05")  # exit(42)
        head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120 + len(code), 120 + len(code), 4096)
        try:
            fd = os.memfd_create("spar")
        except OSError as error:
            held(error)
            os._exit(0)
        os.write(fd, head + load + code)
        pid = os.fork()
        if pid == 0:
            try:
                os.execve(fd, ["spar"], {})
            finally:
                os._exit(1)
        status = os.waitpid(pid, 0)[1]
        judge(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 42, status)
        """,
        stopped_by=("seccomp",),
    ),
    probe(
        "P14 becomes another program",
        what="Replaces itself by a fresh interpreter, which exits with 5.",
        program="os.execv(sys.executable, [sys.executable, '-I', '-S', '-c', 'raise SystemExit(5)'])",
        breach=Breach.LIES,
        ends=("nonzero",),
    ),
    probe(
        "P15 sibling instead of child",
        what="Starts a process whose parent is the server (CLONE_PARENT), which exits with 0, and exits itself with 3.",
        program=r"""
        if syscall("clone", 0x8000 | signal.SIGCHLD, 0, 0, 0, 0) == 0:
            os._exit(0)
        time.sleep(0.1)
        os._exit(3)
        """,
        breach=Breach.LIES,
        ends=("nonzero",),
    ),
    probe(
        "P16 sibling that stays",
        what="Starts a process whose parent is the server and which does not end.",
        program=r"""
        if syscall("clone", 0x8000 | signal.SIGCHLD, 0, 0, 0, 0) == 0:
            linger()
            os._exit(0)
        """,
        breach=Breach.OUTLIVES,
        ends=("ok", "timeout"),
        stopped_by=("kill_stragglers",),
    ),
    probe(
        "P17 adopts its orphans",
        what="Becomes a subreaper, so that its orphans do not fall to PID 1, and ends before them.",
        program=r"""
        libc.prctl(36, 1, 0, 0, 0)
        for _ in range(4):
            daemon(linger)
        os._exit(3)
        """,
        breach=Breach.OUTLIVES,
        ends=("nonzero",),
        stopped_by=("kill_stragglers",),
    ),
    probe(
        "P18 kills its process group",
        what="Sends SIGKILL to its own process group, where the server might be.",
        program=r"""
        isolated()
        os.killpg(0, signal.SIGKILL)
        """,
        breach=Breach.LIES,
        ends=("signal",),
    ),
    probe(
        "P19 stops itself",
        what="Stops itself and all its children for ever (SIGSTOP).",
        program=r"""
        daemon(linger)
        os.kill(os.getpid(), signal.SIGSTOP)
        """,
        breach=Breach.OVERRUNS,
        ends=("timeout",),
    ),
)
