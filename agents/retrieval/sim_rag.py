"""SIM-RAG (arXiv 2505.02811): answer, let a critic judge the answer, and search again where it says no.

    question ─► answer and rationale ─► critic: enough? ── yes ─► answer
                        ▲                    └── no ─► query ─► passages ─┐
                        └─────────────────────────────────────────────────┘

Where we deviate from the release, and why:

- the critic gives a probability, and `threshold` decides; the release takes the likelier token, and has no such knob;
- after an accepted answer no query is written (19 % of the release's queries are thrown away);
- which passages were seen is a matter of one episode: the environment drops them, and no list is shifted;
- how many rounds there are is said by the environment, in practice and in use; a critic refuses more than it was
  trained on;
- it may give up: where the last answer is likelier wrong than `abstain` allows, or says that it is unsure.

Every call is recorded with its purpose: answer, critic, query.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack

from sparring import registry
from sparring.agents import models
from sparring.agents.models.conversation import Conversation, message
from sparring.agents.models.loading import ModelOptions, model_name
from sparring.agents.retrieval.critic import Case, Critic, FixedRounds, Read, Round, critics, require_rounds
from sparring.agents.retrieval.prompts import (
    NO,
    YES,
    answer_prompt,
    judge_prompt,
    query_prompt,
    read_answer,
    read_query,
    read_verdict,
)
from sparring.agents.talking.prompts import fit
from sparring.answers.search_actions import STYLES, Kind, Style, written
from sparring.protocols import Completion, LanguageModel, Seat
from sparring.types import Call, Observation, Policy, Reply, Sampling, Seen, derive_seed, mark_fault

WRITING = Sampling(temperature=0.6, top_p=0.9, max_new_tokens=256, decoding="free")
"""The release's."""
UNKNOWN_CONTEXT = 32_768
FRAME = 64
"""Tokens that a chat template may put around a message."""


class SimRag:
    """Plays `Search-v0` with a model and a critic; without a critic the model judges itself."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        critic: Critic | None = None,
        threshold: float | None = None,
        abstain: float | None = None,
        examples: bool | None = None,
        sampling: Sampling = WRITING,
        name: str | None = None,
        trainable: bool = False,
    ) -> None:
        """An answer is accepted at a probability of `threshold` and more, and given up at the end below `abstain`.

        Left out, both are the critic's own. With `examples` the model continues plain text after worked examples,
        instead of answering in a chat, which small models cannot do; left out: where the model is in this process.
        Raises ValueError for probabilities out of range, and for sampling that the model cannot do.
        """
        self.model, self.critic = model, critic
        self.threshold = _probability("threshold", threshold, critic.threshold if critic else 0.5)
        self.abstain = _probability("abstain", abstain, critic.surrender if critic else 0.0)
        self.examples = hasattr(model, "module") if examples is None else examples
        self.sampling = models.check_sampling(sampling, model)
        self.name = name or f"sim-rag:{model.name}"
        self.trainable = trainable

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now."""
        return (models.policy_of(self.model, self.trainable),)

    def open(self, seat: Seat) -> SimRagPlayer:
        """A player that has read nothing."""
        return SimRagPlayer(self, seat)

    def conversation(self, prompt: str) -> Conversation:
        """The conversation that asks one thing, cut in its middle where it would not fit."""
        longest: int = getattr(self.model, "context", UNKNOWN_CONTEXT)
        room = longest - self.sampling.max_new_tokens - FRAME
        if room < FRAME:
            wrong = ValueError(f"max_new_tokens must leave room in the {longest} tokens of {self.model.name}")
            raise mark_fault(wrong, "capacity")
        text = fit(prompt, room, lambda one: len(self.model.encode(one)))
        if self.examples:
            tokens = tuple(self.model.encode(text))
            return Conversation((message("user", text),), tokens, tokens)
        return Conversation.of(self.model, message("user", text))

    def call(self, conversation: Conversation, completion: Completion, purpose: str) -> Call:
        """The record of a question to the model."""
        return conversation.call(self.model, completion, self.sampling, trainable=self.trainable, purpose=purpose)

    async def write(self, prompt: str, seed: int, purpose: str) -> tuple[str, Call]:
        """What the model writes, with its record."""
        conversation = self.conversation(prompt)
        completion = await self.model.generate(conversation.tokens, self.sampling, seed)
        return self.model.decode(completion.token_ids), self.call(conversation, completion, purpose)

    async def judge(self, case: Case, seed: int) -> tuple[float, tuple[Call, ...]]:
        """How likely an answer may stand: the critic's word, else the model's own."""
        if self.critic is not None:
            probability = await self.critic.verdict(case)
            if not 0 <= probability <= 1:
                raise ValueError(f"a verdict must be a probability from 0 to 1, got {probability!r}")
            return float(probability), ()
        if self.model.shows_logprobs:
            return await self._judge_by_probability(case)
        text, call = await self.write(judge_prompt(case, self.examples), seed, "critic")
        return float(read_verdict(text)), (call,)

    async def _judge_by_probability(self, case: Case) -> tuple[float, tuple[Call, ...]]:
        """The model's own probability of Yes, of Yes and No."""
        conversation = self.conversation(judge_prompt(case, self.examples))
        words = [self.model.encode(f" {word}" if self.examples else word) for word in (YES, NO)]
        yes, no = await self.model.score(conversation.tokens, words)
        ratio = float(no.sum()) - float(yes.sum())
        probability = 1.0 / (1.0 + math.exp(min(ratio, 700.0)))
        place = 0 if probability >= 0.5 else 1
        said = tuple(float(one) for one in (yes, no)[place])
        completion = Completion(tuple(words[place]), said, "action", self.model.weights_version)
        return probability, (self.call(conversation, completion, "critic"),)


