"""A language model whose answers come from a function: so that algorithms are compared, and not the model.

Tokens are bytes, then four special ones that frame messages. Whatever the function returns is generated with
probability one, so every log-probability is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sparring.agents.models import Completion, Ids
from sparring.types import Sampling

END = 256
ROLES = {"system": 257, "user": 258, "assistant": 259}
NAMES = {token: f"<|{role}|>" for role, token in ROLES.items()} | {END: "<|end|>"}


class ScriptedModel:
    """`write(prompt, seed)` gives the text of the answer. The prompt is the conversation with its frames as text."""

    def __init__(self, write: Callable[[str, int], str], name: str = "scripted", weights_version: str = "0") -> None:
        self._write = write
        self.name = name
        self.weights_version = weights_version

    def encode(self, text: str) -> list[int]:
        """The bytes of a text; lone surrogates are kept."""
        return list(text.encode("utf-8", "surrogatepass"))

    def decode(self, token_ids: Ids) -> str:
        """The text of the bytes; special tokens are left out, bytes that are no text become U+FFFD."""
        return _text(bytes(token for token in token_ids if token < END))

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Each message between its role's token and the end token, then the assistant's."""
        framed = ([ROLES[message["role"]], *self.encode(message["content"]), END] for message in messages)
        return [*(token for tokens in framed for token in tokens), ROLES["assistant"]]

    def generate(self, prompts: Sequence[Ids], sampling: Sampling, seeds: Sequence[int]) -> list[Completion]:
        """The function's answers, cut at `max_new_tokens`."""
        return [
            self._complete(prompt, sampling.max_new_tokens, seed) for prompt, seed in zip(prompts, seeds, strict=True)
        ]

    def score(self, prompts: Sequence[Ids], continuations: Sequence[Sequence[Ids]]) -> list[list[np.ndarray]]:
        """Raises TypeError: a function has no law over other texts."""
        raise TypeError(f"{self.name} is a script: it writes, but it has no probabilities to score with")

    def sync(self, weights: Mapping[str, Any], version: str) -> None:
        """A script has no weights: only the version changes."""
        self.weights_version = version

    def _complete(self, prompt: Ids, most: int, seed: int) -> Completion:
        tokens = [*self.encode(self._write(rendered(prompt), seed)), END]
        stop = "eos" if len(tokens) <= most else "length"
        return Completion(tuple(tokens[:most]), (0.0,) * min(len(tokens), most), stop, self.weights_version)


def rendered(token_ids: Ids) -> str:
    """The text of a conversation, special tokens shown as `<|user|>`, `<|end|>` and so on."""
    parts, run = [], bytearray()
    for token in token_ids:
        if token < END:
            run.append(token)
        else:
            parts += [_text(bytes(run)), NAMES[token]]
            run.clear()
    return "".join([*parts, _text(bytes(run))])


def _text(written: bytes) -> str:
    try:
        return written.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return written.decode("utf-8", "replace")
