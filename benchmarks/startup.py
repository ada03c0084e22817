"""How long a person waits: until help or an error is there, and from Ctrl-C until the program has ended.

    python -P benchmarks/startup.py

Start-up is given as a multiple of `python -c pass` on the same machine, and against the bound 5x + 0.2 s.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
    "unknown environment": "play KuhnPokr",
}


def seconds(command: list[str]) -> float:
    """The shortest of several runs: what the machine adds is never negative."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run(command, capture_output=True, check=False)
        times.append(time.perf_counter() - started)
    return min(times)


def interrupted(words: str, folder: Path, after: float) -> float:
    """Seconds from Ctrl-C to the end of a process that has run for `after` seconds."""
    with subprocess.Popen(
        [*SPARRING, *words.split()],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
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


def main() -> None:
    """Print both tables."""
    bare = seconds([sys.executable, "-c", "pass"])
    bound = 5 * bare + 0.2
    print(f"python -c pass: {1000 * bare:.0f} ms; bound 5x + 0.2 s: {1000 * bound:.0f} ms\n")
    print(f"{'start':<22}{'ms':>6}{'x pass':>8}{'of the bound':>14}")
    for name, words in STARTS.items():
        took = seconds([*SPARRING, *words.split()])
        print(f"{name:<22}{1000 * took:>6.0f}{took / bare:>8.1f}{took / bound:>14.2f}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        subprocess.run(
            [*SPARRING, *["play", "KuhnPoker", "--episodes", "60000", "--store", "games"]],
            cwd=folder,
            capture_output=True,
            check=True,
        )
        print(f"\n{'from Ctrl-C to the end':<34}{'s':>6}")
        for number, (words, after) in enumerate(
            [
                ("play KuhnPoker --episodes 1000000", 0.2),
                ("play KuhnPoker --episodes 1000000", 4.0),
                ("train spiral --device cpu --steps 1000 --games-per-update 64 --run RUN", 0.2),
                ("train spiral --device cpu --steps 1000 --games-per-update 64 --run RUN", 15.0),
                ("eval random --games 1000000", 4.0),
                ("verify games", 3.0),
            ]
        ):
            took = statistics.median(interrupted(words.replace("RUN", f"{number}{n}"), folder, after) for n in range(3))
            print(f"{' '.join(words.split()[:2]):<24}after {after:>4.1f}{took:>6.2f}")


if __name__ == "__main__":
    main()
