"""Games that stop wherever a player is to be asked, so that the questions of many games meet in one batch of a model.

play = env.stepping(action)          a generator: gives questions, is sent replies, returns what the step returns
answered([play, play, ...])          what each of them returns, in order
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from typing import TypeVar

from sparring.protocols import Player
from sparring.rollout.loop import act_now, run_coroutine
from sparring.types import Observation, Reply

T = TypeVar("T")
Question = tuple[Player, Observation]
Asking = Generator[Question, Reply, T]
"""A part of a game: it gives questions, is sent the replies, and returns its result."""


def answered(plays: Sequence[Asking[T]]) -> list[T]:
    """The results of plays, in their order. Players that wait for something, such as a model, are asked together.

    Each play goes on as soon as its own reply is there; which questions a model answers in one batch does not depend
    on the speed of the machine (`sparring.agents.models.rounds`). Raises what a play or a player raises.
    """
    results: dict[int, T] = {}
    waiting: dict[int, tuple[Asking[T], Question]] = {}
    for place, play in enumerate(plays):
        try:
            question = next(play)
            while not getattr(question[0], "waits", True):
                question = play.send(act_now(*question))
            waiting[place] = play, question
        except StopIteration as done:
            results[place] = done.value
    if waiting:
        results.update(zip(waiting, run_coroutine(_together(list(waiting.values()))), strict=True))
    return [results[place] for place in range(len(plays))]


async def _together(waiting: Sequence[tuple[Asking[T], Question]]) -> list[T]:
    return list(await asyncio.gather(*(_played(play, question) for play, question in waiting)))


async def _played(play: Asking[T], question: Question) -> T:
    """One play to its end, from its first question on."""
    try:
        while True:
            player, seen = question
            question = play.send(await player.act(seen))
    except StopIteration as done:
        result: T = done.value
        return result
