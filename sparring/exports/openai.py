"""Chats as OpenAI's fine-tuning takes them: a line a conversation; answers that are not to be learnt have weight 0."""

from __future__ import annotations

from collections.abc import Iterator

from sparring.encoding import Record
from sparring.exports.chats import Said, chats, message
from sparring.exports.selection import Selection
from sparring.exports.text_episodes import Spoken, episode_of, require_text
from sparring.exports.writing import Row
from sparring.types import Episode

ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}
TOOL_ROLES, TOOL_FIELDS = ("tool", "function"), ("tool_calls", "function_call")


def rows(selection: Selection) -> Iterator[Row]:
    """The conversations of attempts that earned something."""
    for _, chat in chats(selection.successes(), selection):
        yield {"messages": [_message(said) for said in chat]}


def read(line: Record) -> Episode:
    """The episode of a chat. Raises ValueError for what is not said in text: calls of tools, images."""
    messages = line.get("messages")
    if not isinstance(messages, list):
        raise ValueError("it must have messages, each with role and content")
    return episode_of("openai", [_spoken(one, f"messages[{place}]") for place, one in enumerate(messages)])


def _message(said: Said) -> Row:
    plain = message(said.role if said.role in ROLES else "user", said.content)
    return {**plain, "weight": 0} if said.role == "assistant" and not said.is_learnt else plain


def _spoken(found: object, where: str) -> Spoken:
    role = found.get("role") if isinstance(found, dict) else None
    if not isinstance(found, dict) or role not in (*ROLES, *TOOL_ROLES):
        raise ValueError(f"{where} must have a role, one of {', '.join(ROLES)}, got {found!r:.80}")
    if role in TOOL_ROLES or any(map(found.get, TOOL_FIELDS)):
        raise ValueError(
            f"{where} is a call of a tool or its answer, which are not imported: leave the row out, or write them as "
            "content of assistant and user"
        )
    return Spoken(ROLES[role], _text(found.get("content"), f"{where}.content"), found.get("weight", 1) != 0)


def _text(content: object, where: str) -> str:
    """A text, or the texts of a list of parts, a line each or more."""
    if not isinstance(content, list) or not content:
        return require_text(where, content)
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text":
            raise ValueError(f"{where} may only have parts of type 'text', got {kind!r:.80} in {part!r:.80}")
    return "\n".join(require_text(f"{where} of type 'text'", part.get("text")) for part in content)
