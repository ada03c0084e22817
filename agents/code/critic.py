"""Objections to programs that ran without error and still should not vote.

Tree-of-Code knows one label, "it ran". A program that hides its errors always has it, so hidden errors win votes. The
static critic looks for such programs without running anything.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

Critic = Callable[[str, str], str]
"""(program, last line of its output) -> the objection, "" where there is none."""
BROAD = {"Exception", "BaseException"}
NOTHING = {"", "None", "nan"}


def no_objection(code: str, output: str) -> str:
    """The paper's critic: whatever ran may vote."""
    return ""


def static_critic(code: str, output: str) -> str:
    """Objects to an output of nothing, and to a broad `except` or `suppress` that does not raise again."""
    if output.strip() in NOTHING:
        return f"the output is {output.strip() or 'empty'}"
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "the program cannot be parsed"
    line = min(_swallowing_lines(tree), default=0)
    return f"line {line} hides every error" if line else ""


CRITICS: Mapping[str, Critic] = {"none": no_objection, "static": static_critic}


def _swallowing_lines(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            swallows = _is_broad(node.type) and not _raises(node)
        else:
            swallows = isinstance(node, ast.Call) and _name(node.func) == "suppress" and any(map(_is_broad, node.args))
        if swallows:
            yield getattr(node, "lineno", 0)


def _is_broad(kind: ast.expr | None) -> bool:
    """Whether an `except` of this kind catches (nearly) everything."""
    if isinstance(kind, ast.Tuple):
        return any(map(_is_broad, kind.elts))
    return kind is None or _name(kind) in BROAD


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for statement in handler.body for node in ast.walk(statement))


def _name(node: ast.expr) -> str:
    """`suppress` of both `suppress` and `contextlib.suppress`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
