"""Probes that try to use more than the limits: processes, memory, files, descriptors."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="resources")
BOMB = ("ok", "nonzero", "memory", "signal", "timeout")
FLOODING_BOMB = (*BOMB, "output_limit")

PROBES = (
    probe(
        "R01 fork bomb",
        what="Forks four times as many sleeping processes as the limit allows.",
        program=r"""
        children = []
        try:
            for _ in range(4 * LIMITS["processes"]):
                children.append(spawn(time.sleep, 30))
        except OSError:
            pass
        judge(len(children) > LIMITS["processes"], f"{len(children)} processes at once")
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        """,
        ends=BOMB,
        stopped_by=("pid_limit",),
    ),
    probe(
        "R02 thread bomb",
        what="Starts four times as many threads as the limit allows processes.",
        program=r"""
        import threading
        started = 0
        try:
            for _ in range(4 * LIMITS["processes"]):
                threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
                started += 1
        except RuntimeError:
            pass
        judge(started > LIMITS["processes"], f"{started} threads at once")
        os._exit(0)
        """,
        ends=BOMB,
        stopped_by=("pid_limit",),
    ),
    probe(
        "R03 memory bomb",
        what="Writes to three times as much heap as the limit allows.",
        program=r"""
        kept, piece = [], 4 * 2**20
        try:
            while len(kept) * piece < 3 * LIMITS["memory_bytes"]:
                kept.append(bytearray(b"x") * piece)
        except MemoryError:
            pass
        held_bytes = len(kept) * piece
        del kept
        judge(held_bytes > LIMITS["memory_bytes"] + 2**26, f"{held_bytes >> 20} MiB")
        """,
        ends=BOMB,
        stopped_by=("memory_limit",),
    ),
    probe(
        "R03b memory over eight processes",
        what="Eight processes hold half of the memory limit each.",
        program=r"""
        read, write = os.pipe()
        share = LIMITS["memory_bytes"] // 2

        def hold():
            kept = bytearray(b"x") * share
            os.write(write, b"1")
            time.sleep(30)

        children = [spawn(hold) for _ in range(8)]
        os.set_blocking(read, False)
        end, done = time.monotonic() + 1.5, 0
        while time.monotonic() < end and done < 8:
            try:
                done += len(os.read(read, 8))
            except BlockingIOError:
                time.sleep(0.02)
        alive = sum(os.waitpid(pid, os.WNOHANG) == (0, 0) for pid in children)
        together = min(done, alive) * share
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        judge(together > LIMITS["memory_bytes"] + 2**26, f"{together >> 20} MiB at once")
        """,
        ends=BOMB,
        stopped_by=("cgroup", "memory_limit"),
    ),
    probe(
        "R04 fills the writable places",
        what="Writes files until refused everywhere it may, /dev/shm excepted.",
        program=r"""
        total, files = 0, []
        for place in writable():
            if place != "/dev/shm":
                written, made = fill(place, 4 * LIMITS["file_bytes"] - total)
                total, files = total + written, files + made
        remove(files)
        judge(total > 1.5 * LIMITS["file_bytes"], f"{total >> 20} MiB in {writable()}")
        """,
        ends=BOMB,
        stopped_by=("sized_tmpfs",),
    ),
    probe(
        "R05 one memfd",
        what="Grows one anonymous memory file beyond the limit of a file's size.",
        program=r"""
        import signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        fd, written = os.memfd_create("spar"), 0
        try:
            while written < LIMITS["file_bytes"] + 2**24:
                written += os.write(fd, b"x" * 2**20)
        except OSError:
            pass
        judge(written > LIMITS["file_bytes"], f"{written >> 20} MiB")
        """,
        ends=BOMB,
    ),
    probe(
        "R05b sixty memfds",
        what="Fills sixty anonymous memory files, each within the limit of a file's size.",
        program=r"""
        kept, written = [], 0
        try:
            while len(kept) < 60 and written < 2 * LIMITS["memory_bytes"]:
                kept.append(os.memfd_create("spar"))
                written += os.write(kept[-1], b"x" * (LIMITS["file_bytes"] - 4096))
        except OSError:
            pass
        judge(written > LIMITS["memory_bytes"] + 2**26, f"{written >> 20} MiB in {len(kept)} files")
        """,
        ends=BOMB,
        stopped_by=("cgroup", "memory_limit"),
    ),
    probe(
        "R06 fills shared memory",
        what="Writes files into /dev/shm until refused.",
        program=r"""
        written, files = fill("/dev/shm", 4 * LIMITS["file_bytes"])
        remove(files)
        judge(written > 1.5 * LIMITS["file_bytes"], f"{written >> 20} MiB")
        """,
        ends=BOMB,
        stopped_by=("sized_tmpfs",),
    ),
    probe(
        "R07 sixty thousand inodes",
        what="Creates sixty thousand empty files.",
        program=r"""
        made, place = [], writable()[0]
        try:
            for number in range(60_000):
                made.append(f"{place}/spar-{number}")
                os.mknod(made[-1], 0o600 | stat.S_IFREG)
            full = True
        except OSError:
            full = False
        count = len(made)
        judge(full, f"{count} files")
        remove(made)
        """,
        limits={"wall_seconds": 12.0, "cpu_seconds": 12.0},
        ends=BOMB,
        stopped_by=("sized_tmpfs",),
    ),
    probe(
        "R17 core dump",
        what="Raises the limit on core dumps and crashes a child.",
        program=r"""
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (2**20, 2**20))
            _, status = os.waitpid(spawn(os.abort), 0)
            judge(os.WCOREDUMP(status), "a core was dumped")
        except (OSError, ValueError) as error:
            held(error)
        """,
    ),
    probe(
        "R18 raises its own limits",
        what="Looks for limits that are missing and raises those that are there.",
        program=r"""
        broken = []
        for name in ("RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE"):
            number = getattr(resource, name)
            hard = resource.getrlimit(number)[1]
            if hard == resource.RLIM_INFINITY:
                broken.append(f"{name} is unlimited")
                continue
            try:
                resource.setrlimit(number, (hard + 1, hard + 1))
                broken.append(f"{name} could be raised")
            except (OSError, ValueError):
                pass
        judge(broken, broken)
        """,
    ),
    probe(
        "R20 file descriptors",
        what="Opens four times as many files as the limit allows.",
        program=r"""
        opened = 0
        try:
            for _ in range(4 * LIMITS["open_files"]):
                os.open("/dev/null", os.O_RDONLY)
                opened += 1
        except OSError:
            pass
        judge(opened > LIMITS["open_files"], f"{opened} files")
        """,
    ),
    probe(
        "R21 doubling fork bomb",
        what="Every process doubles itself nine times and stays.",
        program=r"""
        mark()
        for _ in range(9):
            try:
                os.fork()
            except OSError:
                pass
        linger()
        """,
        breach=Breach.OUTLIVES,
        ends=FLOODING_BOMB,
        stopped_by=("kill_stragglers",),
    ),
    probe(
        "R22 shared anonymous memory",
        what="Writes to more shared memory than the limit, which does not count as data of the process.",
        program=r"""
        import mmap
        kept, piece = [], 2**24
        try:
            while len(kept) * piece < LIMITS["memory_bytes"] + 2**27:
                kept.append(mmap.mmap(-1, piece))
                kept[-1].write(b"x" * piece)
        except (OSError, MemoryError, ValueError):
            pass
        judge(len(kept) * piece > LIMITS["memory_bytes"] + 2**26, f"{len(kept) * piece >> 20} MiB")
        """,
        ends=FLOODING_BOMB,
        stopped_by=("memory_limit",),
    ),
    probe(
        "R27 descriptors in flight",
        what="Parks open files in socket messages, where they count against nobody's table, ten times the limit.",
        program=r"""
        import array
        parked = 0
        try:
            for _ in range(LIMITS["open_files"]):
                left, right = socket.socketpair()
                left.setblocking(False)
                carrier = left.detach(), right.detach()
                with socket.socket(fileno=os.dup(carrier[0])) as out:
                    for _ in range(10):
                        fds = array.array("i", [0] * 50)
                        out.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
                        parked += 50
        except OSError:
            pass
        judge(parked > 10 * LIMITS["open_files"], f"{parked} descriptors")
        """,
    ),
    probe(
        "R28 output into a file",
        what="Points the standard output at a file and writes more than the limit of a file's size.",
        program=r"""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        before, written = os.dup(1), 0
        os.dup2(os.open("big", os.O_CREAT | os.O_WRONLY, 0o600), 1)
        try:
            while written < LIMITS["file_bytes"] + 2**24:
                written += os.write(1, b"x" * 2**20)
        except OSError:
            pass
        os.dup2(before, 1)
        judge(written > LIMITS["file_bytes"], f"{written >> 20} MiB")
        """,
        ends=FLOODING_BOMB,
    ),
)
