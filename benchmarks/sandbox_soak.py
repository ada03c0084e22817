"""Many programs, one in ten of them hostile, through one sandbox: for `benchmarks/sandbox.py`."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from rich.console import Console
from rich.progress import track

from sparring.sandbox import Limits, Sandbox

HOSTILE = (
    "while True: pass",
    "import os\nwhile True: os.fork()",
    "x = []\nwhile True: x.append(bytearray(2**20))",
    "while True: print('x' * 10000)",
    "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(100)",
    "import os\nfor i in range(2000): open(f'f{i}', 'w').close()",
    "import os\nos.kill(1, 9)\nos.kill(-1, 9)",
    "import ctypes\nctypes.string_at(0)",
    "raise SystemExit(3)",
    "import os\nos.makedirs('/'.join('d' * 200)); os.chmod('d', 0)",
)


def soak(runs: int, console: Console) -> dict[str, object]:
    """Nothing may grow, and nothing may be left."""
    limits = Limits(wall_seconds=0.3, memory_bytes=64 * 2**20, processes=8, output_bytes=65536, file_bytes=2**22)
    with Sandbox(limits=limits, workers=2) as box:
        for code in (*HOSTILE, "print(1)"):  # an ordinary one last, so that a worker is there to be counted
            box.run(code)
        before = _footprint()
        faults = wrong = 0
        for index in track(range(runs), "soaking", console=Console(stderr=True)):
            hostile = index % 10 == 9
            outcome = box.run(HOSTILE[index // 10 % len(HOSTILE)] if hostile else f"print({index})")
            faults += outcome.is_ours
            wrong += not hostile and outcome.stdout != f"{index}\n"
        box.run("print(1)")
        during = _footprint()
    time.sleep(0.5)
    after = _footprint()
    result = {"runs": runs, "faults": faults, "wrong": wrong, "before": before, "during": during, "after": after}
    console.print(result)
    return result


def _footprint() -> dict[str, int]:
    status = Path("/proc/self/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    commands = [Path(f"/proc/{pid}/cmdline") for pid in os.listdir("/proc") if pid.isdigit()]
    servers = 0
    for file in commands:
        with contextlib.suppress(OSError):
            servers += b"sparring.sandbox.inside.server" in file.read_bytes()
    groups = len(list(Path("/sys/fs/cgroup").glob(f"*/sparring-{os.getpid()}-*")))
    mounts = len(Path("/proc/self/mounts").read_text().splitlines())
    descriptors = len(os.listdir("/proc/self/fd"))
    return {"rss_kb": resident, "processes": servers, "cgroups": groups, "mounts": mounts, "descriptors": descriptors}
