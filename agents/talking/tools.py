"""Tools that an environment offers in `info["tools"]`, and calls of them in what a model wrote.

A call is written as Hermes and Qwen models write it, `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, or as
the bare object (Llama, with `parameters`). The environment is given the object, in one form whatever the model's is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sparring.agents.models.tokenizer import Tools

OPEN, CLOSE = "<tool_call>", "</tool_call>"


def tools_of(info: Mapping[str, Any]) -> Tools:
    """The tools of an observation's info in one form; what has no name is no tool."""
    listed = info.get("tools")
    if not isinstance(listed, list | tuple):
        return ()
    functions = (one.get("function", one) for one in listed if isinstance(one, Mapping))
    named = (one for one in functions if isinstance(one, Mapping) and isinstance(one.get("name"), str))
    return tuple({"type": "function", "function": _function(one)} for one in named)


def described(tools: Tools) -> str:
    """The tools as text, for a model whose template has no place for them."""
    lines = [json.dumps(tool["function"], ensure_ascii=False) for tool in tools]
    form = f'{OPEN}{{"name": "the tool", "arguments": {{...}}}}{CLOSE}'
    return "\n".join(["These are your tools, as JSON schemas:", *lines, f"To call one, write {form}"])


def tool_call_in(text: str) -> str:
    """The only call in a text, as `{"name": ..., "arguments": ...}`; "" where there is none, or more than one."""
    opened, closed = text.count(OPEN), text.count(CLOSE)
    if max(opened, closed) > 1:
        return ""
    inside = text.partition(OPEN)[2].partition(CLOSE)[0] if opened and closed else text
    call = _read(inside)
    if isinstance(call, list) and len(call) == 1:
        call = call[0]
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return ""
    arguments = call.get("arguments", call.get("parameters", {}))
    if isinstance(arguments, str):
        arguments = _read(arguments)
    if not isinstance(arguments, dict):
        return ""
    return json.dumps({"name": call["name"], "arguments": arguments}, ensure_ascii=False)


def _function(said: Mapping[str, Any]) -> dict[str, Any]:
    parameters = said.get("parameters", said.get("inputSchema"))
    return {
        "name": said["name"],
        "description": str(said.get("description", "")),
        "parameters": parameters if isinstance(parameters, Mapping) else {"type": "object", "properties": {}},
    }


def _read(text: str) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found
