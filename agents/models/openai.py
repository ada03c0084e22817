"""Any model behind a server that speaks OpenAI's chat protocol: vLLM, llama.cpp, Ollama, a vendor.

Such a server shows text and no tokens, so its models play and are evaluated, and cannot be trained by RL. The `openai`
package speaks to it: `OPENAI_BASE_URL` and `OPENAI_API_KEY` say where and as whom; it retries what may pass.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sparring import registry
from sparring.agents.models import Completion, Ids
from sparring.agents.models.text import END, TextModel, messages_of
from sparring.types import Sampling

AT_ONCE = 16
"""Requests in flight; servers batch what comes together."""
SEEDS = 2**31


class OpenAIModel(TextModel):
    """A model by the name that its server knows it by. Its tokens, here, are the bytes of what it writes.

    Raises MissingExtra; ConnectionError, from `generate`, where the server does not answer or refuses.
    """

    def __init__(self, name: str) -> None:
        self._package = registry.require("openai", "openai")
        where = os.environ.get("OPENAI_BASE_URL")
        # A server of one's own asks for no key, but the package does.
        key = os.environ.get("OPENAI_API_KEY") or ("none" if where else None)
        try:
            self._client = self._package.OpenAI(api_key=key)
        except self._package.OpenAIError:
            raise ValueError(
                f"where is {name!r} served? Set OPENAI_BASE_URL (such as http://localhost:8000/v1), or OPENAI_API_KEY"
            ) from None
        self.name, self.weights_version = name, "served"

    def generate(self, prompts: Sequence[Ids], sampling: Sampling, seeds: Sequence[int]) -> list[Completion]:
        """As many requests as there are prompts. The server may ignore the seed."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda prompt, seed: self._complete(prompt, sampling, seed), prompts, seeds))

    def _complete(self, prompt: Ids, sampling: Sampling, seed: int) -> Completion:
        choice = self._ask(
            messages=[
                {"role": said["role"], "content": _sendable(said["content"])} for said in messages_of(prompt)[:-1]
            ],
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_new_tokens,
            seed=seed % SEEDS,
        )
        written = self.encode(choice.message.content or "")
        if choice.finish_reason == "length":
            return Completion(tuple(written), None, "length", self.weights_version)
        return Completion((*written, END), None, "eos", self.weights_version)

    def _ask(self, **request: Any) -> Any:
        try:
            return self._client.chat.completions.create(model=self.name, **request).choices[0]
        except (self._package.OpenAIError, LookupError, TypeError) as error:
            raise ConnectionError(
                f"{self.name!r} at {self._client.base_url} gave no answer: {error or type(error).__name__} "
                "(OPENAI_BASE_URL and OPENAI_API_KEY say where it is and as whom)"
            ) from error


def _sendable(text: str) -> str:
    """The text with `?` for what is no Unicode, as models write it."""
    return text.encode("utf-8", "replace").decode()
