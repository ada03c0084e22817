"""A conversation that grows token by token: what the model wrote stays the tokens that it wrote.

After an answer, the chat template closes the assistant's message, frames the reply and opens the next message. Those
tokens are appended to the tokens of the conversation so far. Where a template would render the past differently once
more is said (it strips or rewrites earlier answers), or where the conversation grew too long, the conversation is
rendered anew and a new training sample starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from sparring.agents.models import policy_that_wrote
from sparring.agents.models.tokenizer import Tools
from sparring.protocols import Completion, Exchange, LanguageModel
from sparring.types import Call, Message, Sampling, Segment

Messages = tuple[Mapping[str, str], ...]


@runtime_checkable
class ShowsTools(Protocol):
    """A model whose chat template may have a place for tools."""

    def chat(self, messages: Sequence[Mapping[str, str]], tools: Tools = ()) -> list[int]:
        """As `LanguageModel.chat`, with the tools where the template has their place."""
        ...

    def shows_tools(self, tools: Tools) -> bool:
        """Whether `chat` shows these tools, and no text of theirs as a special token."""
        ...


def message(role: str, content: str) -> Mapping[str, str]:
    """One message of a conversation."""
    return {"role": role, "content": content}


def rendered(model: LanguageModel, messages: Sequence[Mapping[str, str]], tools: Tools = ()) -> tuple[int, ...]:
    """The tokens of a conversation. Only a model that shows these tools may be given any."""
    return tuple(cast("ShowsTools", model).chat(messages, tools) if tools else model.chat(messages))


def generated(completion: Completion) -> tuple[Segment, ...]:
    """A completion as it is recorded."""
    told = completion.exchange or completion
    return (Segment("generated", told.token_ids, told.logprobs),)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Where the model is to write next."""

    messages: Messages
    """Up to the user's latest."""
    tokens: tuple[int, ...]
    """What the model sees: all tokens of the training sample so far."""
    added: tuple[int, ...]
    """Those of them that came after the model's last answer."""
    extends: bool = False
    """Whether `tokens` continue those of the last answer."""
    tools: Tools = ()
    """Those that the template shows."""
    heard: int = 1
    """How many of the messages came after the last answer."""
    exchanged: tuple[int, ...] = ()
    """The tokens up to and with the last answer, of a server that says them (`Completion.exchange`)."""

    @classmethod
    def of(cls, model: LanguageModel, *messages: Mapping[str, str], tools: Tools = ()) -> Conversation:
        """A conversation rendered as a whole."""
        tokens = rendered(model, messages, tools)
        return cls(messages, tokens, tokens, tools=tools)

    def call(
        self,
        model: LanguageModel,
        completion: Completion,
        sampling: Sampling,
        *,
        trainable: bool = False,
        purpose: str = "act",
        continues: str | None = None,
        answer: tuple[Segment, ...] | None = None,
    ) -> Call:
        """The call in which the model wrote the completion; `continues` is the call of the answer before, if any.

        `answer`: the segments of the completion, if it is not one that was generated as a whole.
        """
        extends, added = self.extends, self.added
        if completion.exchange is not None:
            extends, added = self._exchanged(completion.exchange)
        said = self.messages[len(self.messages) - self.heard :] if extends else self.messages
        return Call(
            policy_that_wrote(completion, model, trainable),
            sampling,
            (Segment("prompt", added), *(answer if completion.exchange is None and answer else generated(completion))),
            (
                *(Message(one["role"], one["content"]) for one in said),
                Message("assistant", model.decode(completion.token_ids)),
            ),
            purpose,
            continues if extends else None,
            completion.stop_reason,
        )

    def after(self, model: LanguageModel, completion: Completion, reply: str, most_tokens: int) -> Conversation:
        """The conversation after the model's completion and the user's reply to it.

        Beyond `most_tokens` it starts anew with its first message and the last exchange.
        """
        grown = self.grown(model, completion, reply)
        if len(grown.tokens) > most_tokens:
            return Conversation.of(model, self.messages[0], *grown.messages[-2:])
        return grown

    def grown(self, model: LanguageModel, completion: Completion, reply: str) -> Conversation:
        """The conversation with the model's completion and the user's reply to it; rendered anew where the template
        changes what came before.
        """
        said, heard = message("assistant", model.decode(completion.token_ids)), message("user", reply)
        return self.followed(model, completion, (*self.messages, said, heard))

    def followed(self, model: LanguageModel, completion: Completion, messages: Messages) -> Conversation:
        """As `grown`, where `messages` are those up to now, the completion as it was read, and whatever came after."""
        tail = self._tail(model, messages, completion)
        if tail is None:
            return Conversation.of(model, *messages, tools=self.tools)
        tokens, heard = (*self.tokens, *completion.token_ids, *tail), len(messages) - len(self.messages) - 1
        told = completion.exchange
        exchanged = (*told.prompt_ids, *told.token_ids) if told else ()
        return Conversation(messages, tokens, tail, True, self.tools, heard, exchanged)

    def _exchanged(self, told: Exchange) -> tuple[bool, tuple[int, ...]]:
        """Whether what a server read goes on from its last answer, and the tokens of it that are new."""
        before = len(self.exchanged)
        extends = self.extends and bool(before) and told.prompt_ids[:before] == self.exchanged
        return extends, told.prompt_ids[before:] if extends else told.prompt_ids

    def _tail(self, model: LanguageModel, messages: Messages, completion: Completion) -> tuple[int, ...] | None:
        """The template's tokens behind the last answer; None where the template changes what came before."""
        answer = messages[len(self.messages)]["content"]
        before = (*rendered(model, self.messages, self.tools), *model.encode(answer))
        whole = rendered(model, messages, self.tools)
        if whole[: len(before)] != before:
            return None
        tail = whole[len(before) :]
        closed = completion.stop_reason == "eos" and completion.token_ids[-1:] == tail[:1]
        return tail[1:] if closed else tail
