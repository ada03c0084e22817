"""A language model whose answers come from a function: so that algorithms are compared, and not the model.

Whatever the function returns is generated with probability one, so every log-probability is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sparring.agents.models.batching import Batched
from sparring.agents.models.byte_tokens import END, NAMES, TextModel, text_of
from sparring.protocols import Completion, Ids
from sparring.types import Sampling


class ScriptedModel(TextModel, Batched):
    """`write(prompt, seed)` gives the text of the answer. The prompt is the conversation with its frames as text."""

    shows_logprobs = True

    def __init__(self, write: Callable[[str, int], str], name: str = "scripted", weights_version: str = "0") -> None:
        self._write = write
        self.name = name
        self.weights_version = weights_version

    def generate_batch(self, prompts: Sequence[Ids], sampling: Sampling, seeds: Sequence[int]) -> list[Completion]:
        """The function's answers, cut at `max_new_tokens`."""
        return [
            self._complete(prompt, sampling.max_new_tokens, seed) for prompt, seed in zip(prompts, seeds, strict=True)
        ]

    def _complete(self, prompt: Ids, most: int, seed: int) -> Completion:
        tokens = [*self.encode(self._write(rendered(prompt), seed)), END]
        stop = "eos" if len(tokens) <= most else "length"
        return Completion(tuple(tokens[:most]), (0.0,) * min(len(tokens), most), stop, self.weights_version)


def rendered(token_ids: Ids) -> str:
    """The text of tokens, special ones shown as `<|user|>`, `<|end|>` and so on."""
    parts, run = [], bytearray()
    for token in token_ids:
        if token < END:
            run.append(token)
        else:
            parts += [text_of(bytes(run)), f"<|{NAMES.get(token, 'end')}|>"]
            run.clear()
    return "".join([*parts, text_of(bytes(run))])
