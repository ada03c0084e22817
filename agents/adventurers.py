"""Players of text adventures that need no model: the known way, and patient curiosity.

sparring play Adventure --agents walkthrough
sparring play TextWorld --agents explorer
"""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import lru_cache
from typing import Self

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.plurals import number_of
from sparring.protocols import Seat
from sparring.types import Observation, Reply

LOOKING = ("look", "inventory", "examine")
UNDOING = ("drop", "close", "lock", "put")
"""Verbs that are tried last: they seldom lead on."""


@registry.agents.register("walkthrough", family="adventures")
class WalkthroughAgent(ScriptedAgent):
    """Plays the environment's own plan: what the best player could get. It knows the game's seed, so it is no rival."""

    def __init__(self) -> None:
        super().__init__("walkthrough")

    async def act(self, observation: Observation) -> Reply:
        """The next command of the plan. Raises ValueError where the environment knows none."""
        plan = known_plan(self.seat.env_id, json.dumps(dict(self.seat.env_kwargs), sort_keys=True), self.seat.seed)
        if observation.turn >= len(plan):
            raise ValueError(
                f"the plan of {self.seat.env_id} has ended after {number_of(len(plan), 'command')} and has not won"
            )
        return Reply(plan[observation.turn])


@lru_cache(maxsize=1_024)
def known_plan(env_id: str, kwargs: str, seed: int) -> tuple[str, ...]:
    """The commands that win the game of a seed. Raises ValueError where the environment knows none.

    kwargs: the environment's own, as JSON.
    """
    env = registry.envs.make(env_id, **json.loads(kwargs))
    try:
        walkthrough = getattr(env, "walkthrough", None)
        plan = walkthrough(seed) if callable(walkthrough) else None
    finally:
        env.close()
    if plan is None:
        raise ValueError(f"{env_id} knows no way to win the game of seed {seed}")
    return tuple(plan)


@registry.agents.register("explorer", family="adventures")
class ExplorerAgent(ScriptedAgent):
    """Tries what it has tried least where it is: first what changes something, then ways, last what undoes or looks."""

    tried: Counter[tuple[str, str]]
    """By place and command."""

    def __init__(self) -> None:
        super().__init__("explorer")

    def open(self, seat: Seat) -> Self:
        """A player that has tried nothing."""
        player = super().open(seat)
        player.tried = Counter()
        return player

    async def act(self, observation: Observation) -> Reply:
        """The listed command that was tried least here; of several the most promising, then by the turn's seed."""
        options = observation.legal_actions or observation.suggested_actions
        if not options:
            raise ValueError("explorer needs an environment that lists its actions")
        place = str(observation.info.get("room", ""))
        rng = random.Random(self.seat.turn_seed(observation.turn))
        weights = {command: self._weight(place, command) + rng.random() for command in options}
        chosen = min(weights, key=weights.__getitem__)
        self.tried[_scope(place, chosen), chosen] += 1
        return Reply(chosen)

    def _weight(self, place: str, command: str) -> int:
        count = self.tried[_scope(place, command), command]
        verb = command.partition(" ")[0]
        if verb in LOOKING:
            return 1_000 + count
        if verb in UNDOING:
            return 4 + 3 * count
        return 2 * count + (verb == "go")


def _scope(place: str, command: str) -> str:
    """Ways are counted room by room; what is done to things counts wherever it is done."""
    return place if command.startswith("go ") else ""
