"""Further probes that try to use more than the limits."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="resources")
BOMB = ("ok", "nonzero", "memory", "signal", "timeout", "output_limit")

PROBES = (
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
        "R19 one long instruction",
        what="Writes out 7 to the power of 10 million: a single instruction that no Python signal handler interrupts.",
        program=r"""
        sys.set_int_max_str_digits(0)
        print(len(str(7 ** 10**7)))
        time.sleep(60)
        """,
        breach=Breach.OVERRUNS,
        ends=("timeout", "signal"),
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
        ends=BOMB,
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
        ends=BOMB,
        stopped_by=("memory_limit",),
    ),
    probe(
        "R23 everybody floods",
        what="Eight children write to both streams at once for as long as they can.",
        program=r"""
        def flood():
            for _ in ticking():
                os.write(1, b"x" * 2**16)
                os.write(2, b"y" * 2**16)
        for _ in range(8):
            spawn(flood)
        flood()
        """,
        breach=Breach.FLOODS,
        ends=("output_limit", "signal", "timeout"),
        stopped_by=("output_cap",),
    ),
    probe(
        "R24 hidden computing",
        what="Six children compute under another name while the program sleeps.",
        program=r"""
        def burn():
            mark()
            os.setsid()
            for _ in ticking():
                pass
        for _ in range(6):
            spawn(burn)
        time.sleep(3600)
        """,
        breach=Breach.OUTLIVES,
        ends=("timeout",),
    ),
    probe(
        "R25 ignores the signal of the processor limit",
        what="Ignores SIGXCPU and computes twice as long as the limit.",
        program=r"""
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        while time.process_time() < 2.5 * LIMITS["cpu_seconds"]:
            pass
        breach(f"{time.process_time():.1f} s of processor time")
        """,
        limits={"cpu_seconds": 1.0, "wall_seconds": 4.0},
        ends=("timeout", "signal"),
    ),
    probe(
        "R26 regular expression without end",
        what="Backtracks for ever inside one call of the C library of regular expressions.",
        program=r"""
        import re
        re.match("(a+)+$", "a" * 60 + "b")
        """,
        breach=Breach.OVERRUNS,
        ends=("timeout", "signal"),
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
        ends=BOMB,
    ),
    probe(
        "R29 pending timers and alarms",
        what="Arms every timer, blocks their signals and sleeps past the limit.",
        program=r"""
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0.001, 0.001)
        linger(60)
        """,
        breach=Breach.OVERRUNS,
        ends=("timeout",),
    ),
    probe(
        "R30 traceback without end",
        what="Raises an exception whose text has 200 million characters.",
        program=r"""
        class Long(Exception):
            def __str__(self):
                return "x" * 200_000_000
        raise Long
        """,
        breach=Breach.FLOODS,
        ends=BOMB,
        stopped_by=("output_cap",),
    ),
)
