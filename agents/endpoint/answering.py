"""Asks a model what a request asks for: one question, its answer as the program is told it, and its record."""

from __future__ import annotations

import json
import secrets
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sparring.agents.endpoint.requests import MOST_CHARACTERS, Asked, Chat, Completions, Refused, said_in
from sparring.agents.endpoint.session import Question, Session
from sparring.agents.models.conversation import Conversation, ShowsTools, message
from sparring.agents.models.tokenizer import Tools
from sparring.agents.talking.tools import OPEN, tool_call_in
from sparring.protocols import Completion, LanguageModel
from sparring.types import Sampling

MOST_TOKENS = 512
"""Tokens of an answer where the request does not say how many."""
UNKNOWN_CONTEXT = 32_768
"""Tokens (bytes) of a conversation with a model that does not say how many it takes."""
SEEDS = 2**63
TOO_LONG = "context_length_exceeded"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the model, as the program is told it."""

    prompt_ids: tuple[int, ...]
    completion: Completion
    said: Mapping[str, Any]
    """The message: `role`, `content`, and `tool_calls` where it calls one."""
    finish_reason: str
    """stop, length, or tool_calls."""
    prompt_logprobs: tuple[float, ...] | None = None
    """[len(prompt_ids) - 1], nats, of all tokens but the first."""


async def answer_chat(model: LanguageModel, chat: Chat, session: Session | None) -> Answer:
    """The answer to a conversation; it is recorded in the session. Raises Refused, and what the model raises."""
    _require_shown(model, chat.asked, chat.tools)
    _require_room(model, sum(len(said["content"]) for said in chat.messages))
    question = _question(model, chat, session)
    conversation = question.conversation
    sampling = _sampling(model, chat.asked, len(conversation.tokens))
    completion = await model.generate(conversation.tokens, sampling, _seed(chat.asked, session))
    completion, text = cut(model, completion, chat.asked.stop)
    said, reason = _read(text, chat.tools), "length" if completion.stop_reason == "length" else "stop"
    if session is not None:
        session.record(question, completion, sampling, said_in(said))
    return Answer(conversation.tokens, completion, said, "tool_calls" if "tool_calls" in said else reason)


async def answer_prompt(
    model: LanguageModel, asked: Completions, prompt: str | tuple[int, ...], session: Session | None
) -> Answer:
    """The completion of a text or of tokens; in the session it is the root of a sample. Raises as `answer_chat`."""
    _require_shown(model, asked.asked, ())
    if not model.shows_logprobs:
        raise Refused(
            f"{model.name} is behind a server of chats: ask it for chat completions", code="unsupported_value"
        )
    _require_room(model, len(prompt))
    ids = tuple(model.encode(prompt)) if isinstance(prompt, str) else prompt
    vocabulary = getattr(getattr(model, "tokenizer", None), "vocab_size", max(ids) + 1)
    if max(ids) >= vocabulary:
        raise Refused(f"token ids of {model.name} must be < {vocabulary}, got {max(ids)}")
    sampling = _sampling(model, asked.asked, len(ids))
    completion = await model.generate(ids, sampling, _seed(asked.asked, session))
    completion, text = cut(model, completion, asked.asked.stop)
    if session is not None:
        conversation = Conversation((message("user", model.decode(ids)),), ids, ids)
        session.record(Question(conversation), completion, sampling, text)
    shown: tuple[float, ...] | None = None
    if asked.prompt_logprobs:
        shown = tuple(map(float, (await model.score(ids[:1], [ids[1:]]))[0])) if ids[1:] else ()
    reason = "length" if completion.stop_reason == "length" else "stop"
    return Answer(ids, completion, message("assistant", text), reason, shown)


def cut(model: LanguageModel, completion: Completion, stops: tuple[str, ...]) -> tuple[Completion, str]:
    """The completion up to the token with which the first of some texts is complete, and its text before that one."""
    text = model.decode(completion.token_ids)
    places = [place for place in map(text.find, stops) if place >= 0]
    if not places:
        return completion, text
    ids = completion.token_ids
    written = range(1, len(ids) + 1)
    count = 1 + bisect_left(written, True, key=lambda n: any(stop in model.decode(ids[:n]) for stop in stops))
    shorter = replace(
        completion,
        token_ids=ids[:count],
        logprobs=completion.logprobs and completion.logprobs[:count],
        stop_reason="stop",
    )
    return shorter, text[: min(places)]


def _question(model: LanguageModel, chat: Chat, session: Session | None) -> Question:
    from jinja2 import TemplateError

    try:
        if session is not None:
            return session.question(chat.messages, chat.tools)
        return Question(Conversation.of(model, *chat.messages, tools=chat.tools))
    except TemplateError as error:
        raise Refused(f"the chat template of {model.name} refuses these messages: {error}") from None


def _require_shown(model: LanguageModel, asked: Asked, tools: Tools) -> None:
    """Raises Refused where the model cannot show what is asked for."""
    if asked.logprobs and not model.shows_logprobs:
        raise Refused(f"{model.name} shows no log-probabilities (logprobs)", code="unsupported_value")
    if tools and not (isinstance(model, ShowsTools) and model.shows_tools(tools)):
        raise Refused(
            f"the chat template of {model.name} has no place for these tools: describe them in a message",
            code="unsupported_value",
        )


def _require_room(model: LanguageModel, characters: int) -> None:
    """Raises Refused for a prompt that no context of the model could hold: to encode it would hold up everybody."""
    context: int = getattr(model, "context", UNKNOWN_CONTEXT)
    if characters > MOST_CHARACTERS * context:
        raise Refused(
            f"the context of {model.name} is {context} tokens: the prompt has {characters} characters", code=TOO_LONG
        )


def _sampling(model: LanguageModel, asked: Asked, prompt: int) -> Sampling:
    """How the answer is drawn. Raises Refused where prompt and answer do not fit into the context."""
    context: int = getattr(model, "context", UNKNOWN_CONTEXT)
    most = asked.max_tokens or max(1, min(MOST_TOKENS, context - prompt))
    if prompt + most > context:
        raise Refused(
            f"the context of {model.name} is {context} tokens: the prompt has {prompt}, and max_tokens is {most}",
            code=TOO_LONG,
        )
    return Sampling(asked.temperature, asked.top_p, most, "free")


def _seed(asked: Asked, session: Session | None) -> int:
    if asked.seed is not None:
        return asked.seed % SEEDS
    return secrets.randbelow(SEEDS) if session is None else session.next_seed()


def _read(text: str, tools: Tools) -> Mapping[str, Any]:
    """The message; a text with one call of a tool is that call, after what was said before it."""
    called = tool_call_in(text) if tools else ""
    if not called:
        return message("assistant", text)

    call = json.loads(called)
    function = {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)}
    before = text.partition(OPEN)[0].strip() if OPEN in text else ""
    calls = [{"id": f"call_{secrets.token_hex(8)}", "type": "function", "function": function}]
    return {"role": "assistant", "content": before or None, "tool_calls": calls}
