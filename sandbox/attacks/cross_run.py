"""Attacks on the runs that come after: on the server that serves them all, and on what they find."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="cross-run")
ALONE = "judge(others(), others())"
ROOM = r"""
broken = [] if places() else ["no place is left"]
for place in places():
    try:
        with open(f"{place}/room", "wb", buffering=0) as file:
            if file.write(b"x" * 2**20) != 2**20:
                broken.append(place)
        os.unlink(f"{place}/room")
    except OSError as error:
        broken.append(error)
judge(broken, broken)
"""

PROBES = (
    probe(
        "X01 writes to the server's memory",
        what="Opens the memory of PID 1 for writing and writes what is there.",
        program=r"""
        isolated()
        def write_back(pid):
            with open(f"/proc/{pid}/mem", "r+b", 0) as file:
                file.seek(id(sys.modules))
                data = file.read(8)
                file.seek(id(sys.modules))
                return file.write(data)
        attempt_each(write_back, 1, os.getppid())
        """,
        then=ALONE,
        stopped_by=("undumpable",),
    ),
    probe(
        "X02 stops the server as a debugger",
        what="Seizes PID 1 by ptrace, interrupts it, and ends without letting go.",
        program=r"""
        isolated()
        for pid in {1, os.getppid()}:
            if syscall("ptrace", 0x4206, pid, 0, 0) == 0:
                breach(pid)
                syscall("ptrace", 0x4207, pid, 0, 0)
                time.sleep(0.2)
        held()
        """,
        stopped_by=("seccomp", "undumpable"),
    ),
    probe(
        "X03 interrupts the server",
        what="Sends SIGINT to PID 1 a thousand times, so that an exception is raised there.",
        program=r"""
        isolated()
        for _ in range(1000):
            for number in (signal.SIGINT, signal.SIGCHLD, signal.SIGALRM, signal.SIGPIPE):
                try:
                    os.kill(1, number)
                except OSError:
                    pass
        os._exit(3)
        """,
        breach=Breach.LIES,
        ends=("nonzero",),
        then=ALONE,
        stopped_by=("signals_ignored",),
    ),
    probe(
        "X04 poisoned builtins",
        what="Replaces functions among the builtins.",
        program=r"""
        import builtins
        builtins.len = lambda _: 7
        builtins.print.__class__
        builtins.spar = True
        builtins.open = None
        builtins.isinstance = lambda *_: True
        """,
        breach=Breach.NEXT_SEES,
        then=r"""
        import builtins
        judge(hasattr(builtins, "spar") or len([]) or not callable(open) or isinstance(1, str))
        """,
    ),
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
        "X06 poisoned modules",
        what="Changes functions in modules that the server and later programs use.",
        program=r"""
        import json, random, struct
        json.dumps = json.loads = lambda *_, **__: "poisoned"
        struct.pack = lambda *_: b"poisoned"
        os.spar = True
        sys.modules["math"] = sys.modules["collections"] = None
        """,
        breach=Breach.NEXT_SEES,
        then=r"""
        import collections, json, math
        judge(hasattr(os, "spar") or json.dumps([1]) != "[1]" or struct.pack("B", 1) != b"\1" or math.pi < 3)
        """,
    ),
    probe(
        "X07 planted modules",
        what="Plants modules where it may write, some of which Python imports by itself.",
        program=r"""
        for place in writable():
            for name in ("spar_planted.py", "sitecustomize.py", "usercustomize.py", "spar.pth"):
                try:
                    with open(os.path.join(place, name), "x") as file:
                        file.write("import builtins\nbuiltins.spar = True\n")
                except OSError:
                    pass
        """,
        breach=Breach.NEXT_SEES,
        then=r"""
        import builtins, importlib.util
        found = importlib.util.find_spec("spar_planted")
        judge(found or hasattr(builtins, "spar"), found)
        """,
        stopped_by=("wipe",),
    ),
    probe(
        "X08 no space left",
        what="Fills every writable place to the last byte and leaves it so.",
        program=r"""
        for place in writable():
            fill(place, 2**28)
            fill(place, 2**20, piece=1)
        """,
        breach=Breach.NEXT_SEES,
        ends=("ok", "memory", "signal", "nonzero", "timeout"),
        then=ROOM,
        stopped_by=("wipe",),
    ),
    probe(
        "X09 folders that cannot be removed",
        what="Nests three thousand folders and takes all permissions from them.",
        program=r"""
        start = os.open(".", os.O_RDONLY)
        for _ in range(3000):
            os.mkdir("spar-deep")
            os.chdir("spar-deep")
        open("leaf", "w").close()
        os.chmod(".", 0)
        os.fchdir(start)
        os.chmod("spar-deep", 0)
        """,
        breach=Breach.NEXT_SEES,
        ends=("ok", "memory", "nonzero"),
        then=r"""
        left = [name for place in writable() for name in os.listdir(place)]
        judge(left, left[:5])
        """,
        stopped_by=("wipe",),
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
        "X16 locks the places",
        what="Takes all permissions from the writable places themselves.",
        program=r"""
        for place in writable():
            try:
                os.chmod(place, 0)
            except OSError:
                pass
        """,
        breach=Breach.NEXT_SEES,
        then=ROOM,
        stopped_by=("wipe",),
    ),
)
