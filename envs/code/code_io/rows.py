"""CodeI/O's rows (Li et al. 2025, arXiv 2502.07316), as they come with reasoning-gym: which of them make a task.

    python -c "from sparring.envs.code.code_io.rows import write_excluded; write_excluded()"

measures every row and writes `excluded.json`.
A row is left out for the first of these reasons that holds:
    third_party   it imports something that is not Python's standard library
    outside       it reads a clock, the system's entropy, the network, files or other processes
    fails         one of `PROBES` inputs takes over `PROBE_LIMITS` or raises, or a value is not plain data
    varies        a second interpreter, whose `random` is seeded otherwise, makes another input or output of it
    large         an input and its output together are longer than `MAX_LENGTH` characters
Nothing of a row runs here: code and input generator run in the sandbox, for the tasks too.
"""

from __future__ import annotations

import ast
import json
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sparring.envs.code.package_data import read_rows
from sparring.envs.code.split_rng import Split, split_of
from sparring.envs.code.workbench import raise_if_ours
from sparring.sandbox import Limits, Sandbox, Session

DATA = ("reasoning_gym", "data/codeio.jsonl.gz", "a088810cf4d020279ec50dc5e64f25b7eccc8a428a6f76a25c70c126e4370f33")
EXCLUDED = Path(__file__).with_name("excluded.json")
REASONS = ("third_party", "outside", "fails", "varies", "large")
MAX_LENGTH = 2_000
PROBES = 5
PROBE_LIMITS = Limits(wall_seconds=10.0, cpu_seconds=1.0)
OUTSIDE_MODULES = frozenset(
    {
        "asyncio",
        "ctypes",
        "glob",
        "importlib",
        "inspect",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "secrets",
        "select",
        "shelve",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
        "zipfile",
    }
)
OUTSIDE_NAMES = frozenset({"open", "input", "eval", "exec", "compile", "__import__", "globals", "id", "hash"})
OUTSIDE_ATTRIBUTES = frozenset({"now", "today", "utcnow", "SystemRandom", "urandom", "getsizeof", "__dict__"})
FUNCTIONS = """
def _run(inputs):
    return main_solution(**inputs)

def _pair(seed):
    import copy, random
    inputs = generate_inputs(random.Random(seed))
    return copy.deepcopy(inputs), _run(inputs)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One program of the data set, with what it does in words."""

    number: int
    """Its line in the file, from 0."""
    task_description: str
    input_output_spec: str
    code_sample: str
    """Defines `main_solution`."""
    input_generator: str
    """Defines `generate_inputs(rng)`."""

    @property
    def source(self) -> str:
        """Everything that has to be defined in an interpreter."""
        return f"{self.code_sample}\n\nfrom random import Random\n{self.input_generator}\n{FUNCTIONS}"

    @property
    def split(self) -> Split:
        """Rows with the same code are in the same split."""
        return split_of(self.code_sample)


class RowFailed(Exception):
    """A row's own code did not do what the row is for; the text names the reason in `REASONS`."""


@cache
def all_rows() -> tuple[Row, ...]:
    """Every row of the file. Raises MissingExtra, ValueError as `read_rows`."""
    names = Row.__slots__[1:]
    return tuple(Row(n, *(row[name] for name in names)) for n, row in enumerate(read_rows(*DATA)))


@cache
def usable_rows() -> tuple[Row, ...]:
    """The rows that make a task: all but those in `excluded.json`."""
    excluded = json.loads(EXCLUDED.read_text())
    numbers = {number for reason in REASONS for number in excluded[reason]}
    return tuple(row for row in all_rows() if row.number not in numbers)


def open_row(sandbox: Sandbox, row: Row, limits: Limits, seed: int = 0) -> Session:
    """A session in which the row's functions are defined. Raises RowFailed, SandboxError."""
    session = sandbox.session(limits=limits, seed=seed)
    try:
        outcome = session.run(row.source)
        raise_if_ours(outcome)
        if not outcome.ok:
            raise RowFailed("fails")
    except BaseException:
        session.close()
        raise
    return session


def make_pair(session: Session, seed: int) -> tuple[dict[str, object], object]:
    """An input of the row and its output. Raises RowFailed, SandboxError."""
    answer = session.call("_pair", [seed])
    raise_if_ours(answer.outcome)
    if not answer.outcome.ok:
        raise RowFailed("fails")
    inputs, output = answer.value
    if not (isinstance(inputs, dict) and inputs and _is_plain(inputs) and _is_plain(output)):
        raise RowFailed("fails")
    if len(repr(inputs)) + len(repr(output)) > MAX_LENGTH:
        raise RowFailed("large")
    return inputs, output


def static_reason(row: Row) -> str | None:
    """Why a row is left out without running it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(row.source)
        except SyntaxError:
            return "fails"
    modules = set(_imported(tree))
    if not modules <= sys.stdlib_module_names:
        return "third_party"
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    if modules & OUTSIDE_MODULES or names & OUTSIDE_NAMES or attributes & OUTSIDE_ATTRIBUTES:
        return "outside"
    return None


def dynamic_reason(sandbox: Sandbox, row: Row) -> str | None:
    """Why a row is left out after running it in two interpreters."""
    try:
        first, second = (_probe(sandbox, row, seed) for seed in (1, 2))
    except RowFailed as failed:
        return str(failed)
    return None if repr(first) == repr(second) else "varies"


def _probe(sandbox: Sandbox, row: Row, seed: int) -> list[tuple[dict[str, object], object]]:
    with open_row(sandbox, row, PROBE_LIMITS, seed) as session:
        return [make_pair(session, probe) for probe in range(PROBES)]


def _is_plain(value: object) -> bool:
    """Whether an answer can be written and compared: no sets of sets, complex numbers, bytes, nan."""
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or (isinstance(value, bool | int | float | str) and value == value)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def write_excluded() -> None:
    """Measure every row and write down which are left out, and why."""
    reasons = {row.number: static_reason(row) for row in all_rows()}
    to_run = [row for row in all_rows() if reasons[row.number] is None]
    with Sandbox(workers=2) as sandbox, ThreadPoolExecutor(2) as threads:
        for row, reason in zip(to_run, threads.map(lambda row: dynamic_reason(sandbox, row), to_run), strict=True):
            reasons[row.number] = reason
    found = {reason: [number for number, why in reasons.items() if why == reason] for reason in REASONS}
    lines = [f'  "{reason}": {json.dumps(numbers)}' for reason, numbers in found.items()]
    EXCLUDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print({reason: len(numbers) for reason, numbers in found.items()}, "of", len(all_rows()))
