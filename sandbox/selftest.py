"""Runs the attack suite against a sandbox and says of every probe whether it was held.

A probe is judged by its own rule and, whatever that is, by what no program may ever do: keep the caller waiting,
outlive its run, bring the host's secret home, execute something in the caller, or spoil the next run.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from sparring.sandbox.attacks import Breach, Probe, probes
from sparring.sandbox.attacks.bait import EXECUTED, Bait
from sparring.sandbox.attacks.probe import source
from sparring.sandbox.attacks.verdict import CASES, TRAPS
from sparring.sandbox.defences import Defences
from sparring.sandbox.grader import grade_calls
from sparring.sandbox.sandbox import Sandbox
from sparring.sandbox.types import Limits, Outcome

MIB = 2**20
LIMITS = Limits(
    wall_seconds=3.0,
    cpu_seconds=3.0,
    memory_bytes=128 * MIB,
    processes=16,
    output_bytes=256 * 1024,
    file_bytes=8 * MIB,
    open_files=64,
    host_calls=20,
)
"""Small, so that going beyond them is quick."""
OVERRUN_SECONDS, LINGER_SECONDS = 2.0, 1.5
GROWTH_BYTES = 64 * MIB
FRAME_BYTES = 4096
NO_OUTCOME = Outcome("ok")

Verdict = Literal["held", "breached", "skipped", "unclear"]


@dataclass(frozen=True, slots=True)
class Row:
    """What one probe came to."""

    probe: Probe
    verdict: Verdict
    reason: str
    """What was seen: why it is a breach, why it was skipped, why the probe did not run as it should ("unclear")."""
    seconds: float
    """Time on the clock, the check of the next run included."""


@dataclass(slots=True)
class Seen:
    """What one probe showed."""

    probe: Probe
    limits: Limits
    mark: str = ""
    outcome: Outcome = NO_OUTCOME
    next_outcome: Outcome | None = None
    seconds: float = 0.0
    growth: int = 0
    calls: int = 0
    passed: int = 0
    survivors: list[int] = field(default_factory=list)

    @property
    def arrived(self) -> bytes:
        """Everything that came out."""
        outcomes = [self.outcome] + ([self.next_outcome] if self.next_outcome else [])
        texts = [(one.stdout + one.stderr).encode() for one in outcomes]
        return b"".join([*texts, *self.outcome.files.values()])


def selftest(
    backend: str = "namespaces",
    families: Sequence[str] = (),
    on_probe: Callable[[Row], None] = lambda row: None,
    defences: Defences = Defences(),  # noqa: B008  (frozen)
) -> list[Row]:
    """Run the probes of these families (default: all) on a fresh sandbox; `on_probe` hears of each as it is done.

    Raises ValueError for an unknown family or backend, SandboxUnavailable where this machine has not this backend.
    """
    chosen, rows = probes(families), []
    with Bait() as bait, Sandbox(backend, limits=LIMITS, defences=defences) as sandbox:
        sandbox.run("")
        for probe in chosen:
            rows.append(run_probe(sandbox, bait, probe))
            on_probe(rows[-1])
    return rows


def run_probe(sandbox: Sandbox, bait: Bait, probe: Probe) -> Row:
    """Run one probe on a sandbox that was made with `LIMITS` inside the bait."""
    started = time.monotonic()
    seen = Seen(probe, replace(sandbox.limits, **(probe.limits or {})))
    try:
        _attack(sandbox, bait, seen)
        breaches = [*_general(seen, bait), *_by_rule(seen), *_spoiled(sandbox)]
    except Exception as error:  # noqa: BLE001  (whatever a program provokes in its caller is what we look for)
        breaches = [f"the caller met {type(error).__name__}: {error}"]
    return _row(seen, breaches, time.monotonic() - started)


def _row(seen: Seen, breaches: list[str], seconds: float) -> Row:
    """What it came to, the worst first."""
    skips = [line for line in seen.outcome.stdout.splitlines() if line.startswith("SKIP ")]
    if breaches:
        return Row(seen.probe, "breached", "; ".join(breaches), seconds)
    if skips:
        return Row(seen.probe, "skipped", skips[0].removeprefix("SKIP "), seconds)
    doubt = _doubt(seen)
    return Row(seen.probe, "unclear" if doubt else "held", doubt, seconds)


def _attack(sandbox: Sandbox, bait: Bait, seen: Seen) -> None:
    """Let the grader judge a candidate, or run a program and the one after it."""
    if seen.probe.breach is Breach.PASSES:
        verdicts = grade_calls(sandbox, seen.probe.program, "add", [*CASES, *TRAPS], limits=seen.limits)
        seen.passed = sum(verdict.passed for verdict in verdicts)
    else:
        seen.mark = f"spar{secrets.token_hex(5)}"
        _execute(sandbox, bait, seen)
        seen.survivors = processes_named(seen.mark)


def _execute(sandbox: Sandbox, bait: Bait, seen: Seen) -> None:
    """Run the program, and the one after it."""
    probe, limits = seen.probe, seen.limits
    host = {"ping": _counter(seen)} if probe.family == "host calls" else {}
    text = source(probe.program, _facts(bait.facts, limits, seen.mark))
    _reset_peak()
    before, started = _peak(), time.monotonic()
    seen.outcome = sandbox.run(text, collect=probe.collect, limits=limits, host=host)
    seen.seconds, seen.growth = time.monotonic() - started, _peak() - before
    if probe.then:
        facts = _facts({**bait.facts, "previous": seen.mark[::-1]}, limits, f"spar{secrets.token_hex(5)}")
        seen.next_outcome = sandbox.run(source(probe.then, facts), limits=limits)


def _facts(bait: Mapping[str, object], limits: Limits, mark: str) -> dict[str, object]:
    return {"BAIT": bait, "LIMITS": asdict(limits), "MARK": mark}


def _counter(seen: Seen) -> Callable[[object], object]:
    """The host function of the probes: counts its calls and answers its argument."""

    def ping(value: object) -> object:
        seen.calls += 1
        return value

    return ping


def _general(seen: Seen, bait: Bait) -> Iterator[str]:
    """Breaches whatever the probe is about."""
    if seen.seconds > seen.limits.wall_seconds + OVERRUN_SECONDS:
        yield f"the call took {seen.seconds:.1f} s, the limit is {seen.limits.wall_seconds} s"
    if seen.survivors:
        yield f"processes outlived the call: {seen.survivors}"
    if bait.secret.encode() in seen.arrived:
        yield "the host's secret arrived"
    if os.environ.pop(EXECUTED, None):
        yield "the caller executed code of the program"
    if seen.outcome.is_ours:
        yield f"the sandbox reported a fault of its own: {seen.outcome.status} {seen.outcome.error}"


def _by_rule(seen: Seen) -> Iterator[str]:
    """Breaches by the rule of the probe."""
    outcome, rule = seen.outcome, seen.probe.breach
    for line in [*outcome.stdout.splitlines(), *(seen.next_outcome.stdout.splitlines() if seen.next_outcome else ())]:
        if line.startswith("BREACH"):
            yield line
            break
    if seen.next_outcome and seen.next_outcome.status not in seen.probe.then_ends:
        status, honest = seen.next_outcome.status, " or ".join(seen.probe.then_ends)
        yield f"the next outcome says {status}, honest would be {honest}: {seen.next_outcome.stderr[-300:]}"
    if rule is Breach.LINGERS and seen.seconds > LINGER_SECONDS:
        yield f"the call returned after {seen.seconds:.1f} s"
    if rule is Breach.FLOODS:
        yield from _flooded(seen)
    if rule is Breach.LEAKS and any(len(data) > seen.limits.file_bytes for data in outcome.files.values()):
        yield "a collected file is larger than the limit"
    if rule is Breach.LIES and outcome.status not in seen.probe.ends:
        yield f"the outcome says {outcome.status}, honest would be {' or '.join(seen.probe.ends)}"
    if rule is Breach.LIES and "FORGED" in outcome.stdout:
        yield "a forged answer was taken for the sandbox's"
    if seen.calls > seen.limits.host_calls:
        yield f"{seen.calls} host calls were served, the budget is {seen.limits.host_calls}"
    if seen.passed:
        yield f"{seen.passed} of {len(CASES) + len(TRAPS)} cases passed"


def _flooded(seen: Seen) -> Iterator[str]:
    most = 2 * seen.limits.output_bytes + FRAME_BYTES
    if len(seen.arrived) > most:
        yield f"{len(seen.arrived)} bytes arrived, the limit is {most}"
    if seen.growth > GROWTH_BYTES:
        yield f"the caller's memory grew by {seen.growth // MIB} MiB"


def _spoiled(sandbox: Sandbox) -> Iterator[str]:
    """An ordinary run must work after everything."""
    outcome = sandbox.run("print(6 * 7)")
    if (outcome.status, outcome.stdout) != ("ok", "42\n"):
        yield f"the next run came to {outcome.status} {outcome.stdout!r} {outcome.stderr!r} {outcome.error}"


def _doubt(seen: Seen) -> str:
    """Why nothing can be said, though no breach was seen: the probe did not do what it is for."""
    outcome, rule = seen.outcome, seen.probe.breach
    if rule is Breach.PASSES:
        return ""
    if outcome.status not in seen.probe.ends:
        return f"it ended as {outcome.status}: {outcome.stderr[-300:]}"
    if rule is Breach.PRINTS and outcome.ok and "HELD" not in outcome.stdout:
        return "it printed nothing"
    if seen.next_outcome and "HELD" not in seen.next_outcome.stdout:
        return "the next run printed nothing"
    return ""


def processes_named(name: str, patience: float = 0.5) -> list[int]:
    """The living processes of this machine with this name, after those that are being killed have had time to go."""
    end = time.monotonic() + patience
    while found := [pid for pid in _pids() if _comm(pid) == name]:
        if time.monotonic() > end:
            break
        time.sleep(0.02)
    return found


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _comm(pid: int) -> str:
    """A process's name; empty for the dead."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    name, _, rest = text.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] in "ZX" else name


def _reset_peak() -> None:
    """Let the kernel measure this process's peak of memory anew."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak() -> int:
    """Peak resident bytes of this process since the last reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
