"""Who plays: an agent is given a seat and opens a player for it, which lives as long as the episode.

Many agents ask a language model what to write; what they ask of it stands here too.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sparring.types import Observation, Policy, Reply, Sampling, Seen, derive_seed, record

if TYPE_CHECKING:
    import numpy as np

Ids = Sequence[int]
"""Token ids."""


@record
class Seat:
    """A place in an episode, given to an agent once."""

    env_id: str
    seat: str
    """Its name: player_0."""
    episode: str = ""
    """The episode's id."""
    seed: int = 0
    """The match's: it decides the task, and with `sample` the agents' randomness."""
    sample: int = 0
    """Which attempt at the task this is."""
    task: str | None = None
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def turn_seed(self, turn: int) -> int:
        """The agent's randomness for a turn: equal seats, turns and observations, equal replies."""
        attempt = ("sample", self.sample) if self.sample else ()
        return derive_seed(self.seed, *attempt, self.seat, turn)


class Player(Protocol):
    """An agent in one seat of one episode; it may remember whatever happens there."""

    def act(self, observation: Observation) -> Coroutine[Any, Any, Reply]:
        """The reply to an observation: a function of its seat, of what it has seen there, and of the weights.

        Async, so that thousands of episodes meet in one batch of a model.
        """
        ...

    def close(self, last: Seen | None) -> None:
        """The episode is over; `last` is what the seat saw at its end, None where it broke off."""
        ...


class Agent(Protocol):
    """Anything that can take a seat."""

    @property
    def name(self) -> str:
        """What tables and reports call it."""
        ...

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now; none where no model does."""
        ...

    @property
    def sampling(self) -> Sampling | None:
        """How its tokens are drawn; None where there are no tokens."""
        ...

    def open(self, seat: Seat) -> Player:
        """The player for a seat. A stateless agent may return itself."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a server says that its model read and wrote, in the tokens of that model."""

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """[len(token_ids)], nats."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model generated for one prompt."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    """[len(token_ids)], nats, after temperature and top-p; None where the model hides them."""
    stop_reason: str
    """eos, or length."""
    weights_version: str
    exchange: Exchange | None = None
    """What is recorded in place of `token_ids`, where a server has said it and bytes stand for its tokens here."""


class LanguageModel(Protocol):
    """Token ids in, token ids and log-probabilities out.

    Every request stands alone: it depends on its own arguments and the weights, and fails alone. A model that computes
    in batches lets requests meet by itself.
    """

    name: str
    weights_version: str
    tokenizer_fingerprint: str
    """Of what turns text into token ids, the chat template included."""
    weights_fingerprint: str
    """Of the weights that were loaded; "" where it is not known, or training has changed them since."""
    shows_logprobs: bool
    """Whether completions have log-probabilities. A model that hides them cannot be trained on."""

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, no special tokens added."""
        ...

    def decode(self, token_ids: Ids) -> str:
        """The text of token ids, special tokens left out."""
        ...

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of a conversation (`role`, `content`), up to where the assistant's answer begins."""
        ...

    async def generate(self, prompt: Ids, sampling: Sampling, seed: int) -> Completion:
        """The completion of a prompt. Raises ValueError where the prompt does not fit into the context."""
        ...

    async def score(self, prompt: Ids, continuations: Sequence[Ids]) -> list[np.ndarray]:
        """Per continuation, the log-probability [len(continuation)] of each token, nats.

        Raises ValueError as `generate` does, and TypeError where the model shows no probabilities.
        """
        ...
