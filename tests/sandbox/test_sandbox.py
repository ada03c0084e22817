"""One contract over every backend: what a program can rely on, and what a caller can."""

import asyncio
import contextlib
import gc
import math
import subprocess
import sys
import threading
import time
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparring.sandbox import (
    AsyncSandbox,
    Limits,
    Sandbox,
    SandboxUnavailable,
    SessionEnded,
    ToolError,
    cgroups,
    rootfs,
)
from sparring.sandbox.grader import equal
from sparring.sandbox.inside.wire import decode_value, encode_value

MIB = 2**20
SHORT = Limits(wall_seconds=1.0)


@cache
def sandbox_of(backend):
    """One a backend and worker; its containers end with the process."""
    return Sandbox(backend, workers=2)


def docker_missing():
    try:
        from sparring.sandbox.backends import docker

        docker.connect()
    except SandboxUnavailable as error:
        return str(error)
    return ""


@pytest.fixture(params=["namespaces", pytest.param("docker", marks=pytest.mark.slow)])
def box(request):
    if request.param == "docker" and (reason := docker_missing()):
        pytest.skip(reason)
    return sandbox_of(request.param)


@pytest.mark.parametrize(
    ("code", "status", "exit_code", "signal"),
    [
        ("print(1 + 1)", "ok", 0, None),
        ("", "ok", 0, None),
        ("raise SystemExit", "ok", 0, None),
        ("1 / 0", "nonzero", 1, None),
        ("def f(:", "nonzero", 1, None),
        ("import sys; sys.exit(3)", "nonzero", 3, None),
        ("import os; os._exit(5)", "nonzero", 5, None),
        ("import os; os.kill(os.getpid(), 9)", "signal", None, 9),
        ("import os; os.abort()", "signal", None, 6),
        ("while True: pass", "timeout", None, None),
        ("import time; time.sleep(60)", "timeout", None, None),
        ("x = 'a' * 10**10", "memory", 1, None),
        ("print('x' * 3 * 2**20)", "output_limit", None, None),
    ],
)
def test_an_outcome_says_how_the_program_ended(box, code, status, exit_code, signal):
    outcome = box.run(code, limits=SHORT)
    assert (outcome.status, outcome.exit_code, outcome.signal) == (status, exit_code, signal)
    assert outcome.ok == (status == "ok")
    assert not outcome.is_ours


def test_memory_of_all_processes_together_is_bounded(box):
    if "cgroup" not in box.strength and "memory" not in box.strength:
        pytest.skip(f"no cgroup here: {box.strength}")
    code = "import os\nfor _ in range(6):\n    if os.fork() == 0:\n        x = bytearray(40 * 2**20); os._exit(0)\n"
    code += "print(sorted({os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(6)}))\n"
    code = code.replace("os._exit(0)", "import time; time.sleep(0.7); os._exit(0)")
    assert "-9" in box.run(code, limits=Limits(memory_bytes=128 * MIB)).stdout


def test_limits_change_from_run_to_run(box):
    code = "x = bytearray(200 * 2**20)\nprint(len(x))"
    for memory, status in ((64, "memory"), (512, "ok"), (96, "memory"), (1024, "ok")):
        assert box.run(code, limits=Limits(memory_bytes=memory * MIB)).status == status


def test_streams_arrive_apart_and_any_bytes_are_text(box):
    outcome = box.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.stdout.buffer.write(b'\\xff\\x00')")
    assert outcome.stderr == "err\n"
    assert outcome.stdout in ("out\n�\0", "�\0out\n")


def test_a_traceback_names_the_line_and_nothing_of_ours(box):
    assert box.run("x = 1\ny = x / 0\n").stderr == (
        "Traceback (most recent call last):\n"
        '  File "main.py", line 2, in <module>\n'
        "    y = x / 0\n"
        "        ~~^~~\n"
        "ZeroDivisionError: division by zero\n"
    )


