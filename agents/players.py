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
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from sparring.agents.choices import options_of, renormalised
from sparring.agents.models import check_sampling, policy_of, policy_that_wrote
from sparring.agents.models.conversation import generated
from sparring.agents.prompts import Template, readable, template, template_for, template_for_game
from sparring.content import NOTHING
from sparring.protocols import LanguageModel, Seat
from sparring.types import Call, Message, Observation, Policy, Reply, Sampling, Seen, Segment

CACHED_DISTRIBUTIONS = 4096
CACHES = frozenset(("_prompt", "_options"))
"""Attributes that remember what can be worked out again, bit for bit; distributions depend on the batch."""
UNKNOWN_CONTEXT = 32_768
"""Tokens, of a model that does not say how many it reads."""


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
        self._remember_nothing()

    def _remember_nothing(self) -> None:
        """Empty caches."""
        self._prompt = lru_cache(maxsize=4096)(self._encode_prompt)

    def __getstate__(self) -> dict[str, object]:
        """Without its caches, which no pickle can hold: a copy works them out again."""
        return {name: value for name, value in vars(self).items() if name not in CACHES}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._remember_nothing()

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now."""
        return (policy_of(self.model, self._trainable),)

    def open(self, seat: Seat) -> ModelPlayer:
        """Its player for a seat."""
        return ModelPlayer(self, seat)

    def count(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self.model.encode(text))

    def room(self, observation: Observation, chosen: Template | None = None) -> int:
        """How many tokens of the context the question about an observation and its answer leave; below 0: none."""
        shape = template_for(observation, chosen or self.template)
        asked = self._prompt(readable(observation), _listed(observation, shape), shape)
        context: int = getattr(self.model, "context", UNKNOWN_CONTEXT)
        return context - len(asked) - self._longest_answer(observation)

    def _longest_answer(self, observation: Observation) -> int:
        return self.sampling.max_new_tokens

    async def reply(self, observation: Observation, seed: int, chosen: Template | None = None) -> Reply:
        """Write, and take the action out of it. `chosen`: the template, if not the agent's own."""
        text = readable(observation)
        shape = template_for(observation, chosen or self.template)
        listed = _listed(observation, shape)
        prompt = self._prompt(text, listed, shape)
        completion = await self.model.generate(prompt, self.sampling, seed)
        written, told = self.model.decode(completion.token_ids), completion.exchange
        call = Call(
            policy_that_wrote(completion, self.model, self._trainable),
            self.sampling,
            (Segment("prompt", told.prompt_ids if told else prompt), *generated(completion)),
            self._messages(text, listed, written, shape),
            stop_reason=completion.stop_reason,
        )
        return Reply(shape.parse(written), (call,), _notes(shape))

    def _messages(self, text: str, listed: tuple[str, ...], written: str, shape: Template) -> tuple[Message, ...]:
        asked = shape.messages(text, listed)
        return (*(Message(one["role"], one["content"]) for one in asked), Message("assistant", written))

    def _encode_prompt(self, text: str, listed: tuple[str, ...], shape: Template) -> tuple[int, ...]:
        return tuple(self.model.chat(shape.messages(text, listed)))


class ModelPlayer:
    """A language model in one seat. Every observation shows all that it needs, so it remembers nothing."""

    def __init__(self, agent: WritingAgent, seat: Seat) -> None:
        self.agent, self.seat = agent, seat
        self.template = template_for_game(seat.env_id, agent.template, seat.env_kwargs)

    async def act(self, observation: Observation) -> Reply:
        """The agent's reply, with the turn's seed."""
        return await self.agent.reply(observation, self.seat.turn_seed(observation.turn), self.template)

    def room(self, observation: Observation) -> int:
        """How many tokens more an observation could have."""
        return self.agent.room(observation, self.template)

    def close(self, last: Seen | None) -> None:
        """Nothing is held open."""


class ChoosingPlayer(ModelPlayer):
    """One that chooses among the legal actions: its probabilities can be asked for."""

    agent: LanguageModelAgent

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """The exact probability of every legal action."""
        return await self.agent.action_distribution(observation, self.template)


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
        self._distributions: dict[tuple[str, tuple[str, ...], Template], _Distribution] = {}
        self._distributions_version = self.model.weights_version

    def _remember_nothing(self) -> None:
        super()._remember_nothing()
        self._options = lru_cache(maxsize=4096)(partial(options_of, self.model))

    def open(self, seat: Seat) -> ChoosingPlayer:
        """Its player for a seat."""
        return ChoosingPlayer(self, seat)

    async def reply(self, observation: Observation, seed: int, chosen: Template | None = None) -> Reply:
        """Choose among the legal actions where they are finite, else write freely."""
        if observation.legal_actions:
            return await self._choose(observation, seed, chosen or self.template)
        return await super().reply(observation, seed, chosen)

    async def action_distribution(self, observation: Observation, chosen: Template | None = None) -> dict[str, float]:
        """The exact probability of every legal action. `chosen`: the template, if not the agent's own."""
        distribution = await self._distribution(observation, chosen or self.template)
        return dict(zip(distribution.actions, distribution.probabilities, strict=True))

    def _longest_answer(self, observation: Observation) -> int:
        if not observation.legal_actions:
            return super()._longest_answer(observation)
        return len(self._opening) + max(len(one.token_ids) for one in self._options(observation.legal_actions))

    async def _choose(self, observation: Observation, seed: int, shape: Template) -> Reply:
        distribution = await self._distribution(observation, shape)
        uniform = random.Random(seed).random()
        picked = min(bisect_left(distribution.cumulative, uniform), len(distribution.actions) - 1)
        return Reply(distribution.actions[picked], (distribution.calls[picked],), _notes(shape))

    async def _distribution(self, observation: Observation, shape: Template) -> _Distribution:
        """The distribution over the legal actions, asked of the model once per observation and weights."""
        key = (readable(observation), _required_actions(observation), shape)
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

    async def _ask(self, text: str, actions: tuple[str, ...], shape: Template) -> _Distribution:
        listed = actions if shape.lists_actions else ()
        options, prompt = self._options(actions), self._prompt(text, listed, shape)
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
                    self._messages(text, listed, self.model.decode([*self._opening, *option.token_ids]), shape),
                )
                for option, distribution in zip(options, distributions, strict=True)
            ),
            tuple(map(float, weights)),
            tuple(map(float, np.cumsum(weights / weights.sum()))),
        )


def _listed(observation: Observation, shape: Template) -> tuple[str, ...]:
    """The actions that the template shows; none where it shows none, so that prompts are not made twice."""
    return tuple(observation.legal_actions or observation.suggested_actions or ()) if shape.lists_actions else ()


def _notes(shape: Template) -> Mapping[str, str]:
    """Which file the template was, by its hash."""
    return {"template": shape.sha256} if shape.sha256 else NOTHING


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
