"""How a task and what was tried so far become a prompt for code: CodeAct's one, and Tree-of-Code's pool.

Tree-of-Code (arXiv 2412.15305) draws a prompt at random for every node, out of a pool that ten language
models evolved from a root prompt. Theirs is not published; ours is six variants written by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

FORMAT = (
    "First reason between <thought> and </thought>. Then write one complete Python program between <execute> and "
    "</execute>. The program must solve the whole task from the beginning and print the final answer, and nothing "
    "else, as its last line."
)
POOL: Mapping[str, str] = {
    "plain": f"Solve the task with a Python program.\n{FORMAT}",
    "plan": (
        "You are a careful programmer. Before you write code, list the steps of the solution and what each of them "
        f"needs from the one before.\n{FORMAT}"
    ),
    "tools": (
        "Solve the task with the functions that it offers. First name the functions that you need, the order and the "
        f"type of their arguments, and what they return; then call them in one program.\n{FORMAT}"
    ),
    "check": (
        "Solve the task with a program that checks itself: assert what must hold of every intermediate result, and "
        f"let errors be raised instead of hiding them.\n{FORMAT}"
    ),
    "short": f"{FORMAT}\nKeep the thought to two sentences and the program as short as the task allows.",
    "example": (
        f"{FORMAT}\nThis is what an answer looks like:\n<thought>The sum of the list is asked.</thought>\n<execute>\n"
        "values = [3, 4]\nprint(sum(values))\n</execute>"
    ),
}
CODE_ACT = (
    "Solve the task with the help of Python. In every turn write one of two things and nothing after it. Either one "
    "Python program between <execute> and </execute>: it is run, and you are shown what it printed. Or, once a program "
    "has succeeded and shown you the result, the final answer between <answer> and </answer>."
)
REFLECTION = (
    "All of these programs failed. Say in your thought what went wrong and what has to change, then write a new "
    "program that avoids it."
)


class Attempt(Protocol):
    """What a later program is told of an earlier one."""

    @property
    def thought(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def result(self) -> str: ...


def code_act_prompt(task: str) -> str:
    """The first message of CodeAct's conversation."""
    return f"{CODE_ACT}\n\nTask:\n{task}"


def tree_prompt(prompt: str, task: str, ancestors: Sequence[Attempt]) -> str:
    """The message that asks for a node: the task, every ancestor's thought, code and result, and to reflect on them."""
    parts = [POOL[prompt], f"Task:\n{task}"]
    for number, one in enumerate(ancestors, start=1):
        parts.append(
            f"Attempt {number}:\n<thought>{one.thought}</thought>\n<execute>\n{one.code}\n</execute>\n{one.result}"
        )
    return "\n\n".join([*parts, REFLECTION] if ancestors else parts)
