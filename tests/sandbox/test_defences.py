"""Switch one defence off, and the probe that it stops succeeds: the attack suite is not blind."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from sparring.sandbox import Sandbox, SandboxUnavailable
from sparring.sandbox.attacks import PROBES, Probe
from sparring.sandbox.attacks.bait import Bait
from sparring.sandbox.defences import Defences
from sparring.sandbox.selftest import LIMITS, Row, run_probe

BY_NUMBER = {probe.number: probe for probe in PROBES}
FLOOD = replace(BY_NUMBER["R12"], program="os.write(1, b'x' * 2**21)", ends=("ok", "output_limit"))
SWITCHES = [
    ("seccomp", BY_NUMBER["K04"]),
    ("clear_environ", BY_NUMBER["S01"]),
    ("network_namespace", BY_NUMBER["N01"]),
    ("pid_limit", BY_NUMBER["R01"]),
    ("memory_limit", BY_NUMBER["R03"]),
    ("wipe", BY_NUMBER["F12"]),
    ("kill_stragglers", BY_NUMBER["P01"]),
    ("output_cap", FLOOD),
    ("signals_ignored", BY_NUMBER["X03"]),
    ("undumpable", BY_NUMBER["P06"]),
    ("sized_tmpfs", BY_NUMBER["R04"]),
    ("drop_capabilities", BY_NUMBER["K03"]),
]


MORE_TRIES = 4


def attack(defences: Defences, probe: Probe) -> Row:
    """The probe on a sandbox of its own with these defences."""
    with Bait() as bait, Sandbox("namespaces", limits=LIMITS, defences=defences) as sandbox:
        sandbox.run("")
        return run_probe(sandbox, bait, probe)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "probe"), SWITCHES, ids=[name for name, _ in SWITCHES])
def test_a_probe_succeeds_when_its_defence_is_off_and_fails_when_it_is_on(name: str, probe: Probe) -> None:
    try:
        on = attack(Defences(), probe)
    except SandboxUnavailable as missing:
        pytest.skip(str(missing))
    off = attack(replace(Defences(), **{name: False}), probe)
    for _ in range(MORE_TRIES):  # some attacks are races, and a race may be lost
        off = off if off.verdict == "breached" else attack(replace(Defences(), **{name: False}), probe)
    assert (on.verdict, off.verdict) == ("held", "breached"), (on.reason, off.reason)


def test_every_defence_is_on_by_default() -> None:
    assert all(getattr(Defences(), field.name) is True for field in fields(Defences))


def test_at_least_ten_defences_are_switched_off() -> None:
    names = [name for name, _ in SWITCHES]
    assert len(set(names)) == len(names) >= 10
    assert set(names) <= {field.name for field in fields(Defences)}
