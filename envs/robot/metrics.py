"""What is measured of an episode of the procedure: subgoals, faults and recovery, the verifier, the cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparring.envs.robot.procedure import Attempt


@dataclass(frozen=True, slots=True)
class Pursued:
    """One subgoal of a plan, with its attempts in order."""

    accepted: bool
    reached: bool
    """The truth at its end."""
    attempts: Sequence[Attempt]

    @property
    def failed_first(self) -> bool:
        """Whether its first try did not reach it."""
        return bool(self.attempts) and not self.attempts[0].reached


def metrics_of(pursued: Sequence[Pursued], period: int) -> dict[str, float]:
    """Counts of an episode, and its rates where they are defined."""
    counts = _counts_of(pursued, period)
    return {**counts, **dict(_rates_of(counts))}


def _counts_of(pursued: Sequence[Pursued], period: int) -> dict[str, float]:
    attempts = [attempt for one in pursued for attempt in one.attempts]
    checks = [check for attempt in attempts for check in attempt.checks]
    counted = {
        "subgoals": len(pursued),
        "subgoals_reached": sum(one.reached for one in pursued),
        "false_advances": sum(one.accepted and not one.reached for one in pursued),
        "faults": sum(attempt.fault is not None for attempt in attempts),
        "failed_first": sum(one.failed_first for one in pursued),
        "recovered": sum(one.failed_first and one.reached for one in pursued),
        "retries": sum(attempt.kind == "try" and attempt.number > 0 for attempt in attempts),
        "checks": len(checks),
        "true_yes": sum(said and truth for _, said, truth in checks),
        "false_yes": sum(said and not truth for _, said, truth in checks),
        "true_no": sum(not said and not truth for _, said, truth in checks),
        "false_no": sum(not said and truth for _, said, truth in checks),
        "delay": period * sum(_late(attempt) for attempt in attempts if attempt.kind != "look"),
    }
    return {name: float(count) for name, count in counted.items()}


def _rates_of(counts: dict[str, float]) -> Iterator[tuple[str, float]]:
    """subgoal_success, recovery, verifier_precision, verifier_recall: those whose denominator is not 0."""
    for name, part, whole in (
        ("subgoal_success", counts["subgoals_reached"], counts["subgoals"]),
        ("recovery", counts["recovered"], counts["failed_first"]),
        ("verifier_precision", counts["true_yes"], counts["true_yes"] + counts["false_yes"]),
        ("verifier_recall", counts["true_yes"], counts["true_yes"] + counts["false_no"]),
    ):
        if whole:
            yield name, part / whole


def _late(attempt: Attempt) -> int:
    """Checks between the first that was true and the acceptance; 0 where there was none."""
    truths = [truth for _, _, truth in attempt.checks]
    return len(truths) - 1 - truths.index(True) if attempt.accepted and True in truths else 0