def test_standard_input_and_files_come_in_and_files_come_out(box):
    code = "import sys, data.numbers\nopen('out.bin', 'wb').write(bytes([data.numbers.N]) + sys.stdin.buffer.read())"
    outcome = box.run(
        code, files={"data/numbers.py": "N = 7"}, stdin=b"\x00in" * 50_000, collect=["out.bin", "absent", "data"]
    )
    assert outcome.ok, outcome.stderr
    assert outcome.files == {"out.bin": b"\x07" + b"\x00in" * 50_000}
    assert "absent" in outcome.error
    assert "data" in outcome.error


def test_nothing_is_left_for_the_next_program(box):
    places = "import os\nplaces = [p for p in ('/work', '/tmp', '/dev/shm') if os.path.isdir(p)]\n"
    fill = "for p in places: open(p + '/x', 'w').write('1')\nos.makedirs('a/b/c'); os.chmod('a', 0)\n"
    assert box.run(places + fill).ok
    assert box.run(places + "print([name for p in places for name in os.listdir(p)])").stdout == "[]\n"


def test_the_same_seed_gives_the_same_run_on_every_worker(box):
    code = "import random\nprint(random.random(), {'a', 'b', 'c', 'd'}, hash('x'))"
    outputs = {box.run(code, seed=5).stdout for _ in range(4)}
    assert len(outputs) == 1
    assert box.run(code, seed=6).stdout not in outputs


def test_exit_handlers_and_threads_finish_as_in_any_interpreter(box):
    code = "import atexit, threading, time\natexit.register(print, 'bye')\n"
    code += "threading.Thread(target=lambda: (time.sleep(0.05), print('thread'))).start()\n"
    assert box.run(code).stdout == "thread\nbye\n"


def test_a_program_is_main_and_sees_no_caller(box, monkeypatch):
    monkeypatch.setenv("SPARRING_SECRET", "do not tell")
    code = "import os, sys\nprint(__name__, sys.argv, sorted(m for m in sys.modules if 'sparring' in m))\n"
    outcome = box.run(code + "print('SPARRING_SECRET' in os.environ, open('/proc/self/environ').read())")
    assert outcome.stdout.startswith("__main__ ['main.py'] []\nFalse")
    assert "do not tell" not in outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"code": b"\xff\xfe"}, "code must be UTF-8: invalid start byte at byte 0"),
        ({"code": "a\0b"}, "NUL bytes, got one at byte 1"),
        ({"code": "#" * 50_000_000}, "code must be at most 8388608 bytes, got 50000000"),
        ({"code": "", "files": {str(i): "" for i in range(100_000)}}, "at most 4096 files can be given, got 100000"),
        ({"code": "", "files": {"a": b"x" * 65 * MIB}}, "files must be at most file_bytes"),
        ({"code": "", "files": {"../a": ""}}, "a path inside the working folder"),
        ({"code": "", "collect": ["/etc/passwd"]}, "a path inside the working folder"),
    ],
)
def test_input_that_cannot_run_is_refused_before_anything_starts(arguments, message):
    with Sandbox() as box:
        with pytest.raises(ValueError, match=message):
            box.run(**arguments)
        assert not box._idle


@pytest.mark.parametrize(
    ("name", "value"),
    [("wall_seconds", 0), ("wall_seconds", -1.0), ("memory_bytes", 2**60), ("processes", 0), ("output_bytes", -5),
     ("cpu_seconds", math.nan), ("host_calls", -1), ("open_files", 10**9), ("file_bytes", True)],
)  # fmt: skip
def test_absurd_limits_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be between"):
        Limits(**{name: value})


def test_an_unknown_backend_is_told_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'docker'"):
        Sandbox("dockr")


