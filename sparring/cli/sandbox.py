"""`sparring sandbox run | grade | selftest`: programs in the sandbox, and the sandbox itself under attack."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table

from sparring.cli import parsing, terminal
from sparring.cli.grades import Grade, require_grade_files, show_grades, write_grades
from sparring.cli.grading import find_programs, read_tests
from sparring.cli.tables import table_of
from sparring.plurals import number_of
from sparring.sandbox import Limits, Outcome, Sandbox, SandboxError
from sparring.sandbox.attacks import probes
from sparring.sandbox.backends import BackendName
from sparring.sandbox.selftest import Row
from sparring.sandbox.selftest import selftest as attack

SIZE = re.compile(r"(\d+(?:\.\d+)?)([kKmMgG])i?[bB]")
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
Flag = tyro.conf.FlagCreatePairsOff[bool]
app = parsing.Commands()


@contextmanager
def _in_one_line() -> Iterator[None]:
    """What the sandbox cannot do here is refused like any other request."""
    try:
        yield
    except SandboxError as error:
        raise parsing.UsageError(" ".join(str(error).split())) from error


@app.command
@_in_one_line()
def run(
    file: tyro.conf.Positional[Path],
    args: tyro.conf.Positional[tuple[str, ...]] = (),
    /,
    tests: Path | None = None,
    function: str = "solution",
    stdin: Path | None = None,
    files: tyro.conf.UseAppendAction[tuple[Path, ...]] = (),
    packages: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    backend: BackendName = "namespaces",
    seed: int = 0,
    limits: Annotated[Limits, tyro.conf.arg(name="limits")] = Limits(),  # noqa: B008  (frozen)
    json: Flag = False,
) -> int:
    """Run a Python program in the sandbox: its streams are yours, and its exit code too.

    Other endings have the shell's codes: 128 and the signal's number, 124 over the time, 1 for any other limit, 2 where
    the sandbox failed. How it ended stands on standard error. With --tests it is graded, as by `sandbox grade`.

    Args:
        file: The program.
        args: Its arguments; `--` before them where one begins with a dash: `run FILE -- --verbose 3`.
        tests: What decides whether it is right, see `sandbox grade`.
        function: What the tests call.
        stdin: What it reads on standard input; `-` is yours.
        files: A file, or a folder of modules and data, that lies beside it by its name; may be given several times.
        packages: An installed distribution that it may import; may be given several times.
        backend: What isolates the program; `sparring doctor` says how strong each is here.
        seed: Of the program's `random`.
        limits: What the program may use; sizes in bytes, also as 256MB or 1GB.
        json: Print JSON.
    """
    if tests is not None:
        if args or files or stdin:
            raise ValueError("with --tests a function is called: leave out arguments, --stdin and --files")
        return grade(file, tests=tests, function=function, packages=packages, backend=backend, limits=limits, json=json)
    given = b"" if stdin is None else sys.stdin.buffer.read() if str(stdin) == "-" else stdin.read_bytes()
    with Sandbox(backend, limits=limits, packages=packages) as sandbox:
        outcome = sandbox.run(file.read_bytes(), args=args, stdin=given, files=_beside(files), seed=seed)
    if json:
        terminal.dump({**asdict(outcome), "files": {}})
    else:
        terminal.pass_on(outcome.stdout, outcome.stderr)
        how = f": {outcome.error}" if outcome.error else ""
        terminal.note(f"[{outcome.status}, {outcome.seconds * 1000:.1f} ms{how}]")
    return _exit_code(outcome)


def _beside(paths: Sequence[Path]) -> dict[str, bytes]:
    """Files by the names that they have in the program's folder; those of a folder under its name."""
    found: dict[str, Path] = {}
    for path in paths:
        name = Path(os.path.abspath(path)).name
        inside = [file for file in sorted(path.rglob("*")) if file.is_file() and file.parent.name != "__pycache__"]
        here = {f"{name}/{file.relative_to(path)}": file for file in inside} if path.is_dir() else {name: path}
        for twice in found.keys() & here.keys():
            raise ValueError(f"two files would lie at {twice}: {found[twice]} and {here[twice]}")
        found |= here
    return {name: file.read_bytes() for name, file in found.items()}


