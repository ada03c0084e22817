"""Say which of two attempts at a task is better: one seat, one step.

    gymnasium.make("sparring.envs:sparring/Judge-v0")
    gymnasium.make("sparring.envs:sparring/Judge-v0", task="What is 2 + 2?", first="5", second="4", better="second")

Self-Judge (arXiv 2402.11253) asks its own policy so, and learns from the verdicts as preferences.
"""

from __future__ import annotations

import gymnasium

from sparring import registry
from sparring.envs.any_text import AnyText, Info
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.envs.reflection.sums import draw_sum
from sparring.envs.reflection.words import FIRST, MOST_WRITTEN, SECOND, read_word, shown


@registry.envs.register(
    "sparring/Judge-v0",
    family="reflection",
    skills=("language", "judgement"),
    version="1",
    reward_range=(0.0, 1.0),
)
class Judge(gymnasium.Env[str, str]):
    """Say which of two attempts at a task is better, "first" or "second".

    task, first, second: texts; all left out: a sum with a right and a wrong answer, which the seed draws.
    better: "first" or "second"; None: nobody knows, and nothing is paid.
    split: of the sums, "train" or "held_out".

    The reward is 1 for the better one, else 0.
    """

    metadata: dict[str, object] = {"name": "sparring/Judge-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        task: str | None = None,
        first: str | None = None,
        second: str | None = None,
        better: str | None = None,
        split: Split = "train",
        render_mode: str | None = None,
    ) -> None:
        """Raises ValueError where some of the texts are left out, and for unknown words."""
        given = (task, first, second)
        for name, value in zip(("task", "first", "second"), given, strict=True):
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name} must be text, got {value!r:.80}")
        if len({value is None for value in given}) > 1:
            raise ValueError("task, first and second must be given together, got only some of them")
        if better not in (FIRST, SECOND, None):
            raise ValueError(f"better must be {FIRST}, {SECOND} or None, got {better!r}")
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
        self.render_mode, self.split = render_mode, split
        self._given = None if task is None else (task, first or "", second or "", better)
        self.observation_space = AnyText(100_000, min_length=0)
        self.action_space = AnyText(MOST_WRITTEN, min_length=0)
        self._seen = ""
        self._better: str | None = better

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """The two attempts."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**63)) if seed is None else seed
        task, first, second, self._better = self._given or self._drawn(drawn)
        self._seen = (
            f"A task:\n{shown(task)}\n\nThe first attempt:\n{shown(first)}\n\nThe second attempt:\n"
            f"{shown(second)}\n\nWhich attempt is better? Answer {FIRST} or {SECOND}."
        )
        return self._seen, {"legal_actions": (FIRST, SECOND), "hidden": {"better": self._better}}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Take the choice."""
        better, self._better = self._better, None  # paid once
        readable = isinstance(action, str) and len(action) <= MOST_WRITTEN
        chosen = read_word(action, (FIRST, SECOND)) if readable else None
        seen = f"The {chosen} one is chosen." if chosen else f"That is no choice: it must be {FIRST} or {SECOND}."
        info: Info = {"illegal": chosen is None, "hidden": {"better": better, "chosen": chosen}}
        return seen, float(chosen is not None and chosen == better), True, False, info

    def render(self) -> str:
        """What is judged."""
        return self._seen

    def _drawn(self, seed: int) -> tuple[str, str, str, str]:
        drawn, swapped = draw_sum(seed, self.split)
        first, second = (drawn.wrong, drawn.right) if swapped else (drawn.right, drawn.wrong)
        return drawn.task, first, second, SECOND if swapped else FIRST

    def walkthrough(self, seed: int) -> list[str] | None:
        """The better one; None where nobody knows it. Never shown to agents."""
        better = (self._given or self._drawn(seed))[3]
        return None if better is None else [better]
