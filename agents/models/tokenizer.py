"""The thin tokenizer that every model here has: text to token ids and back, and conversations to prompts.

What a message says is data. Its text is never read as special tokens, so an opponent that writes `<|im_end|>` writes
nine characters and cannot end the turn it stands in.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML and nothing more: no system message unless the caller gives one."""

_SLOT = re.compile("\ue000([0-9]+)\ue001")
MOST_TEMPLATES = 1024
"""Rendered templates that are kept, one for each sequence of roles and each set of tools."""
Tools = Sequence[Mapping[str, Any]]
"""JSON schemas of functions, as chat templates take them."""


class Tokenizer(Protocol):
    """Text to token ids and back. Every string is valid input, lone surrogates included."""

    eos_ids: tuple[int, ...]
    """The ids that end an answer."""
    vocab_size: int
    fingerprint: str
    """Equal fingerprints: every text and every conversation has equal token ids."""

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, no special tokens added and none recognised."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens left out."""
        ...

    def chat(self, messages: list[dict[str, str]], tools: Tools = ()) -> list[int]:
        """Token ids of a conversation (`role`, `content`), up to where the assistant's answer begins."""
        ...

    def shows_tools(self, tools: Tools) -> bool:
        """Whether `chat` shows these tools, and no text of theirs as a special token."""
        ...

    def save(self, folder: Path) -> None:
        """Write the files from which `reading.read_model(folder)` makes the same tokenizer again."""
        ...


class FastTokenizer:
    """A `transformers` fast tokenizer behind the protocol. Raises ValueError where there is no chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, eos_ids: tuple[int, ...]) -> None:
        self._tokenizer = tokenizer
        self.eos_ids = eos_ids
        self.vocab_size = len(tokenizer)
        said = f"{tokenizer.backend_tokenizer.to_str()}\x1f{tokenizer.chat_template}"
        self.fingerprint = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._template_pieces: dict[tuple[tuple[str, ...], str], list[list[int] | int]] = {}

    @property
    def unwrapped(self) -> PreTrainedTokenizerFast:
        """The tokenizer as `transformers` has it, for other libraries."""
        return self._tokenizer

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, no special tokens added and none recognised."""
        return self._encode(text, special=False)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens left out."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def chat(self, messages: list[dict[str, str]], tools: Tools = ()) -> list[int]:
        """Token ids of a conversation, up to where the assistant's answer begins."""
        roles = tuple(message["role"] for message in messages)
        key = (roles, json.dumps(list(tools)) if tools else "")
        if key not in self._template_pieces:
            if len(self._template_pieces) >= MOST_TEMPLATES:
                self._template_pieces.clear()
            self._template_pieces[key] = list(self._pieces(roles, tools))
        ids: list[int] = []
        for piece in self._template_pieces[key]:
            ids += self.encode(messages[piece]["content"]) if isinstance(piece, int) else piece
        return ids

    def shows_tools(self, tools: Tools) -> bool:
        """Whether the template has a place for these tools, and none of their texts would be a special token there."""
        from jinja2 import TemplateError

        said = json.dumps(list(tools), ensure_ascii=False)
        added = self._tokenizer.added_tokens_decoder.values()
        if "\ue000" in said or any(token.special and token.content in said for token in added):
            return False
        try:
            shown = self._rendered(("user",), tools)
        except (TemplateError, TypeError, ValueError, AttributeError, LookupError):
            return False
        return all(str(tool["function"]["name"]) in shown for tool in tools) and shown != self._rendered(("user",), ())

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files."""
        self._tokenizer.save_pretrained(str(folder))

    def _pieces(self, roles: tuple[str, ...], tools: Tools) -> Iterator[list[int] | int]:
        """The template of a conversation with these roles: token ids, and for each content its message's index."""
        if not self._tokenizer.chat_template:
            raise ValueError(f"the tokenizer {self._tokenizer.name_or_path!r} has no chat template")
        for index, piece in enumerate(_SLOT.split(self._rendered(roles, tools))):
            if index % 2:
                yield int(piece)
            elif piece:
                yield self._encode(piece, special=True)

    def _rendered(self, roles: tuple[str, ...], tools: Tools) -> str:
        """The template's text with a slot for each content."""
        slots: list[Mapping[str, str]] = [
            {"role": role, "content": f"\ue000{index}\ue001"} for index, role in enumerate(roles)
        ]
        shown = list(tools) or None
        text: str = self._tokenizer.apply_chat_template(slots, shown, tokenize=False, add_generation_prompt=True)
        return text

    def _encode(self, text: str, special: bool) -> list[int]:
        well_formed = text.encode("utf-8", "replace").decode()
        ids: list[int] = self._tokenizer.encode(well_formed, add_special_tokens=False, split_special_tokens=not special)
        return ids
