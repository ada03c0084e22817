"""A model behind a server that takes and shows tokens, as vLLM's does: what it writes can be trained on.

The prompt is sent as token ids to `/v1/completions`. `return_token_ids` asks for the ids of the answer, `logprobs` for
their log-probabilities, `prompt_logprobs` for those of a prompt. The server's tokenizer must be that of a model here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from sparring.agents.models.chat_answer import NoTokens, list_of, logprobs_of
from sparring.agents.models.openai import SEEDS, OpenAIModel
from sparring.agents.models.tokenizer import Tools
from sparring.agents.models.weights.reading import read_outline
from sparring.protocols import Completion, Ids
from sparring.types import Sampling, mark_fault

A = TypeVar("A")
PER_TOKEN = 64
"""Bytes that the answer has for a token, without JSON's own."""
PROBE_TEMPERATURE = 2.0


class ServedTokens(OpenAIModel):
    """A model by the name that its server knows it by, and by tokens. The weights are the server's.

    Raises what `OpenAIModel` raises, and ConnectionError with the reason where the server shows no tokens, or other
    log-probabilities than those of the law that it samples from.
    """

    shows_logprobs = True

    def __init__(self, name: str, tokenizer: str, url: str | None = None, timeout: float | None = None) -> None:
        """`tokenizer`: the model whose tokenizer the server's is. Raises also what `read_outline` raises."""
        super().__init__(name, url, timeout)
        _, self.tokenizer = read_outline(tokenizer)
        self.tokenizer_fingerprint = self.tokenizer.fingerprint
        self._shows_the_law = False

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, no special tokens added."""
        return self.tokenizer.encode(text)

    def decode(self, token_ids: Ids) -> str:
        """The text of token ids, special tokens left out."""
        return self.tokenizer.decode(token_ids)

    def chat(self, messages: Sequence[Mapping[str, str]], tools: Tools = ()) -> list[int]:
        """Token ids of a conversation, up to where the assistant's answer begins."""
        return self.tokenizer.chat([dict(message) for message in messages], tools)

    def shows_tools(self, tools: Tools) -> bool:
        """Whether the chat template shows these tools."""
        return self.tokenizer.shows_tools(tools)

    async def generate(self, prompt: Ids, sampling: Sampling, seed: int) -> Completion:
        """One request; vLLM keeps to the seed, another server may ignore it."""
        async with self._line_here().slots:
            if (sampling.temperature, sampling.top_p) != (1, 1):
                await self._require_the_law(prompt)
            read = partial(_read_completion, prompt=list(prompt))
            tokens, logprobs, reason = await self._complete(
                read, [list(prompt)], sampling.max_new_tokens, sampling.temperature, sampling.top_p, seed, logprobs=0
            )
        return Completion(tokens, logprobs, "length" if reason == "length" else "eos", self.weights_version)

    async def score(self, prompt: Ids, continuations: Sequence[Ids]) -> list[np.ndarray]:
        """Per continuation, the log-probability [len(continuation)] of each token, nats."""
        whole = [[*prompt, *continuation] for continuation in continuations]
        async with self._line_here().slots:
            read = partial(_read_scores, prompts=whole, start=len(prompt))
            return await self._complete(read, whole, 1, 0.0, prompt_logprobs=0)

    async def _require_the_law(self, prompt: Ids) -> None:
        """Raises ConnectionError unless log-probabilities change with the temperature, as those of the law do."""
        if self._shows_the_law:
            return
        told = [await self._gap(prompt, temperature) for temperature in (1.0, PROBE_TEMPERATURE)]
        if not math.isclose(told[0], told[1] * PROBE_TEMPERATURE, rel_tol=0.05, abs_tol=1e-3):
            failure = ConnectionError(
                f"{self.name!r} shows log-probabilities of temperature 1 whatever it samples at: ask at temperature 1 "
                "and top_p 1, or start vLLM with --logprobs-mode processed_logprobs"
            )
            raise mark_fault(failure, "engine")
        self._shows_the_law = True

    async def _gap(self, prompt: Ids, temperature: float) -> float:
        """How much more likely its first choice is than its second one, nats."""
        return await self._complete(_read_gap, [list(prompt)], 1, temperature, logprobs=2)

    async def _complete(
        self,
        read: Callable[[str, bool], A],
        prompts: list[list[int]],
        max_tokens: int,
        temperature: float,
        top_p: float = 1.0,
        seed: int = 0,
        logprobs: int | None = None,
        prompt_logprobs: int | None = None,
    ) -> A:
        most = PER_TOKEN * (max_tokens + sum(map(len, prompts)) + 4)
        return await self._ask(
            read,
            most,
            prompt=prompts,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=seed % SEEDS,
            logprobs=logprobs,
            extra_body={
                "return_token_ids": True,
                "return_tokens_as_token_ids": True,
                "prompt_logprobs": prompt_logprobs,
            },
        )


def _read_completion(body: str, whole: bool, prompt: list[int]) -> tuple[tuple[int, ...], tuple[float, ...], str]:
    """Tokens, their log-probabilities and the reason of the end. Raises ValueError where the server shows none."""
    (choice,) = _choices(body, whole, 1)
    tokens = list_of(int, choice.get("token_ids"))
    if tokens is None:
        raise NoTokens(
            "it shows no token ids (return_token_ids), so what it writes cannot be trained on; leave out the option "
            "tokenizer to play with its text, or serve the model with vLLM"
        )
    logprobs = logprobs_of(tokens, (choice.get("logprobs") or {}).get("token_logprobs"))
    if choice.get("prompt_token_ids", prompt) != prompt:
        raise NoTokens("it read other tokens than it was sent")
    return tuple(tokens), logprobs, str(choice.get("finish_reason"))


def _read_scores(body: str, whole: bool, prompts: list[list[int]], start: int) -> list[np.ndarray]:
    choices = sorted(_choices(body, whole, len(prompts)), key=lambda choice: choice.get("index", 0))
    try:
        return [
            np.array([float(at[str(token)]["logprob"]) for token, at in _places(prompt, choice, start)])
            for prompt, choice in zip(prompts, choices, strict=True)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("it shows no log-probabilities of a prompt (prompt_logprobs), so it cannot score") from error


def _places(prompt: list[int], choice: Mapping[str, Any], start: int) -> list[tuple[int, Mapping[str, Any]]]:
    return list(zip(prompt[start:], choice["prompt_logprobs"][start:], strict=True))


def _read_gap(body: str, whole: bool) -> float:
    (choice,) = _choices(body, whole, 1)
    top = ((choice.get("logprobs") or {}).get("top_logprobs") or [{}])[0]
    if len(top) < 2:
        raise ValueError("it shows no log-probabilities of its first choices (logprobs)")
    first, second = sorted(map(float, top.values()), reverse=True)[:2]
    return first - second


def _choices(body: str, whole: bool, count: int) -> list[dict[str, Any]]:
    try:
        choices = json.loads(body)["choices"] if whole else None
    except (ValueError, RecursionError, LookupError, TypeError):
        choices = None
    if not isinstance(choices, list) or len(choices) != count or not all(isinstance(one, dict) for one in choices):
        raise ValueError(f"what it sent is no completion: {body[:200]!r}")
    return choices
