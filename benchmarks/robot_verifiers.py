"""A language model as a verifier that nobody trained, beside thresholds, a trained head, and the truth; paired by seed.

    nice -n 10 python benchmarks/robot_verifiers.py --json benchmarks/results/robot_verifiers.json
    python benchmarks/robot_verifiers.py --verifier verifier.json --model nano --zero-shot-seeds 3 --seeds 3

Every arm plays the same tasks of all families with the same faults: the scripted planner and executor, retries and the
window that the trained verifier was chosen with. The language model reads the sensors in words and chooses yes or no.
The oracle sits inside TabletopPlan-v0, the others have the verifier's seat of TabletopTeam-v0. The scripted planner
looks at what truly holds and repairs what a wrong verdict left undone: so success within the task's own cap says more
of a verifier than success within three times the cap. About ten minutes of one core.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from sparring.files import write_whole
from sparring.robotics.heads import Heads, read_heads
from sparring.rollout.loop import Match, play
from sparring.scoreboard.stats import Estimate, mcnemar, paired_share_difference, rate, wilson
from sparring.trainers.robot.verifying import VerifierConfig, train_verifier

FAULT = 0.3
AT_ONCE = 8
"""Episodes whose questions meet in one batch of the model."""
WIDTH = 160
"""Of the table, characters."""
Metrics = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Arm:
    """One verifier."""

    name: str
    env_id: str
    seats: Mapping[str, str]
    planner: str
    """The seat that the metrics of an episode are of."""
    seeds: int


@dataclass(frozen=True, slots=True)
class Row:
    """What an arm came to; intervals of 95 %."""

    arm: str
    success: Estimate
    """Within three times the task's cap."""
    success_at_cap: Estimate
    precision: Estimate
    """Of its yes, those that were true; checks of an episode count as one cluster."""
    recall: Estimate
    steps: float
    """Control steps an episode, a mean, as all that follow."""
    checks: float
    false_advances: float
    cpu_seconds: float
    """Of an episode."""
    difference: Estimate | None
    """Of success to the zero-shot arm, on the seeds that both played; None for that arm itself."""
    mcnemar: float | None
    """The exact p-value of this difference."""
    difference_at_cap: Estimate | None
    mcnemar_at_cap: float | None


def arms(model: str, file: Path, zero_shot_seeds: int, seeds: int) -> list[Arm]:
    """The zero-shot arm first."""
    asked = [
        ("zero-shot", f"{model}:decoding=legal", zero_shot_seeds),
        ("untrained thresholds", "rule", seeds),
        ("trained", str(file), seeds),
    ]
    company = {"planner": "planner:scripted", "chooser": "constant:scripted"}
    team = [
        Arm(name, "sparring/TabletopTeam-v0", {**company, "verifier": f"verifier:{argument}"}, "planner", count)
        for name, argument, count in asked
    ]
    return [*team, Arm("oracle", "sparring/TabletopPlan-v0", {"player_0": "planner:scripted"}, "player_0", seeds)]


def play_arm(arm: Arm, votes: Mapping[str, int], advance: Callable[[int], None]) -> tuple[list[Metrics], float]:
    """The metrics of every seed, and CPU seconds an episode. Raises SystemExit for an episode that broke off."""
    kwargs: dict[str, object] = {"fault": FAULT, **votes}
    played: list[Metrics] = []
    start = time.process_time()
    for first in range(0, arm.seeds, AT_ONCE):
        seeds = range(first, min(first + AT_ONCE, arm.seeds))
        for episode in play(Match(f"{arm.name}/{seed}", arm.env_id, arm.seats, seed, kwargs) for seed in seeds):
            if not episode.sound:
                raise SystemExit(f"{episode.id} broke off: {episode.error}")
            played.append(episode.trajectories[arm.planner].metrics)
        advance(len(seeds))
    return played, (time.process_time() - start) / arm.seeds


