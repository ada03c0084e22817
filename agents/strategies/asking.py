"""One turn of a strategy: what it asks the model about an observation, every answer with its call.

How a question is asked, read and recorded is `TalkingAgent`'s: a thought, then an action, which is chosen among the
legal actions where these are finite and `decoding` is legal. A question is one of three:

    draft       the observation itself, in the episode's conversation
    follow-up   a message behind an earlier answer, in the same conversation: its call continues that answer's call
    fresh       a conversation of its own, which begins with the system prompt; no picture is shown in it

What is quoted in a question has a budget (`quoted`): all quotes take at most half of the room for the conversation,
each an equal share, and a longer one is cut in its middle. A question that still does not fit is asked fresh, and is
cut in its middle too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sparring.agents.models.conversation import Conversation, message
from sparring.agents.strategies.prompts import VERDICTS, verdict_in
from sparring.agents.talking.agent import Answer, TalkingAgent
from sparring.agents.talking.dialogue import Opening
from sparring.agents.talking.prompts import fit
from sparring.protocols import Completion
from sparring.types import Call, Observation, Segment, call_id, derive_seed

NOTHING_SAID = "(nothing)"


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask the model."""

    conversation: Conversation
    purpose: str
    seen: Observation
    """What it is about; its legal actions are the answers that count, where they are finite."""
    continues: str | None = None
    """The id of the call that the conversation goes on from."""
    tools: bool = False
    """Whether a tool call is an answer."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of the model."""

    place: int
    """Of its call in the turn."""
    question: Question
    completion: Completion
    action: str
    thought: str
    written: str
    """All of it as text."""
    logprob: float | None
    """Of the tokens that it chose, summed, nats; None where the model hides it."""
    tokens: int
    """How many tokens it chose."""

    @property
    def prose(self) -> str:
        """What it says in words: of a choice the thought, of a free answer all of it."""
        said = (self.thought or self.written) if self.question.seen.legal_actions else f"{self.thought}\n{self.action}"
        return said.strip() or NOTHING_SAID

    @property
    def verdict(self) -> str | None:
        """right or wrong, of a judgement; None where it says neither."""
        return verdict_in(self.action)


class Asking:
    """The questions of one turn. `calls` records them in the order in which they were asked."""

    def __init__(self, talker: TalkingAgent, opening: Opening, observation: Observation, seed: int) -> None:
        self.talker, self.observation = talker, observation
        self.calls: list[Call] = []
        self.start: Question | None = None
        """How the observation itself is asked about; None before the conversation has come so far."""
        self._opening, self._seed = opening, seed

    async def drafts(self, count: int, purpose: str) -> tuple[Said, ...]:
        """Several answers to the observation, each sampled by itself."""
        assert self.start is not None
        return await self.ask([replace(self.start, purpose=purpose)] * count)

    async def ask(self, questions: Sequence[Question]) -> tuple[Said, ...]:
        """The answers to questions that do not wait for each other."""
        first = len(self.calls)
        answers = await asyncio.gather(*(self._answer(one, first + offset) for offset, one in enumerate(questions)))
        return tuple(self._recorded(question, answer) for question, answer in zip(questions, answers, strict=True))

    async def ask_one(self, question: Question) -> Said:
        """The answer to a question."""
        (said,) = await self.ask([question])
        return said

    def judge(self, said: Said, text: str) -> Question:
        """A follow-up that is answered by right or wrong."""
        return self.follow(said, text, "critique", VERDICTS)

    def act_again(self, said: Said, text: str, purpose: str) -> Question:
        """A follow-up that is answered by an action."""
        return replace(self.follow(said, text, purpose, self.observation.legal_actions), tools=self._takes_tools)

    def follow(self, said: Said, text: str, purpose: str, choices: tuple[str, ...] | None = None) -> Question:
        """A message behind an earlier answer of this turn."""
        grown = said.question.conversation.grown(self.talker.model, said.completion, text)
        if len(grown.tokens) > self._room(choices):
            (quote,) = self.quoted([said.written])
            return self.fresh(f"{self.observation.text}\n\nYour last answer:\n{quote}\n\n{text}", purpose, choices)
        return Question(grown, purpose, self._about(choices), call_id(self.observation.turn, said.place))

    def extended(self, text: str, purpose: str) -> Question:
        """The observation with more behind it, in the episode's conversation; it is answered by an action."""
        assert self.start is not None
        before, choices = self.start.conversation, self.observation.legal_actions
        last = message(before.messages[-1]["role"], f"{before.messages[-1]['content']}\n\n{text}")
        conversation = Conversation.of(self.talker.model, *before.messages[:-1], last, tools=before.tools)
        if len(conversation.tokens) > self._room(choices):
            return replace(self.fresh(f"{self.observation.text}\n\n{text}", purpose, choices), tools=self._takes_tools)
        return Question(conversation, purpose, self.observation, tools=self._takes_tools)

    def fresh(self, text: str, purpose: str, choices: tuple[str, ...] | None = None) -> Question:
        """A conversation of its own; a text that does not fit is cut in its middle."""
        room = self._opening.room(self._room(choices))
        shown = self._opening.messages(fit(text, room, self._opening.count))
        return Question(Conversation.of(self.talker.model, *shown), purpose, Observation(("",), choices))

    def quoted(self, texts: Sequence[str], part: int = 2) -> list[str]:
        """The texts within their budget: an equal share each of a half (or less: one `part`) of the room."""
        share = self._opening.room(self.talker.context) // (part * max(1, len(texts)))
        return [fit(text.strip() or NOTHING_SAID, share, self._opening.count) for text in texts]

    @property
    def _takes_tools(self) -> bool:
        return self.start is not None and self.start.tools

    def _room(self, choices: tuple[str, ...] | None) -> int:
        """Tokens that a conversation may have before an answer of this kind."""
        return self.talker.room(self._about(choices))

    def _about(self, choices: tuple[str, ...] | None) -> Observation:
        """The observation, with other answers that count."""
        return replace(self.observation, legal_actions=choices)

    async def _answer(self, question: Question, place: int) -> Answer:
        seed = derive_seed(self._seed, place)
        return await self.talker.answer(question.conversation, question.seen, question.tools, seed)

    def _recorded(self, question: Question, answer: Answer) -> Said:
        talker, conversation = self.talker, question.conversation
        call = conversation.call(
            talker.model,
            answer.completion,
            talker.sampling,
            trainable=talker.trainable,
            purpose=question.purpose,
            continues=question.continues,
            answer=answer.segments,
        )
        self.calls.append(call)
        chosen = [segment for segment in answer.segments if segment.kind == "generated"]
        return Said(
            len(self.calls) - 1,
            question,
            answer.completion,
            answer.action,
            answer.thought,
            talker.model.decode(answer.completion.token_ids),
            _logprob(chosen),
            sum(len(segment.token_ids) for segment in chosen),
        )


def verdicts(judged: Sequence[Said]) -> list[Mapping[str, object]]:
    """Judgements as notes: which call judged, and what it said."""
    return [{"call": one.place, "verdict": one.verdict} for one in judged]


def _logprob(chosen: Sequence[Segment]) -> float | None:
    if any(segment.logprobs is None for segment in chosen):
        return None
    return float(sum(sum(segment.logprobs or ()) for segment in chosen))