def test_the_weakest_backend_has_to_be_asked_for_and_is_loud():
    with pytest.warns(RuntimeWarning, match="hardly isolates"):
        box = Sandbox("process")
    with box:
        assert box.run("print(2)").stdout == "2\n"
        assert box.strength.startswith("A1")


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/engine.sock")
    with (
        Sandbox("docker") as box,
        pytest.raises(SandboxUnavailable, match="no Docker engine answers"),
    ):
        box.run("")
    with Sandbox(packages=["no-such-package"]) as box, pytest.raises(SandboxUnavailable, match="pip install no-such"):
        box.run("")


def test_a_sandbox_that_dies_is_ours_and_tried_twice(box):
    with Sandbox(box_name(box)) as other:
        other.run("")
        for worker in other._idle:
            worker.box.kill()
        assert other.run("print(1)").stdout == "1\n"


def box_name(box):
    return "docker" if "Docker" in box.strength else "namespaces"


def test_a_sandbox_that_dies_every_time_is_reported(monkeypatch):
    with Sandbox() as box:
        start = box.backend.start

        def stillborn():
            worker = start()
            worker.box.kill()
            return worker

        monkeypatch.setattr(box.backend, "start", stillborn)
        outcome = box.run("print(1)")
        assert (outcome.status, outcome.is_ours, outcome.stdout) == ("sandbox_died", True, "")


# Host functions.


def test_programs_call_the_host_with_plain_values(box):
    def lookup(name, *, times=1):
        if name == "none":
            raise ToolError("no such name")
        return {name: [(times, 2.5, b"x", None)]}

    code = "print(lookup('a', times=3))\ntry:\n    lookup('none')\nexcept RuntimeError as error:\n    print(error)\n"
    code += "try:\n    lookup(object())\nexcept ValueError as error:\n    print('plain' in str(error))\n"
    outcome = box.run(code, host={"lookup": lookup})
    assert outcome.stdout == "{'a': [(3, 2.5, b'x', None)]}\nno such name\nTrue\n", outcome.stderr


def test_host_calls_have_a_budget(box):
    code = "n = 0\ntry:\n    while True:\n        ping(); n += 1\nexcept RuntimeError as error:\n    print(n, error)"
    outcome = box.run(code, host={"ping": lambda: 1}, limits=Limits(host_calls=7))
    assert outcome.stdout == "7 the budget of 7 host calls is used up\n"


def test_the_hosts_time_is_not_the_programs(box):
    code = "wait()\nprint('still here')"
    assert box.run(code, host={"wait": lambda: time.sleep(1.3)}, limits=SHORT).stdout == "still here\n"


# Sessions.


def test_a_session_remembers_and_an_exception_keeps_what_was_done(box):
    with box.session() as session:
        assert session.run("import math\nx = 40").ok
        failed = session.run("x += 2\nraise KeyError('no')")
        assert failed.status == "nonzero"
        assert failed.stderr.endswith("KeyError: 'no'\n")
        assert session.run("print(x, math.pi > 3)").stdout == "42 True\n"


@pytest.mark.parametrize("cell", ["while True: pass", "import os; os._exit(0)", "import os; os.kill(os.getpid(), 9)"])
def test_a_cell_that_dies_or_hangs_is_undone(box, cell):
    with box.session(limits=SHORT) as session:
        session.run("x = 1")
        assert not session.run("x = 2\n" + cell).ok
        assert session.run("print(x)").stdout == "1\n"


def test_branches_know_nothing_of_each_other(box):
    with box.session() as left:
        left.run("import os\nlog = ['root']\nopen('f', 'w').write('root')")
        with left.fork() as right, right.fork() as deep:
            left.run("log.append('left'); open('f', 'a').write(' left')")
            right.run("log.append('right'); open(os.path.join('/work', 'f'), 'a').write(' right')")
            show = "print(log, open('f').read(), open(os.path.join('/work', 'f')).read())"
            assert left.run(show).stdout == "['root', 'left'] root left root left\n"
            assert right.run(show).stdout == "['root', 'right'] root right root right\n"
            assert deep.run(show).stdout == "['root'] root root\n"


