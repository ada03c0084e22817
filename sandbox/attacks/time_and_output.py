"""Probes that try to use more than the limits: time and output."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="resources")

PROBES = (
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
        ends=("ok", "nonzero", "memory", "signal", "timeout", "output_limit"),
        stopped_by=("output_cap",),
    ),
)
