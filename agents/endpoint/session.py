"""What one program has asked of a model, as the calls of one player.

A request whose messages begin with those of an earlier request and its answer, byte for byte, continues that call: the
tokens that the model read and wrote stay what they were, and only what came after is encoded. Every other request is
the root of a new sample: a sub-agent, a compacted history, another system prompt.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from sparring.agents.models.conversation import Conversation, Messages, message
from sparring.agents.models.tokenizer import Tools
from sparring.protocols import Completion, LanguageModel
from sparring.types import Call, Sampling, call_id, derive_seed

BROKEN = "broken_prefixes"
"""The note that counts requests whose messages went on, and whose tokens could not."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """A request and its answer."""

    number: int
    """Of its call, over all of the session."""
    conversation: Conversation
    completion: Completion


@dataclass(frozen=True, slots=True)
class Question:
    """Where the model is to write next, and the call that it goes on from."""

    conversation: Conversation
    continues: int | None = None
    """Its number in the session."""
    breaks: bool = False
    """Whether it would go on from an earlier call, had the chat template left that as it was."""


class Session:
    """One player's conversations with a model. It is used by the server's thread and by the player's."""

    def __init__(self, model: LanguageModel, base: str, *, trainable: bool = False, seed: int = 0) -> None:
        """`base`: where the server is, `http://127.0.0.1:8000`. `seed`: of answers to requests that name none."""
        self.model, self.trainable = model, trainable
        self.id, self.key = secrets.token_urlsafe(12), f"sk-sparring-{secrets.token_urlsafe(24)}"
        self.base_url = f"{base}/session/{self.id}/v1"
        """What a program is given as `base_url`; the same server's `/v1` knows the session by its key."""
        self.failure: BaseException | None = None
        """Why the model could not answer, the first time since `calls` that it could not."""
        self._seed, self._turn, self._asked, self._broken = seed, -1, 0, 0
        self._ids: list[str] = []
        """Of the calls that were handed over, by their numbers."""
        self._calls: list[tuple[Call, int | None]] = []
        """The others, each with the number of the call that it continues."""
        self._answered: dict[bytes, _Answered] = {}
        self._lock = Lock()

    def calls(self, turn: int = 0) -> tuple[Call, ...]:
        """The calls since this was asked last, as those of a player's turn (`Observation.turn`).

        Raises ValueError for a turn that was asked for already, or lies before one that was.
        """
        with self._lock:
            if turn <= self._turn:
                raise ValueError(f"turn must be > {self._turn}, whose calls were handed over already, got {turn}")
            self._turn, self.failure = turn, None
            self._ids += [call_id(turn, place) for place in range(len(self._calls))]
            calls, self._calls = self._calls, []
            return tuple(replace(call, continues=None if to is None else self._ids[to]) for call, to in calls)

    def notes(self) -> Mapping[str, Any]:
        """For `Reply.notes`: how many of the calls since this was asked last could not go on although their messages
        did (`broken_prefixes`), if any."""
        with self._lock:
            broken, self._broken = self._broken, 0
        return {BROKEN: broken} if broken else {}

    def next_seed(self) -> int:
        """Of a request that names none."""
        with self._lock:
            self._asked += 1
            return derive_seed(self._seed, "request", self._asked)

    def question(self, messages: Messages, tools: Tools) -> Question:
        """The conversation of a request. Raises what the chat template raises."""
        whole = Conversation.of(self.model, *messages, tools=tools)
        found = self._latest(messages, tools)
        if found is None:
            return Question(whole)
        grown = found.conversation.followed(self.model, found.completion, messages)
        return Question(grown, found.number) if grown.extends else Question(whole, breaks=True)

    def record(self, question: Question, completion: Completion, sampling: Sampling, answer: str) -> None:
        """The model has written the completion; `answer`: what of it the program was told.

        An answer at temperature 0 has no probability to learn from.
        """
        call = question.conversation.call(
            self.model,
            completion,
            sampling,
            trainable=self.trainable and sampling.temperature > 0,
        )
        conversation = question.conversation
        *_, said = _digests((*conversation.messages, message("assistant", answer)), conversation.tools)
        with self._lock:
            self._answered[said] = _Answered(len(self._ids) + len(self._calls), conversation, completion)
            self._calls.append((call, question.continues))
            self._broken += question.breaks

    def _latest(self, messages: Messages, tools: Tools) -> _Answered | None:
        """The longest of the earlier conversations, its answer included, that the messages begin with."""
        found = None
        for digest in _digests(messages, tools):
            found = self._answered.get(digest, found)
        return found


def _digests(messages: Messages, tools: Tools) -> Iterator[bytes]:
    """Of the first message, of the first two, and so on."""
    digest = hashlib.sha256(json.dumps(list(tools)).encode())
    for said in messages:
        digest.update(json.dumps([said["role"], said["content"]]).encode() + b"\n")
        yield digest.digest()
