"""Probes that try to use more than the limits: processes, memory, files, output, time."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="resources")
BOMB = ("ok", "nonzero", "memory", "signal", "timeout")

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
        "R08 endless loop",
        what="Computes for ever.",
        program="while True: pass",
        breach=Breach.OVERRUNS,
        ends=("timeout", "signal"),
    ),
    probe(
        "R09 endless sleep",
        what="Sleeps for an hour.",
        program="time.sleep(3600)",
        breach=Breach.OVERRUNS,
        ends=("timeout",),
    ),
    probe(
        "R10 ignores every signal",
        what="Ignores every signal that can be ignored and sleeps on.",
        program="linger(60)",
        breach=Breach.OVERRUNS,
        ends=("timeout",),
    ),
    probe(
        "R11 processor time",
        what="Computes twice as long as the limit on processor time.",
        program=r"""
        while time.process_time() < 2.5 * LIMITS["cpu_seconds"]:
            pass
        breach(f"{time.process_time():.1f} s of processor time")
        """,
        limits={"cpu_seconds": 1.0, "wall_seconds": 4.0},
        ends=("timeout", "signal"),
    ),
    probe(
        "R12 flood of stdout",
        what="Writes 2 GiB to the standard output.",
        program=r"""
        for _ in range(2048):
            os.write(1, b"x" * 2**20)
        """,
        breach=Breach.FLOODS,
        ends=("output_limit",),
        stopped_by=("output_cap",),
    ),
    probe(
        "R13 flood of stderr",
        what="Writes 2 GiB to the standard error.",
        program=r"""
        for _ in range(2048):
            os.write(2, b"x" * 2**20)
        """,
        breach=Breach.FLOODS,
        ends=("output_limit",),
        stopped_by=("output_cap",),
    ),
    probe(
        "R14 output that is no text",
        what="Writes invalid UTF-8, NUL bytes and terminal escapes, and exits with 3.",
        program=r"""
        os.write(1, b"\xff\xfe\x00\x1b[2J\x1b]0;title\x07\xed\xa0\x80" * 100)
        os._exit(3)
        """,
        breach=Breach.LIES,
        ends=("nonzero",),
    ),
    probe(
        "R15 waits for input",
        what="Reads the standard input to its end, which must be there.",
        program="held(len(sys.stdin.read()))",
        breach=Breach.LIES,
    ),
    probe(
        "R16 overflow of the C stack",
        what="Nests until the C stack is gone.",
        program=r"""
        sys.setrecursionlimit(10**9)
        nested = []
        for _ in range(400_000):
            nested = [nested]
        repr(nested)
        """,
        breach=Breach.OVERRUNS,
        ends=("signal", "nonzero", "memory", "timeout", "ok"),
    ),
)
