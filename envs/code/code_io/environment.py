"""CodeI/O (Li et al. 2025, arXiv 2502.07316): predict what a program returns, or an input for which it returns that.

The programs and their input generators come with reasoning-gym. Where we deviate: the program is described and not
shown, unless `show_code`; the agent may run programs of its own; an answer counts if it is equal as a typed value, and
an input if the program, run on it in the sandbox, returns the output that was given.
"""

from __future__ import annotations

from typing import Literal, Unpack

from sparring import registry
from sparring.answers.canonical import canonical, equal, matches
from sparring.envs.code.code_io.rows import Row, RowFailed, make_pair, open_row, usable_rows
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.envs.code.task_program import run_after_task_program
from sparring.envs.code.workbench import Workbench, WorkbenchOptions, raise_if_ours
from sparring.sandbox import Limits, Outcome
from sparring.types import derive_seed

Direction = Literal["both", "output", "input"]
DIRECTIONS = ("both", "output", "input")
RELATIVE = 1e-6
"""How far a float may lie from the program's."""
ABSOLUTE = 1e-9
TRIES = 20
"""Inputs drawn for a task until one works; five in a row worked when the row was admitted."""
LIMITS = Limits(wall_seconds=3.0, cpu_seconds=3.0)
"""Of one call of a row's program."""


@registry.envs.register(
    "sparring/CodeIO-v0",
    family="code",
    seats=1,
    skills=("programming", "reasoning"),
    extra="code",
    version="2",
    reward_range=(0.0, 1.0),
)
class CodeIO(Workbench):
    """What does a described program return, or what must it be given to return that?

    The seed names the program, one after another and around again, and decides its input.

    split: "train" or "held_out"; no program is in both.
    direction: what is asked for, "output", "input", or "both" (the seed decides).
    show_code: whether the program is shown. With max_turns=1 it has to be followed in the head.
    Needs the extra "code".
    """

    metadata = {**Workbench.metadata, "name": "sparring/CodeIO-v0"}

    def __init__(
        self,
        split: Split = "train",
        direction: Direction = "both",
        show_code: bool = False,
        **options: Unpack[WorkbenchOptions],
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split must be 'train' or 'held_out', got {split!r}")
        if direction not in DIRECTIONS:
            raise ValueError(f"direction must be 'both', 'output' or 'input', got {direction!r}")
        super().__init__(**options)
        self.split, self.direction, self.show_code = split, direction, show_code
        self.rows = [row for row in usable_rows() if row.split == split]
        self.task_count = len(self.rows)

    def _start(self, seed: int) -> str:
        task_seed = derive_seed("code_io", self.split, seed)
        self.row = self.rows[seed % len(self.rows)]
        self.asked = self.direction if self.direction != "both" else ("output", "input")[task_seed >> 40 & 1]
        self._inputs, self._output = self._pair(task_seed)
        return self._statement()

    def _execute(self, program: str, seed: int) -> Outcome:
        return run_after_task_program(self.sandbox, "", program, seed)

    def _is_right(self, answer: str) -> bool:
        if self.asked == "output":
            return matches(answer, self._output, absolute=ABSOLUTE, relative=RELATIVE)
        inputs = canonical(answer)
        if not isinstance(inputs, dict) or not all(isinstance(name, str) for name in inputs):
            return False
        return self._returns_the_output(inputs)

    def right_answer(self) -> str | None:
        """The output, or the input that was run, as Python writes it."""
        return repr(self._output if self.asked == "output" else self._inputs)

    def _task_name(self) -> str:
        return f"{self.asked}/{self.row.number}"

    def _pair(self, task_seed: int) -> tuple[dict[str, object], object]:
        with open_row(self.sandbox, self.row, LIMITS) as session:
            for attempt in range(TRIES):
                try:
                    return make_pair(session, derive_seed(task_seed, attempt))
                except RowFailed:
                    continue
        raise RuntimeError(f"row {self.row.number} of CodeI/O made no usable input in {TRIES} tries")

    def _returns_the_output(self, inputs: dict[str, object]) -> bool:
        """Run the row's program on an input that was answered."""
        with open_row(self.sandbox, self.row, LIMITS) as session:
            answer = session.call("_run", [inputs])
            raise_if_ours(answer.outcome)
            return answer.outcome.ok and equal(answer.value, self._output, ABSOLUTE, RELATIVE)

    def _statement(self) -> str:
        row: Row = self.row
        shown = f"\nThis is the program:\n```python\n{row.code_sample}\n```\n" if self.show_code else ""
        ask = (
            f"What does it return for this input?\n{self._inputs!r}"
            if self.asked == "output"
            else f"For which input does it return this? Answer with a dict from parameter to value.\n{self._output!r}"
        )
        return (
            f"A Python program answers this question:\n{row.task_description}\n\n{row.input_output_spec}\n{shown}\n"
            f"{ask}\nThe answer is a Python or JSON value."
        )