@app.command
@_in_one_line()
def grade(
    programs: tyro.conf.Positional[Path],
    /,
    tests: Path,
    function: str = "solution",
    jobs: int = 2,
    packages: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    backend: BackendName = "namespaces",
    limits: Annotated[Limits, tyro.conf.arg(name="limits")] = Limits(),  # noqa: B008  (frozen)
    jsonl: Path | None = None,
    junit: Path | None = None,
    json: Flag = False,
) -> int:
    """Grade a program, or every program of a folder. Exit code 0 if all of them pass all tests.

    The tests are compared outside of the sandbox: no program can read what is expected.

    Args:
        programs: A .py file, or a folder of them.
        tests: A .json file with [[arguments, expected], ...], or a .py file of yours that defines check(candidate) and
            is run here, with the candidate inside.
        function: What the tests call.
        jobs: Programs at a time.
        packages: An installed distribution that they may import; may be given several times.
        backend: What isolates the program; `sparring doctor` says how strong each is here.
        limits: What each program may use; sizes in bytes, also as 256MB or 1GB.
        jsonl: Also write one JSON object a program to this file, new or of an earlier call.
        junit: Also write JUnit XML, one test case a program, to this file, new or of an earlier call.
        json: Print JSON.
    """
    folder = programs if programs.is_dir() else None
    found, subfolders = ([programs], []) if folder is None else find_programs(folder)
    programs.lstat()  # raises where there is nothing of that name
    if subfolders:
        names = terminal.printable(", ".join(subfolders), keep="")
        terminal.note(f"left out {number_of(len(subfolders), 'subfolder')}: {names}")
    if not found:
        raise ValueError(f"{programs} holds no .py file")
    if jobs < 1:
        raise ValueError(f"jobs must be >= 1, got {jobs}")
    require_grade_files(jsonl, junit)
    asked = read_tests(tests, function)
    with (
        Sandbox(backend, workers=jobs, limits=limits, packages=packages) as sandbox,
        ThreadPoolExecutor(jobs) as pool,
        terminal.progress("grading", len(found), quiet=json) as advance,
    ):

        def graded(file: Path) -> Grade:
            grade = asked.grade(sandbox, file, folder)
            advance()
            return grade

        grades = dict(zip([file.name for file in found], pool.map(graded, found), strict=True))
    write_grades(grades, jsonl, junit)
    show_grades(grades, json)
    return int(any(grade.passed < grade.total for grade in grades.values()))


def prepare(argv: list[str]) -> list[str]:
    """Sizes such as 256MB or 1.5GB as bytes, where an option wants bytes; what follows `--` is the program's."""
    words: list[str] = []
    for before, word in zip(["", *argv], argv, strict=False):
        if word == "--":
            return [*words, *argv[len(words) :]]
        option, equals, value = word.partition("=") if before[-5:] != "bytes" else ("", "", word)
        size = SIZE.fullmatch(value) if option[-5:] == "bytes" or not option else None
        words.append(f"{option}{equals}{int(float(size[1]) * UNITS[size[2].upper()])}" if size else word)
    return words


def _exit_code(outcome: Outcome) -> int:
    if outcome.is_ours:
        return 2
    if outcome.status == "timeout":
        return 124
    if outcome.signal:
        return 128 + outcome.signal
    return outcome.exit_code if outcome.exit_code is not None else int(not outcome.ok)


@app.command
@_in_one_line()
def selftest(
    backend: tyro.conf.Positional[tuple[BackendName, ...]] = ("namespaces",),
    families: tuple[str, ...] = (),
    json: Flag = False,
) -> int:
    """Attack the sandbox on this machine with every probe of the suite. Exit code 1 if one gets through.

    Args:
        backend: One or more of them; each gets a column.
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
            terminal.say(_verdict(kind, found))
    return int(any(row.verdict == "breached" for found in rows.values() for row in found))


def _verdict(kind: str, found: list[Row]) -> str:
    """What the attacks come to, in one sentence."""
    counts = Counter(row.verdict for row in found)
    if counts["breached"]:
        return (
            f"{kind}: BREACHED by {counts['breached']} of {len(found)} attacks: do not run untrusted code with it here"
        )
    others = sum(counts.values()) - counts["held"]
    rest = f"; {others} say nothing (skipped or unclear)" if others else ""
    return f"{kind}: held against {counts['held']} of {len(found)} attacks{rest}"


def _count(advance: Callable[..., None], row: Row) -> None:
    advance()


def _by_family(rows: dict[str, list[Row]]) -> Table:
    """Held of all, per family and backend."""
    table = table_of("probes", *rows)
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
