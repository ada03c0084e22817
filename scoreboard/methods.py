"""Which method makes a model better, and how sure that is: one row a method, over the same held-out tasks.

A success rate is a mean within 0..1 whose clusters are tasks (`stats.bounded_mean`); all repetitions of a task are one
cluster. Two methods met the same tasks: their difference is taken within each (`stats.paired_share_difference`). The
repetitions of the training are too few for an interval of their own, so their signs are counted beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sparring.files import write_whole
from sparring.scoreboard.figures_json import estimate, finite, read_figures
from sparring.scoreboard.stats import Estimate, bounded_mean, paired_share_difference

RESULTS = "methods.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Play:
    """One attempt at a held-out task."""

    seed: int
    """Of the repetitions."""
    task: int
    reward: float
    won: bool
    tokens: int
    """That were generated in it."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A method, and what it came to."""

    name: str
    plays: Sequence[Play]
    spent: Sequence[int]
    """Tokens that the model generated to learn, one a repetition."""


@dataclass(frozen=True, slots=True)
class Against:
    """A method held against another one, in success rate."""

    other: str
    difference: Estimate
    seeds_above: int
    seeds: int

    @property
    def verdict(self) -> str:
        """better, worse, or open: the interval holds 0, or nothing is known of the spread."""
        return "better" if self.difference.low > 0 else "worse" if self.difference.high < 0 else "open"


@dataclass(frozen=True, slots=True)
class Row:
    """One method."""

    name: str
    success: Estimate
    reward: float
    """The mean."""
    spent: int
    """Tokens to learn from, the mean over repetitions."""
    tokens_per_solved: float | None
    """Tokens generated on held-out tasks for each that was solved; None: none was."""
    by_seed: tuple[float, ...]
    """Success rates."""
    against: tuple[Against, ...]
    claim: str = ""
    """reproduced, not reproduced, or open, of the direction that its paper says; "" where it says nothing."""
    claimed_over: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that was measured."""

    rows: Sequence[Row]
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def verdict(self) -> str:
        """One sentence over all claims."""
        told = [f"{row.name} over {row.claimed_over}: {row.claim}" for row in self.rows if row.claim]
        return f"Direction of effect: {'; '.join(told)}." if told else "No method here claims anything."


def compare(
    arms: Sequence[Arm], claims: Mapping[str, tuple[str, str]], settings: Mapping[str, Any], notes: Sequence[str]
) -> Comparison:
    """What the plays say. `claims`: of a method, over which other one its paper says that it is "better"."""
    by_name = {arm.name: arm for arm in arms}
    rows = []
    for arm in arms:
        others = [name for name in ("base", "self-training") if name in by_name and name != arm.name]
        against = tuple(_against(arm, by_name[name]) for name in others)
        over, _ = claims.get(arm.name, ("", ""))
        verdicts = {one.other: one.verdict for one in against}
        claim = {"better": "reproduced", "worse": "not reproduced", "open": "open"}.get(verdicts.get(over, ""), "")
        rows.append(_row(arm, against, claim, over if claim else ""))
    return Comparison(rows, settings, notes)


def _row(arm: Arm, against: tuple[Against, ...], claim: str, over: str) -> Row:
    plays, solved = arm.plays, sum(play.won for play in arm.plays)
    return Row(
        name=arm.name,
        success=bounded_mean([float(play.won) for play in plays], [play.task for play in plays], 0.0, 1.0),
        reward=math.fsum(play.reward for play in plays) / max(1, len(plays)),
        spent=round(sum(arm.spent) / max(1, len(arm.spent))),
        tokens_per_solved=sum(play.tokens for play in plays) / solved if solved else None,
        by_seed=tuple(_by_seed(plays).values()),
        against=against,
        claim=claim,
        claimed_over=over,
    )


def _against(arm: Arm, other: Arm) -> Against:
    ours, theirs = ([(play.task, float(play.won)) for play in one.plays] for one in (arm, other))
    mine, yours = _by_seed(arm.plays), _by_seed(other.plays)
    shared = [seed for seed in mine if seed in yours]
    above = sum(mine[seed] > yours[seed] for seed in shared)
    return Against(other.name, paired_share_difference(ours, theirs), above, len(shared))


def _by_seed(plays: Sequence[Play]) -> dict[int, float]:
    won: dict[int, list[bool]] = {}
    for play in plays:
        won.setdefault(play.seed, []).append(play.won)
    return {seed: sum(found) / len(found) for seed, found in sorted(won.items())}


def write_results(found: Comparison, folder: Path) -> None:
    """Write `methods.json`; numbers that JSON does not have are null."""
    told = {"format": FORMAT, "verdict": found.verdict, **finite(asdict(found))}
    write_whole(folder / RESULTS, json.dumps(told, indent=1, allow_nan=False).encode())


def read_results(folder: Path) -> Comparison | None:
    """The results in a comparison's folder; None where there are none. Raises RunError where the file is damaged."""
    return read_figures(folder / RESULTS, FORMAT, _read_comparison, "a comparison of methods")


def _read_comparison(written: Mapping[str, Any]) -> Comparison:
    return Comparison([_read(row) for row in written["rows"]], written["settings"], tuple(written["notes"]))


def _read(row: Mapping[str, Any]) -> Row:
    against = tuple(Against(**{**one, "difference": estimate(one["difference"])}) for one in row["against"])
    found = {**row, "success": estimate(row["success"]), "against": against, "by_seed": tuple(row["by_seed"])}
    return Row(**found)
