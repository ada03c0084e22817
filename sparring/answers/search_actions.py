"""What a text asks for in a search: a query, an answer, or to give up; in one of three styles. Nothing is guessed.

tags       <search>query</search>, <answer>text</answer>, <give_up/>                     Search-R1, arXiv 2503.09516
tool_call  {"name": "search", "arguments": {"query": "..."}}; answer, give_up            OpenAI's tool calls
json       {"search_query": "..."}, {"answer": "..."}, {"give_up": true}                 SIM-RAG, arXiv 2505.02811
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Style = Literal["tags", "tool_call", "json"]
STYLES: tuple[Style, ...] = get_args(Style)
Kind = Literal["search", "answer", "give_up", "malformed"]
MOST_WRITTEN = 20_000
"""Characters of an action; a longer one is malformed."""
TAG = re.compile(r"<(/?)(search|answer)>|<give_up\s{0,8}/>|<give_up></give_up>")
ANGLES, MARKS = re.compile("[<>]"), re.compile("[<>`]")
OPEN_CALL, CLOSE_CALL = "<tool_call>", "</tool_call>"
ARGUMENT = {"search": "query", "answer": "answer"}
KEYS: dict[str, Kind] = {"search_query": "search", "answer": "answer", "give_up": "give_up"}
HOW: Mapping[Style, str] = {
    "tags": (
        "In every turn write exactly one of these:\n"
        "<search>what to look for</search>\n"
        "<answer>the final answer, as short as possible</answer>\n"
        "<give_up/> if the passages cannot answer the question"
    ),
    "tool_call": "In every turn call exactly one tool: search, answer or give_up.",
    "json": (
        "In every turn write exactly one JSON object:\n"
        '{"search_query": "what to look for"}\n'
        '{"answer": "the final answer, as short as possible"}\n'
        '{"give_up": true} if the passages cannot answer the question'
    ),
}
"""What an agent is told."""
REMINDER: Mapping[Style, str] = {
    "tags": "That was no action. Write one <search>, <answer> or <give_up/>.",
    "tool_call": "That was no action. Call one tool: search, answer or give_up.",
    "json": 'That was no action. Write one JSON object with "search_query", "answer" or "give_up".',
}
"""What follows a malformed action."""


def _tool(name: str, description: str, argument: str = "") -> dict[str, object]:
    properties = {argument: {"type": "string"}} if argument else {}
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS = [
    _tool("search", "Find passages.", "query"),
    _tool("answer", "Give the final answer, as short as possible.", "answer"),
    _tool("give_up", "Say that the passages cannot answer the question."),
]
"""Of the style "tool_call", in OpenAI's form."""


@dataclass(frozen=True, slots=True)
class Action:
    """What a text asks for; `text` is the query or the answer."""

    kind: Kind
    text: str = ""


MALFORMED = Action("malformed")


def written(style: Style, kind: Kind, text: str = "") -> str:
    """An action as a text of a style, which `parse` reads again; between tags, angle brackets become blanks."""
    if style == "tags":
        return "<give_up/>" if kind == "give_up" else f"<{kind}>{ANGLES.sub(' ', text)}</{kind}>"
    said: dict[str, object] = {}
    if style == "json":
        said = {next(key for key, meant in KEYS.items() if meant == kind): True if kind == "give_up" else text}
    else:
        said = {"name": kind, "arguments": {} if kind == "give_up" else {ARGUMENT[kind]: text}}
    return MARKS.sub(lambda mark: f"\\u{ord(mark[0]):04x}", json.dumps(said, ensure_ascii=False))


def parse(style: Style, text: str) -> Action:
    """The action of a text, in time linear in it. Never raises.

    Blanks of a query or answer count as one, a lone surrogate as a question mark.
    """
    if len(text) > MOST_WRITTEN:
        return MALFORMED
    found = _parsers[style](text)
    if found.kind in ("give_up", "malformed"):
        return found
    said = " ".join(found.text.encode("utf-8", "replace").decode("utf-8").split()).replace("\x00", "")
    return Action(found.kind, said) if said else MALFORMED


def _parse_tags(text: str) -> Action:
    """The first tag that is complete. A tag within it could mean two things: it is malformed then."""
    last = {kind: text.rfind(f"</{kind}>") for kind in ARGUMENT}
    for tag in TAG.finditer(text):
        name = tag[2]
        if name is None:
            return Action("give_up")
        if tag[1] or last[name] < tag.end():
            continue
        inside = text[tag.end() : text.index(f"</{name}>", tag.end())]
        return MALFORMED if TAG.search(inside) else Action("search" if name == "search" else "answer", inside)
    return MALFORMED


def _parse_json(text: str) -> Action:
    """The object that is the whole text, or all of one fence; other keys may explain it."""
    said = _object(_in_fence(text) if "```" in text else text)
    found = [(kind, said[key]) for key, kind in KEYS.items() if key in said]
    if len(found) != 1:
        return MALFORMED
    ((kind, value),) = found
    if kind == "give_up":
        return Action("give_up") if value is True else MALFORMED
    return Action(kind, value) if isinstance(value, str) else MALFORMED


def _in_fence(text: str) -> str:
    bare = text.strip()
    head, _, body = bare.removeprefix("```").removesuffix("```").partition("\n")
    whole = bare.startswith("```") and bare.endswith("```") and bare.count("```") == 2
    return body if whole and head.strip().lower() in ("", "json") else ""


def _parse_call(text: str) -> Action:
    """The call that is the whole text, or stands in the only <tool_call>."""
    if OPEN_CALL in text or CLOSE_CALL in text:
        if text.count(OPEN_CALL) != 1 or text.count(CLOSE_CALL) != 1:
            return MALFORMED
        text = text.partition(OPEN_CALL)[2].partition(CLOSE_CALL)[0]
    call = _object(text)
    function = call.get("function")
    call = function if isinstance(function, dict) else call
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        arguments = _object(arguments or "{}")
    name = call.get("name")
    if not isinstance(arguments, dict) or not isinstance(name, str):
        return MALFORMED
    if name == "give_up":
        return Action("give_up")
    value = arguments.get(ARGUMENT.get(name, ""))
    if not isinstance(value, str) or name not in ("search", "answer"):
        return MALFORMED
    return Action("search" if name == "search" else "answer", value)


_parsers = {"tags": _parse_tags, "json": _parse_json, "tool_call": _parse_call}


def _object(text: str) -> dict[str, object]:
    """A JSON object whose keys differ; {} for any other text."""
    try:
        found = json.loads(text, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found
