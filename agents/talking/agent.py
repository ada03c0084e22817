"""`chat:MODEL` and `react:MODEL`: language models that talk with any environment of text.

A player holds one conversation: a system prompt, then observations and answers in turn. What the model wrote stays the
tokens that it wrote, so an episode is one training sample as long as the chat template extends and nothing is dropped.

With `decoding="legal"` the model chooses where the legal actions are finite: `chat` at once, `react` after a thought
(think, then choose). The thought is written freely up to `Action:`, or up to `max_new_tokens`, when `Action:` is put
in; then the action is drawn by the model's own distribution, renormalised over the legal actions. Both parts are
recorded with their log-probabilities, and both are trained on. An end-of-answer token inside a thought is left out, so
the choice to end the thought there is not learnt from.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, Unpack, cast, get_args

from sparring import registry
from sparring.agents import models
from sparring.agents.choices import CLOSING, Option, choose, options_of
from sparring.agents.models.conversation import Conversation
from sparring.agents.models.loading import ModelOptions, model_name
from sparring.agents.models.pictures import SeesPictures, pictures_of
from sparring.agents.models.weights.trained import settings_as_trained
from sparring.agents.talking.dialogue import Dialogue, Opening
from sparring.agents.talking.prompts import SYSTEM, Kind
from sparring.agents.talking.reading import MARK, read, thought_of
from sparring.protocols import Completion, LanguageModel, Seat
from sparring.store.run_files import is_run
from sparring.types import Observation, Policy, Reply, Sampling, Seen, Segment, call_id, derive_seed, mark_fault

TALKING = Sampling(max_new_tokens=256, decoding="free")
UNKNOWN_CONTEXT = 32_768
"""Tokens (bytes) of a conversation with a model behind a server, which does not say how many it takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said in a turn."""

    completion: Completion
    """All of it as one, with the tokens that were put in."""
    segments: tuple[Segment, ...]
    action: str
    thought: str = ""


class TalkingAgent:
    """Talks with an environment, one conversation an episode. `trainable=False` freezes it."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        kind: Kind = "chat",
        sampling: Sampling = TALKING,
        name: str | None = None,
        trainable: bool = False,
        system: str | None = None,
        context: int | None = None,
        history: int | None = None,
    ) -> None:
        """`system`: the system prompt, if not that of the kind. `context`: the most tokens that the model is shown,
        if not all that leave room for `max_new_tokens`. `history`: the most earlier turns that it is shown; None: all
        that fit.

        Raises ValueError for sampling that the model cannot do, and where an observation would have no room.
        """
        if kind not in SYSTEM:
            raise ValueError(f"kind must be {' or '.join(get_args(Kind))}, got {kind!r}")
        if sampling.decoding == "legal" and not model.shows_logprobs:
            raise ValueError(f"{model.name} shows no probabilities to choose by: decoding must be free, got legal")
        if history is not None and history < 0:
            raise ValueError(f"history must be >= 0, got {history}")
        self.model, self.kind, self.history, self.trainable = model, kind, history, trainable
        self.sampling = models.check_sampling(sampling, model)
        self.system = SYSTEM[kind] if system is None else system
        self.name = name or f"{kind}:{model.name}"
        self._longest: int = getattr(model, "context", UNKNOWN_CONTEXT)
        self.context = self._checked(context)
        Opening(model, self.system).room(self.context)
        self._remember_nothing()

    def _remember_nothing(self) -> None:
        """An empty cache."""
        self._options = lru_cache(maxsize=4096)(partial(options_of, self.model))

    def __getstate__(self) -> dict[str, object]:
        """Without the cache, which no pickle can hold."""
        return {name: value for name, value in vars(self).items() if name != "_options"}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._remember_nothing()

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now."""
        return (models.policy_of(self.model, self.trainable),)

    def open(self, seat: Seat) -> TalkingPlayer:
        """A new conversation."""
        return TalkingPlayer(self, seat)

    def room(self, observation: Observation) -> int:
        """How many tokens the conversation may have before the model answers this observation."""
        if not self._chooses(observation):
            return self.context
        longest = max(len(option.token_ids) for option in self._options(observation.legal_actions or ()))
        put_in = len(self.model.encode(f"\n{MARK} [")) + len(self.model.encode(CLOSING))
        room = self._longest - self.sampling.max_new_tokens - put_in - longest
        if room < 1:
            wrong = ValueError(
                f"the longest legal action has {longest} tokens and max_new_tokens is {self.sampling.max_new_tokens}: "
                f"the {self._longest} tokens of {self.model.name} leave no room for a conversation"
            )
            raise mark_fault(wrong, "capacity")
        return min(self.context, room)

    async def answer(self, conversation: Conversation, observation: Observation, tools: bool, seed: int) -> Answer:
        """What the model says next: an action that it chooses, or text that is read."""
        if self._chooses(observation):
            return await self._choose(conversation, observation.legal_actions or (), seed)
        completion = await self._written(conversation, observation, seed)
        written = self.model.decode(completion.token_ids)
        thought, action = read(self.kind, written, observation.legal_actions, tools)
        segment = Segment("generated", completion.token_ids, completion.logprobs)
        return Answer(completion, (segment,), action, thought)

    async def _written(self, conversation: Conversation, observation: Observation, seed: int) -> Completion:
        """What the model writes; one that sees is shown the pictures of this observation, and none of earlier ones."""
        pictures = pictures_of(observation.content)
        if pictures and isinstance(self.model, SeesPictures):
            return await self.model.generate_seeing(conversation.tokens, self.sampling, seed, pictures)
        return await self.model.generate(conversation.tokens, self.sampling, seed)

    def _chooses(self, observation: Observation) -> bool:
        return self.sampling.decoding == "legal" and bool(observation.legal_actions)

    async def _choose(self, conversation: Conversation, actions: tuple[str, ...], seed: int) -> Answer:
        """A thought, if the kind has one, and one of the actions."""
        version = self.model.weights_version
        before: tuple[Segment, ...] = ()
        written = ""
        if self.kind == "react":
            completion = await self.model.generate(conversation.tokens, self.sampling, seed)
            version, before = completion.weights_version, self._thought(completion)
            written = self.model.decode([token for segment in before for token in segment.token_ids])
        before = (*before, Segment("scaffold", tuple(self.model.encode(self._opening_after(written)))))
        tokens = (*conversation.tokens, *(token for segment in before for token in segment.token_ids))
        uniform = random.Random(derive_seed(seed, "choice")).random()
        option, logprobs = await choose(self.model, tokens, self._options(actions), self.sampling.temperature, uniform)
        segments = (*before, Segment("generated", option.token_ids, logprobs, option.allowed), *self._closing(option))
        said = tuple(token for segment in segments for token in segment.token_ids)
        thought = thought_of(written.removesuffix(MARK))
        return Answer(Completion(said, None, "action", version), segments, option.action, thought)

    def _thought(self, completion: Completion) -> tuple[Segment, ...]:
        """What the model wrote freely, up to `Action:`; none where it ended at once."""
        ids = completion.token_ids[:-1] if completion.stop_reason == "eos" else completion.token_ids
        if MARK in self.model.decode(ids):
            ids = ids[: bisect_left(range(len(ids)), True, key=lambda end: MARK in self.model.decode(ids[:end]))]
        logprobs = completion.logprobs and completion.logprobs[: len(ids)]
        return (Segment("generated", ids, logprobs),) if ids else ()

    def _opening_after(self, written: str) -> str:
        """What is put in between the thought and the action."""
        if self.kind == "chat":
            return "["
        if MARK in written:
            return "[" if written[-1:].isspace() else " ["
        return f"\n{MARK} [" if written else f"{MARK} ["

    def _closing(self, option: Option) -> tuple[Segment, ...]:
        """The bracket behind the action, where it is no token of it."""
        if self.model.decode(option.token_ids) == option.action + CLOSING:
            return ()
        return (Segment("scaffold", tuple(self.model.encode(CLOSING))),)

    def _checked(self, context: int | None) -> int:
        most = self._longest - self.sampling.max_new_tokens
        if most < 1:
            raise ValueError(
                f"max_new_tokens must leave room in the {self._longest} tokens of {self.model.name}, "
                f"got {self.sampling.max_new_tokens}"
            )
        if context is not None and context > most:
            raise ValueError(
                f"context must be <= {most}, the {self._longest} tokens of {self.model.name} less max_new_tokens, "
                f"got {context}"
            )
        return most if context is None else context


class TalkingPlayer:
    """One conversation."""

    def __init__(self, agent: TalkingAgent, seat: Seat) -> None:
        self._agent, self._seat = agent, seat
        self._dialogue = Dialogue(agent.model, agent.system, agent.history)

    async def act(self, observation: Observation) -> Reply:
        """Hear the observation and answer."""
        agent, dialogue, turn = self._agent, self._dialogue, observation.turn
        conversation = dialogue.hear(observation, agent.room(observation))
        answer = await agent.answer(conversation, observation, dialogue.has_tools, self._seat.turn_seed(turn))
        dialogue.answered(conversation, answer.completion)
        call = conversation.call(
            agent.model,
            answer.completion,
            agent.sampling,
            trainable=agent.trainable,
            continues=call_id(turn - 1, 0),
            answer=answer.segments,
        )
        notes: dict[str, Any] = {"thought": answer.thought} if answer.thought else {}
        return Reply(answer.action, (call,), notes | ({"dropped": dialogue.dropped} if dialogue.dropped else {}))

    def close(self, last: Seen | None) -> None:
        """Nothing is held open."""


def talking_player(
    model: LanguageModel,
    *,
    kind: Kind,
    sampling: Sampling = TALKING,
    name: str | None = None,
    trainable: bool = False,
) -> TalkingAgent:
    """The agent that talks with a model, as `players.make_player` makes those that remember nothing."""
    return TalkingAgent(model, kind=kind, sampling=sampling, name=name, trainable=trainable)


class TalkingOptions(ModelOptions, total=False):
    """How a model is loaded, and how it talks."""

    temperature: float
    top_p: float
    max_new_tokens: int
    decoding: Literal["free", "legal"]
    system: str
    context: int
    history: int


SAMPLED = ("temperature", "top_p", "max_new_tokens", "decoding")


def build(kind: Kind, model: str, options: TalkingOptions) -> TalkingAgent:
    """An agent by its model's name; of a run folder its best checkpoint, which samples as it was trained to."""
    given, model = dict[str, Any](options), model_name(model)
    if is_run(Path(model)):
        given = {name: value for name, value in settings_as_trained(Path(model)).items() if name in SAMPLED} | given
    sampling = replace(TALKING, **{name: given[name] for name in SAMPLED if name in given})
    talking = {name: given[name] for name in ("system", "context", "history") if name in given}
    loading = {name: value for name, value in options.items() if name in ModelOptions.__annotations__}
    loaded = models.load_shared(model, **cast("ModelOptions", loading))
    return TalkingAgent(loaded, kind=kind, sampling=sampling, **talking)


@registry.agents.register("chat", family="language model", extra="train")
def chat(argument: str = "smollm2", **options: Unpack[TalkingOptions]) -> TalkingAgent:
    """Talks with the environment, one conversation an episode; its answer is the action: `chat:MODEL`."""
    return build("chat", argument, options)


@registry.agents.register("react", family="language model", extra="train")
def react(argument: str = "smollm2", **options: Unpack[TalkingOptions]) -> TalkingAgent:
    """Writes a thought before every action (ReAct): `react:MODEL`, with `decoding=legal` think, then choose."""
    return build("react", argument, options)