class SimRagPlayer:
    """One question."""

    def __init__(self, agent: SimRag, seat: Seat) -> None:
        self._agent, self._seat = agent, seat
        self._question = ""
        self._style: Style = "tags"
        self._rounds: tuple[Round, ...] = ()
        self._query = ""

    async def act(self, observation: Observation) -> Reply:
        """Answer, judge, and search again where the answer may not stand."""
        agent, info = self._agent, observation.info
        self._hear(observation)
        seed = self._seat.turn_seed(observation.turn)
        draft = Case(self._question, self._rounds, "", "")
        text, call = await agent.write(answer_prompt(draft, agent.examples), derive_seed(seed, "answer"), "answer")
        said = read_answer(text)
        case = Case(self._question, self._rounds, said.answer, said.rationale)
        probability, judged = await agent.judge(case, derive_seed(seed, "critic"))
        accepted = probability >= agent.threshold and not said.is_unsure
        calls: tuple[Call, ...] = (call, *judged)
        notes: dict[str, Any] = {
            "answer": said.answer,
            "rationale": said.rationale,
            "verdict": probability,
            "accepted": accepted,
        }
        if accepted:
            return self._reply("answer", said.answer, calls, notes)
        if _rounds_left(info) < 1:
            gives_up = said.is_unsure or probability < agent.abstain
            return self._reply("give_up" if gives_up else "answer", said.answer, calls, notes)
        text, call = await agent.write(query_prompt(case, agent.examples), derive_seed(seed, "query"), "query")
        self._query = read_query(text) or self._question
        return self._reply("search", self._query, (*calls, call), notes)

    def close(self, last: Seen | None) -> None:
        """Nothing is held open."""

    def _hear(self, observation: Observation) -> None:
        """Take in the question, or what the last query found."""
        info = observation.info
        if observation.turn == 0:
            self._question, self._style = _question(info)
            if self._agent.critic is not None:
                require_rounds(self._agent.critic, _rounds_left(info))
            return
        self._rounds = (*self._rounds, Round(self._query, _passages(info)))

    def _reply(self, kind: Kind, text: str, calls: tuple[Call, ...], notes: dict[str, Any]) -> Reply:
        return Reply(written(self._style, kind, text), calls, notes)


def _probability(option: str, value: float | None, otherwise: float) -> float:
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{option} must be a probability from 0 to 1, got {value!r}")
    return value


def _question(info: Mapping[str, object]) -> tuple[str, Style]:
    """The question and the style of an episode. Raises ValueError for an environment of another kind."""
    question, style = info.get("question"), info.get("style")
    if not isinstance(question, str) or style not in STYLES:
        raise ValueError("this agent plays Search-v0: the environment must say its question and style in its info")
    return question, style


def _rounds_left(info: Mapping[str, object]) -> int:
    left = info.get("rounds_left")
    return left if isinstance(left, int) else 0


def _passages(info: Mapping[str, Any]) -> tuple[Read, ...]:
    return tuple(Read(one["title"], one["text"]) for one in info.get("passages", ()))


class SimRagOptions(ModelOptions, total=False):
    """How a model is loaded and writes, and when its answers are accepted."""

    critic: str
    threshold: float
    abstain: float
    examples: bool
    temperature: float
    top_p: float
    max_new_tokens: int


class RoundsOptions(ModelOptions, total=False):
    """How a model is loaded, and how it writes."""

    examples: bool
    temperature: float
    top_p: float
    max_new_tokens: int


SAMPLED = ("temperature", "top_p", "max_new_tokens")


def build(argument: str, options: dict[str, Any], **settings: Any) -> SimRag:
    """An agent by its model's name."""
    sampled = {name: options[name] for name in SAMPLED if name in options}
    loading = {name: value for name, value in options.items() if name in ModelOptions.__annotations__}
    model = models.load_shared(model_name(argument), **loading)
    examples = options.get("examples")
    return SimRag(model, examples=examples, sampling=replace(WRITING, **sampled), **settings)


@registry.agents.register("sim-rag", family="retrieval", extra="train")
def sim_rag(argument: str = "smollm2", **options: Unpack[SimRagOptions]) -> SimRag:
    """Answers, is judged by a critic, and searches again: `sim-rag:MODEL:critic=FOLDER:threshold=0.8`."""
    settings = {name: options[name] for name in ("threshold", "abstain") if name in options}
    critic = critics.load(options["critic"]) if "critic" in options else None
    return build(argument, dict(options), critic=critic, **settings)


@registry.agents.register("rounds", family="retrieval", extra="train")
def rounds(argument: str = "smollm2", k: int = 3, **options: Unpack[RoundsOptions]) -> SimRag:
    """Searches k times and answers, as IRCoT does with its fixed number: `rounds:MODEL:k=3`."""
    if k < 0:
        raise ValueError(f"k must be >= 0, got {k}")
    return build(argument, dict(options), critic=FixedRounds(k), name=f"rounds:{argument}:k={k}")


@registry.agents.register("always-stop", family="retrieval", extra="train")
def always_stop(argument: str = "smollm2", **options: Unpack[RoundsOptions]) -> SimRag:
    """Answers at once, from nothing: `always-stop:MODEL`."""
    return build(argument, dict(options), critic=FixedRounds(0), name=f"always-stop:{argument}")


@registry.agents.register("never-stop", family="retrieval", extra="train")
def never_stop(argument: str = "smollm2", **options: Unpack[RoundsOptions]) -> SimRag:
    """Searches as often as it may, and answers then: `never-stop:MODEL`."""
    return build(argument, dict(options), critic=FixedRounds(10**9), name=f"never-stop:{argument}")
