"""Answers and errors as OpenAI's clients read them, with token ids where vLLM has them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sparring.agents.endpoint.answering import Answer
from sparring.agents.endpoint.requests import Asked
from sparring.protocols import LanguageModel

Json = dict[str, Any]


def dumped(body: Mapping[str, Any]) -> bytes:
    """A body, of ASCII characters: half a surrogate pair stays what it is."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def error_body(message: str, code: str | None, status: int) -> Json:
    """An error."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    said = message.encode("utf-8", "backslashreplace").decode()
    return {"error": {"message": said, "type": kind, "param": None, "code": code}}


def models_body(names: Sequence[str]) -> Json:
    """The models that there are."""
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 0, "owned_by": "sparring"} for name in names],
    }


def chat_body(model: LanguageModel, asked: Asked, answer: Answer) -> Json:
    """A chat completion."""
    choice = _chat_choice(model, asked, answer) | {"message": {**answer.said}}
    return _head("chat.completion", "chatcmpl", asked) | _shown_prompt(model, asked, answer) | {
        "choices": [choice],
        "usage": _usage([answer]),
    }  # fmt: skip


def chat_events(model: LanguageModel, asked: Asked, answer: Answer) -> Iterator[bytes]:
    """The same as server-sent events: the role, the answer, the end."""
    head = _head("chat.completion.chunk", "chatcmpl", asked)
    calls = [{"index": place, **call} for place, call in enumerate(answer.said.get("tool_calls", ()))]
    delta: Json = {"content": answer.said["content"] or ""} | ({"tool_calls": calls} if calls else {})
    whole = _chat_choice(model, asked, answer)
    first = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    yield _event(head | _shown_prompt(model, asked, answer) | {"choices": [first]})
    yield _event(head | {"choices": [whole | {"delta": delta, "finish_reason": None}]})
    yield _event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish_reason}]})
    if asked.stream_usage:
        yield _event(head | {"choices": [], "usage": _usage([answer])})
    yield b"data: [DONE]\n\n"


def completions_body(model: LanguageModel, asked: Asked, answers: Sequence[Answer]) -> Json:
    """Completions of prompts, one a prompt."""
    choices = [_choice(model, asked, answer) | {"index": place} for place, answer in enumerate(answers)]
    return _head("text_completion", "cmpl", asked) | {"choices": choices, "usage": _usage(answers)}


def _choice(model: LanguageModel, asked: Asked, answer: Answer) -> Json:
    ids, logprobs = answer.completion.token_ids, answer.completion.logprobs or ()
    choice: Json = {"text": answer.said["content"], "finish_reason": answer.finish_reason, "logprobs": None}
    if asked.logprobs:
        choice["logprobs"] = {"tokens": _names(model, asked, ids), "token_logprobs": list(logprobs)}
    if asked.token_ids and model.shows_logprobs:
        choice |= {"token_ids": list(ids), "prompt_token_ids": list(answer.prompt_ids)}
    if answer.prompt_logprobs is not None:
        pairs = zip(answer.prompt_ids[1:], answer.prompt_logprobs, strict=True)
        choice["prompt_logprobs"] = [None, *({str(token): {"logprob": logprob}} for token, logprob in pairs)]
    return choice


def _chat_choice(model: LanguageModel, asked: Asked, answer: Answer) -> Json:
    """What a choice has beside its message."""
    ids = answer.completion.token_ids
    choice: Json = {"index": 0, "finish_reason": answer.finish_reason, "logprobs": None}
    if asked.logprobs:
        named = zip(_names(model, asked, ids), answer.completion.logprobs or (), strict=True)
        content: list[Json] = [
            {"token": name, "logprob": logprob, "bytes": None, "top_logprobs": []} for name, logprob in named
        ]
        choice["logprobs"] = {"content": content, "refusal": None}
    if asked.token_ids and model.shows_logprobs:
        choice["token_ids"] = list(ids)
    return choice


def _shown_prompt(model: LanguageModel, asked: Asked, answer: Answer) -> Json:
    return {"prompt_token_ids": list(answer.prompt_ids)} if asked.token_ids and model.shows_logprobs else {}


def _names(model: LanguageModel, asked: Asked, ids: Sequence[int]) -> list[str]:
    return [f"token_id:{token}" if asked.tokens_as_ids else model.decode([token]) for token in ids]


def _head(kind: str, prefix: str, asked: Asked) -> Json:
    id = f"{prefix}-{secrets.token_hex(12)}"
    return {"id": id, "object": kind, "created": int(time.time()), "model": asked.model}


def _usage(answers: Sequence[Answer]) -> Json:
    read = sum(len(answer.prompt_ids) for answer in answers)
    written = sum(len(answer.completion.token_ids) for answer in answers)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _event(body: Json) -> bytes:
    return b"data: " + dumped(body) + b"\n\n"
