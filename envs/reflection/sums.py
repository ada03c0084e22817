"""Small sums with right and wrong answers: what is judged where no attempt is given."""

from __future__ import annotations

from typing import NamedTuple

from sparring.envs.code.split_rng import Split, SplitRng, split_of

MOST = 99


class Sum(NamedTuple):
    """A task and an answer to it."""

    task: str
    right: str
    wrong: str
    """Near the right one."""


def draw_sum(seed: int, split: Split) -> tuple[Sum, bool]:
    """The sum of a seed, and a toss of a coin. Every sum belongs to one split, by a hash of its text."""
    rng = SplitRng(split, "sum", seed)
    while split_of(text := f"{rng.integer(1, MOST)} + {rng.integer(1, MOST)}") != split:
        pass
    total = sum(map(int, text.split(" + ")))
    wrong = total + rng.one((-10, -2, -1, 1, 2, 10))
    return Sum(f"What is {text}?", str(total), str(wrong)), rng.integer(0, 1) == 1
