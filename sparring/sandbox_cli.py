"""`sparring sandbox run | selftest`: a program in the sandbox, and the sandbox itself under attack."""

from __future__ import annotations

import json as json_module
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.table import Table

from sparring import parsing, terminal
from sparring.sandbox import Limits, Outcome, Sandbox
from sparring.sandbox.attacks import probes
from sparring.sandbox.grader import grade_calls, load, remote
from sparring.sandbox.selftest import Row
from sparring.sandbox.selftest import selftest as attack

Flag = tyro.conf.FlagCreatePairsOff[bool]
Backend = Literal["namespaces", "docker", "process"]
app = parsing.Commands()


@app.command
def run(
    file: tyro.conf.Positional[Path],
    /,
    tests: Path | None = None,
    function: str = "solution",
    backend: Backend = "namespaces",
    seed: int = 0,
    limits: Annotated[Limits, tyro.conf.arg(name="limits")] = Limits(),  # noqa: B008  (frozen)
    json: Flag = False,
) -> int:
    """Run a Python program in the sandbox and show how it ended. Exit code 0 if it ended well or passed its tests.

    Args:
        file: The program.
        tests: What decides whether it is right, outside the sandbox: a .json file with [[arguments, expected], ...],
            or a .py file of yours that defines check(candidate) and is run here, with the candidate inside.
        function: What the tests call.
        backend: The isolation.
        seed: Of the program's `random`.
        limits: What the program may use.
        json: Print JSON.
    """
    code = file.read_bytes()
    with Sandbox(backend, limits=limits) as sandbox:
        if tests is None:
            outcome = sandbox.run(code, seed=seed)
            _show(outcome, json)
            return int(not outcome.ok)
        passed, total, detail = _test(sandbox, code.decode(), tests, function)
    if json:
        terminal.dump({"passed": passed, "total": total, "detail": detail})
    else:
        terminal.say(f"{passed} of {total} passed" + "".join(f"\n  {line}" for line in detail))
    return int(passed < total)


def _test(sandbox: Sandbox, code: str, tests: Path, function: str) -> tuple[int, int, list[str]]:
    """Cases passed, cases, and why the others did not."""
    if tests.suffix == ".json":
        cases = _cases(tests)
        verdicts = grade_calls(sandbox, code, function, cases)
        failed = [f"case {at}: {verdict.reason}" for at, verdict in enumerate(verdicts) if not verdict.passed]
        return len(cases) - len(failed), len(cases), failed
    namespace: dict[str, Any] = {"__name__": "tests", "__file__": str(tests)}
    exec(compile(tests.read_text(), str(tests), "exec"), namespace)  # the caller's own file
    if "check" not in namespace:
        raise ValueError(f"{tests} must define check(candidate)")
    session, loaded = load(sandbox, code)
    with session:
        if not loaded.ok:
            return 0, 1, [f"the program did not load: {loaded.status}"]
        try:
            namespace["check"](remote(session, function))
        except Exception as error:  # noqa: BLE001  (a check says no by raising, whatever it raises)
            return 0, 1, [f"{type(error).__name__}: {error}"]
    return 1, 1, []


def _cases(tests: Path) -> list[tuple[list[Any], Any]]:
    """(arguments, expected) of a file. Raises ValueError for another shape, and for no case at all."""
    cases = json_module.loads(tests.read_text())
    if not isinstance(cases, list) or not all(
        isinstance(case, list) and len(case) == 2 and isinstance(case[0], list) for case in cases
    ):
        raise ValueError(f"{tests} must hold [[arguments, expected], ...], arguments being a list")
    if not cases:
        raise ValueError(f"{tests} must hold at least one case: with no tests there is nothing to pass")
    return [(args, expected) for args, expected in cases]


def _show(outcome: Outcome, json: bool) -> None:
    if json:
        files = {name: content.decode(errors="replace") for name, content in outcome.files.items()}
        terminal.dump({**asdict(outcome), "files": files})
        return
    for text in (outcome.stdout, outcome.stderr):
        if text:
            terminal.say(text.removesuffix("\n"))
    if outcome.error:
        terminal.complain(outcome.error)
    terminal.say(f"[{outcome.status}, {outcome.seconds * 1000:.1f} ms]")


@app.command
def selftest(
    backend: tyro.conf.Positional[tuple[Backend, ...]] = ("namespaces",),
    families: tuple[str, ...] = (),
    json: Flag = False,
) -> int:
    """Attack the sandbox on this machine with every probe of the suite. Exit code 1 if one gets through.

    Args:
        backend: One or more isolations; each gets a column.
        families: Only these families of probes.
        json: Print JSON.
    """
    rows: dict[str, list[Row]] = {}
    for name in backend:
        with terminal.progress(f"attacking {name}", len(probes(families)), quiet=json) as advance:
            rows[name] = attack(name, families, partial(_count, advance))
    if json:
        plain = {name: [[row.probe.name, row.verdict, row.reason] for row in found] for name, found in rows.items()}
        terminal.dump(plain)
    else:
        terminal.out.print(_by_family(rows))
        for kind, found in rows.items():
            for row in found:
                if row.verdict != "held":
                    terminal.say(f"{kind}: {row.probe.name}: {row.verdict}: {row.reason}")
    return int(any(row.verdict == "breached" for found in rows.values() for row in found))


def _count(advance: Callable[..., None], row: Row) -> None:
    advance()


def _by_family(rows: dict[str, list[Row]]) -> Table:
    """Held of all, per family and backend."""
    table = Table("probes", *rows)
    counts = {name: Counter((row.probe.family, row.verdict) for row in found) for name, found in rows.items()}
    families = dict.fromkeys(row.probe.family for found in rows.values() for row in found)
    for family in families:
        cells = []
        for count in counts.values():
            total = sum(number for (of, _), number in count.items() if of == family)
            skipped = count[family, "skipped"]
            cells.append(f"{count[family, 'held']} of {total} held" + (f", {skipped} skipped" if skipped else ""))
        table.add_row(family, *cells)
    return table