def test_a_branch_continues_the_random_stream(box):
    with box.session(seed=3) as session:
        session.run("import random\nrandom.random()")
        with session.fork() as branch:
            draws = [part.run("print(random.random())").stdout for part in (session, branch)]
    alone = box.run("import random\nrandom.random()\nprint(random.random())", seed=3).stdout
    assert draws == [alone, alone]


def test_a_branch_has_its_own_offset_in_open_files(box):
    with box.session() as session:
        session.run(
            "open('f', 'w').write('abcdef')\nf = open('f')\nf.read(2)\ng = open('g', 'w'); g.write('1'); g.flush()"
        )
        with session.fork() as branch:
            assert (
                session.run("print(f.read())\ng.write('L'); g.close(); print(open('g').read())").stdout == "cdef\n1L\n"
            )
            assert (
                branch.run("print(f.read())\ng.write('R'); g.close(); print(open('g').read())").stdout == "cdef\n1R\n"
            )


def test_what_a_fork_would_lose_is_refused_with_a_reason(box):
    with box.session() as session:
        session.run("import threading\nend = threading.Event()\nthreading.Thread(target=end.wait).start()")
        refused = session.run("print(1)")
        assert refused.status == "refused"
        assert "1 threads are still running (Thread-1" in refused.error
    with box.session() as session:
        session.run("import os\nr, w = os.pipe()")
        with session.fork() as branch:
            assert "is a pipe or socket" in branch.run("1").error
        assert session.run("print(2)").stdout == "2\n"


def test_functions_of_a_session_answer_with_exact_values(box):
    with box.session() as session:
        session.run("def f(*args): return args[::-1]\ndef g(): return [i for i in range(3)].__iter__()\nn = 1")
        values = [1, 2**80, -0.0, math.inf, "é\ud800", b"\xff", None, True, 1j, (1, [2]), {3}, {(1, 2): {}}]
        assert session.call("f", values).value == tuple(values[::-1])
        assert "only plain values" in session.call("g").outcome.stderr
        assert session.call("absent").outcome.stderr == "KeyError: 'absent'\n"
        assert session.call("f", [[]]).value == ([],)


def test_a_call_that_dies_takes_its_branch_along(box):
    with box.session() as session:
        session.run("import os\ndef die(): os._exit(0)")
        with session.fork() as other:
            answer = session.call("die")
            assert answer.outcome.status == "nonzero"
            assert answer.value is None
            with pytest.raises(SessionEnded):
                session.run("1")
            assert other.run("print('alive')").stdout == "alive\n"


def test_files_are_put_and_got_and_links_are_not_followed(box):
    with box.session() as session:
        session.put("in/data.txt", b"hello")
        assert session.run("import os\nprint(open('in/data.txt').read())\nos.symlink('/etc/passwd', 'link')").ok
        assert session.get("in/data.txt") == b"hello"
        with pytest.raises(FileNotFoundError, match="link"):
            session.get("link")
        with pytest.raises(ValueError, match="inside the working folder"):
            session.put("../x", b"")


def opened_within(box, seconds):
    """A session that another thread has opened, or None where no worker became free."""
    opened = []
    thread = threading.Thread(target=lambda: opened.append(box.session()), daemon=True)
    thread.start()
    thread.join(seconds)
    return opened.pop() if opened else None


def test_sessions_that_are_dropped_give_their_worker_back():
    with Sandbox() as box:
        for _ in range(3):
            session = box.session()
            branch = session.fork()
            assert session.run("x = 1").ok
            del session
            assert branch.run("print(1)").stdout == "1\n"  # the last branch still has it
            del branch
            left = opened_within(box, 30)
            assert left is not None
            left.close()
        assert box.run("print(2)").stdout == "2\n"
        assert box._free._value == 1  # each slot came back once


def test_a_session_in_a_cycle_gives_its_worker_back_when_it_is_collected_in_any_thread():
    with Sandbox() as box:
        session = box.session()
        session.itself = session
        with box._lock:  # the collector runs in the middle of anything
            del session
            gc.collect()
        left = opened_within(box, 30)
        assert left is not None
        left.close()


