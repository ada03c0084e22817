"""Attacks on the next run by what it finds: names, modules, files, memory, the state of its process."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="cross-run")
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
MEMORY = r"""
# the mark, and all of it but its last letter: the whole is never put together here, or it would be found
most, last = BAIT["previous"][:0:-1].encode(), BAIT["previous"][:1].encode()
found = []
with open("/proc/self/maps") as file:
    regions = [line.split() for line in file if " rw" in line]
for region in regions:
    start, end = (int(part, 16) for part in region[0].split("-"))
    if end - start < 2**27 and not region[-1].startswith("[v"):
        pieces = ctypes.string_at(start, end - start).split(most)
        if any(piece.startswith(last) for piece in pieces[1:]):
            found.append(region[-1])
judge(found, found)
"""
"""Whether the last run's mark is anywhere in this one's memory."""

PROBES = (
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
    probe(
        "X19 kernel objects for the next run",
        what="Leaves a System V segment and a semaphore under a known key, and a POSIX segment.",
        program=r"""
        syscall("shmget", 0x5BABE, 4096, 0o1666)
        syscall("semget", 0x5BABE, 1, 0o1666)
        if os.path.isdir("/dev/shm"):
            open("/dev/shm/spar-next", "w").close()
        """,
        breach=Breach.NEXT_SEES,
        ends=("ok", "signal"),
        then=r"""
        left = [syscall(name, 0x5BABE, 0, 0) for name in ("shmget", "semget")]
        file = os.path.exists("/dev/shm/spar-next")
        judge(max(left) >= 0 or file, left)
        libc.shmctl(left[0], 0, None)
        libc.semctl(left[1], 0, 0)
        remove(["/dev/shm/spar-next"])
        """,
    ),
    probe(
        "X20 the state of the process",
        what="Changes the folder, the file mask, the signals, the limits, the random state and the environment.",
        program=r"""
        import random
        os.umask(0o777)
        os.chdir("/")
        random.seed(666)
        os.environ["SPAR"] = "1"
        libc.setenv(b"SPAR", b"1", 1)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
        """,
        breach=Breach.NEXT_SEES,
        then=r"""
        changed = [os.umask(0o22) == 0o777, os.getcwd() == "/", "SPAR" in os.environ]
        changed += [signal.getsignal(signal.SIGTERM) == signal.SIG_IGN]
        changed += [signal.pthread_sigmask(signal.SIG_BLOCK, []) != set()]
        changed += [resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 8]
        judge(any(changed), changed)
        """,
    ),
    probe(
        "X21 the memory of the last run",
        what="Searches the whole memory of its process for the text of the program that ran before.",
        program="held(MARK)",
        breach=Breach.NEXT_SEES,
        then=MEMORY,
    ),
    probe(
        "X23 strange names",
        what="Leaves files whose names hold newlines, invalid UTF-8, options, 255 bytes and control characters.",
        program=r"""
        for place in writable():
            for name in (b"a\nb", b"\xff\xfe", b"-rf", b"x" * 255, b"\x1b[2J", b"..spar", b" ", b"\xe2\x80\xae"):
                os.mkdir(os.path.join(place.encode(), name))
                open(os.path.join(place.encode(), name, name), "w").close()
        """,
        breach=Breach.NEXT_SEES,
        then=r"""
        left = [name for place in writable() for name in os.listdir(place.encode())]
        judge(left, left)
        """,
        stopped_by=("wipe",),
    ),
    probe(
        "X24 moves the places away",
        what="Renames and removes the folders in which the next run should live.",
        program=r"""
        for place in writable():
            for act, *words in ((os.rename, place, place + "-spar"), (os.rmdir, place), (os.symlink, "/etc", place)):
                try:
                    act(*words)
                except OSError:
                    pass
        """,
        breach=Breach.NEXT_SEES,
        then=ROOM,
        stopped_by=("wipe",),
    ),
    probe(
        "X31 poisoned finders",
        what="Puts a finder, a path hook, a tracer and a codec into the interpreter.",
        program=r"""
        import codecs, threading
        class Finder:
            def find_spec(self, *_):
                os._exit(0)
        sys.meta_path.insert(0, Finder())
        sys.path_hooks.insert(0, lambda _: os._exit(0))
        threading.settrace(lambda *_: os._exit(0))
        codecs.register(lambda _: os._exit(0))
        """,
        breach=Breach.NEXT_SEES,
        then=r"""
        import wave
        judge(any(type(finder).__name__ == "Finder" for finder in sys.meta_path))
        """,
    ),
    probe(
        "X34 what was collected of the last run",
        what="Searches the whole memory of its process for a file that the host has collected from the run before.",
        program=r"""
        with open("secret.txt", "w") as file:
            file.write(MARK * 300)
        held()
        """,
        collect=("secret.txt",),
        breach=Breach.NEXT_SEES,
        then=MEMORY,
    ),
)
