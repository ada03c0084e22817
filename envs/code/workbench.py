"""One seat that writes programs, sees what they print, and gives one answer: the base of the code environments.

    task statement ─► program ─► Status, Output ─► program ─► ... ─► answer ─► reward 1 or 0, once

Nothing that is observed says whether an answer would be right. Every program is run on its own, in a fresh place: what
an episode shows depends on its seed and actions alone.
"""

from __future__ import annotations

from typing import TypedDict

import gymnasium

from sparring.envs.any_text import SharedText
from sparring.envs.code.action import MAX_ACTION_LENGTH, Action, parse_action
from sparring.envs.code.feedback import CHARSET, cut, last_line_of, observation_of, output_of, shown
from sparring.envs.code.sandboxes import shared_sandbox
from sparring.sandbox import Outcome, Sandbox, SandboxError
from sparring.types import derive_seed

MAX_OBSERVATION_LENGTH = 20_000
SEEDS = 2**63
Info = dict[str, object]
HOW_TO_ACT = (
    "In every turn write exactly one of these two:\n"
    "<execute>a whole Python program; what it prints is shown to you</execute>\n"
    "<answer>the final answer; it ends the task</answer>\n"
    "Every program starts afresh and knows nothing of the ones before."
)


class WorkbenchOptions(TypedDict, total=False):
    """The options of every `Workbench`, as an environment hands them on."""

    max_turns: int
    instructions: bool
    backend: str
    sandbox: Sandbox | None
    render_mode: str | None


class Workbench(gymnasium.Env[str, str]):
    """A task that is solved by running programs. Any string is a valid action; none raises.

    max_turns: after that many actions without an answer the episode is truncated, with reward 0.
    instructions: whether the first text says how to act; without it that is in `instructions`.
    backend: of the sandbox that this process shares, see `sparring.sandbox.Sandbox`.
    sandbox: one of your own instead; it is not closed here. `gymnasium.make` copies its arguments, which a sandbox
        cannot be: give it to `sparring.envs.make`.
    Raises SandboxError from `reset` and `step` where the sandbox failed, and not the program.
    """

    task_count: int | None = None
    """How many different tasks there are, which the seeds name one after another; None: as many as seeds."""
    introduction = ""
    """What is asked for in every task, before how to act."""
    metadata: dict[str, object] = {"render_modes": ["ansi"], "render_fps": 1, "slow": True}

    def __init__(
        self,
        *,
        max_turns: int = 10,
        instructions: bool = True,
        backend: str = "namespaces",
        sandbox: Sandbox | None = None,
        render_mode: str | None = None,
    ) -> None:
        if max_turns < 1:
            raise ValueError(f"max_turns must be >= 1, got {max_turns}")
        self.max_turns, self.backend, self.render_mode = max_turns, backend, render_mode
        self._own_sandbox, self._shows_instructions = sandbox, instructions
        self.observation_space = SharedText(MAX_OBSERVATION_LENGTH, charset=CHARSET)
        self.action_space = SharedText(MAX_ACTION_LENGTH, charset=CHARSET)
        self._over, self._terminated, self._seen = True, True, ""
        self._info: Info = {}

    # What an environment provides.

    def _start(self, seed: int) -> str:
        """Choose the task of a seed; its statement, without how to act."""
        raise NotImplementedError

    def _execute(self, program: str, seed: int) -> Outcome:
        """Run a program of the agent's."""
        raise NotImplementedError

    def _is_right(self, answer: str) -> bool:
        """Whether an answer is right."""
        raise NotImplementedError

    def _task_name(self) -> str:
        """The kind of task, for tables."""
        raise NotImplementedError

    def right_answer(self) -> str | None:
        """A right answer to the present task, for baselines and tests; None where none can be written down."""
        return None

    def walkthrough(self, seed: int) -> list[str] | None:
        """The action that answers the task of a seed rightly, for the agent `walkthrough`; None where none is known."""
        self.reset(seed=seed)
        answer = self.right_answer()
        return None if answer is None else [f"<answer>{answer}</answer>"]

    # The Gymnasium interface.

    @property
    def instructions(self) -> str:
        """What is asked for, and how to act: with `instructions=False` the text leaves it out."""
        return "\n\n".join(filter(None, (self.introduction, HOW_TO_ACT)))

    @property
    def sandbox(self) -> Sandbox:
        """Where programs run; made when first needed."""
        return self._own_sandbox or shared_sandbox(self.backend)

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[str, Info]:
        """Start the task of a seed; `options` are not used."""
        super().reset(seed=seed)
        self._seed = int(self.np_random.integers(SEEDS)) if seed is None else seed
        self._turns, self._over = 0, False
        task, left = self._start(self._seed), f"Turns left: {self.max_turns}"
        if self._shows_instructions:
            task, left = "\n\n".join(filter(None, (self.introduction, task))), f"{HOW_TO_ACT}\n{left}"
        self._seen = f"{cut(shown(task), MAX_OBSERVATION_LENGTH - 1_000)}\n\n{left}"
        return self._seen, {"task": self._task_name(), "turns_left": self.max_turns}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Run the program, or grade the answer, that the action holds. After the end nothing happens any more."""
        if not isinstance(action, str):
            raise TypeError(f"action must be a str, got {type(action).__name__}")
        if self._over:
            return self._seen, 0.0, self._terminated, not self._terminated, dict(self._info)
        self._turns += 1
        understood = parse_action(action)
        self._info = {
            "task": self._task_name(),
            "illegal": understood.kind == "illegal",
            "turns_left": self.max_turns - self._turns,
        }
        if understood.kind == "answer":
            return self._end(understood.text)
        return self._go_on(understood)

    def render(self) -> str | None:
        """The latest observation, with render_mode="ansi"."""
        return self._seen if self.render_mode == "ansi" else None

    def _end(self, answer: str) -> tuple[str, float, bool, bool, Info]:
        reward = float(self._is_right(answer))
        self._over = self._terminated = True
        self._seen = "The answer was received."
        self._info["reward_parts"] = {"payoff": reward}
        return self._seen, reward, True, False, dict(self._info)

    def _go_on(self, action: Action) -> tuple[str, float, bool, bool, Info]:
        status, output = "illegal", action.text
        if action.kind == "program":
            status, output = self._run(action.text)
        self._seen = observation_of(status, output, self.max_turns - self._turns)
        self._over, self._terminated = self._turns >= self.max_turns, False
        if self._over:
            self._info["reward_parts"] = {"payoff": 0.0}
        return self._seen, 0.0, False, self._over, dict(self._info)

    def _run(self, program: str) -> tuple[str, str]:
        outcome = self._execute(program, derive_seed(self._seed, "program"))
        raise_if_ours(outcome)
        self._info["execution"] = {"status": outcome.status, "output": last_line_of(outcome)}
        return outcome.status, output_of(outcome)


def raise_if_ours(outcome: Outcome) -> None:
    """Raises SandboxError where it was the sandbox that failed, or would not run what came from us."""
    if outcome.is_ours or outcome.status == "refused":
        raise SandboxError(f"{outcome.status}: {outcome.error or 'no reason given'}")
