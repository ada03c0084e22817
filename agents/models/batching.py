"""Lets thousands of waiting episodes meet in one call of the language model.

Everything asked before the event loop runs out of other work is answered together: the first question schedules the
answer behind all coroutines that are ready now, and each of those adds its own before it is given. A question that
cannot be answered fails alone. A model on another machine gets every question by itself, and the loop goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np

from sparring.agents.models import Completion, Ids, LanguageModel, Refused, ServedModel
from sparring.types import Sampling, mark_fault


class Batched:
    """The async face of a language model. One instance a model, shared by its agents."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self._score: _Collector = _Collector(self._answer_scores)
        self._generate: dict[Sampling, _Collector] = {}

    async def score(self, prompt: Ids, continuations: list[list[int]]) -> list[np.ndarray]:
        """As `LanguageModel.score`, for one prompt."""
        answer: list[np.ndarray] = await self._score.ask((prompt, continuations))
        return answer

    async def generate(self, prompt: Ids, sampling: Sampling, seed: int) -> Completion:
        """As `LanguageModel.generate`, for one prompt."""
        if isinstance(self.model, ServedModel):
            return await self._answer_served(self.model, prompt, sampling, seed)
        if sampling not in self._generate:
            self._generate[sampling] = _Collector(lambda asked: self._answer_generate(asked, sampling))
        answer: Completion = await self._generate[sampling].ask((prompt, seed))
        return answer

    async def _answer_served(self, model: ServedModel, prompt: Ids, sampling: Sampling, seed: int) -> Completion:
        try:
            return await model.answer(prompt, sampling, seed)
        except Exception as error:
            mark_fault(error, "engine")
            raise

    def _answer_scores(self, asked: list[Any]) -> list[Any]:
        return self.model.score([prompt for prompt, _ in asked], [continuations for _, continuations in asked])

    def _answer_generate(self, asked: list[Any], sampling: Sampling) -> list[Any]:
        return self.model.generate([prompt for prompt, _ in asked], sampling, [seed for _, seed in asked])


_Asked = tuple[Any, asyncio.Future[Any]]


class _Collector:
    """Gathers questions and answers them in one call.

    Each event loop answers its own: in a notebook one loop stands still while another plays in a thread.
    """

    def __init__(self, answer: Callable[[list[Any]], list[Any]]) -> None:
        self._answer = answer
        self._waiting: dict[asyncio.AbstractEventLoop, list[_Asked]] = {}

    async def ask(self, question: Any) -> Any:
        loop = asyncio.get_running_loop()
        waiting = self._waiting.setdefault(loop, [])
        if not waiting:
            loop.call_soon(self._flush, loop)
        future: asyncio.Future[Any] = loop.create_future()
        waiting.append((question, future))
        return await future

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        self._settle([one for one in self._waiting.pop(loop) if not one[1].done()])

    def _settle(self, waiting: list[_Asked]) -> None:
        """Give everybody an answer or an error of their own."""
        if not waiting:
            return
        try:
            answers = self._answer([question for question, _ in waiting])
        except Refused as refused:
            for index, reason in refused.reasons.items():
                waiting[index][1].set_exception(mark_fault(ValueError(reason), "capacity"))
            self._settle([one for one in waiting if not one[1].done()])
        except Exception as error:  # noqa: BLE001  (whoever asked gets it, and the rollout files it under its episode)
            if len(waiting) == 1:
                waiting[0][1].set_exception(mark_fault(error, "engine"))
            else:  # whose fault it was shows when each is asked alone
                for one in waiting:
                    self._settle([one])
        else:
            for (_, future), answer in zip(waiting, answers, strict=True):
                future.set_result(answer)