def row_of(name: str, played: Sequence[Metrics], cpu_seconds: float, first: Sequence[Metrics] | None) -> Row:
    """An arm's row; `first`: the episodes of the zero-shot arm."""
    success, at_cap = compared("success", played, first), compared("success_at_cap", played, first)
    yes = [(m["true_yes"], m["false_yes"]) for m in played]
    true = [(m["true_yes"], m["false_no"]) for m in played]
    means = {key: round(sum(m[key] for m in played) / len(played), 2) for key in ("steps", "checks", "false_advances")}
    return Row(
        name,
        wilson(sum(m["success"] == 1 for m in played), len(played)),
        wilson(sum(m["success_at_cap"] == 1 for m in played), len(played)),
        share(yes),
        share(true),
        means["steps"],
        means["checks"],
        means["false_advances"],
        round(cpu_seconds, 3),
        *success,
        *at_cap,
    )


def compared(
    key: str, played: Sequence[Metrics], first: Sequence[Metrics] | None
) -> tuple[Estimate, float] | tuple[None, None]:
    """The paired difference of a share of episodes on the seeds that both arms played, and McNemar's p-value."""
    if first is None:
        return None, None
    both = min(len(played), len(first))
    ours, theirs = ([m[key] == 1 for m in arm[:both]] for arm in (played, first))
    return paired_share_difference(enumerate(map(float, ours)), enumerate(map(float, theirs))), mcnemar(ours, theirs)


def share(counted: Sequence[tuple[float, float]]) -> Estimate:
    """Of checks, from (hits, misses) of every episode."""
    hits, episodes = list[bool](), list[int]()
    for episode, (hit, missed) in enumerate(counted):
        hits += [True] * int(hit) + [False] * int(missed)
        episodes += [episode] * int(hit + missed)
    return rate(hits, episodes)


def trained(file: Path | None, folder: Path, console: Console) -> Path:
    """The verifier's file; where none is given, that of `sparring robot verifier` with its own settings."""
    if file is not None:
        return file
    console.print("training a verifier")
    train_verifier(VerifierConfig(), lambda said: None).write(folder / "verifier.json")
    return folder / "verifier.json"


def table(rows: Sequence[Row]) -> Table:
    """For people."""
    view = Table("verifier", "n", "success", "at the cap", "difference", "p", "precision", "recall", "steps", "checks")
    for row in rows:
        view.add_row(
            row.arm,
            str(row.success.n),
            *(cell(one) for one in (row.success, row.success_at_cap, row.difference_at_cap)),
            "" if row.mcnemar_at_cap is None else f"{row.mcnemar_at_cap:.2g}",
            *(cell(one) for one in (row.precision, row.recall)),
            f"{row.steps:.0f}",
            f"{row.checks:.0f}",
        )
    return view


def cell(found: Estimate | None) -> str:
    """A figure with its interval."""
    if found is None:
        return ""
    return f"{found.value:.2f}" + (f" ({found.low:.2f} to {found.high:.2f})" if math.isfinite(found.low) else "")


def plain(value: object) -> object:
    """For JSON, which has no infinity: a bound that does not exist is null."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def cpu_model() -> str:
    """As the system names it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def save(file: Path, model: str, heads: Heads, rows: Sequence[Row]) -> None:
    """The arms so far, whole or not at all."""
    votes = {"window": heads.window, "agree": heads.agree}
    settings = {"model": model, "fault": FAULT, **votes, "trained_with": dict(heads.trained_with)}
    machine = {"cpu": cpu_model(), "python": platform.python_version()}
    said = {"machine": machine, "settings": settings, "rows": [plain(asdict(row)) for row in rows]}
    write_whole(file, (json.dumps(said, indent=1, allow_nan=False) + "\n").encode())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="of the zero-shot arm")
    parser.add_argument("--verifier", type=Path, help="a trained one's file; without it one is trained first")
    parser.add_argument("--zero-shot-seeds", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=200, help="of every other arm")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        file = trained(chosen.verifier, Path(folder), console)
        heads = read_heads(file)
        votes = {"window": heads.window, "agree": heads.agree}
        rows: list[Row] = []
        first: list[Metrics] | None = None
        with Progress(console=console) as progress:
            for arm in arms(chosen.model, file, chosen.zero_shot_seeds, chosen.seeds):
                task = progress.add_task(arm.name, total=arm.seeds)
                played, seconds = play_arm(arm, votes, lambda done, task=task: progress.advance(task, done))
                rows.append(row_of(arm.name, played, seconds, first))
                first = played if first is None else first
                if chosen.json:
                    save(chosen.json, chosen.model, heads, rows)
    Console(width=WIDTH).print(table(rows))


if __name__ == "__main__":
    main()