def test_a_process_that_ends_with_an_open_session_ends():
    code = (
        "from sparring.sandbox import Sandbox; box = Sandbox(); session = box.session(); print(session.run('x=1').ok)"
    )
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert (run.stdout, run.stderr) == ("True\n", "")


def test_a_session_frees_its_worker_when_the_last_branch_closes():
    with Sandbox(workers=1) as box:
        session = box.session()
        branch = session.fork()
        session.close()
        assert branch.run("print(1)").stdout == "1\n"
        branch.close()
        assert box.run("print(2)").stdout == "2\n"
        with pytest.raises(SessionEnded):
            branch.run("")


SEARCH = """
import ctypes
found = []
for line in open("/proc/self/maps"):
    span, rights, *_, name = line.split()
    start, end = (int(part, 16) for part in span.split("-"))
    if "rw" in rights and end - start < 2**27 and not name.startswith("[v"):
        for piece in ctypes.string_at(start, end - start).split(b"xyzzy-")[1:]:
            found += [name] * piece.startswith(b"seven" * 3)
print(found)
"""


@pytest.mark.parametrize("length", [40, 900, 20_000])
def test_nothing_of_a_session_or_a_host_call_is_in_the_memory_of_the_next_program(box, length):
    secret, made = "xyzzy-" + "seven" * length, f"'xyzzy-' + 'seven' * {length}"
    with box.session(host={"fetch": lambda text: secret}, limits=Limits(wall_seconds=3.0)) as session:
        session.run(f"kept = {secret!r}\ndef take(text): return fetch({made})")
        session.put("secret.txt", secret.encode())
        assert session.call("take", [secret]).value == secret
        assert session.get("secret.txt") == secret.encode()
        session.run(f"import os; os.write(3, b'\\0\\0\\0\\5\\0\\0\\0\\0' + ({made}).encode())")
    assert box.run(SEARCH).stdout == "[]\n"
    assert box.run(f"fetch({made})", host={"fetch": lambda text: secret}).ok
    assert box.run(SEARCH).stdout == "[]\n"


def test_a_program_that_says_it_has_ended_goes_on_until_it_is_stopped(box):
    code = 'import os, struct, time\nbody = b\'{"op": "ended", "failed": false}\'\n'
    code += "os.write(3, struct.pack('>II', len(body), 0) + body)\ntime.sleep(60)"
    assert box.run(code, host={"fetch": lambda: 1}, limits=SHORT).status == "timeout"


# What a session's cells do to the session itself is their fault, and never a fault of ours.

RENAMES = "import os\ndef f(): os.rename('/box/now', '/box/away')\ndef g(): return 1"
HIDES = (
    "import os\ndef f():\n    for name in os.listdir('/box'):\n        os.rename('/box/' + name, '/box/x' + name)\n"
    "def g(): return 1"
)
SAYS = (
    "import os, struct, time\n"
    "def f():\n"
    '    body = b\'{"op":"ended","failed":false,"value":\' + %s + b\'}\'\n'
    "    data = memoryview(struct.pack('>II', len(body), 0) + body)\n"
    "    while data:\n"
    "        data = data[os.write(3, data):]\n"
    "    time.sleep(60)\n"
    "def g(): return 1"
)
DEEP = SAYS % "b'[' * 900 + b']' * 900"
GROWS = SAYS % "b'[\"list\",[' + b','.join([b'1e15'] * 3_000_000) + b']]'"
NO_VALUE = SAYS % 'b\'["type","int"]\''


@pytest.mark.parametrize("cell", [RENAMES, HIDES, DEEP, GROWS, NO_VALUE])
def test_a_session_that_its_cells_break_fails_and_is_not_a_fault_of_ours(box, cell):
    with box.session(limits=SHORT) as session:
        assert session.run(cell).ok
        answers = [session.call("f"), session.call("g"), session.call("g")]
    for answer in answers:
        assert not answer.outcome.is_ours
    assert not all(answer.outcome.ok for answer in answers)
    assert box.run("print(1)").stdout == "1\n"


