"""Commands in a sandbox whose files stay."""

import errno
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.sandbox import Limits, SessionEnded, Shell, cgroups
from sparring.sandbox.attacks import probes
from sparring.sandbox.attacks.bait import Bait
from sparring.sandbox.selftest import LIMITS, processes_named, run_probe

MIB = 2**20
BY_DESIGN = {"F11"}
"""What a sandbox for commands allows: to run a program that was written inside."""
ATTACKS = [
    probe
    for probe in probes(["resources", "processes", "files", "secrets", "network", "kernel"])
    if probe.number not in BY_DESIGN and not probe.collect
]


@pytest.fixture(scope="module")
def shell():
    with Shell(limits=Limits(memory_bytes=256 * MIB, file_bytes=64 * MIB)) as opened:
        yield opened


def said(shell, *command, **given):
    outcome = shell.run(command, **given)
    assert outcome.ok, outcome
    return outcome.stdout


def sh(shell, text, **given):
    return said(shell, "sh", "-c", text, **given)


def test_files_stay_and_processes_do_not(shell):
    sh(shell, "mkdir -p d && echo 42 > d/answer && echo t > /tmp/t && (sleep 60 &)")
    assert sh(shell, "cat d/answer /tmp/t") == "42\nt\n"
    assert "sleep" not in sh(shell, "ps -e || true")


def test_a_command_has_its_words_input_variables_and_folder(shell):
    assert said(shell, "printf", "%s|", "a b", "$HOME", "*", "") == "a b|$HOME|*||"
    assert said(shell, "cat", stdin=b"in\n") == "in\n"
    assert sh(shell, "echo $GREETING $HOME", env={"GREETING": "hello"}) == "hello /work\n"
    assert sh(shell, "mkdir -p inner && cd inner && pwd").strip().endswith("/work/inner")
    assert said(shell, "pwd", cwd="inner").strip().endswith("/work/inner")
    assert said(shell, "pwd", cwd="/tmp").strip().endswith("/tmp")
    assert sh(shell, "env -i ls /usr/bin | head -n 1")


def test_python_and_scripts_of_its_own_run(shell):
    shell.write("bin/twice", b"#!/usr/bin/env python3\nimport sys\nprint(2 * int(sys.argv[1]))\n")
    assert sh(shell, "chmod +x bin/twice && bin/twice 21") == "42\n"


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        (["sh", "-c", "exit 70"], ("nonzero", 70, None)),
        (["sh", "-c", "kill -TERM $$"], ("signal", None, 15)),
        (["nothing-of-this-name"], ("nonzero", 127, None)),
        (["/etc/passwd"], ("nonzero", 126, None)),
        (["/"], ("nonzero", 126, None)),
    ],
)
def test_how_a_command_ends(shell, command, ends):
    outcome = shell.run(command)
    assert (outcome.status, outcome.exit_code, outcome.signal) == ends


@pytest.mark.parametrize(
    "text", ["sleep 60", "sleep 60 & sleep 60", "setsid sleep 60 & wait", "trap '' TERM; sleep 60"]
)
def test_a_command_that_takes_too_long_is_ended_with_its_children(shell, text):
    assert shell.run(["sh", "-c", text], limits=replace(shell.limits, wall_seconds=0.3)).status == "timeout"
    assert "sleep" not in sh(shell, "ps -e || true")


def test_output_without_end_is_cut(shell):
    outcome = shell.run(["yes"])
    assert outcome.status == "output_limit"
    assert len(outcome.stdout) == shell.limits.output_bytes
    assert sh(shell, "yes | head -n 1") == "y\n"


def test_forks_without_end_stop_and_leave_nothing(shell):
    bomb = "import os, time\ntry:\n    while True:\n        os.fork()\nexcept OSError:\n    time.sleep(9)"
    limits = replace(shell.limits, wall_seconds=1.0)
    assert shell.run(["python3", "-c", bomb], limits=limits).status == "timeout"
    assert sh(shell, "echo alive") == "alive\n"


def test_a_full_folder_is_the_commands_fault_and_can_be_emptied(shell):
    full = shell.run(["sh", "-c", "cat /dev/zero > full"])
    assert full.status in ("nonzero", "signal")
    with pytest.raises(OSError, match="No space left on device"):
        shell.write("more", bytes(8 * MIB))
    assert "No space left on device" in shell.run(["cat"], stdin=bytes(8 * MIB)).stderr
    sh(shell, "rm -f full more")
    shell.write("more", b"1")
    assert shell.read("more", 10) == b"1"


def test_memory_without_end_is_the_commands_fault():
    if not cgroups.available():
        pytest.skip("no control group may be made here")
    with Shell(limits=Limits(memory_bytes=64 * MIB)) as shell:
        outcome = shell.run(["python3", "-c", "held = [bytearray(2**20) for _ in range(999)]"])
        assert outcome.status == "memory"


@pytest.mark.parametrize(
    "harm",
    ["rm -rf /box/now", "chmod 0 /box/now/work", "rm -rf /box/now/work; ln -s / /box/now/work", "chmod 0 /box",
     "rm -rf /box/now/tmp; touch /box/now/tmp"],
)  # fmt: skip
def test_a_command_that_takes_the_folders_away_gets_them_back(shell, harm):
    shell.run(["sh", "-c", harm])
    assert sh(shell, "cd /work && echo 1 > a && cat a; echo 2 > /tmp/b && cat /tmp/b") == "1\n2\n"
    assert sh(shell, "pwd").strip() == "/box/now/work"


