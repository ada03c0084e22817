"""One task: a question, the tools for it, and the answer that counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from sparring.envs.code.split_rng import SplitRng

FUNCTION = re.compile(r'^def ([a-zA-Z]\w*)(\([^\n]*\)(?: -> [^\n]+)?):\n    """(.*?)"""', re.MULTILINE | re.DOTALL)
"""Not `ast`: until Python 3.12 it fails now and then when several threads parse at the same time."""
HostFunctions = Mapping[str, Callable[..., object]]
World = TypeVar("World")


def no_host_functions() -> HostFunctions:
    """For tools that need nothing from outside of the sandbox."""
    return {}


@dataclass(frozen=True, slots=True)
class Task:
    """What an episode of a tool environment is about. `gold` and `program` never enter the sandbox."""

    name: str
    """Family and shape of the question, e.g. "trade/landed_cost"."""
    question: str
    form: str
    """What kind of answer is expected, e.g. "a number, rounded to two decimals"."""
    tools: str
    """Python source: the functions that programs may call, and the tables behind them."""
    gold: object
    """Plain data: bool, int, float, str, list, tuple or dict."""
    program: str
    """A program that prints the answer."""
    absolute: float = 0.0
    """How far the answer's numbers may lie from floats in `gold`."""
    host: Callable[[], HostFunctions] = no_host_functions
    """Functions that run outside of the sandbox, made anew for each program."""


def documentation(source: str) -> str:
    """Signature and docstring of every function in a source whose name does not start with an underscore."""
    return "\n".join(
        f"{name}{signature}\n    {' '.join(text.split())}" for name, signature, text in FUNCTION.findall(source)
    )


def table(name: str, value: object) -> str:
    """A line of Python that defines a table."""
    return f"{name} = {value!r}\n"


@dataclass(frozen=True, slots=True)
class Question:
    """What a family asks about its world: a task without its tools."""

    text: str
    form: str
    gold: object
    program: str
    absolute: float = 0.0


@dataclass(frozen=True, slots=True)
class Family(Generic[World]):
    """A kind of task: a world of tables, the tools that look into it, and the shapes of question about it."""

    name: str
    world: Callable[[SplitRng], World]
    tools: Callable[[World], str]
    """The tools' source over a world."""
    shapes: Mapping[str, Callable[[World, SplitRng], Question | None]]
    """By name; None says that this world has no such question, then another world is drawn."""
    host: Callable[[World], Callable[[], HostFunctions]] = lambda world: no_host_functions

    def task(self, rng: SplitRng, shape: str | None = None) -> Task:
        """A task of this family, and of that shape where one is given."""
        shape = shape or rng.one(sorted(self.shapes))
        while True:
            world = self.world(rng)
            question = self.shapes[shape](world, rng)
            if question is not None:
                break
        return Task(
            name=f"{self.name}/{shape}",
            question=question.text,
            form=question.form,
            tools=self.tools(world),
            gold=question.gold,
            program=question.program,
            absolute=question.absolute,
            host=self.host(world),
        )
