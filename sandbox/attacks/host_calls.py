"""Attacks on the one declared channel by which a program may ask the host: `ping(value)` answers its argument."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="host calls", breach=Breach.CALLS)
CONFUSED = ("ok", "nonzero", "timeout", "signal", "memory")

PROBES = (
    probe(
        "H01 beyond the budget",
        what="Calls the host ten times as often as the budget allows.",
        program=r"""
        for number in range(10 * LIMITS["host_calls"]):
            try:
                ping(number)
            except Exception:
                pass
        """,
        ends=CONFUSED,
    ),
    probe(
        "H02 beyond the budget, by children",
        what="Has eight children call the host at the same time through the same channel.",
        program=r"""
        def call():
            for number in range(2 * LIMITS["host_calls"]):
                try:
                    ping(number)
                except Exception:
                    pass
        for _ in range(8):
            spawn(call)
        time.sleep(1)
        """,
        ends=CONFUSED,
    ),
    probe(
        "H03 executes on the host",
        what="Passes objects whose unpickling would execute code, and their pickles.",
        program=r"""
        import pickle
        class Payload:
            def __reduce__(self):
                return exec, ("import os; os.environ[%r] = '1'" % BAIT["executed"],)
        for thing in (Payload(), pickle.dumps(Payload()), type("str", (str,), {"__reduce__": Payload.__reduce__})("x")):
            try:
                ping(thing)
            except Exception:
                pass
        """,
        ends=CONFUSED,
    ),
    probe(
        "H04 enormous arguments",
        what="Passes texts of fifty million characters.",
        program=r"""
        for _ in range(5):
            try:
                ping("x" * 50_000_000)
            except Exception:
                pass
        """,
        breach=Breach.FLOODS,
        ends=(*CONFUSED, "output_limit"),
    ),
    probe(
        "H05 bottomless arguments",
        what="Passes lists that are nested ten thousand deep or contain themselves, and numbers that are none.",
        program=r"""
        import math
        nested, circle = [], []
        for _ in range(10_000):
            nested = [nested]
        circle.append(circle)
        for thing in (nested, circle, math.nan, -math.inf, 10**10_000, {1: {2: circle}}, "\ud800", object(), print):
            try:
                ping(thing)
            except Exception:
                pass
        """,
        ends=CONFUSED,
    ),
    probe(
        "H06 other functions of the host",
        what="Asks the host for functions that were not given, by forged messages.",
        program=r"""
        for name in ("__import__", "eval", "close", "../ping", "ping.__globals__", ""):
            for arguments in ([], ["tuple", [["tuple", [["tuple", ["1"]], ["dict", []]]]]]):
                body = repr({"op": "host", "name": name, "arguments": arguments}).replace("'", '"').encode()
                for fd, mode in sockets():
                    try:
                        os.set_blocking(fd, False)
                        os.write(fd, struct.pack(">II", len(body), 0) + body)
                    except OSError:
                        pass
        os._exit(3)
        """,
        ends=("nonzero",),
    ),
    probe(
        "H07 raw calls beyond the budget",
        what="Writes calls directly to the channel, without waiting for answers.",
        program=r"""
        body = b'{"op": "host", "name": "ping", "arguments": ["tuple", [["tuple", [1]], ["dict", []]]]}'
        for fd, mode in sockets():
            try:
                os.set_blocking(fd, False)
                for _ in range(10 * LIMITS["host_calls"]):
                    os.write(fd, struct.pack(">II", len(body), 0) + body)
            except OSError:
                pass
        time.sleep(0.5)
        """,
        ends=CONFUSED,
    ),
    probe(
        "H08 calls after the end",
        what="Leaves a process that goes on calling the host.",
        program=r"""
        def call():
            mark()
            for _ in ticking():
                try:
                    ping(1)
                except Exception:
                    pass
        daemon(call)
        """,
        breach=Breach.OUTLIVES,
        ends=CONFUSED,
        then="judge(others(), others())",
    ),
    probe(
        "H09 malformed questions",
        what="Writes questions without name, arguments or sense to the channel, so that the caller stumbles.",
        program=r"""
        import json
        questions = [{"op": "host"}, {"op": "host", "name": "ping"}, {"op": "host", "name": ["ping"], "arguments": 1},
                     {"op": "host", "name": "ping", "arguments": ["tuple", 1]}, {"op": "done"}, {"op": None}, {}, [], 1]
        for question in questions:
            body = json.dumps(question).encode()
            for fd, mode in sockets():
                try:
                    os.write(fd, struct.pack(">II", len(body), 0) + body)
                except OSError:
                    pass
        time.sleep(0.2)
        os._exit(3)
        """,
        breach=Breach.LIES,
        ends=("nonzero", "signal"),
    ),
    probe(
        "H10 claims to have ended",
        what="Says over the channel that it is done, and goes on, so that nobody stops it.",
        program=r"""
        body = b'{"op": "ended", "failed": false, "memory": false, "value": 3}'
        for fd, mode in sockets():
            os.write(fd, struct.pack(">II", len(body), 0) + body)
        time.sleep(3600)
        """,
        breach=Breach.OVERRUNS,
        ends=("timeout",),
    ),
)
