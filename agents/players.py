"""A language model as a player.

Where the legal actions are finite it can choose among them: at the place where the template lets an action begin, the
model's own distribution is renormalised, token by token, over the tokens that still spell a legal action, and
sampled. That distribution is exact: a policy can be written down in full (`action_distribution`) and trained on
without a single illegal move. Elsewhere, or when asked to (`decoding="free"`), it writes freely and a parser looks
for the action. A player that writes freely has no `action_distribution`: what it would have chosen among the legal
actions is not what it plays.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from sparring.agents.choices import options_of, renormalised
from sparring.agents.models import check_sampling, policy_of, policy_that_wrote
from sparring.agents.prompts import Template, readable, template, template_for
from sparring.protocols import LanguageModel, Seat
from sparring.types import Call, Message, Observation, Policy, Reply, Sampling, Seen, Segment

CACHED_DISTRIBUTIONS = 4096


@dataclass(frozen=True, slots=True)
class _Distribution:
    """What the model answers to one observation: its legal actions, as recorded, and how likely each one is."""

    actions: tuple[str, ...]
    calls: tuple[Call, ...]
    probabilities: tuple[float, ...]
    cumulative: tuple[float, ...]
    """Running sum of the probabilities, scaled to end at 1."""


class WritingAgent:
    """Plays with a language model that writes freely: a parser looks for the action in what it wrote."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompt: str = "bracket",
        sampling: Sampling = Sampling(decoding="free"),  # noqa: B008  (frozen)
        name: str | None = None,
        trainable: bool = False,
    ) -> None:
        """`trainable=False` freezes it: its trajectories never enter a loss. Raises ValueError on such sampling as
        the model cannot do.
        """
        self.model = model
        self.template: Template = template(prompt)
        self.sampling = check_sampling(sampling, self.model)
        self.name = name or self.model.name
        self._trainable = trainable
        self._prompt = lru_cache(maxsize=4096)(self._encode_prompt)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now."""
        return (policy_of(self.model, self._trainable),)

    def open(self, seat: Seat) -> ModelPlayer:
        """Its player for a seat."""
        return ModelPlayer(self, seat)

    async def reply(self, observation: Observation, seed: int) -> Reply:
        """Write, and take the action out of it."""
        text = readable(observation)
        shape = template_for(observation, self.template)
        prompt = self._prompt(text, shape)
        completion = await self.model.generate(prompt, self.sampling, seed)
        written = self.model.decode(completion.token_ids)
        call = Call(
            policy_that_wrote(completion, self.model, self._trainable),
            self.sampling,
            (Segment("prompt", prompt), Segment("generated", completion.token_ids, completion.logprobs)),
            self._messages(text, written, shape),
            stop_reason=completion.stop_reason,
        )
        return Reply(shape.parse(written), (call,))

    def _messages(self, text: str, written: str, shape: Template) -> tuple[Message, ...]:
        asked = shape.messages(text)
        return (*(Message(one["role"], one["content"]) for one in asked), Message("assistant", written))

    def _encode_prompt(self, text: str, shape: Template) -> tuple[int, ...]:
        return tuple(self.model.chat(shape.messages(text)))


class ModelPlayer:
    """A language model in one seat. Every observation shows all that it needs, so it remembers nothing."""

    def __init__(self, agent: WritingAgent, seat: Seat) -> None:
        self.agent, self.seat = agent, seat

    async def act(self, observation: Observation) -> Reply:
        """The agent's reply, with the turn's seed."""
        return await self.agent.reply(observation, self.seat.turn_seed(observation.turn))

    def close(self, last: Seen | None) -> None:
        """Nothing is held open."""


class ChoosingPlayer(ModelPlayer):
    """One that chooses among the legal actions: its probabilities can be asked for."""

    agent: LanguageModelAgent

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """The exact probability of every legal action."""
        return await self.agent.action_distribution(observation)


class LanguageModelAgent(WritingAgent):
    """Chooses among the legal actions by the model's own distribution, where they are finite, and writes elsewhere."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompt: str = "bracket",
        sampling: Sampling = Sampling(),  # noqa: B008  (frozen)
        name: str | None = None,
        trainable: bool = False,
    ) -> None:
        """Raises ValueError for `sampling.decoding="free"`: what writes freely is a `WritingAgent`."""
        if sampling.decoding != "legal":
            raise ValueError(
                f"a LanguageModelAgent chooses among the legal actions, so sampling.decoding must be 'legal', "
                f"got {sampling.decoding!r}; `make_player` makes the WritingAgent that writes freely"
            )
        if not model.shows_logprobs:
            raise ValueError(f"{model.name} shows no probabilities to choose by: sampling.decoding must be 'free'")
        super().__init__(model, prompt=prompt, sampling=sampling, name=name, trainable=trainable)
        self._opening = tuple(self.model.encode(self.template.opening))
        self._options = lru_cache(maxsize=4096)(partial(options_of, self.model))
        self._distributions: dict[tuple[str, tuple[str, ...]], _Distribution] = {}
        self._distributions_version = self.model.weights_version

    def open(self, seat: Seat) -> ChoosingPlayer:
        """Its player for a seat."""
        return ChoosingPlayer(self, seat)

    async def reply(self, observation: Observation, seed: int) -> Reply:
        """Choose among the legal actions where they are finite, else write freely."""
        if observation.legal_actions:
            return await self._choose(observation, seed)
        return await super().reply(observation, seed)

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """The exact probability of every legal action."""
        distribution = await self._distribution(observation)
        return dict(zip(distribution.actions, distribution.probabilities, strict=True))

    async def _choose(self, observation: Observation, seed: int) -> Reply:
        distribution = await self._distribution(observation)
        uniform = random.Random(seed).random()
        picked = min(bisect_left(distribution.cumulative, uniform), len(distribution.actions) - 1)
        return Reply(distribution.actions[picked], (distribution.calls[picked],))

    async def _distribution(self, observation: Observation) -> _Distribution:
        """The distribution over the legal actions, asked of the model once per observation and weights."""
        key = (readable(observation), _required_actions(observation))
        if (
            self._distributions_version != self.model.weights_version
            or len(self._distributions) >= CACHED_DISTRIBUTIONS
        ):
            self._distributions.clear()
            self._distributions_version = self.model.weights_version
        distribution = self._distributions.get(key)
        if distribution is None:
            distribution = await self._ask(*key)
            if self._distributions_version == self.model.weights_version:  # else the weights changed while it was asked
                self._distributions[key] = distribution
        return distribution

    async def _ask(self, text: str, actions: tuple[str, ...]) -> _Distribution:
        options, prompt = self._options(actions), self._prompt(text, self.template)
        scores = await self.model.score(prompt + self._opening, [list(option.token_ids) for option in options])
        distributions = renormalised(options, scores, self.sampling.temperature)
        weights = np.exp([np.sum(distribution) for distribution in distributions])
        shared = (Segment("prompt", prompt), Segment("scaffold", self._opening))
        policy = policy_of(self.model, self._trainable)
        return _Distribution(
            tuple(option.action for option in options),
            tuple(
                Call(
                    policy,
                    self.sampling,
                    (*shared, Segment("generated", option.token_ids, distribution, option.allowed)),
                    self._messages(text, self.model.decode([*self._opening, *option.token_ids]), self.template),
                )
                for option, distribution in zip(options, distributions, strict=True)
            ),
            tuple(map(float, weights)),
            tuple(map(float, np.cumsum(weights / weights.sum()))),
        )


def _required_actions(observation: Observation) -> tuple[str, ...]:
    if not observation.legal_actions:
        raise ValueError("the environment lists no legal actions here, so they have no probabilities")
    return observation.legal_actions


def make_player(
    model: LanguageModel, *, prompt: str, sampling: Sampling, name: str | None = None, trainable: bool = False
) -> WritingAgent:
    """The player that decodes as `sampling.decoding` says: by an exact distribution, or writing freely."""
    kind = LanguageModelAgent if sampling.decoding == "legal" else WritingAgent
    return kind(model, prompt=prompt, sampling=sampling, name=name, trainable=trainable)
