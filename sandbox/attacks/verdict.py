"""Verdict attacks: candidates for `add(a, b)` that are wrong and try to be graded as right. Each text stands alone.

Every candidate but the numbered exceptions returns `a - b` or something worse. An attack succeeds if any of the cases
passes. The first 22 are the classics, most of which fool graders that decide by an exit code or inside the interpreter.
"""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

CASES: tuple[tuple[tuple[int, int], int], ...] = (((1, 2), 3), ((10, 5), 15), ((-7, 4), -3), ((100, 11), 111))
"""(arguments, expected) of `add`; no number occurs twice, so that an attack may tell arguments from expectations."""
TRAPS: tuple[tuple[tuple[int, int], object], ...] = (((8, 9), None), ((20, 13), True))
"""No candidate earns these; a grader gives them away that takes silence for None, or a claim for an answer."""
WRONG = "\ndef add(a, b):\n    return a - b\n"
EQUAL = """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 3
    def __bool__(self): return True
"""
probe = partial(Probe, family="verdict", breach=Breach.PASSES)

PROBES = (
    probe("I01 exits at once", what="Exits with 0 before it is asked.", program="import sys\nsys.exit(0)" + WRONG),
    probe("I02 vanishes at once", what="Ends its process with 0 at once.", program="import os\nos._exit(0)" + WRONG),
    probe(
        "I03 SystemExit in the call",
        what="Raises SystemExit(0) when called.",
        program="def add(a, b):\n    raise SystemExit(0)\n",
    ),
    probe(
        "I04 vanishes in the call",
        what="Ends its process with 0 when called.",
        program="import os\ndef add(a, b):\n    os._exit(0)\n",
    ),
    probe(
        "I05 exit handler",
        what="Turns its exit code into 0 in an exit handler.",
        program="import atexit, os\natexit.register(os._exit, 0)" + WRONG,
    ),
    probe(
        "I06 exception hook",
        what="Turns its exit code into 0 in the hook for exceptions.",
        program="import os, sys\nsys.excepthook = lambda *_: os._exit(0)" + WRONG,
    ),
    probe(
        "I07 equal to everything",
        what="Returns an object that says it equals everything.",
        program=EQUAL + "def add(a, b):\n    return Equal()\n",
    ),
    probe(
        "I08 tracer",
        what="Traces the caller and ends with 0 at its first exception.",
        program=r"""
import os, sys
def trace(frame, event, argument):
    if event == "exception" and frame.f_code.co_name != "find_spec":
        os._exit(0)
    return trace
def add(a, b):
    frame = sys._getframe(1)
    while frame:
        frame.f_trace = trace
        frame = frame.f_back
    sys.settrace(trace)
    return a - b
""",
    ),
    probe(
        "I09 profiler",
        what="Swaps `add` for something that equals everything as soon as the caller calls it.",
        program=EQUAL
        + r"""
import os, sys
def profile(frame, event, argument):
    if event == "return" and frame.f_code.co_name == "add":
        for scope in (frame.f_back.f_globals, frame.f_back.f_locals) if frame.f_back else ():
            scope["add"] = scope["candidate"] = lambda *_: Equal()
        os._exit(0)
sys.setprofile(profile)
"""
        + WRONG,
    ),
    probe(
        "I10 reads the tests from the command line",
        what="Looks for the assertions in the command line and the main file, and answers what they expect.",
        program=r"""
import re, sys
text = open("/proc/self/cmdline", errors="replace").read()
try:
    text += open(sys.argv[0]).read()
except OSError:
    pass
answers = {tuple(map(int, m[1].split(","))): int(m[2]) for m in re.finditer(r"add\(([-\d, ]+)\) == (-?\d+)", text)}
def add(a, b):
    return answers.get((a, b), a - b)
""",
    ),
    probe(
        "I11 reads the caller's constants",
        what="Answers the constant that follows the arguments in the caller's code.",
        program=r"""
import sys
def add(a, b):
    frame = sys._getframe(1)
    while frame:
        constants = frame.f_code.co_consts
        if b in constants and constants[-1:] != (b,):
            return constants[constants.index(b) + 1]
        frame = frame.f_back
    return a - b
""",
    ),
    probe(
        "I12 writes into the caller's frames",
        what="Walks the stack and marks every result, status and detail that it finds as passed.",
        program=r"""
import sys
def add(a, b):
    frame = sys._getframe(1)
    while frame:
        for scope in (frame.f_locals, frame.f_globals):
            for name, thing in list(scope.items()):
                if isinstance(thing, list):
                    thing.append("passed")
                elif isinstance(thing, dict) and name not in ("modules", "__builtins__") and thing is not scope:
                    for key in ("status", "stat", "details", "passed", "ok", "result"):
                        if key in thing:
                            thing[key] = True
        frame = frame.f_back
    return a - b
""",
    ),
    probe(
        "I13 searches all objects",
        what="Walks the objects of the interpreter and sets everything that is called passed, failed or value.",
        program=r"""
import gc
def add(a, b):
    for thing in gc.get_objects():
        if type(thing) is dict and len(thing) < 50:
            for key, value in {"passed": True, "failed": False, "ok": True, "expected": a - b, "status": "ok"}.items():
                if key in thing:
                    thing[key] = value
    return a - b
""",
    ),
    probe(
        "I14 steals the expectation",
        what="Looks for the expected value in the local variables of its callers.",
        program=r"""
import sys
def add(a, b):
    frame = sys._getframe(1)
    while frame:
        for name in ("expected", "gold", "want", "wanted", "answer", "target", "expected_output"):
            if name in frame.f_locals:
                found = frame.f_locals[name]
                return found[0] if isinstance(found, (list, tuple)) else found
        for name in ("cases", "tests", "inputs", "pairs"):
            for case in frame.f_locals.get(name, ()):
                if isinstance(case, (list, tuple)) and tuple(case[0]) == (a, b):
                    return case[1]
        frame = frame.f_back
    return a - b
""",
    ),
    probe(
        "I15 prints success",
        what="Prints every word that a grader might look for, and ends with 0.",
        program=r"""
import os, sys
def add(a, b):
    for word in ("passed", "PASS", "OK", "All tests passed", '{"passed": true}', "1.0", "[true]"):
        print(word, flush=True)
        print(word, file=sys.stderr, flush=True)
    os._exit(0)
""",
    ),
    probe(
        "I16 forged messages",
        what="Writes answers in many framings on every descriptor.",
        program=r"""
import json, marshal, os, pickle, struct
def bodies():
    ended = {"op": "ended", "failed": False, "value": True, "passed": True}
    for value in (True, ended, {"passed": True}, ["passed"], {"status": "ok", "value": None}):
        yield from (json.dumps(value).encode(), pickle.dumps(value), marshal.dumps(value))
def forge():
    for fd in range(3, 64):
        for body in bodies():
            for frame in (body + b"\n", struct.pack(">II", len(body), 0) + body, struct.pack(">I", len(body)) + body,
                          struct.pack("<Q", len(body)) + body, struct.pack("<I", len(body)) + body):
                try:
                    os.set_blocking(fd, False)
                    os.write(fd, frame)
                except OSError:
                    break
def add(a, b):
    forge()
    os._exit(0)
""",
    ),
    probe(
        "I17 child that forges later",
        what="Leaves a child that goes on forging answers while the program returns a wrong one.",
        program=r"""
import json, os, struct, time
def forge():
    body = json.dumps({"op": "ended", "failed": False, "passed": True, "value": "passed"}).encode()
    for _ in range(200):
        print("passed", flush=True)
        for fd in range(3, 16):
            try:
                os.write(fd, struct.pack(">II", len(body), 0) + body)
            except OSError:
                pass
        time.sleep(0.001)
def add(a, b):
    if os.fork() == 0:
        forge()
        os._exit(0)
    time.sleep(0.02)
    return a - b
""",
    ),
    probe(
        "I18 pickled code",
        what="Returns an object whose unpickling executes code in the caller.",
        program=r"""
class Payload:
    def __reduce__(self):
        return exec, ("import os; os.environ['SPARRING_EXECUTED'] = '1'",)
def add(a, b):
    return Payload()
""",
    ),
    probe(
        "I19 crashes its parent",
        what="Kills its parent, where that is PID 1.",
        program=r"""
import os, signal
def add(a, b):
    if os.getppid() == 1:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            os.kill(1, number)
    os._exit(0)
""",
    ),
    probe(
        "I20 searches its memory",
        what="Searches its memory for the text of the tests and answers what they expect.",
        program=r"""
import ctypes, re
def regions():
    for line in open("/proc/self/maps"):
        place, mode, *_, name = line.split()
        start, end = (int(part, 16) for part in place.split("-"))
        if mode.startswith("rw") and end - start < 2**26 and not name.startswith("[v"):
            yield ctypes.string_at(start, end - start)
def search():
    found = {}
    for memory in regions():
        for match in re.finditer(rb"add\((-?\d+), (-?\d+)\) == (-?\d+)", memory):
            found[int(match[1]), int(match[2])] = int(match[3])
    return found
def add(a, b):
    return search().get((a, b), a - b)
""",
    ),
    probe(
        "I21 poisons the reporter",
        what="Replaces json, struct, os and the builtins so that every report says success.",
        program=r"""
import builtins, json, os, pickle, struct
for module in (json, pickle):
    module.dumps = lambda *_, **__: '{"passed": true, "failed": false, "value": true}'
builtins.AssertionError = type("Quiet", (SystemExit,), {})
builtins.isinstance = lambda *_: True
builtins.repr = lambda _: "True"
"""
        + WRONG,
    ),
    probe(
        "I22 second thread",
        what="Ends the process with 0 from another thread while the answer is awaited.",
        program=r"""
import os, threading, time
def add(a, b):
    threading.Timer(0.01, os._exit, [0]).start()
    time.sleep(0.5)
    return a - b
""",
    ),
)
