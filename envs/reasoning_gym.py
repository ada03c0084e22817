"""Tasks of reasoning-gym (Stojanovski et al. 2025, arXiv 2505.24760) by their own names: `reasoning-gym:leg_counting`.

The library makes a question of a seed and scores an answer; options are those of the task's own configuration
(`reasoning-gym:leg_counting:max_animals=4`). Its code runs in this process.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Protocol

import gymnasium

from sparring import registry
from sparring.envs.any_text import AnyText, Info
from sparring.registry import EnvironmentRow, UnknownName, require, unknown

MOST_CHARACTERS = 10_000
"""Of an answer that can be right."""
Entry = dict[str, object]


class _Dataset(Protocol):
    def __getitem__(self, index: int) -> Entry: ...

    def score_answer(self, answer: str | None, entry: Entry) -> float: ...


class ReasoningTask(gymnasium.Env[str, str]):
    """One question, one answer, and the library's score of it, 0 to 1."""

    metadata = {"render_modes": []}

    def __init__(self, task: str, **options: object) -> None:
        """Raises ValueError for options that the task does not know."""
        self.observation_space = AnyText(1_000_000, min_length=0)
        self.action_space = AnyText(MOST_CHARACTERS)
        self._task, self._options = task, options
        self._dataset, self._entry = self._made(0)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """The question that a seed makes."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**31)) if seed is None else seed % 2**31
        self._dataset, self._entry = self._made(drawn)
        return str(self._entry["question"]), {"hidden": {"answer": str(self._entry["answer"])}}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Score the answer; an empty one, and one that is no text of a possible length, is illegal and scores 0."""
        answer = action.strip() if isinstance(action, str) else ""
        illegal = not self.action_space.contains(answer)
        score = 0.0 if illegal else float(self._dataset.score_answer(answer, self._entry))
        return "The task is over.", score, True, False, {"illegal": illegal, "metrics": {"score": score}}

    def walkthrough(self, seed: int) -> list[str] | None:
        """The answer that the library holds for right; None where it knows none. Never shown to agents."""
        dataset, entry = self._made(seed % 2**31)
        answer = entry["answer"]
        if answer is None or dataset.score_answer(str(answer), entry) < 1.0:
            return None
        return [str(answer)]

    def _made(self, seed: int) -> tuple[_Dataset, Entry]:
        library = require("reasoning_gym", "code")
        try:
            dataset = library.create_dataset(self._task, size=1, seed=seed, **self._options)
        except (TypeError, AssertionError) as error:
            raise ValueError(f"reasoning-gym:{self._task} cannot be made with {self._options}: {error}") from error
        return dataset, dataset[0]


def reasoning_gym_row(name: str) -> EnvironmentRow:
    """A task of reasoning-gym. Raises UnknownName, MissingExtra."""
    known = require("reasoning_gym.factory", "code").DATASETS
    if name not in known:
        raise UnknownName(unknown("reasoning-gym task", name, known))
    return EnvironmentRow(
        name,
        ReasoningTask,
        "hosted",
        f"{name} of reasoning-gym",
        kwargs={"task": name},
        version=f"reasoning-gym {version('reasoning-gym')}",
        reward_range=(0.0, 1.0),
    )


registry.envs.schemes |= {"reasoning-gym": reasoning_gym_row}
