"""What models have in common that show their text and not their tokens: bytes stand for tokens.

Tokens are bytes, then four special ones that frame messages, so that episodes of such models are recorded, replayed
and counted like those of any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from sparring.protocols import Ids

if TYPE_CHECKING:
    import numpy as np

END = 256
ROLES = {"system": 257, "user": 258, "assistant": 259}
NAMES = {token: role for role, token in ROLES.items()}


class TextModel:
    """A conversation's text as tokens and back. Whoever derives from it generates."""

    name: str
    weights_version: str
    tokenizer_fingerprint = "bytes"
    weights_fingerprint = ""

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Itself: whoever copies a player or an environment wants no second model."""
        return self

    def encode(self, text: str) -> list[int]:
        """The bytes of a text; lone surrogates are kept."""
        return list(text.encode("utf-8", "surrogatepass"))

    def decode(self, token_ids: Ids) -> str:
        """The text of the bytes; special tokens are left out, bytes that are no text become U+FFFD."""
        return text_of(bytes(token for token in token_ids if token < END))

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Each message between its role's token and the end token, then the assistant's."""
        framed = ([ROLES[message["role"]], *self.encode(message["content"]), END] for message in messages)
        return [*(token for tokens in framed for token in tokens), ROLES["assistant"]]

    async def score(self, prompt: Ids, continuations: Sequence[Ids]) -> list[np.ndarray]:
        """Raises TypeError: text comes without probabilities."""
        raise TypeError(f"{self.name} writes, but it shows no probabilities to score with")


def messages_of(token_ids: Ids) -> list[dict[str, str]]:
    """The messages of a conversation that `TextModel.chat` has rendered; of an unfinished last one, what there is."""
    messages: list[tuple[str, bytearray]] = []
    for token in token_ids:
        if token in NAMES:
            messages.append((NAMES[token], bytearray()))
        elif token < END and messages:
            messages[-1][1].append(token)
    return [{"role": role, "content": text_of(bytes(content))} for role, content in messages]


def text_of(written: bytes) -> str:
    """The text of bytes; where they are none, what is wrong becomes U+FFFD."""
    try:
        return written.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return written.decode("utf-8", "replace")
