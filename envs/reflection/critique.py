"""Say whether an attempt at a task is right: one seat, one step.

    gymnasium.make("sparring.envs:sparring/Critique-v0")
    gymnasium.make("sparring.envs:sparring/Critique-v0", task="What is 2 + 2?", attempt="5", right=False)

Methods that learn from critiques (SELF, arXiv 2310.00533; CriticBench, arXiv 2402.14809) play it with attempts out of
their own store, so a critique is an episode: recorded, verified, with the attempt as its parent, and trained on.
"""

from __future__ import annotations

import gymnasium

from sparring import registry
from sparring.envs.any_text import AnyText, Info
from sparring.envs.code.split_rng import SPLITS, Split
from sparring.envs.reflection.sums import draw_sum
from sparring.envs.reflection.words import MOST_WRITTEN, RIGHT, WRONG, read_word, shown

ASKED = {
    False: f"Is the attempt right? Answer {RIGHT} or {WRONG}.",
    True: f"Say in a few words what is good and what is wrong in the attempt, and end with [{RIGHT}] or [{WRONG}].",
}


@registry.envs.register(
    "sparring/Critique-v0",
    family="reflection",
    skills=("language", "critique"),
    version="1",
    reward_range=(0.0, 1.0),
)
class Critique(gymnasium.Env[str, str]):
    """Say whether an attempt at a task is right.

    task, attempt: texts; both left out: a sum and an answer to it, which the seed draws, right or wrong.
    right: whether the attempt is right; None: nobody knows, and nothing is paid.
    words: False: the action is "right" or "wrong". True: a critique in words that ends with one of them in brackets.
    split: of the sums, "train" or "held_out".

    The reward is 1 for the right verdict, else 0. An answer without a verdict is illegal.
    """

    metadata: dict[str, object] = {"name": "sparring/Critique-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        task: str | None = None,
        attempt: str | None = None,
        right: bool | None = None,
        words: bool = False,
        split: Split = "train",
        render_mode: str | None = None,
    ) -> None:
        """Raises ValueError for a task without an attempt, an attempt without a task, and an unknown split."""
        for name, value in (("task", task), ("attempt", attempt)):
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name} must be text, got {value!r:.80}")
        if (task is None) != (attempt is None):
            raise ValueError("task and attempt must be given together, got only one of them")
        if not isinstance(right, bool | None) or not isinstance(words, bool):
            raise ValueError(f"right must be true, false or None, and words true or false, got {right!r}, {words!r}")
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
        self.render_mode = render_mode
        self.words, self.split = words, split
        self._given = None if task is None or attempt is None else (task, attempt, right)
        self.observation_space = AnyText(100_000, min_length=0)
        self.action_space = AnyText(MOST_WRITTEN, min_length=0)
        self._seen, self._right = "", right

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """The attempt."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**63)) if seed is None else seed
        task, attempt, self._right = self._given or self._drawn(drawn)
        self._seen = f"A task:\n{shown(task)}\n\nAn attempt at it:\n{shown(attempt)}\n\n{ASKED[self.words]}"
        return self._seen, self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Take the verdict."""
        verdict = read_word(action, (RIGHT, WRONG)) if isinstance(action, str) and len(action) <= MOST_WRITTEN else None
        right, self._right = self._right, None  # paid once
        agrees = right is not None and verdict == (RIGHT if right else WRONG)
        seen = f"The verdict is {verdict}." if verdict else f"That is no verdict: it must be {RIGHT} or {WRONG}."
        info: Info = {"illegal": verdict is None, "hidden": {"right": right, "verdict": verdict}}
        return seen, float(agrees), True, False, info

    def render(self) -> str:
        """What is judged."""
        return self._seen

    def _drawn(self, seed: int) -> tuple[str, str, bool]:
        drawn, right = draw_sum(seed, self.split)
        return drawn.task, drawn.right if right else drawn.wrong, right

    def _info(self) -> Info:
        info: Info = {"hidden": {"right": self._right}}
        return {**info, **({} if self.words else {"legal_actions": (RIGHT, WRONG)})}

    def walkthrough(self, seed: int) -> list[str] | None:
        """The right verdict; None where nobody knows it. Never shown to agents."""
        right = (self._given or self._drawn(seed))[2]
        return (
            None if right is None else [f"[{RIGHT if right else WRONG}]" if self.words else RIGHT if right else WRONG]
        )
