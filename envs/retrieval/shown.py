"""Passages as a style shows them. Each passage is one line; nothing in it can be taken for more (`escaping`)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sparring.answers.search_actions import Style
from sparring.envs.retrieval.escaping import harmless
from sparring.envs.retrieval.types import Passage

MOST_TITLE = 300
NOTHING = "No passage was found."


def passages_shown(style: Style, query: str, passages: Sequence[Passage]) -> tuple[str, int]:
    """What a search shows, and how many tokens (words) of passages that is."""
    pairs = [(harmless(passage.title, MOST_TITLE), harmless(passage.text)) for passage in passages]
    words = sum(len(title.split()) + len(text.split()) for title, text in pairs)
    return _LAYOUTS[style](harmless(query), pairs), words


def passages_told(passages: Sequence[Passage]) -> list[dict[str, str]]:
    """The same as plain data: id, title and text of each."""
    return [
        {
            "id": harmless(passage.id, MOST_TITLE),
            "title": harmless(passage.title, MOST_TITLE),
            "text": harmless(passage.text),
        }
        for passage in passages
    ]


def _tags(query: str, pairs: Sequence[tuple[str, str]]) -> str:
    lines = [f"Doc {number} (Title: {title}) {text}" for number, (title, text) in enumerate(pairs, 1)]
    return "\n".join(["<information>", *(lines or [NOTHING]), "</information>"])


def _json(query: str, pairs: Sequence[tuple[str, str]]) -> str:
    """SIM-RAG's layout of a round."""
    lines = [f"Title: {title} Content: {text}" for title, text in pairs]
    return "\n".join([f"Query: {query}", "Retrieved Document:", *(lines or [NOTHING])])


def _tool(query: str, pairs: Sequence[tuple[str, str]]) -> str:
    """One line of JSON: what the tool returned."""
    return json.dumps({"passages": [{"title": title, "text": text} for title, text in pairs]}, ensure_ascii=False)


_LAYOUTS = {"tags": _tags, "json": _json, "tool_call": _tool}
