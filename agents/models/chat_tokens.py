"""A model behind a server that takes chats and says which tokens its model read and wrote, as vLLM does when asked to.

Here bytes stand for tokens, as for any model that is text only. What is recorded are the server's tokens
(`Completion.exchange`), so that what it wrote can be trained on by whoever has its weights, without a tokenizer here.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.agents.models.chat_answer import read_exchange
from sparring.agents.models.openai import OpenAIModel, Schema
from sparring.content import Blob
from sparring.protocols import Completion, Ids
from sparring.types import Sampling

PLAIN = {"top_k": 0, "min_p": 0, "repetition_penalty": 1}
"""The model's own law, whatever its files recommend: what was cut or penalised has other log-probabilities."""


class ChatTokens(OpenAIModel):
    """A model by the name that its server knows it by.

    Raises what `OpenAIModel` raises, and ConnectionError, the server's fault, where a token or its log-probability is
    missing: none is ever made up.
    """

    tokenizer_fingerprint = ""
    wants = {"logprobs": True, "extra_body": {"return_token_ids": True, **PLAIN}}
    read = staticmethod(read_exchange)

    def require_law(self, sampling: Sampling) -> None:
        """Raises ValueError for a law whose log-probabilities servers do not tell."""
        if (sampling.temperature, sampling.top_p) != (1, 1):
            raise ValueError(
                f"with token_ids {self.name!r} must be asked at temperature 1 and top_p 1, got {sampling.temperature} "
                f"and {sampling.top_p}: a chat's log-probabilities are those of temperature 1"
            )

    async def generate_as(
        self, prompt: Ids, sampling: Sampling, seed: int, schema: Schema | None, pictures: Sequence[Blob] = ()
    ) -> Completion:
        """As `OpenAIModel.generate_as`. Raises ValueError for a law whose log-probabilities servers do not tell."""
        self.require_law(sampling)
        return await super().generate_as(prompt, sampling, seed, schema, pictures)
