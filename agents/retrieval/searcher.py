"""A scripted searcher of settable skill, with a reader that makes no mistakes: what sim-rag's critics are measured on.

sparring play Search --agents searcher:skill=0.8:rounds=3

It knows the question's good queries, and whether the passages that it read suffice; so it is no rival, but its errors
are known: it writes the next good query with the probability `skill`, else the raw question or a title that it read.
"""

from __future__ import annotations

import json
import random
from functools import lru_cache
from typing import Protocol, Self, cast

from sparring import registry
from sparring.agents.retrieval.critic import Case, Critic, Read, Round, critics, require_rounds
from sparring.agents.scripted import ScriptedAgent
from sparring.answers.search_actions import STYLES, Style, parse, written
from sparring.protocols import Seat
from sparring.types import Observation, Reply

KEPT_ENVIRONMENTS = 16


class Knowing(Protocol):
    """An environment that knows its own questions, as Search-v0 does."""

    def walkthrough(self, seed: int) -> list[str]: ...

    def right_action(self, seed: int) -> str: ...

    def suffices(self, seed: int, ids: list[str]) -> bool: ...


@registry.agents.register("searcher", family="retrieval")
class SearcherAgent(ScriptedAgent):
    """Searches with a skill, and answers rightly exactly where what it read suffices: `searcher:skill=0.8:rounds=3`."""

    waits = True
    ids: list[str]
    read: tuple[Round, ...]
    good: list[str]
    done: int
    query: str

    def __init__(
        self, skill: float = 1.0, rounds: int | None = None, critic: str | None = None, threshold: float | None = None
    ) -> None:
        """It stops after so many `rounds`; or where a `critic` (a folder) gives `threshold`; else when it has enough.

        Left out, the threshold is the critic's own.

        Raises ValueError for a skill or threshold that is no probability, and for rounds together with a critic.
        """
        for option, value in (("skill", skill), ("threshold", 0.5 if threshold is None else threshold)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ValueError(f"{option} must be a probability from 0 to 1, got {value!r}")
        if rounds is not None and (type(rounds) is not int or rounds < 0):
            raise ValueError(f"rounds must be a whole number >= 0, got {rounds!r}")
        if rounds is not None and critic is not None:
            raise ValueError("rounds and critic are two ways to stop: give one of them")
        super().__init__(f"searcher:skill={skill:g}")
        self.skill, self.rounds = skill, rounds
        self.critic: Critic | None = None if critic is None else critics.load(critic)
        own = self.critic.threshold if self.critic else 0.5
        self.threshold = own if threshold is None else threshold

    def open(self, seat: Seat) -> Self:
        """A searcher that has read nothing."""
        player = super().open(seat)
        player.ids, player.read, player.done, player.query = [], (), 0, ""
        return player

    async def act(self, observation: Observation) -> Reply:
        """Search again, or answer; it gives up where what it read does not suffice."""
        info, seat = observation.info, self.seat
        env = known(seat.env_id, json.dumps(dict(seat.env_kwargs), sort_keys=True))
        if observation.turn == 0:
            self._begin(env, observation)
        else:
            self._take_in(observation)
        enough = env.suffices(seat.seed, self.ids)
        verdict = await self._verdict(enough)
        notes = {"sufficient": enough, "verdict": verdict, "accepted": verdict >= self.threshold}
        if verdict >= self.threshold or int(info.get("rounds_left", 0)) < 1:
            action = env.right_action(seat.seed)
            is_answer = parse(self.style, action).kind == "answer"
            return Reply(action if enough or not is_answer else written(self.style, "give_up"), notes=notes)
        return Reply(written(self.style, "search", self._next_query(observation.turn)), notes=notes)

    def _begin(self, env: Knowing, observation: Observation) -> None:
        info = observation.info
        question, style = info.get("question"), info.get("style")
        if not isinstance(question, str) or style not in STYLES:
            raise ValueError("searcher plays Search-v0: the environment must say its question and style in its info")
        self.question, self.style = question, cast("Style", style)
        self.good = [parse(self.style, action).text for action in env.walkthrough(self.seat.seed)[:-1]]
        if self.critic is not None:
            require_rounds(self.critic, int(info.get("rounds_left", 0)))

    def _take_in(self, observation: Observation) -> None:
        found = observation.info.get("passages", ())
        self.ids += [one["id"] for one in found]
        self.read = (*self.read, Round(self.query, tuple(Read(one["title"], one["text"]) for one in found)))

    async def _verdict(self, enough: bool) -> float:
        if self.rounds is not None:
            return float(len(self.read) >= self.rounds)
        if self.critic is not None:
            return await self.critic.verdict(Case(self.question, self.read, "", ""))
        return float(enough)

    def _next_query(self, turn: int) -> str:
        rng = random.Random(self.seat.turn_seed(turn))
        titles = sorted({passage.title for one in self.read for passage in one.passages})
        if rng.random() < self.skill and self.done < len(self.good):
            self.query = self.good[self.done]
            self.done += 1
        else:
            self.query = rng.choice([self.question, *titles])
        return self.query


@lru_cache(maxsize=KEPT_ENVIRONMENTS)
def known(env_id: str, kwargs: str) -> Knowing:
    """An environment that is asked and not played. Raises ValueError for one that does not know its questions."""
    env = registry.envs.make(env_id, **json.loads(kwargs))
    if not all(callable(getattr(env, name, None)) for name in ("walkthrough", "right_action", "suffices")):
        raise ValueError(f"searcher plays Search-v0: {env_id} does not say what suffices for its questions")
    return cast("Knowing", env)