@settings(max_examples=25, deadline=None)
@given(data=st.binary(max_size=300), name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_what_is_written_is_read(shell, data, name):
    if "\0" in name or name.strip("./") == "" or name.startswith("/") or ".." in name.split("/") or name.endswith("/"):
        name = "plain"
    if any(len(part.encode()) > 255 for part in name.split("/")):
        name = "plain"
    shell.write(f"written/{len(name)}/{name}x", data)
    assert shell.read(f"written/{len(name)}/{name}x", 300) == data


def test_files_of_many_pieces_and_their_limit(shell):
    data = bytes(range(256)) * (9 * MIB // 256) + b"end"
    shell.write("/tmp/large", data)
    assert shell.read("/tmp/large", len(data)) == data
    for path in ("/tmp/large", "/dev/zero"):
        with pytest.raises(OSError, match=path) as error:
            shell.read(path, len(data) - 1)
        assert error.value.errno == errno.EFBIG
    sh(shell, "rm /tmp/large")


def test_files_that_cannot_be_read_or_written(shell):
    sh(shell, "touch locked && chmod 0 locked && mkfifo pipe && mkdir -p folder")
    for path, kind in [
        ("none", FileNotFoundError), ("locked", PermissionError), ("folder", IsADirectoryError), ("pipe", OSError),
    ]:  # fmt: skip
        with pytest.raises(kind, match=path):
            shell.read(path, 10)
    for path, kind in [("locked", PermissionError), ("folder", IsADirectoryError), ("/etc/new", OSError)]:
        with pytest.raises(kind, match=path):
            shell.write(path, b"")


def test_a_link_leads_nowhere_that_a_command_could_not_go(shell):
    sh(shell, "ln -sf /etc/passwd link")
    with pytest.raises(OSError, match="link"):
        shell.write("link", b"x")
    assert b"sandbox" in shell.read("link", 1000)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"command": "ls"}, "command must be a list"),
        ({"command": []}, "command must be a list"),
        ({"command": ["a\0b"]}, "without NUL"),
        ({"command": ["ls"], "env": {"A=B": "1"}}, "without '='"),
        ({"command": ["ls"], "stdin": "text"}, "stdin must be bytes"),
        ({"command": ["cat"], "stdin": bytes(65 * MIB)}, "files must be at most file_bytes"),
    ],
)
def test_what_no_command_can_be_given(shell, given, why):
    with pytest.raises(ValueError, match=why):
        shell.run(**given)


def test_two_shells_share_nothing(shell):
    sh(shell, "echo secret > /tmp/mine; echo secret > /dev/shm/mine")
    with Shell() as other:
        assert sh(other, "ls /work /tmp /dev/shm | grep mine || true") == ""


def test_a_shell_that_is_closed_ends_its_command_and_answers_no_more():
    shell = Shell(limits=Limits(wall_seconds=60))
    ended = []

    def run():
        with pytest.raises(SessionEnded):
            shell.run(["sleep", "60"])
        ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.3)
    shell.close()
    thread.join(20)
    assert ended
    with pytest.raises(SessionEnded, match="it was closed"):
        shell.read("a", 1)


def test_a_command_that_is_interrupted_ends_and_its_files_stay(shell):
    shell.interrupt()
    outcomes = []
    text = "echo 1 > kept; (sleep 50 &); sleep 50"
    thread = threading.Thread(target=lambda: outcomes.append(shell.run(["sh", "-c", text])))
    thread.start()
    time.sleep(0.3)
    shell.interrupt()
    thread.join(5)
    assert [(outcome.status, outcome.signal) for outcome in outcomes] == [("signal", 9)]
    assert sh(shell, "cat kept; ps -e | grep sleep || true") == "1\n"


def test_a_shell_whose_owner_is_killed_leaves_no_process():
    name = f"spar{time.monotonic_ns() % 10**9}"
    run = f"['python3', '-c', 'import time; open(\"/proc/self/comm\", \"w\").write(\"{name}\"); time.sleep(60)']"
    text = f"from sparring.sandbox import *\nShell(limits=Limits(wall_seconds=60)).run({run})"
    owner = subprocess.Popen([sys.executable, "-c", text])
    try:
        for _ in range(200):
            if processes_named(name, 0.0):
                break
            time.sleep(0.1)
        assert processes_named(name, 0.0)
    finally:
        owner.kill()
        owner.wait()
    assert not processes_named(name, 10.0)


class AsSandbox:
    """What the attack suite needs of a `Sandbox`, done by commands in an emptied shell."""

    limits = LIMITS

    def __init__(self, stack):
        self.stack, self.shell = stack, stack.enter_context(Shell(limits=LIMITS))

    def run(self, code, *, collect=(), limits=None, host=()):
        try:
            self.shell.run(["sh", "-c", "rm -rf /box/now"])
        except SessionEnded:
            self.shell = self.stack.enter_context(Shell(limits=LIMITS))
        self.shell.write("main.py", code.encode(errors="surrogatepass"))
        return self.shell.run(["python3", "-P", "main.py"], limits=limits)


@pytest.fixture(scope="module")
def attacked():
    with ExitStack() as stack:
        bait = stack.enter_context(Bait())
        yield AsSandbox(stack), bait


@pytest.mark.slow
@pytest.mark.parametrize("probe", ATTACKS, ids=lambda probe: probe.name)
def test_every_attack_is_held(attacked, probe):
    row = run_probe(*attacked, probe)
    if row.verdict == "skipped":
        pytest.skip(row.reason)
    assert row.verdict == "held", row.reason
