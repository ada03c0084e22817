"""Reads what a chat server sent: the text of its first choice, whatever else the body is."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from sparring.protocols import Exchange
from sparring.types import FaultKind

MISSING = -9999.0
"""What vLLM writes in a chat where it has no log-probability."""
SHOWN = 200
"""Characters of a body that a complaint about it shows."""
_CONTENT = re.compile(r'"content"\s*:\s*"((?:[^"\\]|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt])*)')
"""The text of a message, as far as the body goes; an escape sequence that is cut in two is left out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model wrote; `cut` where it was stopped before it had finished."""

    text: str
    cut: bool
    exchange: Exchange | None = None


N = TypeVar("N", int, float)


class NoTokens(ValueError):
    """A server shows no tokens, or not what belongs to them."""

    fault_kind: FaultKind = "server"


def read_answer(body: str, whole: bool) -> Answer:
    """The answer in a body, or in the beginning of a body that is too long. Raises ValueError where there is none."""
    if not whole:
        return _beginning(body)
    try:
        choice = json.loads(body)["choices"][0]
        content, reason = choice["message"]["content"], choice.get("finish_reason")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        raise _no_answer(body) from None
    if not isinstance(content, str | None):
        raise _no_answer(body)
    return Answer(content or "", cut=reason == "length")


def read_exchange(body: str, whole: bool) -> Answer:
    """As `read_answer`, with the tokens. Raises NoTokens where some are missing, or have no log-probability."""
    answer = read_answer(body, whole)
    if not whole:
        raise NoTokens("it is longer than max_tokens allows, so its tokens cannot be read")
    said = json.loads(body)
    choice = said["choices"][0]
    prompt, tokens = list_of(int, said.get("prompt_token_ids")), list_of(int, choice.get("token_ids"))
    if not prompt or tokens is None:
        raise NoTokens(
            "it shows no token ids (return_token_ids); leave out the option token_ids to play with its text, or serve "
            "the model with vLLM or sparring"
        )
    listed = choice["logprobs"].get("content") if isinstance(choice.get("logprobs"), dict) else None
    logprobs = [one.get("logprob") if isinstance(one, dict) else None for one in listed or ()]
    return replace(answer, exchange=Exchange(tuple(prompt), tuple(tokens), logprobs_of(tokens, logprobs)))


def logprobs_of(tokens: list[int], logprobs: object) -> tuple[float, ...]:
    """A log-probability for each token. Raises NoTokens where one is missing: nobody makes one up."""
    found = list_of(float, logprobs)
    if found is not None and any(value <= MISSING for value in found):
        found = None
    if found is None or len(found) != len(tokens):
        shown = len(logprobs) if isinstance(logprobs, list) and found is not None else "not all or no"
        raise NoTokens(
            f"it shows no log-probability for each token (logprobs): {shown} log-probabilities for {len(tokens)} "
            "tokens, so these cannot be trained on"
        )
    return tuple(map(float, found))


def list_of(kind: type[N], values: object) -> list[N] | None:
    """The values, where they are a list of whole numbers, or of finite numbers."""
    kinds = (int,) if kind is int else (int, float)
    right = isinstance(values, list) and all(type(value) in kinds and math.isfinite(value) for value in values)
    return cast("list[N]", values) if right else None


def _beginning(body: str) -> Answer:
    found = _CONTENT.search(body, max(body.find('"message"'), 0))
    if not found:
        raise _no_answer(body)
    written: str = json.loads(f'"{found[1]}"', strict=False)
    return Answer(written, cut=True)


def _no_answer(body: str) -> ValueError:
    return ValueError(f"what it sent is no chat completion: {body[:SHOWN]!r}")
