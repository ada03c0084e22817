"""What a critic's run measured: how good its probabilities are, what stopping by them earns, here and elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sparring.files import write_whole
from sparring.scoreboard.figures_json import estimate, finite, number
from sparring.scoreboard.stats import Estimate
from sparring.scoreboard.verdicts import Quality, ReliabilityBin, Stopping
from sparring.store.run_files import RunError

RESULTS = "critic_results.json"
FORMAT = 1
FIXED = "fixed"
"""What the name of the rule of a fixed number of rounds begins with."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to stop, and what it earned on the test questions."""

    name: str
    earned: Stopping
    against_fixed: Estimate | None = None
    """Reward above the best fixed number of rounds, paired by question."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Questions of a group that the critic was trained without."""

    group: str
    raw: Quality
    """As it was calibrated, on the other groups."""
    recalibrated: Quality | None
    """Calibrated again on `points` labelled decision points of the group, and measured on the rest; None: too few."""
    points: int


@dataclass(frozen=True, slots=True)
class CriticResults:
    """Everything."""

    settings: Mapping[str, Any]
    seconds: float
    questions: int
    """Tested."""
    threshold: float
    surrender: float
    quality: Quality
    reliability: Sequence[ReliabilityBin]
    rules: Sequence[Rule]
    elsewhere: Sequence[Elsewhere] = ()
    labels: Mapping[str, float] = field(default_factory=dict)
    """Share of the test's decision points that each label calls enough."""
    notes: Sequence[str] = ()

    @property
    def verdict(self) -> str:
        """One sentence: what the critic earns beside the best fixed number of rounds and the oracle."""
        earned = {rule.name: rule.earned.reward.value for rule in self.rules}
        mine = next(rule for rule in self.rules if rule.name == "critic")
        fixed = next(name for name in earned if name.startswith(FIXED))
        return (
            f"Stopping by the critic earns {earned['critic']:.3f} a question, the best fixed number of rounds "
            f"{earned[fixed]:.3f}, the oracle {earned['oracle']:.3f}. {_compared(mine.against_fixed)}"
        )


def _compared(difference: Estimate | None) -> str:
    """The critic's reward less that of the best fixed number of rounds, in words."""
    if difference is None or difference.lacks:
        return "Nothing is known of how sure the difference is."
    told = f"{difference.value:+.3f}, 95 % interval {difference.low:+.3f} to {difference.high:+.3f}"
    if difference.low > 0:
        return f"The critic earns more: {told}."
    return f"The critic earns less: {told}." if difference.high < 0 else f"No difference is shown: {told}."


def write_results(results: CriticResults, folder: Path) -> None:
    """As `RESULTS` in a run's folder."""
    write_whole(folder / RESULTS, json.dumps(to_json(results), indent=1, allow_nan=False).encode())


def to_json(results: CriticResults) -> dict[str, object]:
    """Plain data; numbers that JSON does not have are null."""
    return {"format": FORMAT, "verdict": results.verdict, **finite(asdict(results))}


def read_results(folder: Path) -> CriticResults | None:
    """What `write_results` wrote; None where a folder has none. Raises RunError for what cannot be read."""
    path = folder / RESULTS
    try:
        told = json.loads(path.read_bytes())
        if told.pop("format") != FORMAT:
            raise ValueError(f"it has another format than {FORMAT}")
        return _from_json(told)
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        raise RunError(f"{path} is damaged, or not of this version: {error!r}") from error


def _from_json(told: dict[str, Any]) -> CriticResults:
    told.pop("verdict")
    told["quality"] = _quality(told["quality"])
    told["reliability"] = [ReliabilityBin(one["said"], estimate(one["was"])) for one in told["reliability"]]
    told["rules"] = [_rule(one) for one in told["rules"]]
    told["elsewhere"] = [_elsewhere(one) for one in told["elsewhere"]]
    return CriticResults(**told)


def _quality(told: dict[str, Any]) -> Quality:
    return Quality(**{**told, "auroc": number(told["auroc"]), "null_band": tuple(told["null_band"])})


def _elsewhere(told: dict[str, Any]) -> Elsewhere:
    again = told["recalibrated"]
    return Elsewhere(told["group"], _quality(told["raw"]), again and _quality(again), told["points"])


def _rule(told: dict[str, Any]) -> Rule:
    earned = Stopping(**{name: estimate(value) for name, value in told["earned"].items()})
    against = told["against_fixed"]
    return Rule(told["name"], earned, against and estimate(against))
