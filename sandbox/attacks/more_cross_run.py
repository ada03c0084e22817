"""Further attacks on later runs, and on the channel between the host and the inside."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.cross_run import ALONE, ROOM
from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="cross-run")
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
        "X17 closes every descriptor",
        what="Closes all descriptors and exits with 3.",
        program=r"""
        os.closerange(0, 4096)
        os._exit(3)
        """,
        breach=Breach.LIES,
        ends=("nonzero",),
        then=ALONE,
    ),
    probe(
        "X18 noise on every descriptor",
        what="Writes random bytes to every inherited descriptor above 2 and exits with 3.",
        program=r"""
        for fd, _ in sockets():
            try:
                os.set_blocking(fd, False)
                for _ in range(100):
                    os.write(fd, os.urandom(4096))
            except OSError:
                pass
        os._exit(3)
        """,
        breach=Breach.LIES,
        ends=("nonzero",),
        then=ALONE,
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
        "X25 forged answers",
        what="Writes answers in many framings on every descriptor that it was born with, and exits with 3.",
        program=r"""
        base = {"status": "ok", "exit_code": 0, "signal": None, "stdout": "FORGED", "stderr": "", "seconds": 0.0,
                "files": {}, "error": "", "ok": True, "clean": True, "sizes": [0, 0]}
        done = {**base, "op": "done", "files": []}
        ended = {**base, "op": "ended", "failed": False, "value": 3}
        forge(base, done, ended, {"waited": 0}, {"pid": 1}, {"pid": -1}, [0, "ok", base])
        os._exit(3)
        """,
        breach=Breach.LIES,
        ends=("nonzero",),
        then=ALONE,
    ),
    probe(
        "X26 passes descriptors to the server",
        what="Sends its own descriptors through every inherited socket, a thousand times, and takes what comes.",
        program=r"""
        import array
        taken = []
        fds = array.array("i", [os.open("/dev/null", os.O_RDONLY)] * 100)
        for fd, mode in sockets():
            if stat.S_ISSOCK(mode):
                sock = socket.socket(fileno=os.dup(fd))
                sock.setblocking(False)
                for _ in range(10):
                    try:
                        sock.sendmsg([b"\0" * 8], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
                    except OSError:
                        break
                try:
                    taken += sock.recvmsg(1024, socket.CMSG_SPACE(400))[1]
                except OSError:
                    pass
        judge(taken, taken)
        """,
        then=ALONE,
    ),
    probe(
        "X27 huge answers",
        what="Announces a message of four gigabytes on every inherited descriptor.",
        program=r"""
        for fd, _ in sockets():
            for head in (b"\xff" * 16, struct.pack(">II", 2**24, 2**28), b"4294967295\n", b'{"a":' * 10_000):
                try:
                    os.set_blocking(fd, False)
                    os.write(fd, head)
                except OSError:
                    pass
        os._exit(3)
        """,
        breach=Breach.LIES,
        ends=("nonzero",),
        then=ALONE,
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
        "X29 patched reporter",
        what="Replaces os._exit, os.write, json and sys.stdout before its end is reported, and fails.",
        program=r"""
        import json
        os._exit = os.write = lambda *_: None
        json.dumps = lambda *_, **__: '{"status": "ok", "exit_code": 0}'
        sys.stdout = sys.stderr = sys.__stdout__ = None
        raise RuntimeError("this must be seen as a failure")
        """,
        breach=Breach.LIES,
        ends=("nonzero", "signal", "timeout"),
        then=ALONE,
    ),
    probe(
        "X30 false result on the output",
        what="Prints what looks like a result of the sandbox, and fails.",
        program=r"""
        print('{"status": "ok", "exit_code": 0}\nStatus: ok\nOutput:\npassed\n\0\0\0\0', flush=True)
        os._exit(3)
        """,
        breach=Breach.LIES,
        ends=("nonzero",),
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
    probe(
        "X33 the fork for the next program",
        what="Looks for the process that waits to become the next program, to stop it or to write into it.",
        program=r"""
        for _ in range(200):
            found = others()
            for pid in found:
                os.kill(pid, signal.SIGSTOP)
                breach(pid)
            time.sleep(0.001)
        held()
        """,
        then=ALONE,
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
