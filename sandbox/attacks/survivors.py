"""Attacks on the next run by processes and threads that go on, or that take with them what it needs."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import ALONE, Breach, Probe

probe = partial(Probe, family="cross-run")

PROBES = (
    probe(
        "X05 holds the output open",
        what="Leaves a process that keeps writing to the standard output.",
        program=r"""
        def write():
            mark()
            for _ in ticking():
                os.write(1, b".")
                time.sleep(0.001)
        daemon(write)
        """,
        breach=Breach.LINGERS,
        then=ALONE,
    ),
    probe(
        "X10 respawning chain",
        what="Leaves a chain of processes, each of which starts its successor every millisecond and dies.",
        program=r"""
        def chain():
            linger(0.001)
            for _ in ticking():
                try:
                    if os.fork():
                        os._exit(0)
                except OSError:
                    pass
                os.setsid()
                time.sleep(0.001)
        for _ in range(4):
            daemon(chain)
        """,
        breach=Breach.OUTLIVES,
        then=ALONE,
        stopped_by=("kill_stragglers",),
    ),
    probe(
        "X11 no process left",
        what="Fills the process limit with sleeping orphans and ends.",
        program=r"""
        def start():
            os.setsid()
            try:
                for _ in range(4 * LIMITS["processes"]):
                    spawn(linger)
            except OSError:
                pass
        os.waitpid(spawn(start), 0)
        """,
        breach=Breach.NEXT_SEES,
        ends=("ok", "memory"),
        then=r"""
        alone = others()
        os.waitpid(spawn(int), 0)
        judge(alone, alone)
        """,
        stopped_by=("kill_stragglers",),
    ),
    probe(
        "X12 another program in its place",
        what="Becomes a fresh interpreter that ignores the signals and loops.",
        program=r"""
        code = "import signal\nfor s in (1, 2, 3, 15): signal.signal(s, signal.SIG_IGN)\nwhile True: pass"
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", code])
        """,
        breach=Breach.OVERRUNS,
        ends=("timeout", "nonzero", "signal"),
        then=ALONE,
    ),
    probe(
        "X13 stops everybody",
        what="Sends SIGSTOP to every process that it may reach, itself last.",
        program=r"""
        isolated()
        daemon(linger)
        os.kill(-1, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        """,
        breach=Breach.OVERRUNS,
        ends=("timeout",),
        then=ALONE,
    ),
    probe(
        "X14 out of memory",
        what="Has eight processes exhaust the memory at once, so that somebody is killed: not the server.",
        program=r"""
        def grow():
            kept = []
            while len(kept) * 2**22 < LIMITS["memory_bytes"]:
                kept.append(bytearray(b"x") * 2**22)
            time.sleep(1)
        for _ in range(7):
            spawn(grow)
        grow()
        """,
        breach=Breach.NEXT_SEES,
        ends=("ok", "memory", "signal", "nonzero", "timeout"),
        then=ALONE,
        stopped_by=("memory_limit",),
    ),
    probe(
        "X15 threads that do not end",
        what="Ends its main thread while others run for ever.",
        program=r"""
        import threading
        for _ in range(4):
            threading.Thread(target=time.sleep, args=(3600,)).start()
        """,
        breach=Breach.OVERRUNS,
        ends=("timeout",),
        then=ALONE,
    ),
    probe(
        "X22 kills whatever comes",
        what="Leaves a process that kills every other process that it sees, again and again.",
        program=r"""
        isolated()
        def hunt():
            linger(0.001)
            for _ in ticking():
                try:
                    os.kill(-1, signal.SIGKILL)
                except OSError:
                    pass
        daemon(hunt)
        time.sleep(0.1)
        """,
        breach=Breach.OUTLIVES,
        ends=("signal", "ok"),
        then=ALONE,
        stopped_by=("kill_stragglers",),
    ),
    probe(
        "X28 exit handlers",
        what="Runs on in atexit, in a finaliser and in the hooks for exceptions and threads.",
        program=r"""
        import atexit, threading
        class Last:
            def __del__(self):
                linger(60)
        sys.excepthook = threading.excepthook = lambda *_: linger(60)
        sys.last = Last()
        atexit.register(linger, 60)
        raise RuntimeError
        """,
        breach=Breach.OVERRUNS,
        ends=("timeout",),
        then=ALONE,
    ),
    probe(
        "X32 blame for the next run",
        what="Has its children killed for want of memory, and ends well, so that the next run is blamed for it.",
        program=r"""
        def grow():
            kept = []
            while len(kept) * 2**22 < 2 * LIMITS["memory_bytes"]:
                kept.append(bytearray(b"x") * 2**22)
        for pid in [spawn(grow) for _ in range(3)]:
            os.waitpid(pid, 0)
        """,
        breach=Breach.NEXT_SEES,
        ends=("ok", "memory", "signal"),
        then=r"""
        held()
        os._exit(3)
        """,
        then_ends=("nonzero",),
    ),
)
