"""Every attack that we know is held, on every backend; and the suite itself can tell a success when it sees one."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import fields
from textwrap import dedent

import pytest

from sparring.sandbox import Sandbox, SandboxError
from sparring.sandbox.attacks import FAMILIES, PROBES, Breach, Probe, probes
from sparring.sandbox.attacks.bait import SECRET_PREFIX, Bait
from sparring.sandbox.attacks.probe import source
from sparring.sandbox.attacks.verdict import CASES
from sparring.sandbox.defences import Defences
from sparring.sandbox.grader import grade_calls
from sparring.sandbox.selftest import LIMITS, Row, run_probe, selftest

RIGHT = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return a - b\n"
VERDICT = [probe for probe in PROBES if probe.family == "verdict"]
BY_EXIT_CODE = [probe for probe in VERDICT if probe.number <= "I22" and probe.number != "I19"]  # I19 aims at a parent
Attack = Callable[[Probe], Row]


@pytest.fixture(scope="session")
def attack_on() -> Iterator[Callable[[str], Attack]]:
    """The attack on a backend; its sandbox, and the bait around it, serve all tests of this worker."""
    with ExitStack() as stack:
        bait = stack.enter_context(Bait())
        boxes: dict[str, Sandbox | str] = {}

        def start(backend: str) -> Sandbox | str:
            try:
                box = stack.enter_context(Sandbox(backend, limits=LIMITS))
                box.run("")
            except SandboxError as missing:
                return str(missing)
            return box

        def attack_backend(backend: str) -> Attack:
            boxes[backend] = box = boxes.get(backend) or start(backend)
            if isinstance(box, str):
                pytest.skip(box)
            return lambda probe: run_probe(box, bait, probe)

        yield attack_backend


@pytest.mark.slow
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
@pytest.mark.parametrize("backend", ["namespaces", "docker"])
def test_every_attack_is_held(attack_on: Callable[[str], Attack], backend: str, probe: Probe) -> None:
    attack = attack_on(backend)
    row = attack(probe)
    if row.verdict == "skipped":
        pytest.skip(row.reason)
    assert row.verdict == "held", row.reason


@pytest.mark.slow
def test_the_selftest_reports_every_probe_of_the_family_as_it_goes() -> None:
    heard: list[Row] = []
    rows = selftest("namespaces", ["secrets"], heard.append)
    assert rows == heard
    assert [row.probe for row in rows] == probes(["secrets"])
    assert all(row.seconds > 0 for row in rows)


def test_an_unknown_family_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="there is no family 'networks'"):
        probes(["networks"])


def test_the_suite_has_the_classic_attacks_and_many_more() -> None:
    count = Counter(probe.number[0] for probe in PROBES)
    assert sum(count[letter] for letter in "RFPSNK") >= 65 + 30
    assert count["X"] >= 20
    assert count["I"] >= 22
    assert set(FAMILIES) == {probe.family for probe in PROBES}


def test_every_probe_has_a_name_and_a_number_of_its_own() -> None:
    assert len({probe.number for probe in PROBES}) == len({probe.name for probe in PROBES}) == len(PROBES)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.number)
def test_every_probe_is_well_formed(probe: Probe) -> None:
    facts = {"BAIT": {}, "LIMITS": {}, "MARK": "mark"}
    ast.parse(dedent(probe.program) if probe.family == "verdict" else source(probe.program, facts))
    ast.parse(source(probe.then, facts))
    assert probe.what.endswith(".")
    assert bool(probe.then) or probe.breach is not Breach.NEXT_SEES
    assert bool(probe.collect) or probe.breach is not Breach.LEAKS
    assert set(probe.stopped_by) <= {"cgroup", "own_rootfs", *(field.name for field in fields(Defences))}


@pytest.mark.slow
def test_the_grader_passes_the_right_program_and_fails_the_wrong_one() -> None:
    with Sandbox(limits=LIMITS) as sandbox:
        right = grade_calls(sandbox, RIGHT, "add", list(CASES))
        wrong = grade_calls(sandbox, WRONG, "add", list(CASES))
    assert all(verdict.passed for verdict in right), right
    assert not any(verdict.passed for verdict in wrong), wrong


def passes_by_exit_code(candidate: str) -> bool:
    """The plain grader: the candidate and its assertions in one program, exit code 0 is a pass."""
    tests = "\n".join(f"assert add({a}, {b}) == {expected}" for (a, b), expected in CASES)
    command = [sys.executable, "-I", "-S", "-c", f"{candidate}\n{tests}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, env={}, check=False)
    return done.returncode == 0


@pytest.mark.slow
def test_the_verdict_attacks_fool_a_grader_by_exit_code() -> None:
    assert passes_by_exit_code(RIGHT)
    assert not passes_by_exit_code(WRONG)
    fooled = [probe.name for probe in BY_EXIT_CODE if passes_by_exit_code(dedent(probe.program))]
    assert len(fooled) >= 8, fooled


def test_the_bait_is_laid_and_taken_away() -> None:
    with Bait() as bait:
        assert os.environ[bait.facts["variable"]] == bait.secret
        assert bait.secret.startswith(SECRET_PREFIX)
        with open(bait.facts["secret_path"]) as file:
            assert file.read() == bait.secret
        with socket.create_connection(("127.0.0.1", bait.facts["port"]), timeout=5) as sock:
            assert sock.recv(100).decode() == bait.secret
        assert bait.secret not in repr(bait.facts)
    assert bait.facts["variable"] not in os.environ
    assert not os.path.exists(bait.facts["secret_path"])
    assert not os.path.exists(bait.facts["shared_memory"])