def test_a_paused_interpreter_that_dies_or_lies_is_not_a_fault_of_ours(box):
    dies = "import os, signal\nsignal.signal(signal.SIGALRM, lambda *_: os._exit(0))\n"
    dies += "signal.setitimer(signal.ITIMER_REAL, 0.1)"
    lies = "import os\nos.waitpid = lambda *_: (0, 10**30)"
    for cell, following in ((dies, "1"), (lies, "import os; os._exit(7)")):
        with box.session(limits=SHORT) as session:
            assert session.run(cell).ok
            time.sleep(0.3)
            outcome = session.run(following)
            assert not outcome.ok
            assert not outcome.is_ours
    assert box.run("print(1)").stdout == "1\n"


# Many at a time.


def test_threads_share_the_workers(box):
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(box.run(f"print({n})").stdout == f"{n}\n")) for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 12


def test_coroutines_run_programs_side_by_side(box):
    async def many():
        return await asyncio.gather(*(AsyncSandbox(box).run(f"print({n})") for n in range(4)))

    assert [outcome.stdout for outcome in asyncio.run(many())] == ["0\n", "1\n", "2\n", "3\n"]


def test_a_closed_sandbox_says_so():
    box = Sandbox()
    box.close()
    with pytest.raises(RuntimeError, match="closed"):
        box.run("")


# The wire.

SCALARS = [st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary()]
plain = st.recursive(
    st.one_of(SCALARS),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)  # fmt: skip


@given(plain)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_plain_values_cross_unchanged(value):
    found = decode_value(encode_value(value))
    assert (type(found), found) == (type(value), value)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_decoding_garbage_gives_a_value_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        assert encode_value(decode_value(data)) is not NotImplemented


def test_values_that_lie_about_themselves_do_not_cross():
    class Liar(int):
        def __eq__(self, other):
            return True

        __hash__ = None

    cyclic = []
    cyclic.append(cyclic)
    for value in (Liar(3), [Liar(3)], object(), cyclic, range(3), {1: {2: print}}):
        with pytest.raises(ValueError, match=r"plain|nested"):
            encode_value(value)


def test_a_group_left_by_a_killed_process_is_removed(monkeypatch):
    group = cgroups.Cgroup.create()
    if group is None:
        pytest.skip("no control group may be made here")
    parent = group.folders["memory"].parent
    group.close()
    left = parent / "sparring-999999999-0-main"
    left.mkdir(exist_ok=True)
    monkeypatch.setattr(cgroups, "LEFT_SECONDS", -1.0)
    cgroups._remove_left_behind.cache_clear()
    cgroups.Cgroup.create().close()
    assert not left.exists()


def test_nan_equals_nan_wherever_it_stands():
    nan, other = float("nan"), -float("nan")
    assert equal(complex(nan, 1), complex(other, 1))
    assert equal(complex(1, nan), complex(1, other))
    assert not equal(complex(nan, 1), complex(nan, 2))
    assert not equal(complex(nan, 1), complex(1, nan))
    assert equal([{nan}, {nan: 1}], [{other}, {other: 1}])
    assert not equal({nan: 1}, {other: 2})
    assert equal(complex(1, 2), complex(1 + 1e-9, 2), 1e-6)


def test_the_fork_server_does_not_load_the_types_of_its_messages():
    code = "import sys, sparring.sandbox.inside.server; print(*(n for n in sys.modules if 'sandbox.inside' in n))"
    place = {"PYTHONPATH": str(rootfs.rootfs(()) / "server")}
    done = subprocess.run(
        [sys.executable, "-P", "-S", "-c", code], env=place, capture_output=True, text=True, timeout=60
    )
    loaded = done.stdout.split()
    assert "sparring.sandbox.inside.branches" in loaded
    assert "sparring.sandbox.inside.messages" not in loaded
