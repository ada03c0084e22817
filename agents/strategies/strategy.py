"""What all strategies share: a model that talks, one conversation an episode, and how they are built from a spec.

A strategy decides in `decide` which of the answers that it asked for is the action. The conversation of the episode
goes on behind that answer: token by token where the answer was a draft; else it is rendered anew, as if the answer had
been given at once, and a new training sample begins. Critiques and other questions are not part of later turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sparring.agents.models.loading import model_name
from sparring.agents.models.weights.trained import settings_as_trained
from sparring.agents.strategies.asking import Asking, Question, Said
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions, build
from sparring.agents.talking.dialogue import Dialogue, Opening
from sparring.agents.talking.prompts import Kind
from sparring.kinds import require_kind
from sparring.protocols import Completion, LanguageModel, Player, Seat
from sparring.store.run_files import is_run
from sparring.types import Observation, Policy, Reply, Sampling, Seen, call_id

MOST_CALLS = 256
"""Samples or rounds that a turn may have."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer that is the action, and what is noted of how it was found."""

    said: Said
    notes: Mapping[str, Any] = field(default_factory=dict)


class Strategy:
    """Asks a model several times a turn. Whoever derives from it decides."""

    title = "strategy"
    """Its name without the model's."""

    def __init__(self, talker: TalkingAgent, *, name: str | None = None) -> None:
        self.talker = talker
        self.name = name or f"{self.title}:{talker.model.name}"

    @property
    def model(self) -> LanguageModel:
        """The model that is asked."""
        return self.talker.model

    @property
    def sampling(self) -> Sampling:
        """How its tokens are drawn."""
        return self.talker.sampling

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now."""
        return self.talker.policies

    def open(self, seat: Seat) -> Player:
        """A player that has seen nothing."""
        return StrategyPlayer(self, seat)

    async def decide(self, asking: Asking) -> Decision:
        """Ask as often as the strategy needs, and name the answer that is the action."""
        raise NotImplementedError


class StrategyPlayer:
    """One episode."""

    def __init__(self, strategy: Strategy, seat: Seat) -> None:
        self._strategy, self._seat = strategy, seat
        self._system = strategy.talker.system
        self._dialogue: Dialogue | None = None
        self._kept: str | None = None
        """The call behind which the conversation goes on; None where the answer was no draft."""

    async def act(self, observation: Observation) -> Reply:
        """Ask about the observation, and answer."""
        return await self._answer(self._asking(observation))

    def close(self, last: Seen | None) -> None:
        """Nothing is held open."""

    def _asking(self, observation: Observation) -> Asking:
        talker = self._strategy.talker
        opening = Opening(talker.model, talker.system)
        return Asking(talker, opening, observation, self._seat.turn_seed(observation.turn))

    async def _answer(self, asking: Asking) -> Reply:
        dialogue = self._hear(asking)
        decision = await self._strategy.decide(asking)
        self._remember(dialogue, asking, decision.said)
        thought = {"thought": decision.said.thought} if decision.said.thought else {}
        dropped = {"dropped": dialogue.dropped} if dialogue.dropped else {}
        return Reply(decision.said.action, tuple(asking.calls), {**thought, **dropped, **decision.notes})

    def _hear(self, asking: Asking) -> Dialogue:
        """Take the observation into the conversation of the episode."""
        talker, seen = asking.talker, asking.observation
        if self._dialogue is None:
            self._dialogue = Dialogue(talker.model, self._system, talker.history)
        conversation = self._dialogue.hear(seen, talker.room(seen))
        if self._kept is None and conversation.extends:
            conversation = replace(conversation, added=conversation.tokens, extends=False)
        asking.start = Question(conversation, "act", seen, self._kept, self._dialogue.has_tools)
        return self._dialogue

    def _remember(self, dialogue: Dialogue, asking: Asking, said: Said) -> None:
        """The answer stands in the conversation from now on."""
        assert asking.start is not None
        here = asking.start.conversation
        if said.question.conversation is here:
            dialogue.answered(here, said.completion)
            self._kept = call_id(asking.observation.turn, said.place)
            return
        tokens = tuple(asking.talker.model.encode(said.written))
        dialogue.answered(here, Completion(tokens, None, "action", said.completion.weights_version))
        self._kept = None


def talker(model: str, options: TalkingOptions) -> TalkingAgent:
    """How the model of a spec is asked: a thought, then an action.

    It is chosen among the legal actions where these are finite and the model shows probabilities, unless `options`, or
    the run that the model was trained in, say otherwise.
    """
    folder = Path(model_name(model))
    trained = settings_as_trained(folder) if is_run(folder) else {}
    kind: Kind = "chat" if trained.get("agent") == "chat" else "react"
    asked = build(kind, model, options)
    if "decoding" not in {**trained, **options} and asked.model.shows_logprobs:
        asked.sampling = replace(asked.sampling, decoding="legal")
    return asked


def require_count(name: str, value: int, least: int) -> int:
    """The number. Raises TypeError, ValueError where it is no whole number from `least` to `MOST_CALLS`."""
    require_kind(name, value, int, "a whole number")
    if not least <= value <= MOST_CALLS:
        raise ValueError(f"{name} must be from {least} to {MOST_CALLS}, got {value}")
    return value
