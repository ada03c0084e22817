"""Attacks on the server that serves all runs: reading, stopping or imitating it, and noise on its channel."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import ALONE, Breach, Probe

probe = partial(Probe, family="cross-run")

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
)
