"""A programmer made of a script: it knows the right program of every task, and makes seeded, realistic mistakes.

The mistakes: a misspelt name, swapped arguments, a key that does not exist, a slip that runs and prints a wrong value,
errors hidden by `except: pass`, and prose without a program. Loud mistakes (those that raise) become rarer with every
error message that the programmer is shown; quiet slips do not, since nothing ever points at them. Some tasks invite
one certain slip: there the programmer always makes the same one, so that no vote can outvote it.
"""

from __future__ import annotations

import ast
import builtins
import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FAILED = re.compile(r"Status: (?:nonzero|signal|timeout|memory|output_limit|illegal)\n")
FLIPS: Mapping[type[ast.AST], Any] = {
    ast.Add: ast.Sub,
    ast.Mult: ast.Add,
    ast.LtE: ast.Lt,
    ast.GtE: ast.Gt,
    ast.Lt: ast.LtE,
    ast.Gt: ast.GtE,
    ast.Eq: ast.NotEq,
    ast.In: ast.NotIn,
}
NAMES = {"min": "max", "max": "min", "sorted": "list"}


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a program has each mistake, on a task of middling difficulty, before any feedback.

    Chosen so that CodeAct solves about as much as it does with Claude 3.5 Sonnet on M3ToolEval in the paper (73 %).
    """

    typo: float = 0.14
    order: float = 0.08
    key: float = 0.16
    slip: float = 0.35
    hides: float = 0.08
    prose: float = 0.04
    spread: float = 0.8
    """Difficulty: all of these are multiplied by a task's own number, even between 1 - spread and 1 + spread."""
    learns: float = 0.5
    """Loud mistakes are multiplied by this for every error message in the prompt."""
    trap: float = 0.3
    """Share of tasks on which every slip is the same slip."""


class Programmer:
    """`write(prompt, seed)` for a `ScriptedModel`. Tasks are known by their questions."""

    def __init__(self, programs: Mapping[str, str], habits: Habits = Habits()) -> None:
        self._programs, self._habits = dict(programs), habits

    def __call__(self, prompt: str, seed: int) -> str:
        """A program for the question in the prompt, or the answer where a conversation shows a program that ran."""
        last = prompt.rpartition("<|user|>")[2].removesuffix("<|end|><|assistant|>")
        if last.startswith("Status: ok\n"):
            return f"<answer>{_last_line(last.partition('Output:')[2])}</answer>"
        question = re.search(r"\nQuestion: (.*)\n", prompt)
        program = self._programs.get(question[1]) if question else None
        if program is None:
            return "I do not know this task."
        return self._attempt(question[1], program, len(FAILED.findall(prompt)), random.Random(seed))

    def _attempt(self, question: str, program: str, errors: int, rng: random.Random) -> str:
        task, habits = random.Random(question), self._habits
        difficulty = 1 + habits.spread * task.uniform(-1, 1)
        slips = random.Random(f"slip {question}") if task.random() < habits.trap else rng
        loud = difficulty * habits.learns**errors

        def happens(share: float) -> bool:
            return rng.random() < share

        if happens(habits.prose * loud):
            return "The answer follows from the tables once they are read in the right order."
        for rate, mistake in ((habits.slip * difficulty, slip), (habits.order * loud, swapped)):
            program = mistake(program, slips) if happens(rate) else program
        for rate, mistake in ((habits.typo * loud, misspelt), (habits.key * loud, wrong_key)):
            program = mistake(program, rng) if happens(rate) else program
        program = hidden(program) if happens(habits.hides * difficulty) else program
        return f"<thought>I call the tools and print the result.</thought>\n<execute>\n{program}\n</execute>"


def misspelt(program: str, rng: random.Random) -> str:
    """One use of a name loses a letter: NameError."""

    def spoil(node: ast.Name) -> None:
        at = rng.randrange(len(node.id))
        node.id = node.id[:at] + node.id[at + 1 :]

    return _changed(program, rng, lambda node: isinstance(node, ast.Name) and _is_use(node), spoil)


def swapped(program: str, rng: random.Random) -> str:
    """The first two arguments of a call change places: a wrong value or an error."""

    def swap(node: ast.Call) -> None:
        node.args[0], node.args[1] = node.args[1], node.args[0]

    def fits(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and len(node.args) > 1 and not _is_starred(node.args[:2])

    return _changed(program, rng, fits, swap)


def wrong_key(program: str, rng: random.Random) -> str:
    """A key or method that does not exist, guessed from one that does: KeyError or AttributeError, unhandled."""

    def spoil(node: Any) -> None:
        if isinstance(node, ast.Attribute):
            node.attr += "s"
        else:
            node.slice = ast.Constant(f"{node.slice.value}s")

    def fits(node: ast.AST) -> bool:
        keyed = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
        return isinstance(node, ast.Attribute) or (keyed and isinstance(node.slice.value, str))

    changed = _changed(program, rng, fits, spoil)
    return changed if changed != program else f'unit = {{}}["unit"]\n{program}'


def slip(program: str, rng: random.Random) -> str:
    """Off by one, the wrong comparison or operation, least for most: it runs, and prints a wrong value."""
    return _changed(program, rng, _may_slip, _slip)


def _may_slip(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) is int
    if isinstance(node, ast.Name):
        return node.id in NAMES
    return (isinstance(node, ast.BinOp) and type(node.op) in FLIPS) or (
        isinstance(node, ast.Compare) and type(node.ops[0]) in FLIPS
    )


def _slip(node: Any) -> None:
    if isinstance(node, ast.Constant):
        node.value += 1
    elif isinstance(node, ast.Name):
        node.id = NAMES[node.id]
    elif isinstance(node, ast.BinOp):
        node.op = FLIPS[type(node.op)]()
    else:
        node.ops[0] = FLIPS[type(node.ops[0])]()


def hidden(program: str) -> str:
    """Everything in one `try`, and nothing said of what goes wrong."""
    body = "\n".join(f"    {line}" for line in program.splitlines())
    return f"try:\n{body}\nexcept Exception:\n    pass"


def _changed(program: str, rng: random.Random, fits: Callable[[ast.AST], bool], change: Callable[[Any], None]) -> str:
    """The program with one node changed that fits; as it is where none does."""
    tree = ast.parse(program)
    candidates = [node for node in ast.walk(tree) if fits(node)]
    if not candidates:
        return program
    change(rng.choice(candidates))
    return ast.unparse(tree)


def _is_use(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load) and len(node.id) > 2 and not hasattr(builtins, node.id)


def _is_starred(arguments: Iterable[ast.expr]) -> bool:
    return any(isinstance(argument, ast.Starred) for argument in arguments)


def _last_line(output: str) -> str:
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "")
