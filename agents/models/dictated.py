"""A language model that says what it is told, in the tokens of another one: what an agent would have recorded, had it
done what somebody else did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparring.agents.choices import CLOSING
from sparring.agents.models.conversation import ShowsTools, message, rendered
from sparring.agents.models.tokenizer import Tools
from sparring.protocols import Completion, Ids, LanguageModel
from sparring.types import Sampling


class DictatedModel:
    """`told` sets what comes next: the text that is written, and the action that is chosen where there is a choice."""

    shows_logprobs = True

    def __init__(self, model: LanguageModel) -> None:
        self._model, self._text, self._action, self._told = model, "", "", 0
        self.weights_version = "dictated"
        """Another one after every word: what was said before is no distribution of now."""
        self._end = end_of_answer(model)
        self.name = model.name
        self.context: int = getattr(model, "context", 2**31)
        self.tokenizer_fingerprint, self.weights_fingerprint = model.tokenizer_fingerprint, ""

    def told(self, text: str, action: str) -> None:
        """Say this next."""
        self._text, self._action, self._told = text, action, self._told + 1
        self.weights_version = f"dictated {self._told}"

    def encode(self, text: str) -> list[int]:
        """As the other model."""
        return self._model.encode(text)

    def decode(self, token_ids: Ids) -> str:
        """As the other model."""
        return self._model.decode(token_ids)

    def chat(self, messages: Sequence[Mapping[str, str]], tools: Tools = ()) -> list[int]:
        """As the other model."""
        return list(rendered(self._model, messages, tools))

    def shows_tools(self, tools: Tools) -> bool:
        """As the other model."""
        return isinstance(self._model, ShowsTools) and self._model.shows_tools(tools)

    async def generate(self, prompt: Ids, sampling: Sampling, seed: int) -> Completion:
        """The text, and the end of the answer."""
        ids = (*self.encode(self._text), *self._end)
        return Completion(ids, (0.0,) * len(ids), "eos", self.weights_version)

    async def score(self, prompt: Ids, continuations: Sequence[Ids]) -> list[np.ndarray]:
        """All probability goes to the tokens that spell the action."""
        spelled = [self.encode(self._action), self.encode(self._action + CLOSING)]
        wanted = next((ids for ids in spelled if ids in [list(one) for one in continuations]), spelled[0])
        return [
            np.array([0.0 if list(ids[: depth + 1]) == wanted[: depth + 1] else -1e4 for depth in range(len(ids))])
            for ids in continuations
        ]


def end_of_answer(model: LanguageModel) -> tuple[int, ...]:
    """The token that closes an answer in the chat template, if the model ends its answers by it; () where none."""
    ends: tuple[int, ...] = getattr(getattr(model, "tokenizer", None), "eos_ids", ())
    asked = message("user", "x")
    before = (*rendered(model, [asked]), *model.encode("x"))
    whole = rendered(model, [asked, message("assistant", "x"), asked])
    closing = whole[len(before) : len(before) + 1] if whole[: len(before)] == before else ()
    return closing if closing and closing[0] in ends else ends[:1]
