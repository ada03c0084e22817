"""Verdict attacks by what `add` returns, and other newer ones. The classics are in verdict.py."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe
from sparring.sandbox.attacks.verdict import EQUAL, WRONG

probe = partial(Probe, family="verdict", breach=Breach.PASSES)
BRIEF = {"wall_seconds": 1.0}
"""For candidates that never answer: each of the grader's cases waits so long."""


def _subclass(kind: str) -> str:
    return f"""
class Liar({kind}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 3
    def __sub__(self, other): return 0
    __rsub__ = __sub__
def add(a, b):
    return Liar({"str(a - b)" if kind == "str" else "a - b"})
"""


def _returns(expression: str, before: str = "") -> str:
    return f"{before}\ndef add(a, b):\n    return {expression}\n"


def _says(value: str) -> str:
    """Answers by its own channel, with a value that the grader's reader must not stumble over."""
    return f"""
import os, struct, time
def add(a, b):
    body = b'{{"op":"ended","failed":false,"value":' + {value} + b'}}'
    data = memoryview(struct.pack(">II", len(body), 0) + body)
    while data:
        data = data[os.write(3, data):]
    time.sleep(60)
"""


PROBES = (
    probe("I23 int that lies", what="Returns a subclass of int that equals everything.", program=_subclass("int")),
    probe("I24 text that lies", what="Returns a subclass of str that equals everything.", program=_subclass("str")),
    probe(
        "I25 number that lies", what="Returns a subclass of float that equals everything.", program=_subclass("float")
    ),
    probe(
        "I26 false class",
        what="Returns an object that says its class is int, and equals everything.",
        program=EQUAL
        + _returns("Int()", "class Int(Equal):\n    __class__ = int\n    def __index__(self): return 3\n"),
    ),
    probe("I27 not a number", what="Returns NaN, which compares like nothing else.", program=_returns("float('nan')")),
    probe("I28 infinity", what="Returns infinity, by which tolerances divide.", program=_returns("float('inf')")),
    probe(
        "I29 generator",
        what="Returns a generator that never ends.",
        program="def add(a, b):\n    while True:\n        yield a - b\n",
    ),
    probe(
        "I30 contains itself",
        what="Returns a list that contains itself.",
        program="def add(a, b):\n    x = []\n    x.append(x)\n    return x\n",
    ),
    probe(
        "I31 bottomless",
        what="Returns a list that is nested a hundred thousand deep.",
        program="def add(a, b):\n    x = []\n    for _ in range(100_000):\n        x = [x]\n    return x\n",
    ),
    probe("I32 enormous text", what="Returns fifty million characters.", program=_returns("'x' * 50_000_000")),
    probe("I33 enormous number", what="Returns millions of digits.", program=_returns("1 << 20_000_000")),
    probe(
        "I34 another program",
        what="Becomes another program, which ends with 0.",
        program="import os, sys\ndef add(a, b):\n    os.execv(sys.executable, [sys.executable, '-c', 'print(3)'])\n",
    ),
    probe(
        "I35 alarm",
        what="Ends with 0 in the handler of a timer that fires after the call.",
        program="import os, signal\nsignal.signal(signal.SIGALRM, lambda *_: os._exit(0))\n"
        "def add(a, b):\n    signal.setitimer(signal.ITIMER_REAL, 0.000001)\n    return a - b\n",
    ),
    probe(
        "I36 finaliser",
        what="Ends with 0 when its answer is thrown away.",
        program="import os\nclass Last(int):\n    def __del__(self):\n        os._exit(0)\n" + _returns("Last(a - b)"),
    ),
    probe(
        "I37 poisoned modules",
        what="Puts modules of its own in the place of json, struct and the sandbox's.",
        program=r"""
import sys, types
fake = types.ModuleType("fake")
fake.dumps = fake.pack = fake.encode_value = lambda *_, **__: b"true"
for name in list(sys.modules):
    if name.split(".")[0] in ("json", "struct", "sparring", "marshal"):
        sys.modules[name] = fake
"""
        + WRONG,
    ),
    probe(
        "I38 poisoned server",
        what="Finds the server's own functions among all objects and makes them report success.",
        program=r"""
import gc, types
TARGETS = ("encode_value", "send_frame", "_call", "report", "grade", "check")
for thing in gc.get_objects():
    if isinstance(thing, types.FunctionType) and thing.__name__ in TARGETS:
        thing.__code__ = (lambda *_, **__: True).__code__
"""
        + WRONG,
    ),
    probe(
        "I39 exception that ends",
        what="Raises an exception whose text ends the process with 0.",
        program=r"""
import os
class Quiet(Exception):
    def __str__(self):
        os._exit(0)
    __repr__ = __str__
def add(a, b):
    raise Quiet
""",
    ),
    probe(
        "I40 callable object",
        what="Is no function but an object that answers what it is compared with.",
        program=EQUAL + "class Add(Equal):\n    def __call__(self, *_): return self\nadd = Add()\n",
    ),
    probe(
        "I41 list that lies",
        what="Returns a list of a class whose items and length change with every look.",
        program="class Liar(list):\n    def __eq__(self, _): return True\n    def __iter__(self): return iter([3])\n"
        "    def __len__(self): return 1\n" + _returns("Liar([a - b])"),
    ),
    probe(
        "I42 true instead of one",
        what="Returns True, which equals 1, False, which equals 0, and a complex number.",
        program=_returns("complex(a - b, 0) if a > 5 else bool(a)"),
    ),
    probe("I43 coroutine", what="Returns a coroutine.", program="async def add(a, b):\n    return a - b\n"),
    probe(
        "I44 sleeps past the limit",
        what="Ignores the signals and sleeps for a minute.",
        program="import signal, time\nfor number in (1, 2, 14, 15):\n    signal.signal(number, signal.SIG_IGN)\n"
        "def add(a, b):\n    time.sleep(60)\n",
        limits=BRIEF,
    ),
    probe(
        "I45 answers before it is asked",
        what="Writes answers on the channel while it is loaded, then vanishes.",
        program=r"""
import json, os, struct
for answer in ({"op": "ended", "failed": False, "memory": False}, {"op": "ended", "failed": False, "value": "passed"}):
    body = json.dumps(answer).encode()
    for fd in range(3, 16):
        try:
            os.write(fd, struct.pack(">II", len(body), 0) + body)
        except OSError:
            pass
os._exit(0)
"""
        + WRONG,
    ),
    probe(
        "I46 tag of a value",
        what="Returns lists that look like the wire's encoding of other values.",
        program=_returns("['int', '0x3']"),
    ),
    probe("I47 text of the number", what="Returns the right digits as a text.", program=_returns("str(a + b)")),
    probe(
        "I48 changes its arguments",
        what="Asks the caller's frames for the arguments and makes them agree with the wrong answer.",
        program=r"""
import sys
def add(a, b):
    frame = sys._getframe(1)
    while frame:
        for name, thing in list(frame.f_locals.items()):
            if isinstance(thing, list) and name != "path":
                thing[:] = [a - b for _ in thing]
        frame = frame.f_back
    return a - b
""",
    ),
    probe(
        "I49 moves its folder",
        what="Renames the session's folder, so that its failure looks like a fault of the sandbox.",
        program="import os\ndef add(a, b):\n    os.rename('/box/now', '/box/away')\n    return a - b\n",
    ),
    probe(
        "I50 moves everybody's folders",
        what="Renames the folders of the paused interpreters, for the same purpose.",
        program=r"""
import os
def add(a, b):
    for name in os.listdir("/box"):
        os.rename(f"/box/{name}", f"/box/x{name}")
    os._exit(1)
""",
    ),
    probe(
        "I51 nested to the limit",
        what="Answers by its channel with what one reader takes and the next one does not.",
        program=_says("b'[' * 900 + b']' * 900"),
        limits=BRIEF,
    ),
    probe(
        "I52 grows when it is written again",
        what="Answers by its channel with numbers that take four times the room once they have been read.",
        program=_says("""b'["list",[' + b','.join([b'1e15'] * 3_000_000) + b']]'"""),
    ),
    probe(
        "I53 dies between two calls",
        what="Sets a timer that ends its process while nobody has called it.",
        program=r"""
import os, signal
signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
def add(a, b):
    signal.setitimer(signal.ITIMER_REAL, 0.0001)
    return a - b
""",
    ),
)
