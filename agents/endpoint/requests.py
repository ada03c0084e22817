"""Reads what a program asks, in OpenAI's protocol. Whatever cannot be done as asked is refused in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparring.agents.models.conversation import Messages, message
from sparring.agents.models.tokenizer import Tools
from sparring.agents.talking.tools import CLOSE, OPEN, tools_of
from sparring.kinds import shown

Body = Mapping[str, Any]
"""A JSON object as it came."""
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "n": (None, 1),
    "best_of": (None, 1),
    "top_k": (None, 0, -1),
    "min_p": (None, 0),
    "min_tokens": (None, 0),
    "ignore_eos": (None, False),
    "stop_token_ids": (None, []),
    "allowed_token_ids": (None,),
    "repetition_penalty": (None, 1),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "logit_bias": (None, {}),
    "top_logprobs": (None, 0),
    "echo": (None, False),
    "suffix": (None, ""),
    "response_format": (None, {"type": "text"}),
    "functions": (None, []),
    "tool_choice": (None, "auto", "none"),
    "add_generation_prompt": (None, True),
    "skip_special_tokens": (None, True),
    "modalities": (None, ["text"]),
    "verbosity": (None, "medium"),
}
"""Fields that change what is sampled or shown, and the values at which they ask for nothing."""
UNDERSTOOD = {
    *("model", "messages", "prompt", "tools", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed"),
    *("stop", "logprobs", "prompt_logprobs", "return_token_ids", "return_tokens_as_token_ids", "stream"),
    "stream_options",
}
HARMLESS = {
    *("user", "metadata", "store", "service_tier", "parallel_tool_calls", "prompt_cache_key", "safety_identifier"),
    *("request_id", "priority"),
}
"""Fields that change nothing of the answer."""
NOTHING: tuple[object, ...] = (None, False, "", [], {})
"""Values at which any other field asks for nothing."""
MOST_STOPS = 16
HOTTEST, COLDEST = 100.0, 1e-4
"""The highest temperature, and the least above 0: what is divided by less overflows."""
MOST_CHARACTERS = 32
"""Characters of a prompt for a token of the context: with more it is refused before it is encoded."""


class Refused(Exception):
    """An answer in OpenAI's form of errors."""

    def __init__(self, message: str, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message, self.code, self.status = message, code, status


@dataclass(frozen=True, slots=True)
class Asked:
    """How the answer is to be drawn, and what of it is to be shown."""

    model: str
    max_tokens: int | None
    temperature: float
    top_p: float
    seed: int | None
    stop: tuple[str, ...]
    logprobs: bool
    token_ids: bool
    """`return_token_ids`, as vLLM has it."""
    tokens_as_ids: bool
    """`return_tokens_as_token_ids`: in log-probabilities, tokens are called `token_id:5`."""
    stream: bool
    stream_usage: bool


@dataclass(frozen=True, slots=True)
class Chat:
    """A request for a chat completion."""

    asked: Asked
    messages: Messages
    tools: Tools


@dataclass(frozen=True, slots=True)
class Completions:
    """A request for completions of prompts, each a text or token ids."""

    asked: Asked
    prompts: tuple[str | tuple[int, ...], ...]
    prompt_logprobs: bool


def body_of(data: bytes) -> Body:
    """The JSON object in a body. Raises Refused."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refused(f"the body is no JSON: {str(error)[:200]}") from None
    if not isinstance(body, dict):
        raise Refused(f"the body must be a JSON object, got {shown(body)}")
    return body


def read_chat(body: Body) -> Chat:
    """A request for a chat completion. Raises Refused."""
    asked = _asked(body, is_flag=True)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(f"messages must be a list of at least one message, got {shown(messages)}")
    tools = () if body.get("tool_choice") == "none" else _tools(body.get("tools"))
    return Chat(asked, tuple(_message(place, one) for place, one in enumerate(messages)), tools)


def read_completions(body: Body) -> Completions:
    """A request for completions of prompts. Raises Refused."""
    prompt = body.get("prompt")
    single = isinstance(prompt, str) or _are_ids(prompt)
    prompts = [prompt] if single else prompt
    if not isinstance(prompts, list) or not prompts or not all(isinstance(p, str) or _are_ids(p) for p in prompts):
        raise Refused(f"prompt must be a text, token ids, or a list of these, got {shown(prompt)}")
    asked = _asked(body, is_flag=False)
    if asked.stream:
        raise Refused("stream is for chat completions only")
    taken = tuple(one if isinstance(one, str) else tuple(one) for one in prompts)
    if not all(taken):
        raise Refused("a prompt must have at least one token")
    return Completions(asked, taken, body.get("prompt_logprobs") is not None)


def said_in(said: Mapping[str, Any]) -> str:
    """The text of a message as the model is shown it, calls of tools included. Raises Refused."""
    content, calls = said.get("content"), said.get("tool_calls") or []
    text = _text(content)
    if not isinstance(calls, list):
        raise Refused(f"tool_calls must be a list, got {shown(calls)}")
    return "\n".join([*([text] if text else []), *(_tool_call(call) for call in calls)])


def _message(place: int, said: object) -> Mapping[str, str]:
    if not isinstance(said, dict) or said.get("role") not in ROLES:
        role = said.get("role") if isinstance(said, dict) else said
        raise Refused(f"messages[{place}] must have a role among {', '.join(ROLES)}, got {shown(role)}")
    try:
        return message(ROLES[said["role"]], said_in(said))
    except Refused as refused:
        raise Refused(f"messages[{place}]: {refused.message}") from None


def _text(content: object) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise Refused(f"content must be a text or a list of parts, got {shown(content)}")
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, dict) else part
            raise Refused(f"a part of content must be a text, got {shown(kind)}: this endpoint takes no pictures")
    return "\n".join(part["text"] for part in content)


def _tool_call(call: object) -> str:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Refused(f"a tool call must have a function with a name, got {shown(function)}")
    arguments = function.get("arguments", "")
    try:
        read = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        read = arguments
    called = json.dumps({"name": function["name"], "arguments": read}, ensure_ascii=False)
    return f"{OPEN}\n{called}\n{CLOSE}"


def _tools(tools: object) -> Tools:
    if tools is None:
        return ()
    found = tools_of({"tools": tools})
    if not isinstance(tools, list) or len(found) != len(tools):
        raise Refused("tools must be a list of functions, each with a name")
    return found


def _asked(body: Body, is_flag: bool) -> Asked:
    """The fields that both kinds of requests have. `is_flag`: of a chat, where `logprobs` is true or false."""
    for name, value in body.items():
        if name not in UNDERSTOOD and name not in HARMLESS and value not in NEUTRAL.get(name, NOTHING):
            raise Refused(f"{name:.80} cannot be {shown(value)} here: leave it out", code="unsupported_value")
    model = body.get("model")
    if not isinstance(model, str):
        raise Refused(f"model must be the name of a model, got {shown(model)}")
    wanted = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    logprobs = body.get("logprobs")
    if not isinstance(logprobs, bool if is_flag else int) and logprobs is not None:
        raise Refused(f"logprobs must be {'true or false' if is_flag else '0'}, got {shown(logprobs)}")
    if not is_flag and logprobs:
        raise Refused(f"logprobs must be 0, those of the tokens themselves, got {shown(logprobs)}")
    options = body.get("stream_options")
    return Asked(
        model=model,
        max_tokens=_whole(body, wanted, least=1),
        temperature=_number(body, "temperature", HOTTEST),
        top_p=_number(body, "top_p", 1.0),
        seed=_whole(body, "seed", least=-(2**63)),
        stop=_stops(body.get("stop")),
        logprobs=bool(logprobs) if is_flag else logprobs is not None,
        token_ids=_flag(body, "return_token_ids"),
        tokens_as_ids=_flag(body, "return_tokens_as_token_ids"),
        stream=_flag(body, "stream"),
        stream_usage=isinstance(options, dict) and options.get("include_usage") is True,
    )


def _stops(stop: object) -> tuple[str, ...]:
    stops = [] if stop is None else [stop] if isinstance(stop, str) else stop
    right = isinstance(stops, list) and all(isinstance(one, str) and one for one in stops)
    if not right or len(stops) > MOST_STOPS:  # type: ignore[arg-type]
        raise Refused(f"stop must be a text or up to {MOST_STOPS} texts, none of them empty, got {shown(stop)}")
    return tuple(stops)  # type: ignore[arg-type]


def _whole(body: Body, name: str, least: int) -> int | None:
    value = body.get(name)
    if value is not None and (type(value) is not int or not least <= value < 2**63):
        raise Refused(f"{name} must be a whole number from {least} to {2**63 - 1}, got {shown(value)}")
    return value


def _number(body: Body, name: str, most: float) -> float:
    """A number, 1 where it is left out; `top_p` 0 would leave no token."""
    value = body.get(name)
    if value is None:
        return 1.0
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most
    if not right or (name == "top_p" and value == 0):
        raise Refused(
            f"{name} must be a number {'>' if name == 'top_p' else '>='} 0 and <= {most:g}, got {shown(value)}"
        )
    if name == "temperature" and 0 < value < COLDEST:
        raise Refused(f"temperature must be 0, or >= {COLDEST:g}, got {shown(value)}")
    return float(value)


def _flag(body: Body, name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refused(f"{name} must be true or false, got {shown(value)}")
    return bool(value)


def _are_ids(value: object) -> bool:
    """Whether it is a list of token ids."""
    return isinstance(value, list) and bool(value) and all(type(one) is int and one >= 0 for one in value)
