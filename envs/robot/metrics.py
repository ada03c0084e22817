"""What is measured of an episode of the procedure: subgoals, faults and recovery, the verifier, the cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    def faulted(self) -> bool:
        """Whether a fault set in during any of its tries or repairs."""
        return any(attempt.fault for attempt in self.attempts)

    @property
    def failed_first(self) -> bool:
        """Whether its first try did not reach it."""
        return bool(self.attempts) and not self.attempts[0].reached


def metrics_of(pursued: Sequence[Pursued], period: int) -> dict[str, float]:
    """Counts of an episode; ratios of sums over episodes are the scoreboard's."""
    attempts = [attempt for one in pursued for attempt in one.attempts]
    checks = [check for attempt in attempts for check in attempt.checks]
    counted = {
        "subgoals": len(pursued),
        "subgoals_reached": sum(one.reached for one in pursued),
        "false_advances": sum(one.accepted and not one.reached for one in pursued),
        "faults": sum(attempt.fault is not None for attempt in attempts),
        "faulted": sum(one.faulted for one in pursued),
        "faulted_reached": sum(one.faulted and one.reached for one in pursued),
        "failed_first": sum(one.failed_first for one in pursued),
        "recovered": sum(one.failed_first and one.reached for one in pursued),
        "retries": sum(attempt.kind == "try" and attempt.number > 0 for attempt in attempts),
        "checks": len(checks),
        "true_yes": sum(said and truth for _, said, truth in checks),
        "false_yes": sum(said and not truth for _, said, truth in checks),
        "true_no": sum(not said and not truth for _, said, truth in checks),
        "false_no": sum(not said and truth for _, said, truth in checks),
        "delay": period * sum(_late(attempt) for attempt in attempts),
    }
    return {name: float(count) for name, count in counted.items()}


def _late(attempt: Attempt) -> int:
    """Checks from the first that was true to the last of an accepted attempt: how late the acceptance came."""
    if not attempt.accepted:
        return 0
    return max(0, _count_after_first(truth for _, _, truth in attempt.checks))


def _count_after_first(truths: Iterable[bool]) -> int:
    seen = list(truths)
    return len(seen) - 1 - seen.index(True) if True in seen else 0
