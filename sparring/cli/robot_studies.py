"""`sparring robot study`: run the arms, show the table, say what follows from it."""

from __future__ import annotations

import dataclasses
import json as written
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sparring.cli import terminal
from sparring.envs.robot.tabletop.control import Simulator
from sparring.faults import require_file_place
from sparring.files import write_whole
from sparring.registry import require
from sparring.robotics.heads import Heads, read_heads
from sparring.start import loading

if TYPE_CHECKING:
    from sparring.scoreboard.stats import Estimate
    from sparring.trainers.robot.studies import Arm, Row

SUCCESS = ("p(fault)", "controller", "success (95 %)", "difference", "p")
MEANS = ("p(fault)", "controller", "recovery", "false adv.", "steps", "checks")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was asked for; see its help."""

    name: Literal["faults", "verifiers", "ablation"]
    episodes: int
    task: str | None
    rates: str | None
    simulator: Simulator
    verifier: Path | None
    blind: Path | None
    seed: int


def run(asked: Asked, output: Path | None, json: bool) -> int:
    """Run a study. Raises ValueError for settings that make none."""
    if asked.episodes < 2:
        raise ValueError(f"episodes must be >= 2, got {asked.episodes}")
    if output is not None:
        require_file_place(output)
    with loading():
        from sparring.trainers.robot.studies import Study, run_study

    task = "two" if asked.task is None and asked.name == "faults" else asked.task
    rates = rates_of(asked.rates or ("0,0.3,0.6" if asked.name == "faults" else "0.3"))
    study = Study(_arms(asked, json), rates, asked.episodes, task, asked.simulator, seed=asked.seed)
    with terminal.progress(f"study of {asked.name}", len(study.arms) * len(rates), quiet=json) as advance:
        rows = run_study(study, lambda said: advance())
    plain = [dataclasses.asdict(row) for row in rows]
    if output is not None:
        settings = {"name": asked.name, "episodes": asked.episodes, "task": task, "rates": rates, "seed": asked.seed}
        content = {"study": {**settings, "simulator": asked.simulator}, "rows": plain}
        write_whole(output, (written.dumps(content, indent=1) + "\n").encode())
    if json:
        terminal.dump({"rows": plain})
    else:
        show_rows(rows)
    return 0


def show_rows(rows: Sequence[Row]) -> None:
    """Who succeeded how often, and below how: one table of both would be too wide for most terminals."""
    terminal.show_table(SUCCESS, [tuple(_success_of(row)) for row in rows], names=(1,))
    terminal.say("")
    terminal.show_table(MEANS, [tuple(_means_of(row)) for row in rows], names=(1,))


def rates_of(said: str) -> tuple[float, ...]:
    """The probabilities in "0,0.3". Raises ValueError."""
    try:
        rates = tuple(map(float, said.split(",")))
    except ValueError:
        rates = ()
    if not rates or not all(0 <= rate <= 1 for rate in rates):
        raise ValueError(f"--rates must be probabilities from 0 to 1, separated by commas, got {said!r}")
    return rates


def _arms(asked: Asked, json: bool) -> Sequence[Arm]:
    from sparring.trainers.robot import studies

    if asked.name == "faults":
        return studies.FAULTS
    trained, blind = (
        read_heads(path) if path else _trained(asked, is_blind, json)
        for path, is_blind in ((asked.verifier, False), (asked.blind, True))
    )
    return studies.verifier_arms(trained, blind) if asked.name == "verifiers" else studies.ablation_arms(trained, blind)


def _trained(asked: Asked, blind: bool, json: bool) -> Heads:
    require("torch", "train")
    from sparring.trainers.robot.verifying import VerifierConfig, train_verifier

    if not json:
        terminal.say(f"training a verifier that sees {'no camera' if blind else 'noisy positions'}")
    return train_verifier(VerifierConfig(asked.simulator, blind=blind))


def _success_of(row: Row) -> Iterator[str]:
    yield f"{row.fault:g}"
    yield row.arm
    yield _with_interval(row.success)
    yield _difference(row.difference)
    yield "" if row.mcnemar is None else f"{row.mcnemar:.1g}"


def _means_of(row: Row) -> Iterator[str]:
    yield f"{row.fault:g}"
    yield row.arm
    yield "" if math.isnan(row.recovery.value) else f"{row.recovery.value:.2f}"
    yield f"{row.false_advances:.2f}"
    yield f"{row.steps:.0f}"
    yield f"{row.checks:.0f}"


def _with_interval(found: Estimate) -> str:
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _difference(found: Estimate | None) -> str:
    if found is None:
        return ""
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
