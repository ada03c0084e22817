"""World swap: what a model knows by heart shows where the same question is asked about an invented world.

A question about the real geography can be answered from memory; its twin about fiction cannot. The difference between
the two, without any search, is what the model knew before.
"""

from __future__ import annotations

from sparring.envs.code.split_rng import SPLITS
from sparring.envs.retrieval.types import Question
from sparring.envs.retrieval.worlds.world import GeographicWorld


def twin(question: Question, other: GeographicWorld) -> Question:
    """The question of another world with the same relations, the same wording and the same number.

    Raises ValueError where the question is not one of a geographic world.
    """
    split, _, number = question.id.partition("/")
    if split not in SPLITS or not number.isdecimal():
        raise ValueError(f"a twin needs a question of 'fiction' or 'atlas', got the id {question.id!r}")
    return other.question(split, int(number))
