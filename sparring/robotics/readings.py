"""What a verifier's sensor reads of a running subgoal, what it says in words, and thresholds that need no training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sparring.robotics.words import VERBS, Subgoal, Verb

Readings = npt.NDArray[np.float64]
"""[12], of `READINGS`."""
READINGS = (
    "opening",
    "hand height",
    *(f"{axis} from the hand to the thing" for axis in "xyz"),
    *(f"{axis} from the thing to its place" for axis in "xyz"),
    *(f"{axis} that the thing moved" for axis in "xyz"),
    "signal of the device",
)
"""What a sensor reads; metres but for the opening (0 to 1) and the signal (0 to 1)."""


def judged(verb: Verb, readings: Readings) -> bool:
    """Whether readings [12] look like a reached subgoal of this verb."""
    opening, height = readings[:2]
    from_hand, to_place, moved = readings[2:5], readings[5:8], readings[8:11]
    if verb == "pick up":
        return bool(np.abs(from_hand).max() < 0.03 and height > 0.08)
    if verb == "place":
        return bool(np.abs(to_place[:2]).max() < 0.05 and opening > 0.5)
    if verb in ("open", "close"):
        return bool(np.abs(moved).max() > 0.05)
    return bool(readings[11] > 0.5)


def described(readings: Readings, subgoal: Subgoal) -> str:
    """Readings in words, for verifiers that read."""
    centimetres = [round(100 * float(value), 1) for value in readings]
    lines = [f"gripper: {round(100 * float(readings[0]))} % open, {centimetres[1]} cm above the table"]
    lines.append(f"{subgoal.thing}: {_offset(centimetres[2:5])} of the gripper")
    if subgoal.where:
        lines.append(f"{subgoal.where}: {_offset(centimetres[5:8])} of {subgoal.thing}")
    lines.append(f"{subgoal.thing} has moved: {_offset(centimetres[8:11])} of where it was")
    if subgoal.verb in VERBS[4:]:
        lines.append(f"light sensor: {round(float(readings[11]), 2)}")
    return "\n".join(lines)


def _offset(xyz: list[float]) -> str:
    sides = zip(xyz, (("left", "right"), ("in front", "behind"), ("below", "above")), strict=True)
    return ", ".join(f"{abs(value)} cm {names[value >= 0]}" for value, names in sides)
