"""What is in the hand of the arm, from the contacts of every control step.

A thing is held from the moment in which both fingers touch it, nothing else bears it, and it is more than 6 cm above
where it rested last; until a finger lets it go. So a thing that is put down is held until the fingers open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

LIFTED = 0.06
"""Metres above where it rested last."""
NEAR = 0.15
"""Metres between the point between the fingers and the thing's middle; a long thing is held by its end."""
LEFT, RIGHT, HAND, OTHER = -4, -3, -2, -1


class Grip:
    """Follows the loose things of a scene; `update` belongs after every control step."""

    def __init__(
        self, model: Any, bodies: Sequence[int], left: Sequence[int], right: Sequence[int], hand: Sequence[int]
    ):
        """`bodies`: of the things; `left`, `right`, `hand`: geoms of the fingers and of the whole gripper."""
        self._bodies = np.asarray(bodies, int)
        self._owner = _owners(model, bodies, left, right, hand)
        self._rests = np.zeros(len(bodies))
        self._held: set[int] = set()

    def begin(self, data: Any) -> None:
        """A new episode: nothing is held, everything rests where it is."""
        self._held = set()
        self._rests = np.asarray(data.xpos[self._bodies, 2], float).copy()

    def update(self, data: Any, hand: Any) -> None:
        """After a control step; `hand` [3] is the point between the fingers."""
        touched: defaultdict[int, set[int]] = defaultdict(set)
        for one, other in self._owner[np.asarray(data.contact.geom[: data.ncon], int)].tolist():
            touched[one].add(other)
            touched[other].add(one)
        places = data.xpos[self._bodies]
        held = set()
        for thing in range(len(self._bodies)):
            by = touched[thing]
            if self._is_borne(by):
                self._rests[thing] = places[thing, 2]
            if {LEFT, RIGHT} <= by and (thing in self._held or self._is_lifted(thing, by, places[thing], hand)):
                held.add(thing)
        self._held = held

    def holds(self, thing: int) -> bool:
        """Whether a thing is held, by its number."""
        return thing in self._held

    def lose(self, thing: int) -> float:
        """A thing is not held any more; the height at which it rested last, metres."""
        self._held.discard(thing)
        return float(self._rests[thing])

    @staticmethod
    def _is_borne(by: set[int]) -> bool:
        return any(other >= OTHER for other in by)

    def _is_lifted(self, thing: int, by: set[int], place: Any, hand: Any) -> bool:
        lifted = place[2] - self._rests[thing] > LIFTED
        return bool(lifted and not self._is_borne(by) and np.linalg.norm(place - hand) < NEAR)


def _owners(model: Any, bodies: Sequence[int], left: Sequence[int], right: Sequence[int], hand: Sequence[int]) -> Any:
    """[geoms]: the number of the thing that a geom belongs to, or one of the four names above."""
    owner = np.full(model.ngeom, OTHER)
    for number, body in enumerate(bodies):
        owner[list(geoms_below(model, body))] = number
    owner[list(hand)] = HAND
    owner[list(left)] = LEFT
    owner[list(right)] = RIGHT
    return owner


def geoms_below(model: Any, body: int) -> Iterator[int]:
    """The geoms of a body and of all bodies that hang from it."""
    below = {body}
    for other in range(body + 1, model.nbody):  # MuJoCo numbers parents before children
        if int(model.body_parentid[other]) in below:
            below.add(other)
    return (geom for geom in range(model.ngeom) if int(model.geom_bodyid[geom]) in below)
