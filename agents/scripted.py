"""Players that need no model: chance, and a fixed habit."""

from __future__ import annotations

import random
from typing import Self

from sparring import registry
from sparring.protocols import Seat
from sparring.types import Observation, Policy, Reply, Sampling, Seen


class ScriptedAgent:
    """What players without weights have in common."""

    policies: tuple[Policy, ...] = ()
    sampling: Sampling | None = None
    waits = False
    """Whether `act` awaits anything; those that do set it to True, and are asked on an event loop."""

    seat: Seat
    """Of a player: where it plays."""

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self, seat: Seat) -> Self:
        """A copy of itself that knows its seat."""
        player = object.__new__(type(self))
        player.__dict__.update(self.__dict__, seat=seat)
        return player

    def close(self, last: Seen | None) -> None:
        """Nothing is held open."""

    async def act(self, observation: Observation) -> Reply:
        """What to do."""
        raise NotImplementedError


@registry.agents.register("random", family="scripted")
class RandomAgent(ScriptedAgent):
    """Every legal (or suggested) action equally likely."""

    def __init__(self) -> None:
        super().__init__("random")

    async def act(self, observation: Observation) -> Reply:
        """Draw one action with the turn's seed."""
        return Reply(random.Random(self.seat.turn_seed(observation.turn)).choice(_options(observation)))

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """The uniform distribution."""
        options = _options(observation)
        return dict.fromkeys(options, 1.0 / len(options))


@registry.agents.register("constant", family="scripted")
class ConstantAgent(ScriptedAgent):
    """`constant:bet/call` always plays the first of its actions that is legal, else the first legal action."""

    def __init__(self, argument: str) -> None:
        super().__init__(f"constant:{argument}")
        self.habits = [habit.strip() for habit in argument.split("/")]

    async def act(self, observation: Observation) -> Reply:
        """The habit."""
        options = _options(observation)
        return Reply(next((habit for habit in self.habits if habit in options), options[0]))

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """All on the habit."""
        chosen = (await self.act(observation)).action
        return {option: float(option == chosen) for option in _options(observation)}


def _options(observation: Observation) -> tuple[str, ...]:
    options = observation.legal_actions or observation.suggested_actions
    if not options:
        raise ValueError("the environment lists neither legal nor suggested actions, so only a model can play it")
    return options
