"""Tool tasks: questions over generated tables and pages, answered by programs that call a family's tools.

Six families in the spirit of M3ToolEval (CodeAct, arXiv 2402.01030) and of API-Bank's level 3 (arXiv 2304.08244), with
our own generator. Where we deviate: tasks are made from a seed, training and held-out tasks share no word or table; an
answer is given once and the environment never says "incorrect, try again"; answers are compared as typed values.
"""

from __future__ import annotations

from typing import Any, Literal, Unpack

from sparring import registry
from sparring.answers.canonical import matches
from sparring.envs.code.split_rng import SPLITS, Split, SplitRng
from sparring.envs.code.task_program import run_after_task_program
from sparring.envs.code.tool_tasks.apis import APIS
from sparring.envs.code.tool_tasks.messages import MESSAGES
from sparring.envs.code.tool_tasks.sequences import SEQUENCES
from sparring.envs.code.tool_tasks.task import Family, Task, documentation
from sparring.envs.code.tool_tasks.trade import TRADE
from sparring.envs.code.tool_tasks.travel import TRAVEL
from sparring.envs.code.tool_tasks.web import WEB
from sparring.envs.code.workbench import Workbench, WorkbenchOptions
from sparring.sandbox import Outcome

FAMILIES: dict[str, Family[Any]] = {family.name: family for family in (MESSAGES, SEQUENCES, TRADE, TRAVEL, WEB, APIS)}
FamilyName = Literal["all", "messages", "sequences", "trade", "travel", "web", "apis"]


def make_task(family: str, split: Split, seed: int, shape: str | None = None) -> Task:
    """The task of a seed. family: one of `FAMILIES`; shape: one of the family's, else the seed decides."""
    return FAMILIES[family].task(SplitRng(split, family, seed), shape)


def statement(task: Task) -> str:
    """What the agent is told of a task."""
    return (
        f"Answer this question with the help of Python programs.\n\nQuestion: {task.question}\n"
        f"The answer is {task.form}.\n\n"
        f"Your programs may call these functions, and import Python's standard library:\n{documentation(task.tools)}"
    )


@registry.envs.register(
    "sparring/ToolTasks-v0",
    family="code",
    seats=1,
    skills=("tool use", "programming", "planning"),
    version="2",
    reward_range=(0.0, 1.0),
)
class ToolTasks(Workbench):
    """Questions over made-up tables and pages; programs call the tools that look into them.

    family: "all" (the seed decides), "messages", "sequences", "trade", "travel", "web" or "apis".
    split: "train" or "held_out"; no word, table or page occurs in both.
    """

    metadata = {**Workbench.metadata, "name": "sparring/ToolTasks-v0"}

    def __init__(self, family: FamilyName = "all", split: Split = "train", **options: Unpack[WorkbenchOptions]) -> None:
        if family != "all" and family not in FAMILIES:
            raise ValueError(f"family must be 'all' or one of {', '.join(map(repr, FAMILIES))}, got {family!r}")
        if split not in SPLITS:
            raise ValueError(f"split must be 'train' or 'held_out', got {split!r}")
        super().__init__(**options)
        self.family, self.split = family, split

    def _start(self, seed: int) -> str:
        family = SplitRng(self.split, "family", seed).one(sorted(FAMILIES)) if self.family == "all" else self.family
        self._task = make_task(family, self.split, seed)
        return statement(self._task)

    def _execute(self, program: str, seed: int) -> Outcome:
        return run_after_task_program(self.sandbox, self._task.tools, program, seed, self._task.host())

    def _is_right(self, answer: str) -> bool:
        return matches(answer, self._task.gold, absolute=self._task.absolute)

    def right_answer(self) -> str | None:
        """The answer that counts, as Python writes it."""
        return repr(self._task.gold)

    def _task_name(self) -> str:
        return self._task.name
