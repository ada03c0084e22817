"""What can be compared: methods by name, with what makes each of them that one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sparring import registry

BASE, SELF_TRAINING = "base", "self-training"


@dataclass(frozen=True, slots=True)
class Arm:
    """One method of a comparison."""

    method: str
    """As `sparring train` knows it; "" for the model as it is."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    claim: str = ""
    """Against what, and in which direction, its paper says that it changes success; "" where it says nothing."""
    against: str = BASE


ARMS: Mapping[str, Arm] = {
    BASE: Arm(""),
    SELF_TRAINING: Arm("agent-evol", {"weighting": "filter", "accumulate": True}, "better"),
    "re-rest": Arm("re-rest", {}, "better", SELF_TRAINING),
    "agent-evol": Arm("agent-evol", {}, "better"),
    "self": Arm("self", {}, "better"),
    "grpo": Arm("grpo", {}, "better"),
    "sharpening": Arm("sharpening", {}, "better"),
    "self-judge": Arm("self-judge", {}, "better"),
}
"""Self-training is fine-tuning on all own successes so far, which Re-ReST (arXiv 2406.01495) starts from."""


def arm_of(name: str) -> Arm:
    """One of `ARMS`, or any other method of training with its own settings, yours too. Raises UnknownName."""
    if name in ARMS:
        return ARMS[name]
    methods = [row.name for row in registry.trainers if not row.runner]
    if name not in methods:
        raise registry.UnknownName(registry.unknown("method", name, [*dict.fromkeys([*ARMS, *methods])]))
    return Arm(name)
