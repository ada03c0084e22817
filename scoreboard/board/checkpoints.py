"""Checkpoints of one agent, `NAME (update N)`: tied to each other in a rating, and drawn as a learning curve."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

AT_A_CHECKPOINT = re.compile(r"(.*) \(update (\d+)\)$")
WALK_SD = 50.0
"""Elo: how far a checkpoint is thought to be from the one before it."""


def walk_of(names: Sequence[str]) -> list[tuple[int, int, float]]:
    """Ties each checkpoint of an agent, `NAME (update N)`, to the one before it."""
    return [
        (numbers[place], numbers[place + 1], WALK_SD)
        for _, numbers in checkpoints(names).items()
        for place in range(len(numbers) - 1)
    ]


def checkpoints(names: Sequence[str]) -> Mapping[str, list[int]]:
    """Agent -> the numbers of its checkpoints among the names, earliest first; agents with one are left out."""
    found: dict[str, list[tuple[int, int]]] = {}
    for number, name in enumerate(names):
        matched = AT_A_CHECKPOINT.fullmatch(name)
        if matched:
            found.setdefault(matched[1], []).append((int(matched[2]), number))
    return {agent: [number for _, number in sorted(of)] for agent, of in sorted(found.items()) if len(of) > 1}
