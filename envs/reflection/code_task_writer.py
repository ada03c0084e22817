"""Write a task for somebody else: one seat, one step. A task is kept only if it proves to be one.

    gymnasium.make("sparring.envs:sparring/CodeTaskWriter-v0")

Self-Challenge (arXiv 2506.01716) calls it the challenger's seat. A task is four parts of text (`task_form.py`); it is
kept where the sandbox finds that verify accepts the solution and rejects every failure (`task_trial.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import gymnasium

from sparring import registry
from sparring.envs.any_text import AnyText, Info
from sparring.envs.code.sandboxes import shared_sandbox
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.envs.reflection.goods import draw_goods
from sparring.envs.reflection.task_form import WrittenTask, is_new, mark_of, read_task
from sparring.envs.reflection.task_trial import CHECKS, FORM, NEW, Finding, trial
from sparring.envs.reflection.words import MOST_WRITTEN

TOO_LONG = f"a task must have at most {MOST_WRITTEN} characters"
SHOWN = """\
These Python functions are there:
```python
{library}```

Write another task like this one, for somebody who has these functions and answers with a Python expression:
{example}

verify returns True for right answers only. The solution is right, each of the failures is wrong."""


@registry.envs.register(
    "sparring/CodeTaskWriter-v0",
    family="reflection",
    seats=1,
    skills=("programming", "language"),
    version="1",
    reward_range=(0.0, 1.0),
)
class CodeTaskWriter(gymnasium.Env[str, str]):
    """Write a task: an instruction, a verify function, a solution, and wrong answers.

    The seed draws the functions that the task is about, and a task that is shown as an example.

    earlier: marks (`task_form.mark_of`) of the instructions of earlier tasks, which are not new.
    split: of the functions, "train" or "held_out".
    backend: of the sandbox that this process shares.

    The reward is 1 for a task that passes all checks (`task_trial.CHECKS`), else 0; the metrics say of each check
    whether it was passed, and 0 for those after the first that was not. A text that is no task by its form is illegal.
    Raises SandboxError from `step` where the sandbox failed, and not a program.
    """

    metadata: dict[str, object] = {"name": "sparring/CodeTaskWriter-v0", "render_modes": ["ansi"], "render_fps": 1}
    """Not `slow`: what acts in threads comes in another order each time, and a resumed run would differ in rounding."""

    def __init__(
        self,
        earlier: Sequence[str] = (),
        split: Split = "train",
        backend: str = "namespaces",
        render_mode: str | None = None,
    ) -> None:
        """Raises ValueError for marks that are no texts, and for an unknown split."""
        if isinstance(earlier, str) or not all(isinstance(mark, str) for mark in earlier):
            raise ValueError(f"earlier must be a list of marks, got {earlier!r:.80}")
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
        self.earlier, self.split, self.backend, self.render_mode = frozenset(earlier), split, backend, render_mode
        self.observation_space = AnyText(100_000, min_length=0)
        self.action_space = AnyText(MOST_WRITTEN, min_length=0)
        self._goods, self._seen = draw_goods(0, split), ""

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """The functions, and an example."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**63)) if seed is None else seed
        self._goods = draw_goods(drawn, self.split)
        self._seen = SHOWN.format(library=self._goods.library, example=self._goods.other.text())
        return self._seen, {}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Read the task, and try it out."""
        task = read_task(action) if isinstance(action, str) and len(action) <= MOST_WRITTEN else TOO_LONG
        finding = Finding(FORM, task) if isinstance(task, str) else self._finding(task)
        passed = len(CHECKS) if finding is None else CHECKS.index(finding.check)
        info: Info = {
            "illegal": isinstance(task, str),
            "metrics": {check: float(place < passed) for place, check in enumerate(CHECKS)},
            "hidden": {
                "task": None if isinstance(task, str) else self._as_given(task),
                "stopped_by": finding and finding.check,
            },
        }
        seen = f"The task is not kept ({finding.check}): {finding.said}." if finding else "The task is kept."
        return seen, float(finding is None), True, False, info

    def render(self) -> str:
        """What is there, and the example."""
        return self._seen

    def walkthrough(self, seed: int) -> list[str] | None:
        """A task that is kept unless it is an earlier one. Never shown to agents."""
        return [draw_goods(seed, self.split).task.text()]

    def _finding(self, task: WrittenTask) -> Finding | None:
        if not is_new(task, self.earlier | {mark_of(self._goods.other.instruction)}):
            return Finding(NEW, "its instruction is that of the example, or of an earlier task")
        return trial(shared_sandbox(self.backend), self._goods.library, task)

    def _as_given(self, task: WrittenTask) -> dict[str, object]:
        """A task with all that `CodeTask-v0` and a reader of the record need."""
        return {**task.plain(), "library": self._goods.library, "split": self.split}
