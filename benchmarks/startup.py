"""How long a person waits: until help or an error is there, and from Ctrl-C until the program has ended.

    python -P benchmarks/startup.py --json benchmarks/results/startup.json

Start-up is processor time (of one thread: what one waits on an idle machine), as a multiple of `python -c pass` on the
same machine, beside other programs, and against the bound 5x + 0.2 s.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPEATS = 7
SPARRING = [sys.executable, "-P", "-m", "sparring"]
STARTS = {
    "--help": "--help",
    "play --help": "play --help",
    "train --help": "train --help",
    "train spiral --help": "train spiral --help",
    "unknown command": "trian",
    "unknown option": "play KuhnPoker --episods 3",
    "unknown setting": "train spiral --run r --stepps 3",
    "unknown environment": "play KunhPoker",
    "unknown agent": "play KuhnPoker --agents randm,cfr",
    "unknown game to train": "train spiral --run r --games KunhPoker",
    "list of environments": "envs",
}
PEERS = ("pytest --version", "mypy --version", "pip --version")
TRAIN = "train spiral --device cpu --steps 1000 --games-per-update 64 --run RUN"
INTERRUPTED = [
    ("play KuhnPoker --episodes 1000000", 0.2, ""),
    ("play KuhnPoker --episodes 1000000", 4.0, ""),
    (TRAIN, 0.2, ""),
    (TRAIN, 15.0, ""),
    ("eval random --games 1000000", 4.0, ""),
    ("verify games", 3.0, ""),
    ("play LeducPoker --agents cfr,random", 6.0, ""),
    ("play ConnectFour --agents minimax,random", 6.0, ""),
    ("play LeducPoker --agents human,random", 6.0, "?\n"),
]
"""What is interrupted, after how many seconds, and what a person had typed."""


def seconds(command: list[str]) -> float:
    """Processor time, the least of several runs: others use the machine too, and what they add is never negative."""
    times = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def interrupted(words: str, folder: Path, after: float, typed: str) -> float:
    """Seconds from Ctrl-C to the end of a process that has run for `after` seconds."""
    with subprocess.Popen(
        [*SPARRING, *words.split()],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        if process.stdin is not None:
            process.stdin.write(typed.encode())
            process.stdin.flush()
        time.sleep(after)
        if process.poll() is not None:
            raise RuntimeError(f"`sparring {words}` had ended before Ctrl-C")
        process.send_signal(signal.SIGINT)
        started = time.perf_counter()
        _, said = process.communicate(timeout=120)
        ended = time.perf_counter() - started
    if b"Traceback" in said or process.returncode != 130:
        raise RuntimeError(f"`sparring {words}` ended with {process.returncode}: {said.decode()}")
    return ended


def starts() -> dict[str, Any]:
    """Every start as a multiple of `python -c pass`, and of the bound; other programs beside ours."""
    bare = seconds([sys.executable, "-c", "pass"])
    bound = 5 * bare + 0.2
    ours = {name: [*SPARRING, *words.split()] for name, words in STARTS.items()}
    peers = {name: [sys.executable, "-P", "-m", *name.split()] for name in PEERS}
    rows = []
    for name, command in {**ours, **peers}.items():
        took = seconds(command)
        rows.append({"start": name, "times_pass": round(took / bare, 1), "of_the_bound": round(took / bound, 2)})
    return {"pass_ms": round(1000 * bare, 1), "bound_times_pass": round(bound / bare, 1), "rows": rows}


def interruptions() -> list[dict[str, Any]]:
    """Seconds from Ctrl-C to the end, the median of three."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made = ["play", "KuhnPoker", "--episodes", "60000", "--store", "games"]
        subprocess.run([*SPARRING, *made], cwd=folder, capture_output=True, check=True)
        for number, (words, after, typed) in enumerate(INTERRUPTED):
            times = [interrupted(words.replace("RUN", f"{number}{n}"), folder, after, typed) for n in range(3)]
            rows.append({"command": words, "after_s": after, "seconds": round(statistics.median(times), 2)})
    return rows


def main() -> None:
    """Print both tables, and write them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    started = starts()
    print(f"python -c pass: {started['pass_ms']:.0f} ms; bound 5x + 0.2 s: {started['bound_times_pass']} x pass\n")
    print(f"{'start':<22}{'x pass':>8}{'of the bound':>14}")
    for row in started["rows"]:
        print(f"{row['start']:<22}{row['times_pass']:>8.1f}{row['of_the_bound']:>14.2f}")
    ended = interruptions()
    print(f"\n{'from Ctrl-C to the end':<34}{'s':>6}")
    for row in ended:
        print(f"{' '.join(row['command'].split()[:2]):<24}after {row['after_s']:>4.1f}{row['seconds']:>6.2f}")
    if options.json:
        machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
        result = {**machine, "starts": started, "from_ctrl_c_to_the_end": ended}
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
