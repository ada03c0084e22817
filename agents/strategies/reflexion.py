"""Reflexion (arXiv 2303.11366): after an attempt, what was learnt from it in words; before the next one, these words.

    attempt (sample 0) ─► how it ended ─► reflection ─► system prompt of the attempt with sample 1 ─► ...

Attempts at one task are matches with the same environment, seed and seat, and other values of `sample`. An attempt is
reflected on by the next one, before its first action: the player is told how an episode ended only when it is closed,
where no model can be asked, and so the reflection is a call of the trajectory that uses it. Where we deviate: there is
no evaluator, so every attempt is reflected on, a won one too; the reward is not shown to players, so the reflection
reads what the environment says at the end. What was learnt lives as long as the agent and is not read from a store.
"""

from __future__ import annotations

import json
from typing import Unpack

from sparring import registry
from sparring.agents.strategies.asking import Asking
from sparring.agents.strategies.attempts import Attempt, Attempts
from sparring.agents.strategies.prompts import reflect, remembered
from sparring.agents.strategies.strategy import Decision, Strategy, StrategyPlayer, require_count, talker
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions
from sparring.protocols import Seat
from sparring.types import Observation, Reply, Seen

LONGEST_KEPT = 4_000
"""Characters of an observation or action that an attempt remembers."""
MOST_TURNS = 200
"""Turns that an attempt remembers: the first and the latest ones."""
MEMORY_PART = 4
"""Reflections take at most one of so many parts of the room."""


class Reflexion(Strategy):
    """Learns in words from earlier attempts at the same task. An attempt costs its answers and one reflection."""

    title = "reflexion"

    def __init__(self, talker: TalkingAgent, *, memory: int = 3, name: str | None = None) -> None:
        """`memory`: from how many of the latest attempts it learns. Raises ValueError for less than 1."""
        super().__init__(talker, name=name)
        self.memory = require_count("memory", memory, 1)
        self.attempts = Attempts()

    def open(self, seat: Seat) -> ReflexionPlayer:
        """A new attempt."""
        return ReflexionPlayer(self, seat)

    async def decide(self, asking: Asking) -> Decision:
        """One answer."""
        (said,) = await asking.drafts(1, "act")
        return Decision(said)


class ReflexionPlayer(StrategyPlayer):
    """One attempt."""

    def __init__(self, strategy: Reflexion, seat: Seat) -> None:
        super().__init__(strategy, seat)
        self._reflexion = strategy
        self._attempt = strategy.attempts.begin(seat)

    async def act(self, observation: Observation) -> Reply:
        """Remember what was learnt before, and answer."""
        asking, learnt = self._asking(observation), list[str]()
        if not self._attempt.turns:
            learnt = await self._learn(asking)
        reply = await self._answer(asking)
        self._attempt.turns.append((observation.text[:LONGEST_KEPT], reply.action[:LONGEST_KEPT]))
        if len(self._attempt.turns) > MOST_TURNS:
            del self._attempt.turns[MOST_TURNS // 2]
        notes = {**reply.notes, "reflections": learnt} if learnt else reply.notes
        return Reply(reply.action, reply.calls, notes)

    def close(self, last: Seen | None) -> None:
        """Keep how it ended, for the next attempt."""
        self._reflexion.attempts.end(self._seat, self._attempt, last)

    async def _learn(self, asking: Asking) -> list[str]:
        """What was learnt from earlier attempts; those that nobody has reflected on are reflected on now."""
        earlier = await self._reflexion.attempts.before(self._seat, self._reflexion.memory)
        new = [one for one in earlier if one.reflection is None]
        said = await asking.ask([asking.fresh(_prompt(one), "reflect") for one in new])
        for attempt, reflection in zip(new, said, strict=True):
            attempt.reflection = reflection.prose
            attempt.turns.clear()  # nobody reads them again
        learnt = asking.quoted([one.reflection or "" for one in earlier], MEMORY_PART)
        if learnt:
            self._system = f"{self._system}\n\n{remembered(learnt)}"
        return learnt


def _prompt(attempt: Attempt) -> str:
    """Asks what is to be learnt from an attempt."""
    turns = "\n".join(f"You saw: {seen}\nYou did: {action}" for seen, action in attempt.turns)
    assert attempt.end is not None
    said = json.dumps({name: value for name, value in attempt.end.info.items() if name != "tools"}, ensure_ascii=False)
    end = f"{attempt.end.text[:LONGEST_KEPT]}\n{said[:LONGEST_KEPT]}" if said != "{}" else attempt.end.text
    return reflect(turns, end[: 2 * LONGEST_KEPT])


@registry.agents.register("reflexion", family="strategy", extra="train")
def reflexion(argument: str = "smollm2", memory: int = 3, **options: Unpack[TalkingOptions]) -> Reflexion:
    """Reflects on an attempt before the next one at the same task: `reflexion:MODEL:memory=3`."""
    return Reflexion(talker(argument, options), memory=memory)
