"""Do a small task with a few Python functions: one seat, one step. A verify function decides.

    gymnasium.make("sparring.envs:sparring/CodeTask-v0")
    gymnasium.make("sparring.envs:sparring/CodeTask-v0", instruction="Name an even number.",
                   verify="def verify(answer):\n    return answer % 2 == 0")

Self-Challenge (arXiv 2506.01716) calls it the executor's seat: the tasks that it is given there are written in
`sparring/CodeTaskWriter-v0` (the challenger's).
"""

from __future__ import annotations

import gymnasium

from sparring import registry
from sparring.answers.blocks import closed_blocks, unfenced
from sparring.envs.any_text import AnyText, Info
from sparring.envs.code.sandboxes import shared_sandbox
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.envs.reflection.goods import draw_goods
from sparring.envs.reflection.task_trial import Budget, Value, in_words, values_of, verdicts_of
from sparring.envs.reflection.words import MOST_WRITTEN, shown

ASKED = "Answer with a Python expression or program. The value of its last line is the answer."


@registry.envs.register(
    "sparring/CodeTask-v0",
    family="reflection",
    seats=1,
    skills=("programming",),
    version="1",
    reward_range=(0.0, 1.0),
)
class CodeTask(gymnasium.Env[str, str]):
    """Do a small task with a few Python functions.

    instruction, verify: the task, and a program that defines `verify(answer)`; both left out: a task about goods and
        prices, which the seed draws.
    library: a program whose functions the answer and the verify function may call.
    solution: a right answer, for the agent `walkthrough`; None: nobody knows one.
    split: of the drawn tasks, or what the given task counts as, "train" or "held_out".
    backend: of the sandbox that this process shares.

    The reward is 1 where verify returns True for the value of the answer, else 0. An answer that is empty or longer
    than 20,000 characters is illegal. A verify function that tells the time or draws at random gives other rewards
    each time; `CodeTaskWriter` refuses those that it finds out.
    Raises SandboxError from `step` where the sandbox failed, and not a program.
    """

    metadata: dict[str, object] = {"name": "sparring/CodeTask-v0", "render_modes": ["ansi"], "render_fps": 1}
    """Not `slow`: what acts in threads comes in another order each time, and a resumed run would differ in rounding."""

    def __init__(
        self,
        instruction: str | None = None,
        verify: str | None = None,
        library: str = "",
        solution: str | None = None,
        split: Split = "train",
        backend: str = "namespaces",
        render_mode: str | None = None,
    ) -> None:
        """Raises ValueError for an instruction without a verify function, the other way round, and wrong options."""
        given = {"instruction": instruction, "verify": verify, "solution": solution}
        for name, value in given.items():
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name} must be text, got {value!r:.80}")
        if not isinstance(library, str):
            raise ValueError(f"library must be text, got {library!r:.80}")
        if (instruction is None) != (verify is None):
            raise ValueError("instruction and verify must be given together, got only one of them")
        if instruction is None and (library or solution is not None):
            raise ValueError("library and solution belong to a given task: give instruction and verify too")
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
        self.split, self.backend, self.render_mode = split, backend, render_mode
        self._given = None if instruction is None or verify is None else (library, instruction, verify, solution)
        self._library = self._verify = self._seen = ""
        self.observation_space = AnyText(100_000, min_length=0)
        self.action_space = AnyText(MOST_WRITTEN, min_length=1)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """The task."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**63)) if seed is None else seed
        self._library, instruction, self._verify, _ = self._given or self._drawn(drawn)
        functions = f"These Python functions are there:\n```python\n{shown(self._library)}```\n\n"
        self._seen = f"{functions if self._library else ''}A task: {shown(instruction)}\n\n{ASKED}"
        return self._seen, {}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Run the answer, and have its value verified."""
        if not isinstance(action, str) or not action.strip() or len(action) > MOST_WRITTEN:
            seen = f"That is no answer: it must have 1 to {MOST_WRITTEN} characters."
            return seen, 0.0, True, False, {"illegal": True, "hidden": {"verdict": None}}
        sandbox, budget, verdict = shared_sandbox(self.backend), Budget(), None
        (answer,) = values_of(sandbox, self._library, [program_of(action)], budget)
        if answer.ok:
            (verdict,) = verdicts_of(sandbox, self._library, self._verify, [answer.value], budget)
        info: Info = {"illegal": False, "hidden": {"verdict": verdict}}
        return _told(answer, verdict), float(verdict == "accepted"), True, False, info

    def render(self) -> str:
        """The task."""
        return self._seen

    def walkthrough(self, seed: int) -> list[str] | None:
        """A right answer; None where nobody knows one. Never shown to agents."""
        solution = (self._given or self._drawn(seed))[3]
        return None if solution is None else [solution]

    def _drawn(self, seed: int) -> tuple[str, str, str, str | None]:
        library, task, _ = draw_goods(seed, self.split)
        return library, task.instruction, task.verify, task.solution


def program_of(text: str) -> str:
    """The program of an answer: its only fenced block; with no block or several, all of it."""
    blocks = [block.content for block in closed_blocks(text) if block.kind == "program"]
    return blocks[0] if len(blocks) == 1 else text if blocks else unfenced(text, any_fence=True)


def _told(answer: Value, verdict: str | None) -> str:
    if not answer.ok:
        return f"The answer has no value. {answer.said}"
    said = "right" if verdict == "accepted" else "not right" if verdict == "rejected" else f"not verified: {verdict}"
    return f"The value of the answer is {in_words(answer.value)}. It is {said}."
